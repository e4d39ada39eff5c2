"""moto's transactions, with the copies that tests make of what they change."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.backends import get_backend
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.support import moto_aws
from tests.support.moto_aws import mock_aws

Request = tuple[str, dict[str, Any]]
A, B, C = ({"pk": {"S": each}} for each in "abc")
ONE = {":n": {"N": "1"}}
BEFORE = {"n": {"N": "1"}, "more": {"M": {"deep": {"L": [{"S": "x"}]}}}}
PUT = {"Item": {**A, **BEFORE}}
REFUSED = {
    "ConditionExpression": "attribute_exists(pk) AND n <> :n",
    "ExpressionAttributeValues": ONE,
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
UPDATE = {
    "UpdateExpression": "SET n = n + :n, #m = :n REMOVE more.deep",
    "ExpressionAttributeNames": {"#m": "m"},
    "ExpressionAttributeValues": ONE,
}


@pytest.fixture(params=["a hash key", "a hash and a range key"])
def table(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client whose calls go to a table with a stream, and the keys of the items a, b and c."""
    names = ["pk", "sk"] if "range" in request.param else ["pk"]
    with mock_aws():
        client: Any = boto3.client("dynamodb")
        client.create_table(
            TableName="t",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        keys = {each: {name: {"S": each} for name in names} for each in "abc"}
        for each in "ab":
            client.put_item(TableName="t", Item={**keys[each], **BEFORE})
        yield client, keys


def test_a_refused_transaction_leaves_every_item_as_it_was(table: Any) -> None:
    client, keys = table
    update = {
        "Key": keys["a"],
        "UpdateExpression": "SET n = :two, more.deep[0] = :two",
        "ExpressionAttributeValues": {":two": {"N": "2"}},
    }
    put = {"Item": {**keys["c"], **BEFORE}}
    delete = {"Key": keys["b"]}
    exists = "attribute_exists(pk)"
    never = {"Key": {name: {"S": "d"} for name in keys["a"]}, "ConditionExpression": exists}
    before = items(client)

    with pytest.raises(client.exceptions.TransactionCanceledException):
        transact(client, Update=update, Put=put, Delete=delete, ConditionCheck=never)
    assert items(client) == before
    assert len(told()) == len("ab")

    transact(client, Update=update, Put=put, Delete=delete)
    assert [item["n"] for item in items(client)] == [{"N": "2"}, {"N": "1"}]
    assert [each["eventName"] for each in told()[2:]] == ["MODIFY", "INSERT", "REMOVE"]
    assert told()[2]["dynamodb"]["OldImage"] == {**keys["a"], **BEFORE}


def test_requests_are_answered_as_moto_does_on_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    directly = answers()
    monkeypatch.setattr(BotocoreStubber, "process_request", moto_aws._process_request)

    assert directly == answers()
    assert [answer for answer in directly if "Error" in answer], "no refusal was compared"


def answers() -> list[Any]:
    """Return the answers to requests of every kind about items, refusals among them."""
    with mock_aws():
        client: Any = boto3.client("dynamodb")
        client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        of_one = [(method, {"TableName": "t", **request}) for method, request in about_one_item()]
        return [answer(client, *each) for each in of_one + about_several()]


def about_one_item() -> list[Request]:
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": A["pk"]}}
    of_none = {**query, "ExpressionAttributeValues": {":pk": {"S": "z"}}, "Select": "COUNT"}
    more = {"FilterExpression": "n > :n", "ExpressionAttributeValues": ONE, "Limit": 1}
    return [
        ("put_item", PUT),
        ("put_item", {**PUT, **REFUSED}),
        ("put_item", {"Item": {"pk": {"S": ""}}}),
        ("update_item", {"Key": A, **UPDATE, "ReturnValues": "ALL_NEW"}),
        ("update_item", {"Key": B, **UPDATE}),
        ("get_item", {"Key": A, "ReturnConsumedCapacity": "TOTAL"}),
        ("get_item", {"Key": B, "ProjectionExpression": "m"}),
        ("query", query),
        ("query", of_none),
        ("scan", more),
        ("delete_item", {"Key": A, **REFUSED}),
        ("delete_item", {"Key": B, "ReturnValues": "ALL_OLD"}),
        ("get_item", {"TableName": "none", "Key": A}),
    ]


def about_several() -> list[Request]:
    put = {"TableName": "t", **PUT}
    got = [{"Get": {"TableName": "t", "Key": key}} for key in (A, C)]
    return [
        ("batch_write_item", {"RequestItems": {"t": [{"PutRequest": {"Item": B}}]}}),
        ("batch_get_item", {"RequestItems": {"t": {"Keys": [A, B, C]}}}),
        ("transact_write_items", {"TransactItems": [{"Put": {**put, **REFUSED}}]}),
        ("transact_write_items", {"TransactItems": [{"Put": put}]}),
        ("transact_get_items", {"TransactItems": got}),
    ]


def answer(client: Any, method: str, request: dict[str, Any]) -> Any:
    """Return what a call returns or raises, without what is new each time."""
    try:
        found = getattr(client, method)(**request)
    except ClientError as refused:
        found = refused.response
    status = found.pop("ResponseMetadata")["HTTPStatusCode"]
    return {**found, "status": status}


def transact(client: Any, **operations: dict[str, Any]) -> None:
    client.transact_write_items(
        TransactItems=[{kind: {"TableName": "t", **each}} for kind, each in operations.items()]
    )


def items(client: Any) -> list[Any]:
    return sorted(client.scan(TableName="t")["Items"], key=lambda item: item["pk"]["S"])


def told() -> list[Any]:
    """Return what the table's stream has."""
    stored: Any = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables["t"]
    return [record.to_json() for record in stored.stream_shard.items]


def test_every_type_of_value_comes_back_as_it_was(table: Any) -> None:
    client, keys = table
    values = {
        "S": "x",
        "N": "1.5",
        "B": b"\x00\xff",
        "BOOL": False,
        "NULL": True,
        "SS": ["a", "b"],
        "NS": ["1", "2"],
        "L": [{"S": ""}, {"N": "-1"}, {"L": []}],
        "M": {"deep": {"B": b"1"}, "none": {"M": {}}},
    }
    item = {**keys["c"], **{kind: {kind: value} for kind, value in values.items()}}

    client.put_item(TableName="t", Item=item)

    assert client.get_item(TableName="t", Key=keys["c"])["Item"] == item


def test_items_are_found_in_the_order_of_their_keys() -> None:
    with mock_aws():
        client: Any = boto3.client("dynamodb")
        client.create_table(
            TableName="t",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for pk, number in (("b", 1), ("a", 10), ("a", 9), ("b", -1)):
            key = {"pk": {"S": pk}, "sk": {"N": str(number)}}
            client.put_item(TableName="t", Item=key)

        found = client.query(
            TableName="t",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "a"}},
        )["Items"]
        everything = client.scan(TableName="t")["Items"]

    assert [item["sk"]["N"] for item in found] == ["9", "10"]
    assert [(item["pk"]["S"], item["sk"]["N"]) for item in everything] == [
        *[("a", "9"), ("a", "10")],
        *[("b", "-1"), ("b", "1")],
    ]

"""moto's transactions, with the copies that tests make of what they change."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.support.moto_aws import mock_aws

BEFORE = {"n": {"N": "1"}, "more": {"M": {"deep": {"L": [{"S": "x"}]}}}}


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

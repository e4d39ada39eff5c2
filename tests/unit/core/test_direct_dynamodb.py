"""The direct way to DynamoDB: it signs as botocore does, and leaves trouble to botocore."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import ConnectionClosedError, NoCredentialsError

from chalicelib.core import aws, direct
from chalicelib.core.direct import DirectDynamoDB
from chalicelib.core.signing import Signer
from chalicelib.core.table import ABSENT, ConditionError, Table

NOON = datetime(2142, 3, 1, 12, tzinfo=UTC)


class Wire:
    """What is sent, and the answers: a status and a JSON body each, or an error."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Any] = []

    def send(self, request: Any, **_: object) -> AWSResponse:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return AWSResponse(request.url, status, {}, _Raw(json.dumps(body).encode()))


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture(autouse=True)
def _nobodys_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://dynamodb.test")


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def later(wire: Wire) -> Wire:
    """What botocore's own client is answered, when it is asked at all."""
    return Wire()


@pytest.fixture
def client(wire: Wire, later: Wire) -> DirectDynamoDB:
    botocores: Any = aws.dynamodb()
    botocores._endpoint.http_session.send = later.send
    http: Any = wire
    return DirectDynamoDB(botocores, Credentials("AKID", "secret"), http)


@pytest.fixture
def table(client: Any) -> Table:
    return Table(client, "ledger")


# --- signing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "a session's token"])
def test_the_signature_is_the_one_that_botocore_makes(token: str | None) -> None:
    body = b'{"TableName":"ledger"}'
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "Host": "dynamodb.eu-west-1.amazonaws.com",
        "X-Amz-Date": "21420301T120000Z",
        **({"X-Amz-Security-Token": token} if token else {}),
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
    }
    theirs = AWSRequest("POST", "https://dynamodb.eu-west-1.amazonaws.com/", data=body)
    for name in set(headers) - {"X-Amz-Date", "X-Amz-Security-Token"}:
        theirs.headers[name] = headers[name]
    with patch("botocore.auth.get_current_datetime", return_value=NOON.replace(tzinfo=None)):
        SigV4Auth(Credentials("AKID", "secret", token), "dynamodb", "eu-west-1").add_auth(theirs)

    signer = Signer("dynamodb", "eu-west-1")
    ours = [signer.authorization(headers, body, access_key="AKID", secret="secret")] * 2

    assert ours == [theirs.headers["Authorization"]] * 2


def test_the_key_of_a_day_is_not_used_on_the_next_one() -> None:
    signer = Signer("dynamodb", "eu-west-1")

    def signed(date: str, secret: str = "secret") -> str:  # noqa: S107
        headers = {"Host": "h", "X-Amz-Date": date}
        return signer.authorization(headers, b"", access_key="AKID", secret=secret)

    first = signed("21420301T120000Z")
    assert signed("21420302T120000Z") != first
    assert signed("21420301T120000Z", "another") != first
    assert signed("21420301T120000Z") == first


def test_without_credentials_nothing_is_sent(wire: Wire) -> None:
    http: Any = wire
    nobody = DirectDynamoDB(aws.dynamodb(), None, http)

    with pytest.raises(NoCredentialsError):
        nobody.get_item(TableName="ledger", Key={})
    assert not wire.sent


def test_a_session_token_goes_along(wire: Wire) -> None:
    http: Any = wire
    wire.answers = [(200, {})]

    DirectDynamoDB(aws.dynamodb(), Credentials("AKID", "secret", "token"), http).get_item()

    assert wire.sent[0].headers["X-Amz-Security-Token"] == "token"
    assert "x-amz-security-token" in wire.sent[0].headers["Authorization"]


# --- answers --------------------------------------------------------------------------------------


def test_an_answer_comes_straight_back(table: Table, wire: Wire, later: Wire) -> None:
    wire.answers = [(200, {"Item": {"pk": {"S": "a"}}})]

    assert table.get("a", "b") == {"pk": {"S": "a"}}

    (sent,) = wire.sent
    assert sent.headers["X-Amz-Target"] == "DynamoDB_20120810.GetItem"
    assert json.loads(sent.body) == {
        "TableName": "ledger",
        "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}},
        "ConsistentRead": True,
    }
    assert not later.sent


def test_a_failed_condition_is_an_answer_too(table: Table, wire: Wire, later: Wire) -> None:
    there = {"pk": {"S": "a"}, "body": {"S": "b"}}
    code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    wire.answers = [(400, {"__type": code, "message": "no", "Item": there})]

    with pytest.raises(ConditionError) as refused:
        table.put({"pk": {"S": "a"}}, ABSENT)

    assert refused.value.item == there
    assert not later.sent


def test_a_cancelled_transaction_says_which_condition_failed(table: Table, wire: Wire) -> None:
    code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"pk": {"S": "a"}}}]
    wire.answers = [(400, {"__type": code, "Message": "no", "CancellationReasons": reasons})]

    with pytest.raises(ConditionError) as refused:
        table.transact(table.putting({"pk": {"S": "a"}}, ABSENT))

    assert refused.value.failed == {1: {"pk": {"S": "a"}}}


def test_a_query_goes_from_page_to_page(table: Table, wire: Wire) -> None:
    last = {"pk": {"S": "a"}, "sk": {"S": "1"}}
    wire.answers = [(200, {"Items": [last], "LastEvaluatedKey": last}), (200, {"Items": []})]

    assert list(table.query("a", page_size=1)) == [last]

    asked = [json.loads(sent.body) for sent in wire.sent]
    assert [page["Limit"] for page in asked] == [1, 1]
    assert [page.get("ExclusiveStartKey") for page in asked] == [None, last]


def test_only_queries_have_pages(client: DirectDynamoDB) -> None:
    with pytest.raises(NotImplementedError):
        client.get_paginator("scan")


# --- trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionClosedError(endpoint_url="https://x"),
        (500, {"__type": "InternalServerError"}),
        (503, {}),
        (400, {"__type": "com.amazon.coral.availability#ThrottlingException"}),
    ],
)
def test_trouble_is_left_to_botocore(
    table: Table, wire: Wire, later: Wire, trouble: tuple[int, Any] | Exception
) -> None:
    wire.answers, later.answers = [trouble], [(200, {})]

    table.transact(table.putting({"pk": {"S": "a"}}, ABSENT))

    first, second = json.loads(wire.sent[0].body), json.loads(later.sent[0].body)
    assert first == second  # with the same token, so that it is carried out once


def test_whoever_listens_to_what_is_sent_hears_it(client: DirectDynamoDB, wire: Wire) -> None:
    heard = []
    event = "before-send.dynamodb.GetItem"
    client.meta.events.register(event, lambda request, **_: heard.append(1))
    wire.answers = [(200, {})]

    client.get_item(TableName="ledger", Key={})

    assert heard == [1]


def test_the_direct_client_is_made_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    aws.direct_dynamodb.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")

    made: Any = aws.direct_dynamodb()

    assert isinstance(made, direct.DirectDynamoDB)
    assert made.meta.endpoint_url == "http://127.0.0.1:1/"
    aws.direct_dynamodb.cache_clear()

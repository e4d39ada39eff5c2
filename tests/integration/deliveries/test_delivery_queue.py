"""Packages that come through the queue: partial failures, verdicts, malformed messages."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalice.test import Client

from chalicelib.deliveries.events import package_sent
from tests.support.deliveries.fakes import BOX


def message(message_id: str, body: object, receives: int = 1) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    attributes = {"ApproximateReceiveCount": str(receives)}
    return {"messageId": message_id, "receiptHandle": "r", "body": text, "attributes": attributes}


def deliver(*messages: dict[str, Any]) -> list[str]:
    """Deliver a batch; return the ids of the messages that are to come again."""
    answer = package_sent({"Records": list(messages)}, None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def get(client: Client, path: str) -> Any:
    return client.http.get(path).json_body


def test_a_batch_gets_a_verdict_for_each_message_and_none_comes_again(client: Client) -> None:
    again = deliver(
        message("m1", BOX),
        message("m2", {**BOX, "sender_id": "moon"}),
        message("m3", {**BOX, "package_id": None}),
        message("m4", "{"),
        message("m5", {**BOX, "note": "x" * 16_384}),
        message("m6", {**BOX, "timestamp": 7}),
    )

    assert again == []
    verdicts = {f"m{number}": get(client, f"/messages/m{number}") for number in range(1, 7)}
    assert {name: verdict["verdict"] for name, verdict in verdicts.items()} == {
        "m1": "delivered",
        "m2": "conflict",
        "m3": "malformed",
        "m4": "malformed",
        "m5": "malformed",
        "m6": "delivered",
    }
    assert (verdicts["m1"]["duplicate"], verdicts["m6"]["duplicate"]) == (False, True)
    assert verdicts["m3"]["errors"][0]["field"] == "package_id"
    assert get(client, "/packages/box")["message_id"] == "m1"
    assert get(client, "/statistics")["packages_delivered"] == 1
    assert get(client, "/statistics")["requests_malformed"] == 3


def test_a_batch_that_comes_again_changes_nothing(client: Client) -> None:
    batch = (message("m1", BOX), message("m2", "{"))
    deliver(*batch)
    before = get(client, "/statistics"), get(client, "/messages/m1")["duplicate"]

    deliver(*batch)

    assert (get(client, "/statistics"), get(client, "/messages/m1")["duplicate"]) == before


@pytest.fixture
def _no_transactions(table: Any) -> Iterator[None]:
    def fail(params: dict[str, Any], **_: object) -> None:
        if '"box"' in params["body"].decode() or "PACKAGE#box" in params["body"].decode():
            error: Any = {"Error": {"Code": "InternalServerError", "Message": "away"}}
            raise ClientError(error, "TransactWriteItems")

    table.meta.events.register("before-call.dynamodb.TransactWriteItems", fail)
    yield
    table.meta.events.unregister("before-call.dynamodb.TransactWriteItems", fail)


@pytest.mark.usefixtures("_no_transactions")
def test_what_could_not_be_decided_comes_again_and_its_neighbours_do_not(client: Client) -> None:
    again = deliver(message("m1", BOX), message("m2", {**BOX, "package_id": "other"}))

    assert again == ["m1"]
    assert get(client, "/messages/m2")["verdict"] == "delivered"
    assert client.http.get("/messages/m1").status_code == 404


def test_messages_that_came_before_are_judged_last(client: Client) -> None:
    deliver(message("m1", BOX, receives=3), message("m2", BOX))

    assert get(client, "/packages/box")["message_id"] == "m2"

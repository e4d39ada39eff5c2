"""Round trips per route, counted at the client; docs/performance.md has prices."""

import json
from collections import Counter
from typing import Any

import pytest
from chalice.test import Client

from chalicelib.core import aws
from tests.support.deliveries.fakes import BOX
from tests.support.dynamodb import spending

JSON = {"Content-Type": "application/json"}
DECIDED = {"BatchGetItem": 1, "TransactWriteItems": 1}
SAID = {"timestamp": 100, "personal": True, "marketing": False}


def ask(client: Client, method: str, path: str, body: object = None) -> int:
    raw = json.dumps(body).encode() if body is not None else b""
    return client.http.request(method, path, headers=JSON, body=raw).status_code


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "calls"),
    [
        ("POST", "/packages", BOX, 200, {"BatchGetItem": 1}),
        ("POST", "/packages", {**BOX, "package_id": "new"}, 201, DECIDED),
        ("POST", "/packages", {**BOX, "timestamp": 1}, 200, {"BatchGetItem": 1, "UpdateItem": 1}),
        ("POST", "/packages", {**BOX, "sender_id": 1}, 409, {"BatchGetItem": 1, "UpdateItem": 1}),
        ("POST", "/packages", {}, 400, {"UpdateItem": 1}),
        ("GET", "/packages/box", None, 200, {"GetItem": 1}),
        ("GET", "/packages?package_id=box", None, 200, {"GetItem": 1}),
        ("GET", "/packages", None, 200, {"Query": 8}),
        ("GET", "/packages?recipient=mars", None, 200, {"Query": 4}),
        ("GET", "/packages?sender=earth&type=personal", None, 200, {"Query": 2}),
        ("GET", "/packages?recipient=mars&type=personal&outcome=dropped", None, 200, {"Query": 1}),
        ("POST", "/packages/batch", {"packages": [BOX] * 9}, 200, {"BatchGetItem": 1}),
        ("POST", "/package-list", None, 200, {"Scan": 1, "BatchWriteItem": 1}),
        ("PUT", "/preferences", {**SAID, "recipient_id": "mars"}, 200, {"UpdateItem": 1}),
        ("PUT", "/recipients/mars/preferences", SAID, 200, {"UpdateItem": 1}),
        ("PUT", "/recipients/mars/preferences", {**SAID, "timestamp": 1}, 200, {"UpdateItem": 1}),
        ("PUT", "/recipients/mars/preferences", {}, 400, {}),
        ("GET", "/recipients/mars/preferences", None, 200, {"GetItem": 1}),
        ("GET", "/statistics", None, 200, {"GetItem": 1, "Query": 1}),
        ("GET", "/statistics/recount", None, 200, {"Scan": 1}),
        ("GET", "/messages/m", None, 404, {"GetItem": 1}),
    ],
)
def test_a_route_makes_no_more_round_trips_than_it_says(
    client: Client,
    table: Any,
    method: str,
    path: str,
    body: object,
    status: int,
    calls: dict[str, int],
) -> None:
    ask(client, "POST", "/packages", BOX)
    ask(client, "PUT", "/recipients/mars/preferences", {**SAID, "timestamp": 50})

    with spending(table) as spent, spending(aws.fail_fast_dynamodb()) as hastily:
        assert ask(client, method, path, body) == status

    assert spent.calls + hastily.calls == Counter(calls)


def test_a_repeat_that_was_seen_before_is_one_read_again(client: Client, table: Any) -> None:
    for _ in range(2):
        ask(client, "POST", "/packages", {**BOX, "timestamp": 1})
        ask(client, "POST", "/packages", {**BOX, "timestamp": 2})

    with spending(table) as spent:
        ask(client, "POST", "/packages", {**BOX, "timestamp": 2})

    assert spent.calls == {"BatchGetItem": 1}


def test_a_word_that_counts_for_one_type_and_not_for_another_takes_two_updates(
    client: Client, table: Any
) -> None:
    here = "/recipients/mars/preferences"
    ask(client, "PUT", here, {"timestamp": 100, "preferences": {"marketing": False}})

    with spending(table) as spent:
        ask(client, "PUT", here, {"timestamp": 50, "personal": False, "marketing": True})

    assert spent.calls == {"UpdateItem": 2}


def test_the_history_is_trimmed_every_now_and_then(client: Client, table: Any) -> None:
    here = "/recipients/mars/preferences"
    with spending(table) as spent:
        for second in range(60):
            ask(client, "PUT", here, {**SAID, "timestamp": second})

    shown = client.http.get(here).json_body
    assert len(shown["history"]) == 6
    assert shown["history"][0]["timestamp"] == "1970-01-01T00:00:59Z"
    assert spent.calls["UpdateItem"] <= 60 * 7 / 6

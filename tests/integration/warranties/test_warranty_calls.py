"""Round trips per route, counted at the client; docs/performance.md has prices."""

import json
from collections import Counter
from typing import Any

import pytest
from chalice.test import Client

from chalicelib.warranties.store import LIST_SHARDS, REFUSAL_SHARDS
from tests.support.dynamodb import spending
from tests.support.warranties.fakes import SOFA

SALE = {"BatchGetItem": 1, "TransactWriteItems": 1}
SKU, STORE = SOFA["item_sku"], SOFA["store_uuid"]


def ask(client: Client, method: str, path: str, body: object = None, key: str = "") -> Any:
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    raw = json.dumps(body).encode() if body is not None else b""
    return client.http.request(method, path, headers=headers, body=raw)


@pytest.mark.parametrize(
    ("told", "key", "status", "calls"),
    [
        ({}, "", 201, SALE),
        ({}, "new", 201, SALE),
        ({}, "k", 201, {"BatchGetItem": 1}),
        ({"item_cost": 7}, "k", 422, {"BatchGetItem": 1}),
        ({"store_uuid": "new", "item_sku": "new"}, "", 201, SALE),
        ({"item_sku": "new", "item_cost": 5}, "", 200, SALE),
        ({"item_cost": 160}, "", 201, {**SALE, "UpdateItem": 1}),
        ({"item_cost": "160"}, "", 400, {}),
    ],
)
def test_a_sale_is_one_read_and_one_transaction(
    client: Client, dynamodb: Any, told: Any, key: str, status: int, calls: dict[str, int]
) -> None:
    ask(client, "POST", "/warranties", SOFA, key="k")

    with spending(dynamodb) as spent:
        answer = ask(client, "POST", "/warranties", {**SOFA, **told}, key=key)

    assert answer.status_code == status
    assert spent.calls == Counter(calls)


@pytest.mark.parametrize(
    ("path", "calls"),
    [
        (f"/warranties?sku={SKU}&item_type=furniture&store_uuid={STORE}", {"Query": 1}),
        ("/warranties", {"Query": LIST_SHARDS}),
        ("/warranties?match=any-given&item_type=furniture", {"Query": LIST_SHARDS}),
        (f"/warranties?match=any-given&item_type=furniture&sku={SKU}", {"Query": LIST_SHARDS}),
        (f"/warranties?match=any-given&sku={SKU}", {"Query": 1 + LIST_SHARDS}),
        ("/warranties?match=any-given&sku=unknown", {"Query": 1}),
        (f"/warranties?match=any-given&store_uuid={STORE}", {"Query": 1}),
        (f"/warranties?match=any-given&store_uuid={STORE}&item_type=furniture", {"Query": 1}),
        (f"/warranties?match=any-given&store_uuid={STORE}&sku={SKU}", {"Query": 2}),
        (f"/stores/{STORE}/warranties.csv", {"Query": 1}),
        ("/plans", {}),
        ("/plans/quote?item_type=furniture&item_cost=150.00", {}),
        ("/warranties?number=00000000-0000-4000-8000-000000000000", {"GetItem": 1}),
        ("/warranties?number=FNVV-0BDY-A999", {"GetItem": 1}),
        ("/plans/refusals", {"Query": REFUSAL_SHARDS}),
    ],
)
def test_w7_every_mix_of_filters_is_answered_by_queries_of_keys(
    client: Client, dynamodb: Any, path: str, calls: dict[str, int]
) -> None:
    ask(client, "POST", "/warranties", SOFA)

    with spending(dynamodb) as spent:
        assert ask(client, "GET", path).status_code == 200

    assert spent.calls == Counter(calls)


def test_a_warranty_is_two_reads(client: Client, dynamodb: Any) -> None:
    made = ask(client, "POST", "/warranties", SOFA).json_body["warranties"][0]["id"]

    with spending(dynamodb) as spent:
        assert ask(client, "GET", f"/warranties/{made}").status_code == 200

    assert spent.calls == Counter({"GetItem": 1, "BatchGetItem": 1})


def test_a_sku_under_many_unknown_types_costs_no_more_than_its_known_ones(
    client: Client, dynamodb: Any
) -> None:
    for number in range(5):
        ask(client, "POST", "/warranties", {**SOFA, "item_type": f"unknown {number}"})
    ask(client, "POST", "/warranties", SOFA)

    with spending(dynamodb) as spent:
        found = ask(client, "GET", f"/warranties?match=any-given&sku={SKU}").json_body

    assert len(found) == 2
    assert spent.calls == {"Query": 1 + LIST_SHARDS}


def test_a_number_is_two_reads_and_a_cancellation_two_reads_and_one_transaction(
    client: Client, dynamodb: Any
) -> None:
    made = ask(client, "POST", "/warranties", SOFA).json_body["warranties"][0]

    with spending(dynamodb) as found:
        ask(client, "GET", f"/warranties?number={made['number']}")
    with spending(dynamodb) as cancelled:
        ask(client, "POST", f"/warranties/{made['id']}/cancellation")
    with spending(dynamodb) as again:
        ask(client, "POST", f"/warranties/{made['id']}/cancellation")

    assert found.calls == {"GetItem": 2}
    assert cancelled.calls == {"GetItem": 1, "BatchGetItem": 1, "TransactWriteItems": 1}
    assert again.calls == {"GetItem": 1}

"""Totals of lists on the deployed stack (16.7), one list for each way of counting.

`tests/integration/test_list_totals.py` asks every list.
"""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.deliveries.fakes import BOX
from tests.support.deployed import Deployed

ROWS = 3


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"total-{uuid4().hex[:12]}"


def headers(stack: Deployed, path: str, **query: Any) -> dict[str, str]:
    answer = stack.api.get(path, params={**query, "limit": 1, "count": "true"})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 1
    assert "cursor=" in answer.headers["Link"]
    return dict(answer.headers)


def test_16_7_packages_are_counted_by_a_query_of_their_keys(stack: Deployed, name: str) -> None:
    for number in range(ROWS):
        package = {**BOX, "recipient_id": name, "package_id": f"{name}-{number}"}
        assert stack.api.post("/packages", json=package).status_code == 201

    assert headers(stack, "/packages", recipient=name)["total-count"] == str(ROWS)


def test_16_7_all_packages_are_counted_by_the_statistics(stack: Deployed, name: str) -> None:
    for number in range(2):
        stack.api.post("/packages", json={**BOX, "package_id": f"{name}-{number}"})

    before = int(headers(stack, "/packages")["total-count"])
    stack.api.post("/packages", json={**BOX, "package_id": f"{name}-more"})

    assert int(headers(stack, "/packages")["total-count"]) > before


def test_16_7_transactions_are_counted_by_the_numbers_of_entries(stack: Deployed) -> None:
    account = str(uuid4())
    for _ in range(ROWS):
        post = {"account_id": account, "amount": 1}
        assert stack.api.post("/transactions", json=post).status_code == 201

    assert headers(stack, "/transactions", account_id=account)["total-count"] == str(ROWS)


def test_16_7_orders_are_counted_as_they_are_read(stack: Deployed, name: str) -> None:
    cake = {"name": name, "ingredients": {"flour": 1.5}}
    recipe = stack.api.post("/cakes", json=cake).json()["id"]
    for _ in range(ROWS):
        order = {"customer": name, "recipe": recipe, "persons": 1, "quantity": 1}
        assert stack.api.post("/orders", json=order).status_code == 201

    assert headers(stack, "/orders", customer=name)["total-count"] == str(ROWS)


def test_16_7_effects_are_counted_in_their_index(stack: Deployed) -> None:
    sale = {
        "store_uuid": uuid4().hex,
        "item_type": "furniture",
        "item_sku": "sofa",
        "item_cost": 150,
        "item_title": "Sofa",
    }
    for _ in range(2):
        assert stack.api.post("/warranties", json=sale).status_code == 201

    found = headers(stack, "/outbox", kind="archive")

    assert int(found.get("total-count") or found["total-count-at-least"]) >= 2


def test_16_7_a_count_that_is_neither_true_nor_false_is_a_fault(stack: Deployed) -> None:
    answer = stack.api.get("/packages", params={"count": "yes"})

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"in": "query", "field": "count", "detail": "must be true or false"}
    ]

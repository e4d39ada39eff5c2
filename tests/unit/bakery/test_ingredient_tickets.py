"""What the provider reads, and what the labels of a ticket say (B8, B10, 5c 12, 18)."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bakery import letters, tickets
from chalicelib.bakery.amounts import Amount
from chalicelib.bakery.records import Batch, Line
from chalicelib.core.outbox.effects import OutcomeUnknownError
from chalicelib.integrations import adf
from infra.standins.contracts import Contracts
from tests.support.bakery.house import Bakehouse

HOME = "https://bakery.example"
CONTRACTS = Contracts.find()
contracted = pytest.mark.skipif(
    CONTRACTS is None,
    reason="the schema of Jira's documents is not here; VENDOR_CONTRACTS names its folder",
)


def faults(document: adf.Node) -> list[str]:
    assert CONTRACTS
    return list(CONTRACTS.document_faults(document))


def batch(house: Bakehouse, orders: int = 2) -> Batch:
    for _ in range(orders):
        house.order(persons=1)
    run = house.batching.run_scheduled(house.tomorrow_at_six())
    assert run.batch
    return run.batch


def rows(document: adf.Node) -> list[str]:
    [table] = [node for node in document["content"] if node["type"] == "table"]
    return list(adf.words(table))


def links(document: adf.Node) -> list[str]:
    found: list[str] = []

    def look(node: Any) -> None:
        for mark in node.get("marks", ()):
            found.append(mark["attrs"]["href"])
        for part in node.get("content", ()):
            look(part)

    look(document)
    return found


def test_b8_the_ticket_of_an_order(house: Bakehouse) -> None:
    order = house.order(extras={"sugar": 10, "peanuts": 10})

    draft = tickets.of_order(order, home=HOME)

    assert draft.summary == "Order #1"
    assert draft.due == date(2026, 11, 21)
    assert draft.labels == ("backroom", "order-1")
    words = list(adf.words(draft.description))
    assert words[0] == "Hello dear provider, we would like to order:"
    assert words[-1] == tickets.CLOSING
    assert rows(draft.description) == [
        "Ingredient",
        "Chocolate: 268 g",
        "Butter: 132 g",
        "Flour: 68 g",
        "Sugar: 132 g",
        "Eggs: 8 units",
        "Peanuts: 10 units",
    ]
    assert links(draft.description) == [f"{HOME}/orders/1"]


def test_b9_the_ticket_of_a_day(house: Bakehouse) -> None:
    draft = tickets.of_batch(batch(house), home=HOME)

    assert draft.summary == "Ingredients for 2026-11-21 (2 orders)"
    assert draft.due == date(2026, 11, 22)
    assert draft.labels == ("backroom", "order-batch-2026-11-21")
    assert draft.properties == {
        "backroom.batch": {"day": "2026-11-21", "count": 2, "orders": ["1", "2"]}
    }
    assert "Chocolate: 134 g" in rows(draft.description)
    assert links(draft.description) == [
        f"{HOME}/orders/1",
        f"{HOME}/orders/2",
        f"{HOME}/batches/2026-11-21",
    ]


def test_a_day_with_very_many_orders_fits_into_a_ticket(house: Bakehouse) -> None:
    sealed = batch(house, orders=1).model_copy(update={"orders": tuple(range(1, 50_001))})

    draft = tickets.of_batch(sealed, home=HOME)

    assert len(json.dumps(draft.properties)) < 32_768
    assert len(json.dumps(draft.description)) < 32_767
    assert "and 49900 more" in "".join(adf.words(draft.description))


NAMES = [f'{"x" * 80} "{number}" äöü' for number in range(99)]


@pytest.mark.parametrize("home", [HOME, f"https://{'long.' * 50}example"])
def test_a_ticket_with_very_many_ingredients_goes_on_in_comments_that_fit(
    house: Bakehouse, home: str
) -> None:
    house.bake("Cake", **{name: Decimal("1.5") for name in NAMES})
    sealed = batch(house, orders=1)
    lines = [
        Line(name=f"{name} {again}", amount=Amount(value=Decimal("1.5"), unit="g"), orders=1)
        for name in NAMES
        for again in range(10)
    ]
    many = sealed.model_copy(update={"lines": tuple(lines), "orders": tuple(range(1, 5_000))})

    draft = tickets.of_batch(many, home=home)

    documents = [draft.description, *draft.more]
    assert len(documents) > 5
    assert all(len(json.dumps(each)) <= 32_767 for each in documents)
    assert [row for each in documents for row in rows(each)[1:]] == [
        f"{line.name[:1].upper()}{line.name[1:]}: 1.5 g" for line in lines
    ]
    assert f"(part {len(documents)} of {len(documents)})" in "".join(adf.words(documents[-1]))


def test_a_list_in_parts_is_commented_once_each_whatever_is_lost(house: Bakehouse) -> None:
    house.bake("Long Cake", **{name: Decimal("1.5") for name in NAMES})
    more = {f"y{name[1:]}": 1 for name in NAMES}
    order = house.order(recipe="long_cake", extras=more, urgent=True)
    house.handle("jira#order#1")
    [part, *others] = [each for each in house.effects.ids if "#part" in each]
    house.desk.after = [OutcomeUnknownError("Jira: reset")]
    house.handle(part)
    house.perform_all()

    issue = house.desk.issues["ING-1"]
    assert issue.comments.keys() == {part, *others}
    told = [
        *rows(issue.description)[1:],
        *(r for each in issue.comments.values() for r in rows(each)[1:]),
    ]
    assert len(told) == 198

    house.cancel(order)
    house.perform_all()
    needless = [body for effect, body in issue.comments.items() if effect.startswith("comment#")]
    assert sum(len(rows(each)) - 1 for each in needless) == 198
    assert len(needless) > 1


def test_a_long_list_of_what_is_missing_is_cut_where_people_read_it() -> None:
    labels = [f"missing-{'abcdefghijklm'[number]}" for number in range(13)]

    found = tickets.shortage(labels, closed=True)

    assert str(found) == "a, b, c, d, e, f, g, h, i, j and 3 more"


def test_one_order_is_not_called_orders(house: Bakehouse) -> None:
    assert tickets.of_batch(batch(house, orders=1), home=HOME).summary.endswith("(1 order)")


HOSTILE = ["<b>bold</b>", "{code}rm{code}", "[~admin]", 'x" onclick="y', "🎂 emoji", "a|b|c"]


@contracted
@pytest.mark.parametrize("name", HOSTILE)
def test_5c18_what_customers_write_is_data_in_a_valid_document(house: Bakehouse, name: str) -> None:
    order = house.order(customer=name, extras={f"x {name}": 1})
    for document in (
        tickets.of_order(order, home=HOME).description,
        *tickets.no_longer_needed(order),
    ):
        assert faults(document) == []
        assert any(name in words for words in adf.words(document))


@contracted
@pytest.mark.parametrize("orders", [1, 2, 101])
def test_b9_the_ticket_of_a_day_is_a_valid_document(house: Bakehouse, orders: int) -> None:
    assert faults(tickets.of_batch(batch(house, orders), home=HOME).description) == []


@contracted
def test_the_schema_notices_what_is_no_document() -> None:
    assert faults(adf.document({"type": "text", "text": "loose"}))


# --- shortages ------------------------------------------------------------------------------------

OURS = ["backroom", "order-batch-2026-11-21"]


@pytest.mark.parametrize(("labelled", "closed"), [*product([True, False], repeat=2)])
def test_5c12_short_is_what_is_both_labelled_and_closed(labelled: bool, closed: bool) -> None:
    labels = [*OURS, *(["missing-ingredients"] if labelled else [])]

    found = tickets.shortage(labels, closed=closed)

    assert (found is not None) is (labelled and closed)
    if found:
        assert found.ingredients == frozenset()


@pytest.mark.parametrize(
    ("labels", "named", "words"),
    [
        (["missing-ingredients"], [], "ingredients"),
        (["missing-ingredients", "missing-eggs"], ["eggs"], "eggs"),
        (["missing-eggs"], ["eggs"], "eggs"),
        (["Missing-Ingredients", "Missing-Brown-Sugar"], ["brown_sugar"], "brown sugar"),
        (["missing-eggs", "missing-flour"], ["eggs", "flour"], "eggs, flour"),
        (["missing-"], [], "ingredients"),
    ],
)
def test_5c12_labels_name_what_is_missing(labels: list[str], named: list[str], words: str) -> None:
    found = tickets.shortage([*OURS, *labels], closed=True)

    assert found
    assert found.ingredients == set(named)
    assert str(found) == words


@given(st.lists(st.text(max_size=20)))
def test_no_label_breaks_the_reading(labels: list[str]) -> None:
    assert tickets.shortage(labels, closed=False) is None
    tickets.shortage(labels, closed=True)


def test_the_line_in_drive_is_the_brief_s(house: Bakehouse) -> None:
    house.clock.at = datetime(2022, 1, 1, 6, 10, tzinfo=UTC)
    customers = ("Mr. Cakelover", "Mr Cakelover")
    orders = [house.cancel(house.order(customer=customer)) for customer in customers]

    assert {letters.file_title(order) for order in orders} == {"Mr Cakelover cancelled orders"}
    assert letters.file_line(orders[0]) == "- Order 1 [Chocolate Cake] : Date 01/01/2022 06:10"

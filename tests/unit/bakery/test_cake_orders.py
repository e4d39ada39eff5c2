"""Cakes, orders and their life (B1-B7, B11, 5c 1-6, 10, 11, 15)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bakery.records import Order
from chalicelib.bakery.service.cakes import AmbiguousAmountError, CakeExistsError
from chalicelib.bakery.service.orders import (
    MOST_UNDONE,
    TooLateError,
    UnitsClashError,
    UnknownRecipeError,
    Wanted,
    WrongStateError,
)
from chalicelib.core.errors import InvalidInputError, NotFoundError
from chalicelib.core.idempotency import KeyReusedError
from tests.support.bakery.house import GOLDEN, Bakehouse
from tests.support.stage import Act, Killed, Stage


def needs(order: Order) -> dict[str, tuple[str, str]]:
    return {need.name: (str(need.amount.number), need.amount.unit) for need in order.needs}


# --- cakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Chocolate Cake", "chocolate-cake", "ChocolateCake"])
def test_5c1_the_same_folded_id_is_the_same_cake(house: Bakehouse, name: str) -> None:
    with pytest.raises(CakeExistsError, match="chocolate_cake"):
        house.bake(name, flour=1)

    assert [cake.id for cake in house.recipes.all()] == ["chocolate_cake"]


def test_b3_b4_a_cake_is_found_until_it_is_deleted(house: Bakehouse) -> None:
    assert house.recipes.cake("chocolate_cake").name == "Chocolate Cake"
    assert house.recipes.cake("Chocolate Cake").id == "chocolate_cake"

    house.recipes.remove("chocolate_cake")

    for gone in (house.recipes.cake, house.recipes.remove):
        with pytest.raises(NotFoundError):
            gone("chocolate_cake")


def test_5d_too_many_units_of_a_cake_are_all_named(house: Bakehouse) -> None:
    with pytest.raises(InvalidInputError) as refused:
        house.bake("Big Cake", eggs=10_001, apples=20_000, flour=Decimal("5.0"))

    assert [fault["field"] for fault in refused.value.faults] == [
        "ingredients.eggs",
        "ingredients.apples",
    ]


# --- what an order needs --------------------------------------------------------------------------


def test_b7_the_brief_s_order_needs_what_the_brief_says(house: Bakehouse) -> None:
    order = house.order(extras={"sugar": 10, "peanuts": 10})

    assert needs(order) == GOLDEN


def test_b7_extras_are_not_multiplied(house: Bakehouse) -> None:
    plain = house.order(persons=3, quantity=5)
    extra = house.order(persons=3, quantity=5, extras={"butter": Decimal("0.5"), "Cherries": 3})

    assert needs(plain)["butter"] == ("495.0", "g")
    assert needs(extra)["butter"] == ("495.5", "g")
    assert needs(extra)["Cherries"] == ("3", "unit")


def test_5c3_the_recipe_s_unit_rules_under_any_spelling(house: Bakehouse) -> None:
    order = house.order(extras={"SUGAR": 20_000, "Eggs": Decimal("2.0")})

    assert needs(order)["sugar"] == ("20122.0", "g")
    assert needs(order)["eggs"] == ("10", "unit")
    assert "SUGAR" not in needs(order)


def test_5c3_a_fraction_of_a_counted_thing_is_422_and_every_clash_is_named(
    house: Bakehouse,
) -> None:
    with pytest.raises(UnitsClashError) as refused:
        house.order(extras={"eggs": Decimal("1.5"), "sugar": {"amount": 3, "unit": "unit"}})

    assert "eggs" in refused.value.detail
    assert "sugar" in refused.value.detail


def test_5d_too_many_units_of_an_extra_are_400(house: Bakehouse) -> None:
    with pytest.raises(InvalidInputError):
        house.order(extras={"peanuts": 10_001})


def test_5c6_the_recipe_is_frozen_in_the_order(house: Bakehouse) -> None:
    order = house.order()
    house.recipes.remove("chocolate_cake")
    house.bake("Chocolate Cake", chocolate=1)

    assert needs(house.ordering.order(order.id))["chocolate"] == ("268.0", "g")
    assert needs(house.order())["chocolate"] == ("4", "unit")


def test_5c6_an_unknown_recipe_is_422(house: Bakehouse) -> None:
    with pytest.raises(UnknownRecipeError):
        house.order(recipe="mud pie")


def test_b6_a_recipe_may_be_named_as_people_do(house: Bakehouse) -> None:
    assert house.order(recipe="Chocolate-Cake").recipe == "chocolate_cake"


def test_5c5_ids_count_up(house: Bakehouse) -> None:
    assert [house.order().id for _ in range(3)] == [1, 2, 3]


# --- the same order again -------------------------------------------------------------------------


def test_s8_a_key_places_one_order_for_ever(house: Bakehouse) -> None:
    first = house.order(key="k", extras={"nuts": 3})
    house.clock.forward(days=400)
    house.recipes.remove("chocolate_cake")

    assert house.order(key="k", extras={"nuts": 3}) == first
    assert list(house.orders.rows) == [1]


@pytest.mark.parametrize(
    "other", [{"customer": "Ann"}, {"persons": 5}, {"urgent": True}, {"extras": {"nuts": 3}}]
)
def test_s1_a_key_cannot_be_reused_for_another_order(
    house: Bakehouse, other: dict[str, Any]
) -> None:
    house.order(key="k")

    with pytest.raises(KeyReusedError):
        house.order(**{"customer": "Mr Cakelover", **other}, key="k")
    assert house.order(key="k2").id == 2


@pytest.mark.parametrize(
    "again",
    [
        {"extras": {"nuts": 3, "sugar": Decimal("2.50")}},
        {"extras": {"sugar": Decimal("2.5"), "nuts": 3}},
        {"extras": {"Nuts": 3, "SUGAR": {"amount": Decimal("2.5"), "unit": "g"}}},
        {"recipe": "Chocolate-Cake"},
        {"urgent": False, "email": None},
    ],
)
def test_s8_a_key_knows_its_order_whatever_it_is_written_like(
    house: Bakehouse, again: dict[str, Any]
) -> None:
    first = house.order(key="k", extras={"sugar": Decimal("2.50"), "nuts": 3})
    house.recipes.remove("chocolate_cake")
    house.bake("Chocolate Cake", chocolate=1, nuts=Decimal("1.0"), sugar=4)

    same = {"extras": {"sugar": Decimal("2.50"), "nuts": 3}, **again}
    assert house.order(key="k", **same) == first


@pytest.mark.parametrize(
    "extras",
    [{"nuts": 4}, {"nuts": Decimal("3.0")}, {"sugar": {"amount": 3, "unit": "unit"}}, {}],
)
def test_s1_a_key_knows_other_extras_from_its_own(house: Bakehouse, extras: dict[str, Any]) -> None:
    house.order(key="k", extras={"nuts": 3})

    with pytest.raises(KeyReusedError, match="for an order with another extra_ingredients"):
        house.order(key="k", extras=extras)


def test_s8_of_two_at_once_with_one_key_one_is_placed(house: Bakehouse) -> None:
    """The other one has looked before the first was stored."""
    house.order(key="k")
    looks = [None, house.orders.keys["k"]]
    house.orders.keyed = lambda _: looks.pop(0)  # type: ignore[assignment, method-assign]

    assert house.order(key="k").id == 1
    assert list(house.orders.rows) == [1]


# --- an order's life ------------------------------------------------------------------------------


def test_5c10_cancelling_files_it_once_and_keeps_who_and_why(house: Bakehouse) -> None:
    order = house.order()
    at = house.clock.forward(hours=1)

    first, again = house.cancel(order), house.cancel(order)

    assert first == again
    assert first.status == "cancelled"
    last = first.history[-1]
    assert (last.at, last.by, last.reason) == (at, "staff", "cancelled on request")
    assert house.effects.ids == ["cancelled#1"]


def test_5c15_ready_twice_is_one_notice(house: Bakehouse) -> None:
    order = house.order()

    assert house.ready(order) == house.ready(order)
    notices = [effect.id for effect in house.effects.requested.values() if effect.kind == "notify"]
    assert notices == ["ready#1"]


WRONG: list[tuple[Callable[[Bakehouse, Order], Order], Callable[[Bakehouse, Order], Order]]] = [
    (Bakehouse.ready, Bakehouse.cancel),
    (Bakehouse.cancel, Bakehouse.ready),
]


@pytest.mark.parametrize(("first", "then"), WRONG)
def test_5c10_5c15_what_is_over_stays_over(
    house: Bakehouse,
    first: Callable[[Bakehouse, Order], Order],
    then: Callable[[Bakehouse, Order], Order],
) -> None:
    order = house.order()
    first(house, order)
    asked = list(house.effects.ids)

    with pytest.raises(WrongStateError):
        then(house, order)

    assert house.effects.ids == asked


def test_an_unknown_order_is_not_found(house: Bakehouse) -> None:
    with pytest.raises(NotFoundError):
        house.ordering.order(7)
    with pytest.raises(NotFoundError):
        house.ordering.cancel(7, by="x", reason="x")
    with pytest.raises(NotFoundError):
        house.ordering.make_ready(7, by="x", reason="x")


def test_5c7_an_urgent_order_has_its_own_ticket_and_no_part_in_the_batch(house: Bakehouse) -> None:
    urgent, other = house.order(urgent=True), house.order()

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert [change.status for change in urgent.history] == ["open", "ticketed"]
    assert run.batch
    assert run.batch.orders == (other.id,)
    assert house.effects.ids == [f"jira#order#{urgent.id}", "jira#batch#2026-11-21"]


def test_5c7_by_setting_every_order_has_its_own_ticket() -> None:
    house = Bakehouse(per_order=True)
    house.bake()
    house.order(), house.order()

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.batch is None
    assert house.effects.ids == ["jira#order#1", "jira#order#2"]


# --- the list -------------------------------------------------------------------------------------


def test_5c11_the_list_hides_what_is_cancelled_unless_asked(house: Bakehouse) -> None:
    orders = [house.order() for _ in range(4)]
    house.cancel(orders[1])
    house.ready(orders[2])

    def ids(status: str | None) -> list[int]:
        wanted: Any = Wanted(status)  # type: ignore[arg-type]
        page = house.ordering.page(wanted, before=None, limit=10)
        return [order.id for order in page.rows]

    assert ids(None) == [4, 3, 1]
    assert ids("cancelled") == [2]
    assert ids("ready") == [3]
    assert ids("open") == [4, 1]
    assert ids("all") == [4, 3, 2, 1]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
def test_s7_pages_hold_every_order_once(house: Bakehouse, limit: int) -> None:
    for order in [house.order() for _ in range(9)]:
        if order.id % 3 == 0:
            house.cancel(order)
    found: list[int] = []
    before = None
    while True:
        page = house.ordering.page(Wanted(), before=before, limit=limit)
        found += [order.id for order in page.rows]
        assert len(page.rows) <= limit
        before = page.next and page.next.id
        if before is None:
            break

    assert found == [8, 7, 5, 4, 2, 1]


def test_a_list_is_of_a_customer_and_of_a_due_day(house: Bakehouse) -> None:
    for number in range(12):
        customer = ("Mr. Cakelover", "mr cakelover", "Ann")[number % 3]
        due = house.clock.at + timedelta(days=number % 2, hours=number)
        house.order(customer, due_at=due if number < 8 else None)

    def ids(**said: Any) -> list[int]:
        rows = house.ordering.page(Wanted(**said), before=None, limit=50).rows
        return [order.id for order in rows]

    today = house.clock.at.date()
    assert ids(customer="Ann") == [12, 9, 6, 3]
    assert ids(customer="MR CAKELOVER") == [11, 10, 8, 7, 5, 4, 2, 1]
    assert ids(due=today) == [7, 5, 3, 1]
    assert ids(due=today, customer="Ann") == [3]
    assert ids(due=today + timedelta(days=1), status="open") == [8, 6, 4, 2]
    assert ids(status="ready", customer="Ann") == []


# --- when, where, what else ----------------------------------------------------------------------


def test_an_order_says_when_it_is_due_whom_to_call_and_a_note(house: Bakehouse) -> None:
    told: dict[str, Any] = {
        "due_at": house.clock.at + timedelta(days=1),
        "phone": "+43 1 234",
        "note": "no nuts\nring twice",
    }

    order = house.order(key="k", **told)

    assert {name: getattr(order, name) for name in told} == told
    assert house.order(key="k", **told) == order
    house.clock.forward(days=2)
    assert house.order(key="k", **told) == order  # a repeat comes late, and is no new order
    for name, other in (("due_at", None), ("phone", "0"), ("note", "nuts")):
        with pytest.raises(KeyReusedError, match=name):
            house.order(key="k", **{**told, name: other})


def test_an_order_is_not_due_in_the_past(house: Bakehouse) -> None:
    with pytest.raises(InvalidInputError, match="due_at"):
        house.order(due_at=house.clock.at - timedelta(seconds=1))

    assert not house.orders.rows


def test_a_key_of_an_older_version_identifies_its_order(house: Bakehouse) -> None:
    """What an order of before 0.2.0 lacks was not asked for."""
    order = house.order(key="k")
    stored = order.model_dump_json(exclude_defaults=True)
    assert "due_at" not in stored
    house.orders.rows[order.id] = Order.model_validate_json(stored)

    assert house.order(key="k").id == order.id


# --- grams or units ------------------------------------------------------------------------------


def test_a_bare_number_of_what_recipes_know_in_grams_is_refused_with_a_question(
    house: Bakehouse,
) -> None:
    with pytest.raises(AmbiguousAmountError, match="flour: 17 can mean 17 g or 17 units") as asked:
        house.bake("Bread", flour=17, eggs=1)

    assert asked.value.facts == {
        "readings": {
            "ingredients.flour": [{"amount": 17, "unit": "g"}, {"amount": 17, "unit": "unit"}]
        }
    }
    assert "bread" not in house.cakes.rows


@pytest.mark.parametrize(
    "ingredients",
    [
        {"flour": Decimal("17.0")},
        {"flour": {"amount": 17, "unit": "g"}},
        {"flour": {"amount": 17, "unit": "unit"}},
        {"eggs": 17},
        {"raisins": 17},
    ],
)
def test_what_leaves_no_doubt_is_taken(house: Bakehouse, ingredients: dict[str, object]) -> None:
    assert house.bake("Bread", **ingredients).id == "bread"


def test_what_some_recipe_counts_is_not_asked_back(house: Bakehouse) -> None:
    house.bake("Flower Cake", flour={"amount": 1, "unit": "unit"})

    assert house.bake("Bread", flour=17).ingredients[0].amount.unit == "unit"


def test_an_extra_of_what_other_recipes_know_in_grams_is_refused_with_a_question(
    house: Bakehouse,
) -> None:
    house.bake("Nut Cake", peanuts=Decimal("50.0"))

    with pytest.raises(AmbiguousAmountError, match="peanuts") as asked:
        house.order(extras={"peanuts": 10, "sugar": 10})

    assert set(asked.value.facts["readings"]) == {"extra_ingredients.peanuts"}  # type: ignore[call-overload]
    assert house.order(recipe="nut_cake", extras={"peanuts": 10}).extras[0].amount.unit == "g"


def test_a_key_replays_an_extra_that_would_be_asked_back_now(house: Bakehouse) -> None:
    order = house.order(key="k", extras={"peanuts": 10})
    house.bake("Nut Cake", peanuts=Decimal("50.0"))

    assert house.order(key="k", extras={"peanuts": 10}) == order


# --- taking "ready" back -------------------------------------------------------------------------


@pytest.mark.parametrize("earlier", ["open", "ticketed"])
def test_ready_is_taken_back_and_nobody_is_told(house: Bakehouse, earlier: str) -> None:
    order = house.order(urgent=earlier == "ticketed")

    house.ready(order)
    back = house.unready(order)
    house.perform_all()

    assert (back.status, back.notice) == (earlier, None)
    assert house.slack.posted == house.mail.sent == []
    assert house.effects.requested["ready#1"].delay_s == 60
    assert house.unready(order).undone == 1
    house.ready(order)
    house.perform_all()
    assert [letter.effect_id for letter in house.mail.sent] == ["ready#1#2"]
    assert house.now(order).status == "ready"


def test_ready_is_taken_back_so_often_that_an_item_holds_the_history(house: Bakehouse) -> None:
    order = house.order()
    for _ in range(MOST_UNDONE):
        house.ready(order)
        house.unready(order)
    assert house.unready(order).status == "open", "a repeat changes nothing"
    house.ready(order)

    with pytest.raises(WrongStateError, match="undone 50 times"):
        house.unready(order)

    assert house.now(order).status == "ready"


def test_what_was_ready_by_mistake_joins_the_next_batch(house: Bakehouse) -> None:
    order = house.order()
    house.ready(order)
    house.unready(order)

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.batch is not None
    assert run.batch.orders == (order.id,)


def test_it_is_too_late_once_a_worker_has_begun_to_tell(house: Bakehouse) -> None:
    order = house.order()
    house.ready(order)
    house.effects.begin("ready#1")

    with pytest.raises(TooLateError, match="order 1 is being notified"):
        house.unready(order)

    assert house.now(order).status == "ready"


def test_what_is_not_ready_cannot_be_taken_back(house: Bakehouse) -> None:
    order = house.order()

    with pytest.raises(WrongStateError, match="open, not ready"):
        house.unready(order)
    house.ready(order)
    house.unready(order)
    house.cancel(order)
    with pytest.raises(WrongStateError, match="cancelled, not ready"):
        house.unready(order)


@given(
    st.lists(st.integers(0, 9), max_size=24),
    st.lists(st.integers(0, 8), min_size=4, max_size=4),
)
def test_after_races_and_crashes_a_customer_is_told_once_or_not_at_all(
    order: list[int], deaths: list[int]
) -> None:
    """Two say ready, one takes it back, a worker tells; some die; whoever died tries again."""
    house, stage = Bakehouse(), Stage()
    house.bake()
    placed = house.order()
    racing = replace(house.ordering, orders=stage.on(house.orders))

    def tell() -> None:
        for effect_id in list(house.effects.requested):
            if stage.step(lambda name=effect_id: house.effects.begin(name)):  # type: ignore[misc]
                told.append(effect_id)

    def ready() -> None:
        racing.make_ready(placed.id, by="staff", reason="baked")

    def undo() -> None:
        with suppress(WrongStateError, TooLateError):
            racing.undo_ready(placed.id, by="staff", reason="a mistake")

    told: list[str] = []
    acts = [
        Act(deed, dies_after=moment if moment < 6 else None)
        for deed, moment in zip((ready, undo, ready, tell), deaths, strict=True)
    ]
    stage.play(acts, order)

    assert all(act.error is None or isinstance(act.error, Killed) for act in acts)
    assert not set(told) & house.effects.withdrawn
    now = house.now(placed)
    pending = [each for each in house.effects.ids if each not in house.effects.withdrawn]
    assert len(pending) == (now.status == "ready")
    assert house.effects.withdrawn <= {f"ready#1{again}" for again in ("", "#2", "#3")}
    assert len(house.effects.withdrawn) == now.undone

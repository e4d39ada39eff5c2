"""Cakes, orders and their life (B1-B7, B11, 5c 1-6, 10, 11, 15)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.bakery.records import Order
from chalicelib.bakery.service.cakes import CakeExistsError
from chalicelib.bakery.service.orders import (
    UnitsClashError,
    UnknownRecipeError,
    WrongStateError,
)
from chalicelib.core.errors import InvalidInputError, NotFoundError
from chalicelib.core.idempotency import KeyReusedError
from tests.support.bakery.house import GOLDEN, Bakehouse


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
    assert list(house.orders.kept) == [1]


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
    assert list(house.orders.kept) == [1]


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
    notices = [effect.id for effect in house.effects.asked.values() if effect.kind == "notify"]
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
        page = house.ordering.page(status=status, before=None, limit=10)  # type: ignore[arg-type]
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
        page = house.ordering.page(status=None, before=before, limit=limit)
        found += [order.id for order in page.rows]
        assert len(page.rows) <= limit
        before = page.next and page.next.id
        if before is None:
            break

    assert found == [8, 7, 5, 4, 2, 1]

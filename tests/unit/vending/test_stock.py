"""What is left in a machine, when it will be empty, and whether its cash is all there."""

from array import array
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.vending import stock
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.history import History, Region
from chalicelib.vending.models import ServiceVisit
from chalicelib.vending.reports import summarise
from chalicelib.vending.silences import Silence

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows(
    days: int, a_day: int = 10, *, start: datetime = MONDAY, gumballs: int = 1
) -> "array[int]":
    """Return so many sales a day, an hour apart from 8 h on, one gumball each."""
    begin = int(start.timestamp()) + 2 * 3_600
    return array(
        "q",
        [
            (begin + day * 86_400 + n * 3_600) * 10 + gumballs
            for day in range(days)
            for n in range(a_day)
        ],
    )


def visit(at: datetime, **done: Any) -> ServiceVisit:
    return ServiceVisit(machine="GM001", at=at, **done)


def at_the_end_of(day: int) -> datetime:
    return MONDAY + timedelta(days=day, hours=17)


def test_what_is_left_is_what_was_filled_in_less_what_was_given() -> None:
    found = stock.stock_of([visit(MONDAY, full=True)], rows(20), [], 850, "UTC")

    assert found is not None
    assert (found.capacity, found.left, found.left_at_least) == (850, 650, 650)
    assert found.filled_at == MONDAY
    assert found.as_of == MONDAY + timedelta(days=19, hours=11)


def test_the_day_it_will_be_empty_follows_from_its_own_rhythm() -> None:
    found = stock.stock_of([visit(MONDAY, full=True)], rows(20), [], 850, "UTC")

    assert found is not None
    assert found.empty_on is not None
    assert found.empty_on == date(2026, 3, 21) + timedelta(days=65), "650 left at 10 a day"
    assert found.empty_from is not None
    assert found.empty_to is not None
    assert found.empty_from < found.empty_on < found.empty_to


def test_a_refill_adds_to_what_was_left_up_to_the_capacity() -> None:
    full, more = visit(MONDAY, full=True), visit(at_the_end_of(9), filled=60)
    brim = visit(at_the_end_of(14), filled=400)

    assert _left([full, more], 15) == 850 - 100 + 60 - 50
    assert _left([full, more, brim], 15) == 850
    assert _left([brim, more, full], 15) == 850, "the order in which visits are reported is nothing"


def _left(visits: list[ServiceVisit], days: int) -> int:
    found = stock.stock_of(visits, rows(days), [], 850, "UTC")
    assert found is not None
    return found.left


@pytest.mark.parametrize("done", [{"filled": 60}, {"cash_cents": 100}])
def test_what_is_not_known_is_left_out(done: dict[str, int]) -> None:
    assert stock.stock_of([visit(MONDAY, **done)], rows(20), [], 850, "UTC") is None
    assert stock.stock_of([visit(MONDAY, full=True)], rows(20), [], None, "UTC") is None


def test_without_a_week_of_sales_no_day_is_named() -> None:
    found = stock.stock_of([visit(MONDAY, full=True)], rows(5), [], 850, "UTC")

    assert found is not None
    assert (found.left, found.empty_on) == (800, None)


@pytest.mark.parametrize("gumballs", [1, 3])
def test_an_empty_machine_has_been_empty_since_its_last_gumball(gumballs: int) -> None:
    keys = array("q", [*rows(3, gumballs=gumballs), *rows(9, start=at_the_end_of(3), gumballs=0)])

    found = stock.stock_of([visit(MONDAY, full=True)], keys, [], 20 * gumballs, "UTC")

    assert found is not None
    assert (found.left, found.empty_on) == (0, date(2026, 3, 3))
    assert found.empty_from == found.empty_to == found.empty_on


def test_sales_that_are_missing_from_the_log_may_have_emptied_it_further() -> None:
    begin = int(at_the_end_of(3).timestamp())
    silence = Silence(begin, begin + 86_400, 12.4, 0.0001)

    found = stock.stock_of([visit(MONDAY, full=True)], rows(20), [silence], 850, "UTC")

    assert found is not None
    assert (found.left, found.left_at_least) == (650, 638)


def test_cash_is_compared_with_the_credits_between_two_visits() -> None:
    taken = [visit(MONDAY, cash_cents=0), visit(at_the_end_of(9), cash_cents=2_500)]

    found = stock.cash_of(taken, rows(20), [])

    assert found is not None
    assert (found.expected_cents, found.counted_cents, found.difference_cents) == (2_500, 2_500, 0)
    assert found.why == "The cash agrees with the log."


def test_more_cash_than_the_log_shows_is_explained_by_missing_sales() -> None:
    begin = int(at_the_end_of(3).timestamp())
    silence = Silence(begin, begin + 86_400, 17.0, 0.0001)
    taken = [visit(MONDAY, cash_cents=0), visit(at_the_end_of(9), cash_cents=2_900)]

    found = stock.cash_of(taken, rows(20), [silence])

    assert found is not None
    assert found.why == (
        "$4.00 more than the log shows; about 17 sales are missing from it, worth $4.25."
    )


def test_a_difference_that_missing_sales_are_too_few_for_says_so() -> None:
    begin = int(at_the_end_of(3).timestamp())
    silence = Silence(begin, begin + 86_400, 17.0, 0.0001)
    taken = [visit(MONDAY, cash_cents=0), visit(at_the_end_of(9), cash_cents=7_175)]

    found = stock.cash_of(taken, rows(20), [silence])

    assert found is not None
    assert found.why == (
        "$46.75 more than the log shows; about 17 sales are missing from it, worth $4.25. "
        "That is too little to explain it."
    )


def test_less_cash_than_the_log_shows_is_explained_by_credits_that_gave_nothing() -> None:
    keys = array("q", sorted([*rows(9), *rows(1, 4, start=at_the_end_of(9), gumballs=0)]))
    taken = [visit(MONDAY, cash_cents=0), visit(at_the_end_of(11), cash_cents=2_250)]

    found = stock.cash_of(taken, array("q", sorted([*keys, *rows(20)[-20:]])), [])

    assert found is not None
    assert (found.difference_cents, found.unserved_cents) == (-100, 100)
    assert "4 credits ($1.00) gave no gumball" in found.why


def test_cash_whose_log_has_not_arrived_is_not_judged() -> None:
    taken = [visit(MONDAY, cash_cents=0), visit(at_the_end_of(30), cash_cents=2_500)]

    assert stock.cash_of(taken, rows(20), []) is None
    assert stock.cash_of(taken[:1], rows(20), []) is None


def _summary(capacity: int | None, *visits: ServiceVisit) -> Any:
    dead = rows(10, start=MONDAY + timedelta(days=10), gumballs=0)
    history = History(
        "GM001", array("q", [*rows(10), *dead]), capacity=capacity, visits=tuple(visits)
    )
    return summarise(history, Region(), Thresholds())


def test_a_machine_that_should_be_empty_is_called_empty_before_dead() -> None:
    [verdict] = _summary(100, visit(MONDAY, full=True)).verdicts

    assert verdict.level == "out_of_service"
    assert verdict.why.startswith("Empty: bring gumballs.")
    assert verdict.parts[0] == "gumballs"
    assert "dead mechanism" in verdict.how_we_know.may_also_be


@pytest.mark.parametrize(
    ("capacity", "visits"), [(None, []), (500, [visit(MONDAY, full=True)]), (100, [])]
)
def test_a_machine_with_gumballs_left_or_unknown_stock_is_dead(
    capacity: int | None, visits: list[ServiceVisit]
) -> None:
    [verdict] = _summary(capacity, *visits).verdicts

    assert "Empty" not in verdict.why
    assert verdict.parts == ("dispensing mechanism", "dispense sensor")

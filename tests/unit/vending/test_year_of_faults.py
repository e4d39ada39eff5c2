"""R10: a rate that is slightly too high shows over a year, not over the 90 days of a window."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest

from chalicelib.vending.anomalies import Keys, Thresholds, window
from chalicelib.vending.files import DISPATCHER, FileView
from chalicelib.vending.findings import fault_verdicts
from chalicelib.vending.history import History
from chalicelib.vending.ports import Rollups
from chalicelib.vending.rollups import Rollup
from tests.support.vending.world import World, log

USUAL = Thresholds()
A_DAY = 16
WINDOW, YEAR = 90 * A_DAY, 365 * A_DAY
ENDING = datetime(2020, 2, 20, tzinfo=UTC)
CHICAGO = "America/Chicago"


def rows(gumballs: Iterable[int]) -> Keys:
    """Return 16 rows a day, until 20 February 2020 begins."""
    each = list(gumballs)
    start = int(ENDING.timestamp()) - 5_400 * len(each)
    return Keys("Q", [(start + 5_400 * place) * 10 + count for place, count in enumerate(each)])


def flagged(history: History, zone: str = "UTC") -> bool:
    return bool(fault_verdicts(window(history.keys, USUAL), history, zone, USUAL))


def every(rows_apart: int, number: int) -> list[int]:
    """Return a log in which one row in ``rows_apart`` gave nothing."""
    return [int(place % rows_apart > 0) for place in range(1, number + 1)]


SMALL_FAULT = every(100, YEAR)


def found_in_a_year(rate: float, years: int, **known: Any) -> int:
    """Return in how many years a machine is flagged that is judged every fortnight."""
    dice, found = Random(f"{rate}"), 0
    for _ in range(years):
        log_of_a_year = rows(int(dice.random() >= rate) for _ in range(YEAR))
        looks = (log_of_a_year[: day * A_DAY] for day in range(14, 366, 14))
        found += any(flagged(replace(History("GM001", look), **known)) for look in looks)
    return found


def test_r10_a_tolerated_rate_judged_for_a_year_is_hardly_ever_flagged() -> None:
    assert found_in_a_year(0.005, 60) <= 2


def test_r10_a_rate_of_one_percent_is_found_within_the_year() -> None:
    found = found_in_a_year(0.01, 25)

    assert found >= 21
    assert found > found_in_a_year(0.01, 25, stored_days=lambda first, last: {})


def test_r10_the_year_makes_a_small_rate_sure_that_its_window_leaves_open() -> None:
    assert flagged(History("GM001", rows(SMALL_FAULT)))
    assert not flagged(History("GM001", rows(SMALL_FAULT[-WINDOW:])))


def test_r10_a_fault_that_has_gone_by_itself_is_not_held_against_the_machine() -> None:
    over = every(20, YEAR - WINDOW) + every(250, WINDOW)

    assert not flagged(History("GM001", rows(over)))


@pytest.mark.parametrize(("days_ago", "expected"), [(340, True), (95, False), (30, False)])
def test_r10_what_a_visit_settled_does_not_count(days_ago: int, expected: bool) -> None:
    settled = ENDING - timedelta(days=days_ago)

    assert flagged(History("GM001", rows(SMALL_FAULT), settled_until=settled)) is expected


def test_r10_rows_older_than_a_year_do_not_count() -> None:
    before = [0, 1] * YEAR + every(250, YEAR - WINDOW) + every(100, WINDOW)

    assert not flagged(History("GM001", rows(before)))


def test_r10_days_are_those_of_the_site_and_none_is_counted_twice() -> None:
    asked: list[tuple[date, date]] = []

    def stored(first: date, last: date) -> dict[date, Rollup]:
        asked.append((first, last))
        return {}

    history = History("GM001", rows(SMALL_FAULT), stored_days=stored)

    assert not flagged(history, CHICAGO)
    oldest = window(history.keys, USUAL)[0] // 10
    assert asked == [(date(2019, 2, 19), date(2019, 11, 19))]
    assert oldest == int(datetime(2019, 11, 21, 22, 30, tzinfo=UTC).timestamp())


def test_r10_a_log_at_the_beginning_of_the_calendar_has_no_year_before_it() -> None:
    start = int(datetime(1, 1, 2, tzinfo=UTC).timestamp())
    keys = [(start + 5_400 * place) * 10 + count for place, count in enumerate(every(100, WINDOW))]
    history = History("GM001", Keys("q", keys))

    assert fault_verdicts(history.keys, history, CHICAGO, USUAL) == ()


def year_in_two_files(world: World) -> tuple[FileView, FileView]:
    """Import a year of a machine: its window, which leaves it open, and what came before."""
    hours = 24 / A_DAY
    older, newer = SMALL_FAULT[:-WINDOW], SMALL_FAULT[-WINDOW:]
    begin = ENDING - timedelta(hours=hours * YEAR)
    then = begin + timedelta(hours=hours * len(older))
    return (
        world.take_import(log("GM001", *older, first=f"{begin:%FT%T}", hours=hours)),
        world.take_import(log("GM001", *newer, first=f"{then:%FT%T}", hours=hours)),
    )


def test_r10_the_service_remembers_the_year_by_its_files_and_forgets_it_with_them(
    world: World,
) -> None:
    year, _ = year_in_two_files(world)
    world.settle()

    [verdict] = world.machine("GM001").verdicts
    assert (verdict.kind, verdict.level, verdict.faults) == ("under", "degraded", 15)

    world.vending.uploads.delete(DISPATCHER, year.id)
    world.settle()

    assert world.machine("GM001").verdicts == ()


class Interrupted:
    """Rollups between whose reading and what is concluded from it something else happens, once."""

    def __init__(self, rollups: Rollups, meanwhile: Callable[[], object]) -> None:
        self._rollups, self.to_happen = rollups, [meanwhile]

    def months(self, *asked: Any, **where: Any) -> Any:
        found = self._rollups.months(*asked, **where)
        if self.to_happen:
            self.to_happen.pop()()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rollups, name)


@pytest.mark.parametrize("deleted", [False, True])
def test_r10_an_old_file_that_comes_or_goes_while_a_machine_is_judged_counts(
    world: World, deleted: bool
) -> None:
    year, _ = year_in_two_files(world)
    if deleted:
        world.deliver()

    def meanwhile() -> None:
        if deleted:
            world.vending.uploads.delete(DISPATCHER, year.id)
        world.deliver()

    verdicts = world.vending.verdicts
    rollups = Interrupted(verdicts.rollups, meanwhile)
    judging = replace(verdicts, rollups=cast(Rollups, rollups))
    arrivals = replace(world.vending.arrivals, verdicts=judging)
    arrivals.look_at(world.queues.arrivals.pop())
    assert not rollups.to_happen
    world.settle()

    assert [each.kind for each in world.machine("GM001").verdicts] == ([] if deleted else ["under"])

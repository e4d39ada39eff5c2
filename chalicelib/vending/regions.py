"""What the machines of a region have in common: fleet gaps, quiet days, partial silences.

Terms: a *region* is a time zone; a *region-day* is the sum over its machines of a local day. A
*fleet gap* is a time in which none of at least three machines reported, where their common rhythm
expects rows; on a *quiet day* those that sold anything sold clearly less than usual (a holiday, a
storm). A *partial silence* is one of many machines, but not all, at the same time.

A month's fleet gaps follow from the region-days of the month before to three months after, so that
the same days always give the same result.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import chain, pairwise
from operator import mul
from statistics import median, median_high, median_low
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chalicelib.vending.cells import Cells
from chalicelib.vending.local_time import DAY_H, DAY_S, HOUR_S, MONTH_S, Span, hours_of
from chalicelib.vending.rhythm import USUAL_SPREAD, Rhythm
from chalicelib.vending.rollups import RegionDay
from chalicelib.vending.silences import CANDIDATES, TAIL_FROM, Silence, tail_of

MONTHS_BEFORE, MONTHS_AFTER = 1, 3
LEAST_MACHINES = 3
"""Fewer machines are no fleet: what they have in common is blamed on each of them."""

_NEAR_ROWS = 200
_QUIET_MACHINES = 5
_QUIET_HOURS = 6
_QUIET_BELOW = 0.8
_WHOLE_SHARE = 0.9  # of the machines that cover a day's best hour
_QUIET_DEVIATIONS = 4.0  # of what machines vary by themselves
_QUIET_PRIOR_ROWS = 30.0
_PARTIAL_SHARE = 0.3
_USUAL_TAIL, _TAIL_WEIGHT = 1.15, 20.0
_NO_DAY = RegionDay()


class HourGap(NamedTuple):
    """A fleet gap in full local hours (epoch seconds), before its ends are known to the second.

    ``machines`` cover both ends; chance alone would leave ``e`` such gaps in the months examined.
    """

    start: int
    end: int
    e: float
    expected: float
    machines: int


class Common(NamedTuple):
    """A silence that several machines share (epoch seconds); ``of`` machines cover it."""

    start: int
    end: int
    serials: tuple[str, ...]
    of: int


def months_around(month: date) -> tuple[date, date]:
    """Return the first and the last day of what a month's fleet gaps follow from."""
    return _month(month, -MONTHS_BEFORE), _month(month, MONTHS_AFTER + 1) - timedelta(days=1)


def fleet_gaps(
    days: Mapping[date, RegionDay], zone: str, month: date, *, allowed: float
) -> list[HourGap]:
    """Return the fleet gaps that begin in ``month``, in time order.

    ``allowed`` is how many false ones are tolerated in a month. Days outside `months_around` are
    not examined, days that are missing have no machine.
    """
    first, last = months_around(month)
    known = {day: total for day, total in days.items() if first <= day <= last}
    if not known:
        return []
    cells, covering = _cells(known, zone)
    begin, end = (hours_of(zone, _month(month, ahead))[0] for ahead in (0, 1))
    runs = list(_empty_runs(cells, covering))
    months = len(known) * DAY_S / MONTH_S
    return [
        gap
        for gap in _unexplained(cells, covering, runs, allowed * months)
        if begin <= gap.start < end
    ]


def quiet_days(days: Mapping[date, RegionDay]) -> dict[date, float]:
    """Return the quiet days, and the share of the usual trade that was left on each.

    The rows of each machine that sold anything are compared with the same weekday around: a machine
    without a row says nothing, so that machines that lose their logs make no day quiet.
    """
    usual = {day: total for day, total in days.items() if total.active and _is_whole(total)}
    found = {}
    for day, total in days.items():
        hours = _well_covered(total)
        weeks = (day + timedelta(days=7 * week) for week in range(-6, 7) if week)
        alike = [usual[other] for other in weeks if other in usual]
        if total.active < _QUIET_MACHINES or len(alike) < 3 or len(hours) < _QUIET_HOURS:
            continue
        each = median(_rows(other, hours) / other.active for other in alike)
        due, came = each * total.active, _rows(total, hours)
        chance = math.sqrt(due * (1 + USUAL_SPREAD * each))
        if _share(came, due) < _QUIET_BELOW and due - came > _QUIET_DEVIATIONS * chance:
            found[day] = _share(came, median(_rows_due(other, total, hours) for other in alike))
    return found


def partial_silences(
    silences: Iterable[tuple[str, Silence]], days: Mapping[date, RegionDay], zone: str
) -> list[Common]:
    """Return the silences that many machines share, in time order.

    At least three machines and 30 % of those that cover it, whose silences overlap by half.
    """
    left = sorted(silences, key=lambda each: (each[1].start, each[0]))
    found = []
    while left:
        groups = ([other for other in left if _alike(one[1], other[1])] for one in left)
        group = max(groups, key=lambda each: len({serial for serial, _ in each}))
        serials = tuple(sorted({serial for serial, _ in group}))
        if len(serials) < LEAST_MACHINES:
            break
        start, end = _shared([silence for _, silence in group])
        covering = max(_covering(days, zone, (start + end) // 2), len(serials))
        if len(serials) >= _PARTIAL_SHARE * covering:
            found.append(Common(start, end, serials, covering))
        left = [each for each in left if each not in group]
    return sorted(found)


def _well_covered(day: RegionDay) -> list[int]:
    """Return the local hours that the logs of most of a day's machines show."""
    most = max(day.covered)
    return [hour for hour in range(DAY_H) if most and day.covered[hour] >= _WHOLE_SHARE * most]


def _rows(day: RegionDay, hours: Iterable[int]) -> int:
    return sum(day.rows[hour] for hour in hours)


def _rows_due(usual: RegionDay, day: RegionDay, hours: Iterable[int]) -> float:
    """Return what the machines that cover ``day`` would sell on a day as usual as another."""
    return math.fsum(
        usual.rows[hour] * day.covered[hour] / usual.covered[hour]
        for hour in hours
        if usual.covered[hour]
    )


def _share(came: float, due: float) -> float:
    return (came + _QUIET_PRIOR_ROWS) / (due + _QUIET_PRIOR_ROWS)


def _is_whole(day: RegionDay) -> bool:
    """Return whether the logs show all of a day, but for the hour that clocks may leave out."""
    return len(_well_covered(day)) >= DAY_H - 1


def _month(day: date, ahead: int) -> date:
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)


def _cells(days: Mapping[date, RegionDay], zone: str) -> tuple[Cells, list[int]]:
    """Return a region's cells, whose hours are those of all machines, and who covers each."""
    first, last = min(days), max(days)
    span = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    edges = [*chain.from_iterable(hours_of(zone, day)[:-1] for day in span)]
    edges.append(hours_of(zone, last)[-1])
    covering = [*chain.from_iterable(days.get(day, _NO_DAY).covered for day in span)]
    rows = [*chain.from_iterable(days.get(day, _NO_DAY).rows for day in span)]
    quiet = quiet_days(days)
    shares = [quiet.get(day, 1.0) for day in span]
    hours = [
        machines * (end - start) / HOUR_S * shares[cell // DAY_H]
        for cell, (machines, (start, end)) in enumerate(zip(covering, pairwise(edges), strict=True))
    ]
    counted = [count if length else 0 for count, length in zip(rows, hours, strict=True)]
    return Cells(first, counted, hours, edges, shares), covering


def _empty_runs(cells: Cells, covering: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last cell, exclusive, of the times without a row of a whole fleet."""
    start = None
    for cell, rows in enumerate(chain(cells.rows, [1])):
        silent = not rows and cell < len(covering) and covering[cell] >= LEAST_MACHINES
        no_length = cell < len(covering) and cells.edges[cell] == cells.edges[cell + 1]
        if silent and start is None:
            start = cell
        elif not silent and not no_length and start is not None:
            yield start, cell
            start = None


def _unexplained(
    cells: Cells, covering: Sequence[int], runs: Sequence[tuple[int, int]], limit: float
) -> Iterator[HourGap]:
    usual = Rhythm(cells)
    by_cell = [rate * hours for rate, hours in zip(usual.by_cell, cells.hours, strict=True)]
    due = {run: sum(by_cell[run[0] : run[1]]) for run in runs}
    tail, count = tail_of(
        map(usual.plain_surprise, due.values()), usual=_USUAL_TAIL, weight=_TAIL_WEIGHT
    )
    for run in sorted(sorted(due, key=lambda each: -due[each])[:CANDIDATES]):
        start, end = cells.edges[run[0]], cells.edges[run[1]]
        if due[run] < TAIL_FROM:
            continue
        anew = Rhythm(_without(cells, run))
        due_in = {cell: anew.by_cell[cell] * cells.hours[cell] for cell in range(*run)}
        surprise = anew.surprise(due_in) / _clumping(anew, run)
        e = max(count, 1) * math.exp((TAIL_FROM - surprise) / tail)
        if e < limit:
            machines = min(each for each in covering[run[0] : run[1]] if each)
            yield HourGap(start, end, e, sum(due_in.values()), machines)


def _without(cells: Cells, run: Span) -> Cells:
    nothing = [0.0] * (run[1] - run[0])
    return cells.with_hours([*cells.hours[: run[0]], *nothing, *cells.hours[run[1] :]])


def _clumping(anew: Rhythm, run: Span) -> float:
    """Return how much less a run's silence says than that of as many single customers.

    The largest of: how much longer than usual the fleet takes for 200 rows before and after it;
    and how much more than by chance the same hours of other days vary, as where clocks change for
    machines without a time zone.
    """
    cells = anew.cells
    sides = (range(run[0] - 1, -1, -1), range(run[1], len(cells.rows)))
    return max(1.0, _varying(anew, run), *(_pace(anew, side) for side in sides))


def _varying(anew: Rhythm, run: Span) -> float:
    hours = {cell % DAY_H for cell in range(*run)}
    beyond = due = 0.0
    for cell, expected in enumerate(map(mul, anew.by_cell, anew.cells.hours)):
        if cell % DAY_H in hours and expected:
            beyond += (anew.cells.rows[cell] - expected) ** 2
            due += expected
    return beyond / due if due else 1.0


def _pace(anew: Rhythm, side: Iterable[int]) -> float:
    rows, due = 0, 0.0
    for cell in side:
        rows += anew.cells.rows[cell]
        due += anew.by_cell[cell] * anew.cells.hours[cell]
        if rows >= _NEAR_ROWS:
            break
    return due / rows if rows else 1.0


def _alike(one: Silence, other: Silence) -> bool:
    shared = min(one.end, other.end) - max(one.start, other.start)
    return 2 * shared >= max(one.end - one.start, other.end - other.start)


def _shared(group: Sequence[Silence]) -> Span:
    """Return when all were silent; the usual ends if that is less than half of what is usual."""
    start, end = max(each.start for each in group), min(each.end for each in group)
    from_ = median_high(each.start for each in group)
    to = median_low(each.end for each in group)
    return (start, end) if 2 * (end - start) >= to - from_ else (from_, to)


def _covering(days: Mapping[date, RegionDay], zone: str, second: int) -> int:
    at = datetime.fromtimestamp(second, ZoneInfo(zone))
    return days.get(at.date(), _NO_DAY).covered[at.hour]

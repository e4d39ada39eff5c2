"""What is left in a machine, when it will be empty, and whether its cash is all there.

All of it follows from what was reported: the machine's capacity, and visits that filled it or took
its cash out. What was not reported is left out.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

from chalicelib.core.values import dataclass
from chalicelib.vending import wording
from chalicelib.vending.anomalies import Keys
from chalicelib.vending.local_time import local_day
from chalicelib.vending.models import CREDIT_CENTS, Cash, ServiceVisit, Stock
from chalicelib.vending.silences import Silence

_RHYTHM_DAYS = 28
_LEAST_DAYS = 7
_FARTHEST_DAYS = 365
_Z_90 = 1.644853626951473  # standard normal quantile of 0.95: a two-sided 90 % interval
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Filling:
    """What a machine held after its latest visit of which that is known."""

    at: int
    gumballs: int


def stock_of(
    visits: Iterable[ServiceVisit],
    keys: Keys,
    silences: Sequence[Silence],
    capacity: int | None,
    zone: str,
) -> Stock | None:
    """Return the stock as of the machine's latest row; None where it is not known.

    ``keys`` (not empty) hold all rows since the first of ``visits``.
    """
    filling = last_filling(visits, keys, capacity) if capacity else None
    if filling is None or capacity is None:
        return None
    as_of = max(keys[-1] // 10, filling.at)
    left = max(filling.gumballs - dispensed(keys, filling.at, as_of), 0)
    missing = round(_missing(silences, filling.at, as_of))
    if left:
        empty = _empty_days(keys, zone, left, missing, local_day(zone, as_of))
    else:
        empty = (local_day(zone, _emptied_at(filling, keys)),) * 3
    return Stock(
        capacity=capacity,
        left=left,
        left_at_least=max(left - missing, 0),
        as_of=datetime.fromtimestamp(as_of, UTC),
        filled_at=datetime.fromtimestamp(filling.at, UTC),
        empty_on=empty[1] if empty else None,
        empty_from=empty[0] if empty else None,
        empty_to=empty[2] if empty else None,
    )


def last_filling(visits: Iterable[ServiceVisit], keys: Keys, capacity: int) -> Filling | None:
    """Return the content after the latest visit whose content is known.

    It is known after a visit that filled the machine up, and from then on.
    """
    found: Filling | None = None
    for visit in sorted(visits, key=lambda each: each.at):
        at, before = _second(visit.at), 0
        if found:
            before = max(found.gumballs - dispensed(keys, found.at, at), 0)
        if visit.full or (visit.filled or 0) >= capacity:
            found = Filling(at, capacity)
        elif found and visit.filled:
            found = Filling(at, min(before + visit.filled, capacity))
    return found


def _emptied_at(filling: Filling, keys: Keys) -> int:
    """Return the epoch second of the row that gave the last gumball."""
    rows = keys[_after(keys, filling.at) :]
    given = accumulate(key % 10 for key in rows)
    return next(
        key // 10 for key, so_far in zip(rows, given, strict=True) if so_far >= filling.gumballs
    )


def was_empty(stock: Filling, keys: Keys, second: int) -> bool:
    """Return whether the machine must have been empty from ``second`` (epoch) on."""
    return dispensed(keys, stock.at, second) >= stock.gumballs


def cash_of(visits: Iterable[ServiceVisit], keys: Keys, silences: Sequence[Silence]) -> Cash | None:
    """Return the latest cash that was counted beside what the log says it should be.

    None unless two visits took cash out and the log (``keys``, not empty) covers the time between
    them.
    """
    taken = sorted(
        (visit for visit in visits if visit.cash_cents is not None), key=lambda each: each.at
    )
    if len(taken) < 2:
        return None
    first, last = (_second(visit.at) for visit in taken[-2:])
    if keys[-1] // 10 < last:
        return None  # the log up to the visit has not arrived yet
    rows = keys[_after(keys, first) : _after(keys, last)]
    counted, expected = taken[-1].cash_cents or 0, CREDIT_CENTS * len(rows)
    under = sum(key % 10 == 0 for key in rows)
    missing = round(_missing(silences, first, last))
    return Cash(
        since=taken[-2].at,
        until=taken[-1].at,
        expected_cents=expected,
        counted_cents=counted,
        difference_cents=counted - expected,
        unserved_cents=CREDIT_CENTS * under,
        missing_cents=CREDIT_CENTS * missing,
        why=wording.cash(counted - expected, under, missing),
    )


def dispensed(keys: Keys, after: int, until: int) -> int:
    """Return the gumballs given after one epoch second and up to another."""
    return sum(key % 10 for key in keys[_after(keys, after) : _after(keys, until)])


def _after(keys: Keys, second: int) -> int:
    return bisect_right(keys, second * 10 + 9)


def _missing(silences: Iterable[Silence], after: int, until: int) -> float:
    """Return the sales that silences between two instants have probably hidden."""
    return math.fsum(
        each.expected for each in silences if after <= each.start and each.end <= until
    )


def _empty_days(
    keys: Keys, zone: str, left: int, missing: int, today: date
) -> tuple[date, date, date] | None:
    """Return the earliest, the probable and the latest day on which ``left`` is used up.

    By the mean of each weekday over the last four weeks; the range holds the day in 90 of 100
    cases, with the day-to-day variance of these weeks. None without a week of sales.
    """
    sold = _daily(keys, zone, today)
    if len(sold) < _LEAST_DAYS or not any(sold.values()):
        return None
    overall = sum(sold.values()) / len(sold)
    means = {weekday: _mean(sold, weekday, overall) for weekday in range(7)}
    spread = max(_dispersion(sold, means), 1.0)
    found: list[date] = []
    for left_over, z in ((left - missing, _Z_90), (left, 0.0), (left, -_Z_90)):
        found.append(_day_of(left_over, z, means, spread, today))
    return found[0], found[1], found[2]


def _daily(keys: Keys, zone: str, today: date) -> dict[date, int]:
    """Return the gumballs of each of the whole days before ``today``, at most four weeks."""
    first = max(today - _RHYTHM_DAYS * _DAY, local_day(zone, keys[0] // 10) + _DAY)
    days = {first + n * _DAY: 0 for n in range((today - first).days)}
    begin = _after(
        keys, int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()) - 2 * 86_400
    )
    by_day: Counter[date] = Counter()
    for key in keys[begin:]:
        by_day[local_day(zone, key // 10)] += key % 10
    return {day: by_day[day] for day in days}


def _mean(sold: dict[date, int], weekday: int, overall: float) -> float:
    """Return the mean of a weekday, drawn to the overall mean by one day's weight."""
    own = [count for day, count in sold.items() if day.weekday() == weekday]
    return (sum(own) + overall) / (len(own) + 1)


def _dispersion(sold: dict[date, int], means: dict[int, float]) -> float:
    """Return the variance of a day beside that of a Poisson process."""
    squares = math.fsum((count - means[day.weekday()]) ** 2 for day, count in sold.items())
    return squares / max(math.fsum(means[day.weekday()] for day in sold), 1.0)


def _day_of(left: int, z: float, means: dict[int, float], spread: float, today: date) -> date:
    expected, day = 0.0, today
    for _ in range(_FARTHEST_DAYS):
        if expected + z * math.sqrt(spread * expected) >= left:
            return day
        day += _DAY
        expected += means[day.weekday()]
    return day


def _second(at: datetime) -> int:
    return math.floor(at.timestamp())

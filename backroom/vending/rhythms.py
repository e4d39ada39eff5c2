"""When customers come: rhythms of places, for simulations.

A rhythm says how busy each local hour of a week is. Days vary beyond chance, as real ones do: each
has a level of its own, and so has each hour of a place that all its machines share on that day.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

Rhythm = Literal["steady", "mall", "office", "station", "slow", "school"]
"""Where the machines stand.

- steady: customers come round the clock. mall: from 10 to 21 h, more on Saturdays.
- office: Monday to Friday, 7 to 19 h, few else. school: the same till 16 h, with holidays.
- station: round the clock, two rushes, hardly anyone at 3 h. slow: two customers a week.
"""
RHYTHMS: tuple[Rhythm, ...] = get_args(Rhythm)

_HOUR_S, _DAY_H, _WEEK_DAYS = 3_600, 24, 7
_CLEARANCE_S = 2
_DAY_SHAPE = 10.0  # of a gamma distribution: days vary by a third
_SLOW_A_DAY = 2 / 7
_SCHOOL_TERM_WEEKS, _HOLIDAY_WEEKS = 10, 1

_NIGHT = (0.0,) * 24
_MALL = (0.0,) * 10 + (0.5, 0.8, 1.0, 1.0, 0.9, 1.0, 1.1, 1.2, 1.2, 1.0, 0.6) + (0.0,) * 3
_OFFICE = (0.0,) * 7 + (0.6, 1.0, 0.9, 1.1, 1.0, 1.3, 1.1, 0.9, 1.0, 0.8, 0.5, 0.2) + (0.0,) * 5
_SCHOOL = (0.0,) * 7 + (0.8, 0.3, 1.5, 0.3, 1.0, 1.8, 0.6, 1.0, 0.7) + (0.0,) * 8
_STATION = (
    *(0.15, 0.1, 0.05, 0.04, 0.08, 0.3, 0.9, 1.5, 1.6, 1.0, 0.8, 0.8),
    *(0.9, 0.9, 0.9, 1.0, 1.3, 1.7, 1.5, 1.0, 0.7, 0.5, 0.4, 0.25),
)
_FEW = tuple(0.04 * hour for hour in _OFFICE)
_WEEKS: dict[Rhythm, tuple[tuple[float, ...], ...]] = {
    "mall": (_MALL,) * 5 + (tuple(1.4 * hour for hour in _MALL), _MALL),
    "office": (_OFFICE,) * 5 + (_FEW, _FEW),
    "station": (_STATION,) * 5 + (tuple(0.7 * hour for hour in _STATION),) * 2,
    "slow": (_MALL,) * 7,
    "school": (_SCHOOL,) * 5 + (_NIGHT, _NIGHT),
}


class Place(NamedTuple):
    """A machine's site: its rhythm, its time zone, and when it is closed."""

    rhythm: Rhythm = "steady"
    time_zone: str = "UTC"
    closed: Collection[date] = ()


def customers(rng: Random, place: Place, a_day: float, start: float, end: float) -> Iterator[int]:
    """Yield the epoch seconds at which customers come, on average ``a_day``."""
    if place.rhythm == "steady":
        yield from _steady(rng, a_day, start, end)
        return
    zone = ZoneInfo(place.time_zone)
    day = datetime.fromtimestamp(start, zone).date()
    at = start
    while datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() < end:
        level = rng.gammavariate(_DAY_SHAPE, 1 / _DAY_SHAPE)
        if day not in place.closed and not _is_holiday(place.rhythm, day):
            for hour, busy in enumerate(_week(place.rhythm)[day.weekday()]):
                opens = datetime(day.year, day.month, day.day, hour, tzinfo=zone).timestamp()
                mean = busy * level * _pace(place.rhythm, a_day)
                for second in _in_hour(rng, mean, opens):
                    if max(start, at + _CLEARANCE_S) <= second < end:
                        at = second
                        yield int(second)
        day += timedelta(days=1)


def _steady(rng: Random, a_day: float, start: float, end: float) -> Iterator[int]:
    at, mean_gap_s = start, _DAY_H * _HOUR_S / a_day
    while (at := at + _CLEARANCE_S + rng.expovariate(1 / mean_gap_s)) < end:
        yield int(at)


def _in_hour(rng: Random, mean: float, opens: float) -> Iterator[float]:
    """Yield the times of a Poisson process with ``mean`` events in an hour."""
    if mean <= 0:
        return
    at = rng.expovariate(mean)
    while at < 1:
        yield opens + at * _HOUR_S
        at += rng.expovariate(mean)


def _week(rhythm: Rhythm) -> tuple[tuple[float, ...], ...]:
    return _WEEKS[rhythm]


@cache
def _pace(rhythm: Rhythm, a_day: float) -> float:
    """Return how many customers a busyness of 1 stands for in an hour."""
    if rhythm == "slow":
        a_day = _SLOW_A_DAY
    return a_day * _WEEK_DAYS / sum(map(sum, _week(rhythm)))


def _is_holiday(rhythm: Rhythm, day: date) -> bool:
    week = day.toordinal() // _WEEK_DAYS % (_SCHOOL_TERM_WEEKS + _HOLIDAY_WEEKS)
    return rhythm == "school" and week >= _SCHOOL_TERM_WEEKS

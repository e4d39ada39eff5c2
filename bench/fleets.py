"""Fleets to measure the rules with: simulated places, real arrivals, planted losses."""

import gzip
import math
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from backroom.vending.rhythms import Place, customers
from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.history import History, Region

DAY_S = 86_400
MONTH_S = 365.25 / 12 * DAY_S
ENDING = datetime(2026, 1, 12, tzinfo=UTC)
CHRISTMAS = (date(2025, 12, 25),)
_CHICAGO = "America/Chicago"
_ZONES = ("America/Los_Angeles", "America/Denver", "America/Phoenix", _CHICAGO, "America/New_York")


class Kind(NamedTuple):
    """A kind of fleet: the places of its machines in turn, and the zone it is judged in."""

    name: str
    places: tuple[Place, ...]
    zone: str = _CHICAGO


KINDS = (
    Kind("malls", (Place("mall", _CHICAGO),)),
    Kind("offices", (Place("office", _CHICAGO),)),
    Kind("stations, round the clock", (Place("station", _CHICAGO),)),
    Kind("slow machines", (Place("slow", _CHICAGO),)),
    Kind("schools, with holidays", (Place("school", _CHICAGO),)),
    Kind("malls closed at Christmas", (Place("mall", _CHICAGO, CHRISTMAS),)),
    Kind("malls in five zones, judged in UTC", tuple(Place("mall", z) for z in _ZONES), "UTC"),
)


def history(serial: str, times: Sequence[int]) -> History:
    """Return a machine that gave one gumball each time."""
    return History(serial, Keys("Q", [second * 10 + 1 for second in times]))


def simulated(kind: Kind, machines: int, days: int, seed: int) -> list[History]:
    """Return a fleet without any fault."""
    end = ENDING.timestamp()
    found = []
    for number in range(machines):
        dice = Random(f"{seed} {number}")
        place = kind.places[number % len(kind.places)]
        times = customers(dice, place, dice.uniform(10, 24), end - days * DAY_S, end)
        found.append(history(f"GM{number:03d}", sorted(times)))
    return [each for each in found if each.keys]


def fading(falls: float, seed: int, days: int = 90) -> History:
    """Return a machine whose rate falls by ``falls`` in its window."""
    dice = Random(f"{falls} {seed}")
    end = ENDING.timestamp()
    start = end - days * DAY_S
    times = customers(dice, Place("station", _CHICAGO), 24.0, start, end)
    left = (
        t for t in times if dice.random() < math.exp(-math.log(falls) * (t - start) / (end - start))
    )
    return history(f"GM{seed:03d}", sorted(left))


def arrivals(path: Path) -> list[History]:
    """Return the machines of a log, as it is or gzipped."""
    times: dict[str, list[int]] = defaultdict(list)
    raw = path.read_bytes()
    for line in (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().splitlines():
        serial, at, _ = line.split("|")
        times[serial].append(int(datetime.fromisoformat(at).timestamp()))
    return [history(serial, sorted(own)) for serial, own in sorted(times.items())]


def times_of(machine: History) -> "array[int]":
    """Return the epoch seconds of its rows."""
    return array("q", [key // 10 for key in machine.keys])


def months(fleet: Sequence[History], thresholds: Thresholds) -> float:
    """Return the machine-months that are judged."""
    longest = thresholds.window_days * DAY_S
    return sum(min(t[-1] - t[0], longest) for t in map(times_of, fleet) if t) / MONTH_S


def without(machine: History, start: float, end: float) -> History:
    """Return the machine with the rows of a time lost."""
    return history(machine.serial, [t for t in times_of(machine) if not start <= t < end])


def losses(
    fleet: Sequence[History], hours: float, count: int, seed: int, rows: tuple[float, float] | None
) -> Iterator[tuple[History, float, float]]:
    """Yield machines of at least 10 rows a day that lost some hours, and from when to when.

    With ``rows`` only times in which other weeks lead to expect so many.
    """
    dice = Random(f"{hours} {seed}")
    able = [each for each in fleet if _is_fast(times_of(each))]
    tries = 0
    while able and count and tries < 40_000:
        tries += 1
        machine = dice.choice(able)
        times = times_of(machine)
        start = dice.uniform(times[0] + 7 * DAY_S, times[-1] - (hours + 72) * 3_600)
        end = start + hours * 3_600
        if rows and not rows[0] <= _in_other_weeks(times, start, end) <= rows[1]:
            continue
        count -= 1
        yield without(machine, start, end), start, end


def _is_fast(times: Sequence[int]) -> bool:
    span = times[-1] - times[0]
    return span >= 30 * DAY_S and len(times) * DAY_S >= 10 * span


def _in_other_weeks(times: Sequence[int], start: float, end: float) -> float:
    week = 7 * DAY_S
    weeks = [n for n in range(-13, 14) if n and times[0] < start + n * week < times[-1] - week]
    rows = [sum(start + n * week <= t < end + n * week for t in times) for n in weeks]
    return sum(rows) / len(rows) if rows else 0.0


def closed_days(kind: Kind) -> set[date]:
    """Return the local days on which a kind of fleet is really closed."""
    first = ENDING.date() - timedelta(days=100)
    days = [first + timedelta(days=number) for number in range(102)]
    return {day for day in days for place in kind.places if _is_closed(place, day)}


def _is_closed(place: Place, day: date) -> bool:
    noon = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(place.time_zone)).timestamp()
    if place.rhythm != "school" or day.weekday() > 4:
        return day in place.closed
    return not any(customers(Random(1), place, 100.0, noon, noon + DAY_S))


def is_real(region: Region, start: datetime, end: datetime, closed: set[date]) -> bool:
    """Return whether a fleet gap holds a day on which everybody was closed."""
    here = ZoneInfo(region.zone)
    first, last = start.astimezone(here).date(), end.astimezone(here).date()
    return any(first <= day <= last for day in closed)

"""What a machine did on a local day, in numbers, and the same summed over a region.

Terms: a *region* is a time zone; a *rollup* is one machine's local day; a *region-day* is the sum
of the rollups of all machines of a region on that day. A machine *covers* a local hour when it has
a row at or before its start and one at or after its end, less than `LONGEST_SILENCE` apart from
each other's neighbours: its log would show what was sold then. Everything here follows from the
machine's own rows alone, so a region-day is maintained by adding and subtracting.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.vending.local_time import DAY_H, every_day, hours_of, local_day

if TYPE_CHECKING:
    Keys = array[int]
else:
    Keys = array  # not to be subscripted at run time before Python 3.12

MOST_ROWS = 5_000
"""Rows of a machine-day that are stored; more are a stuck sensor, and only counted."""
LONGEST_SILENCE = timedelta(days=90)
"""A longer one parts two logs that say nothing of each other; no hour of it is covered."""
_NONE = (0,) * DAY_H
_DAY = struct.Struct(">24HIHHIIII")
_SUMS = struct.Struct(">49I")


class Rollup(NamedTuple):
    """A machine's local day.

    ``rows`` and ``covered`` (0 or 1) are by local hour; ``first`` and ``last`` are epoch seconds, 0
    without a row. ``refused`` are lines of it that could not be read, ``beyond`` rows beyond
    `MOST_ROWS`.
    """

    rows: tuple[int, ...] = _NONE
    covered: tuple[int, ...] = _NONE
    under: int = 0
    over: int = 0
    refused: int = 0
    beyond: int = 0
    first: int = 0
    last: int = 0

    def packed(self) -> bytes:
        """Return the rollup as bytes."""
        covered = sum(bit << hour for hour, bit in enumerate(self.covered))
        return _DAY.pack(
            *self.rows, covered, self.under, self.over, self.refused, self.beyond,
            self.first, self.last,
        )  # fmt: skip

    @property
    def active(self) -> int:
        """Return 1 when the machine has a row on the day."""
        return int(any(self.rows))

    @classmethod
    def unpacked(cls, packed: bytes) -> "Rollup":
        """Return the rollup that `packed` gave."""
        *rows, covered, under, over, refused, beyond, first, last = _DAY.unpack(packed)
        bits = tuple(covered >> hour & 1 for hour in range(DAY_H))
        return cls(tuple(rows), bits, under, over, refused, beyond, first, last)


class RegionDay(NamedTuple):
    """The sum of a region's rollups of one day: rows and covering machines by local hour.

    ``active`` are the machines with a row on the day.
    """

    rows: tuple[int, ...] = _NONE
    covered: tuple[int, ...] = _NONE
    active: int = 0

    def plus(self, other: "RegionDay | Rollup", times: int = 1) -> "RegionDay":
        """Return the sum with ``other``; the difference with ``times=-1``."""
        return RegionDay(
            tuple(a + times * b for a, b in zip(self.rows, other.rows, strict=True)),
            tuple(a + times * b for a, b in zip(self.covered, other.covered, strict=True)),
            self.active + times * other.active,
        )

    def packed(self) -> bytes:
        """Return it as bytes."""
        return _SUMS.pack(*self.rows, *self.covered, self.active)

    @classmethod
    def unpacked(cls, packed: bytes) -> "RegionDay":
        """Return what `packed` gave."""
        numbers = _SUMS.unpack(packed)
        return cls(numbers[:DAY_H], numbers[DAY_H : 2 * DAY_H], numbers[-1])


NO_SALES = RegionDay()


def rollups(
    keys: Keys,
    zone: str,
    days: Iterable[date],
    *,
    refused: Mapping[date, int] | None = None,
    beyond: Mapping[date, int] | None = None,
) -> dict[date, Rollup]:
    """Return the rollups of ``days`` (local, of ``zone``) that say anything.

    ``keys`` are the machine's sorted rows, from a row before the first day on where there is one.
    """
    times = array("q", [key // 10 for key in keys])
    spans = list(_spans(times))
    refused, beyond = refused or {}, beyond or {}
    reported = {*refused, *beyond}
    for span in spans:
        reported.update(every_day(*(local_day(zone, second) for second in span)))
    found = {
        day: _rollup(
            keys, times, spans, hours_of(zone, day), refused.get(day, 0), beyond.get(day, 0)
        )
        for day in days
        if day in reported
    }
    return {day: rollup for day, rollup in found.items() if rollup != Rollup()}


def region_days(all_rollups: Iterable[Mapping[date, Rollup]]) -> dict[date, RegionDay]:
    """Return the region-days of some machines, given by their rollups."""
    summed: dict[date, RegionDay] = {}
    for machine in all_rollups:
        for day, rollup in machine.items():
            summed[day] = summed.get(day, NO_SALES).plus(rollup)
    return {day: total for day, total in summed.items() if total != NO_SALES}


def _spans(times: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last second of each part of ``times`` without too long a silence."""
    if not times:
        return
    longest = int(LONGEST_SILENCE.total_seconds())
    start = times[0]
    for before, after in pairwise(times):
        if after - before > longest:
            yield start, before
            start = after
    yield start, times[-1]


def _rollup(
    keys: Keys,
    times: Sequence[int],
    spans: Sequence[tuple[int, int]],
    hours: Sequence[int],
    refused: int,
    beyond: int,
) -> Rollup:
    edges = [bisect_left(times, hour) for hour in hours]
    first, last = edges[0], edges[-1]
    gumballs = [key % 10 for key in keys[first:last]]
    return Rollup(
        rows=tuple(after - before for before, after in pairwise(edges)),
        covered=tuple(int(_covered(spans, start, end)) for start, end in pairwise(hours)),
        under=gumballs.count(0),
        over=sum(each > 1 for each in gumballs),
        refused=refused,
        beyond=beyond,
        first=times[first] if first < last else 0,
        last=times[last - 1] if first < last else 0,
    )


def _covered(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    place = bisect_right(spans, (start, 1 << 62)) - 1
    return start < end and place >= 0 and end <= spans[place][1]

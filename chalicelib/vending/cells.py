"""The hours of a machine's log, and how many rows each has.

Terms: a *cell* is a local hour of a local day; its *hours* are how much of it the log shows (none
on a closing day or in a time that is explained).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from itertools import chain, pairwise
from zoneinfo import ZoneInfo

from chalicelib.core.values import dataclass
from chalicelib.vending.local_time import DAY_H, HOUR_S, Span, hours_of


@dataclass(frozen=True)
class Calendar:
    """When a machine can sell: its zone, its closing days, and times that are explained."""

    zone: str = "UTC"
    closed: frozenset[date] = frozenset()
    closed_weekly: frozenset[int] = frozenset()
    """Weekdays, Monday 0."""
    explained: tuple[Span, ...] = ()
    quiet: Mapping[date, float] = field(default_factory=dict)
    """Days on which everybody sells less, and the share that is left."""

    def share(self, day: date) -> float:
        """Return how much of the usual trade a day lets expect."""
        if day in self.closed or day.weekday() in self.closed_weekly:
            return 0.0
        return self.quiet.get(day, 1.0)


@dataclass(frozen=True)
class Cells:
    """Rows and hours by cell, from local midnight of ``first`` on, 24 cells a day."""

    first: date
    rows: Sequence[int]
    hours: Sequence[float]
    edges: Sequence[int]
    """Epoch seconds at which the cells begin, and the last one ends."""
    shares: Sequence[float]
    """How much of the usual trade a day lets expect; hours count by it."""

    def overlaps(self, span: Span) -> Iterator[tuple[int, float]]:
        """Yield the cells that ``span`` meets, and for how many hours."""
        start, end = span
        cell = max(bisect_right(self.edges, start) - 1, 0)
        while cell < len(self.rows) and self.edges[cell] < end:
            length = min(end, self.edges[cell + 1]) - max(start, self.edges[cell])
            if length > 0:
                yield cell, length / HOUR_S * self.shares[cell // DAY_H]
            cell += 1

    def without(self, spans: Iterable[Span]) -> "Cells":
        """Return the cells with these spans' hours, which hold no rows, taken out."""
        hours = list(self.hours)
        for span in spans:
            for cell, length in self.overlaps(span):
                hours[cell] = max(hours[cell] - length, 0.0)
        return self.with_hours(hours)

    def with_hours(self, hours: Sequence[float]) -> "Cells":
        """Return the cells with other hours."""
        return replace(self, hours=hours)


def cells_of(times: Sequence[int], calendar: Calendar, until: int) -> Cells:
    """Return the cells of a log from its first row to ``until`` (epoch second)."""
    here = ZoneInfo(calendar.zone)
    first, last = (datetime.fromtimestamp(at, here).date() for at in (times[0], until))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    edges = [*chain.from_iterable(hours_of(calendar.zone, day)[:-1] for day in days)]
    edges.append(hours_of(calendar.zone, last)[-1])
    shares = [calendar.share(day) for day in days]
    hours = [
        (end - start) / HOUR_S * shares[cell // DAY_H]
        for cell, (start, end) in enumerate(pairwise(edges))
    ]
    outside = ((edges[0], times[0]), (until, edges[-1]))
    places = [bisect_left(times, edge) for edge in edges]
    rows = [after - before for before, after in pairwise(places)]
    whole = Cells(first, rows, hours, edges, shares)
    cells = whole.without([*outside, *calendar.explained])
    counted = [count if length else 0 for count, length in zip(rows, cells.hours, strict=True)]
    return replace(cells, rows=counted)

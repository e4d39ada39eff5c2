"""What a machine did, row by row (V7): ids count up from 1 in time order.

An id is a row's place in the machine's whole history, so it is known by counting: a page starts
where the cursor of the page before it says, and only a first page with ``from`` counts from the
beginning (4 bytes a row, 250 rows to the kilobyte).
"""

from array import array
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Annotated, NamedTuple

from pydantic import Field

from chalicelib.core.paging import Page
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.vending.models import RowView
from chalicelib.vending.ports import Chunks

_MOST_COUNTED = 250_000
"""Rows of a machine that are counted: they take 1 MB."""


class RowPosition(NamedTuple):
    """Where a page begins: ``skip`` rows into ``day``, and how many rows come before that day."""

    day: date
    skip: Annotated[int, Field(ge=0)]
    before: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class HistoryService:
    """Reads machines' rows from their chunks."""

    chunks: Chunks

    def page(
        self,
        serial: str,
        *,
        first: datetime | None,
        last: datetime | None,
        limit: int,
        place: RowPosition | None = None,
    ) -> Page[RowView, RowPosition]:
        """Return up to ``limit`` rows from ``first`` up to but not including ``last``."""
        place = place or RowPosition(date.min, 0, 0)
        found = islice(self._rows(serial, first, last, place), limit + 1)
        rows, places = [], []
        for row, at in found:
            rows.append(row)
            places.append(at)
        return Page(rows[:limit], places[limit] if len(rows) > limit else None)

    def count(self, serial: str, *, first: datetime | None, last: datetime | None) -> Total:
        """Return how many rows the list has; days that are whole in it are not looked into."""
        begin, end, found = _day(first) or date.min, _day(last) or date.max, 0
        for day, keys in self.chunks.days(serial, first=begin, last=end):
            if found >= _MOST_COUNTED:
                return Total(found, exact=False)
            if day in {begin, end}:
                found += sum(_within(_at(key), first, last) for key in keys)
            else:
                found += len(keys)
        return Total(found)

    def _rows(
        self, serial: str, first: datetime | None, last: datetime | None, place: RowPosition
    ) -> Iterator[tuple[RowView, RowPosition]]:
        start, end = _day(first) or date.min, _day(last) or date.max
        before, skip = place.before, place.skip
        for day, keys in self.chunks.days(serial, first=place.day, last=end):
            if day >= start:
                for number in range(skip, len(keys)):
                    row = _row(serial, keys, number, before)
                    if _within(row.at, first, last):
                        yield row, RowPosition(day, number, before)
            before, skip = before + len(keys), 0


def _day(at: datetime | None) -> date | None:
    """Return the UTC day of ``at``; at either end of the calendar the day as written."""
    try:
        return at and at.astimezone(UTC).date()
    except OverflowError:
        return at and at.date()


def _within(at: datetime, first: datetime | None, last: datetime | None) -> bool:
    return (first is None or at >= first) and (last is None or at < last)


def _at(key: int) -> datetime:
    return datetime.fromtimestamp(key // 10, UTC)


def _row(serial: str, keys: "array[int]", number: int, before: int) -> RowView:
    return RowView(
        id=before + number + 1,
        machine=serial,
        at=_at(keys[number]),
        gumballs=keys[number] % 10,
        suspected_duplicate=number > 0 and keys[number] == keys[number - 1],
    )

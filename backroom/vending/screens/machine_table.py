"""The table of machines: the columns that a terminal has room for, the most useful ones first."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from backroom.core import show
from backroom.vending.screens import states
from chalicelib.vending.models import MachineReport

RowsByDay = Mapping[date, int]

BARS_FROM_WIDTH = 105
"""Narrower tables have no room for a machine's rows by day."""

MOST_BARS = 28
_BARS_HEADING = "Rows a day,"
_ALWAYS = 0


class _Layout(NamedTuple):
    """Blanks between columns, days that have a bar, and characters of a place."""

    gap: int
    bars: int
    place: int


# From airy to tight. The first that has room for all is taken; of the last, what fits.
_LAYOUTS = (
    _Layout(2, MOST_BARS, 24),
    _Layout(2, 21, 24),
    _Layout(2, 14, 24),
    _Layout(1, 14, 24),
    _Layout(1, 14, 12),
)


@dataclass(frozen=True)
class Surroundings:
    """Data beside a report: machines' sites, their rows by day, the time."""

    now: datetime
    places: Mapping[str, str] = field(default_factory=dict)
    rows_by_day: Mapping[str, RowsByDay] = field(default_factory=dict)


@dataclass(frozen=True)
class _Column:
    """A column, its cells made; the lower its ``rank``, the sooner it gets room."""

    heading: str
    cells: Sequence[Text]
    rank: int = _ALWAYS
    right: bool = True

    @property
    def width(self) -> int:
        headings = map(cell_len, self.heading.splitlines())
        return max(*headings, *(cell.cell_len for cell in self.cells))


def count_by_day(instants: Iterable[datetime]) -> RowsByDay:
    """Return how many rows each UTC day has."""
    return Counter(at.astimezone(UTC).date() for at in instants)


def machine_table(machines: Sequence[MachineReport], around: Surroundings, width: int) -> Table:
    """Return the machines in the given order, no wider than ``width`` if that can be."""
    for layout in _LAYOUTS:
        columns = _columns(machines, around, layout)
        gap = layout.gap
        if sum(column.width + gap for column in columns) <= width + gap:
            break
    columns = _fitting(columns, width, gap)
    table = show.listing(gap=gap)
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            vertical="bottom",
            no_wrap=True,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _fitting(columns: Iterable[_Column], width: int, gap: int) -> list[_Column]:
    room = width + gap
    chosen = []
    for place, column in sorted(enumerate(columns), key=lambda entry: entry[1].rank):
        if column.rank == _ALWAYS or column.width + gap <= room:
            chosen.append((place, column))
            room -= column.width + gap
    return [column for _, column in sorted(chosen, key=lambda entry: entry[0])]


def _columns(
    machines: Sequence[MachineReport], around: Surroundings, layout: _Layout
) -> list[_Column]:
    def cells(cell: Callable[[MachineReport], Text]) -> list[Text]:
        return [cell(machine) for machine in machines]

    columns = [
        _Column("Machine", cells(lambda m: Text(m.serial, states.urgency(m)[1])), right=False),
        _Column("State", cells(lambda m: Text(*states.urgency(m))), right=False),
        _Column("Credits", cells(lambda m: _count(m.transactions)), rank=6),
        _Column("No\ngumball", cells(lambda m: _faults(m.under, m, "under")), rank=1),
        _Column("Too\nmany", cells(lambda m: _faults(m.over, m, "over")), rank=2),
        _Column("Money\nlost", cells(lambda m: _money(m.unserved_cents + m.given_away_cents))),
        _Column("Corrupt\nlines", cells(lambda m: _count(m.corrupt_lines)), rank=5),
        _Column("Last\nrow", cells(lambda m: Text(show.day(m.last_at)) or show.NOTHING), rank=3),
        _Column("Over-\ndue", cells(lambda m: _overdue(m, around.now)), rank=4),
    ]
    if around.places:
        where = cells(lambda m: _place(m, around, layout.place))
        columns.insert(2, _Column("Who, where", where, rank=7, right=False))
    newest = _newest(around)
    if newest:
        days = around.rows_by_day
        bars = cells(lambda m: _bars(days.get(m.serial, {}), newest, layout.bars))
        heading = f"{_BARS_HEADING}\nlast {layout.bars}"
        columns.insert(-2, _Column(heading, bars, rank=8, right=False))
    return columns


def _place(machine: MachineReport, around: Surroundings, longest: int) -> Text:
    place = Text(show.plain(around.places.get(machine.serial, "")))
    place.truncate(longest, overflow="ellipsis")
    return place


def _count(count: int) -> Text:
    return Text(show.number(count)) if count else show.NOTHING


def _money(cents: int) -> Text:
    return Text(show.money(cents)) if cents else show.NOTHING


def _faults(count: int, machine: MachineReport, kind: str) -> Text:
    """Return a count and its rate, in colour where a verdict speaks of it."""
    if not count:
        return show.NOTHING
    judged = any(verdict.kind == kind for verdict in machine.verdicts)
    style = states.urgency(machine)[1] if judged else show.CALM
    share = show.rate(count, machine.transactions).replace(" ", "")
    return Text(f"{show.number(count)} {share:>5}", style)


def _overdue(machine: MachineReport, now: datetime) -> Text:
    if not machine.overdue or machine.due_at is None:
        return show.NOTHING
    days = (now - machine.due_at) // timedelta(days=1)
    return Text(f"{days} d" if days else "today", show.LATE)


def has_bars(table: Table) -> bool:
    """Return whether there was room for the rows of each day."""
    return any(str(column.header).startswith(_BARS_HEADING) for column in table.columns)


def has_pale_bars(around: Surroundings) -> bool:
    """Return whether some machine was silent so long that its bars are of other days."""
    newest = _newest(around)
    return newest is not None and any(
        max(days) <= newest - timedelta(days=MOST_BARS)
        for days in around.rows_by_day.values()
        if days
    )


def _newest(around: Surroundings) -> date | None:
    return max((day for days in around.rows_by_day.values() for day in days), default=None)


def _bars(by_day: RowsByDay, newest: date, days: int) -> Text:
    """Return a bar a day up to the fleet's newest; of a machine silent since, its own last days."""
    if not by_day:
        return Text()
    silent = max(by_day) <= newest - timedelta(days=days)
    last = max(by_day) if silent else newest
    shown_days = [last - timedelta(days=ago) for ago in reversed(range(days))]
    first = min(by_day)
    shown = show.bars([by_day.get(day, 0) if day >= first else None for day in shown_days])
    if silent:
        shown.stylize(show.CALM)
    return shown

"""The words, figures and colours that all screens share.

Everything that came from outside goes through `plain`: a log line or a note may hold what would
steer a terminal. The consoles know no markup, so text is shown as it is.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backroom.core.errors import ApiError, ClientError
from backroom.core.terminal import BARS
from chalicelib.core.instants import iso, precise
from chalicelib.core.totals import Total

CALM, GOOD, LATE, WARN, BAD = "dim", "green", "cyan", "yellow", "bold red"
NOTHING = Text("·", style=CALM)

_HOUR_S = 3_600
_HOURS_IN_WORDS = 6
_DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}
_LEAST = 10  # characters of a column beside one of ids


@dataclass
class _Run:
    """One run of the command: by whose clock times are shown, None for exact ones in UTC."""

    now: Callable[[], datetime] | None
    next_told: bool = False


_RUN: ContextVar[_Run | None] = ContextVar("run", default=None)


@contextmanager
def run(now: Callable[[], datetime] | None) -> Iterator[None]:
    """Tell times in words by ``now``, or exactly without it, and one next step at most."""
    token = _RUN.set(_Run(now))
    try:
        yield
    finally:
        _RUN.reset(token)


def screen() -> Console:
    """Return the console for answers: stdout."""
    return Console(highlight=False, markup=False, emoji=False)


def aside() -> Console:
    """Return the console for everything else: stderr."""
    return Console(highlight=False, markup=False, emoji=False, stderr=True)


# --- words and figures --------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return ``text`` with whatever is not printable spelled out, as in a Python string."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def write_csv(pages: Iterable[str]) -> None:
    """Print CSV, page by page, as it came; a terminal gets no byte order mark."""
    for text in pages:
        typer.echo(text.removeprefix("\ufeff") if sys.stdout.isatty() else text, nl=False)


def money(cents: int) -> str:
    """Return an amount in dollars: ``$1,234.50``."""
    return f"${cents / 100:,.2f}"


def number(count: int | None) -> str:
    """Return a count with thousands separators, empty if unknown."""
    return "" if count is None else f"{count:,}"


def rate(part: int, whole: int) -> str:
    """Return a share to two digits, as the API writes it: ``1.9 %``."""
    return f"{float(f'{100 * part / whole:.2g}'):g} %" if whole else ""


def plural(count: int, one: str, many: str = "") -> str:
    """Return ``1 machine`` or ``2 machines``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def part(shown: int, total: Total | None) -> str:
    """Return how many rows of a list are shown, and of how many: ``50 of 511``."""
    if total is None or shown > total.rows or (shown == total.rows and not total.exact):
        return f"{shown:,} shown; there may be more"
    return f"{shown:,} of {'' if total.exact else 'at least '}{total.rows:,}"


def moment(at: datetime | None) -> str:
    """Return an instant on the reader's clock: ``2 h ago``, ``today 14:45``.

    With ``--utc``, and without a run, it is exact and in UTC.
    """
    if at is None:
        return ""
    now = _now()
    return iso(at.replace(microsecond=0)) if now is None else _in_words(at, now)


def precisely(at: datetime) -> str:
    """Return an instant as `moment` does, with all its digits where it is exact."""
    return precise(at) if _now() is None else moment(at)


def day(at: datetime | None) -> str:
    """Return an instant's day: ``today``, or a date on the reader's calendar (UTC if requested)."""
    if at is None:
        return ""
    now = _now()
    if now is None:
        return at.astimezone(UTC).date().isoformat()
    local = at.astimezone().date()
    return _DAYS.get((local - now.astimezone().date()).days, local.isoformat())


def _now() -> datetime | None:
    here = _RUN.get()
    return here.now() if here and here.now else None


def _in_words(at: datetime, now: datetime) -> str:
    seconds = int((now - at).total_seconds())
    if abs(seconds) < _HOURS_IN_WORDS * _HOUR_S:
        count, unit = (abs(seconds) // _HOUR_S, "h")
        if not count:
            count, unit = (abs(seconds) // 60, "min")
        if not count:
            return "just now" if seconds >= 0 else "in a moment"
        return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return f"{day(at)} {at.astimezone():%H:%M}"


def span(length: timedelta) -> str:
    """Return a length of time in its largest unit: ``3 days``."""
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(length.total_seconds()) // seconds
        if count >= 1:
            return plural(count, unit)
    return "a moment"


def bars(counts: Sequence[int | None]) -> Text:
    """Return a bar a count; 0 is a dot on the ground, and what is not known a blank."""
    highest = max((count for count in counts if count), default=0)
    text = Text()
    for count in counts:
        if count:
            text.append(BARS[count * (len(BARS) - 1) // highest])
        else:
            text.append(" " if count is None else "·", style=CALM)
    return text


# --- parts of screens ---------------------------------------------------------------------------


class Listing(Table):
    """A table in the house style: a line under the heading, and air; it folds and never cuts."""

    def __init__(self, gap: int) -> None:
        super().__init__(
            box=box.SIMPLE_HEAD,
            padding=(0, gap - 1, 0, 0),  # the box adds a blank between two columns
            pad_edge=False,
            show_edge=False,
            header_style="bold",
        )
        self._gap = gap
        self._ids: list[int] = []

    def add_column(self, header: Any = "", *args: Any, **options: Any) -> None:  # noqa: ANN401
        """Add a column."""
        super().add_column(header, *args, **{"overflow": "fold", **options})

    def add_ids(self, header: str) -> None:
        """Add a column of what is there to be copied: in one line each, if there is room."""
        self._ids.append(len(self.columns))
        self.add_column(header)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table."""
        widths = [
            max(cell_len(str(part)) for part in (column.header, *column.cells))
            for column in self.columns
        ]
        for place in self._ids:
            others = widths[:place] + widths[place + 1 :]
            room = options.max_width - sum(min(wide, _LEAST) + self._gap for wide in others)
            self.columns[place].width = widths[place] if widths[place] <= room else None
        yield from super().__rich_console__(console, options)


def listing(*, gap: int = 2) -> Listing:
    """Return an empty table in the house style."""
    return Listing(gap)


def grid(columns: int) -> Table:
    """Return an empty table without lines; all columns but the first are wrapped, none is cut."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for column in range(columns):
        table.add_column(no_wrap=column == 0, overflow="fold")
    return table


def indented(part: RenderableType, by: int = 2) -> Padding:
    """Return a part of a screen, moved to the right."""
    return Padding(part, (0, 0, 0, by))


def facts(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Return names and values under each other; those without a value are left out."""
    table = grid(2)
    for name, value in rows:
        if value:
            table.add_row(Text(name, style=CALM), value)
    return table


def note(console: Console, text: str, *, style: str = "") -> None:
    """Print a line that is never cut, so that it can be copied."""
    console.print(Text(text, style=style), soft_wrap=True)


def rest(console: Console, shown: int, total: Total | None, step: str) -> None:
    """Print which part of a list is shown, and what shows more of it."""
    note(console, f"{part(shown, total)}. For more: {step}", style=CALM)


def next_step(console: Console, step: str) -> None:
    """Print what to do next, unless this run has shown a step already."""
    here = _RUN.get()
    if here and here.next_told:
        return
    console.print(next_line(step), soft_wrap=True)
    if here:
        here.next_told = True


def next_line(step: str) -> Text:
    """Return what to do next, as a part of a screen."""
    return Text.assemble(("Next: ", CALM), step)


def complain(error: ClientError, *, about: str = "", perhaps: str = "") -> None:
    """Print on stderr what went wrong, with what (``about``), what was meant, and what to do."""
    console = aside()
    title = error.title if isinstance(error, ApiError) else ""
    faults = error.errors if isinstance(error, ApiError) else ()
    parts = [Text(plain(label), style=BAD) for label in (about, title) if label]
    if not faults:
        parts.append(Text(plain(error.detail)))
    console.print(Text(": ").join(parts), soft_wrap=True)
    for fault in faults:
        note(console, f"  {plain(fault.field)}: {plain(fault.detail)}")
    if perhaps:
        note(console, f"  Did you mean {plain(perhaps)}?")
    for assigned in _assigned(error):
        note(console, assigned)
    if error.next_step:
        next_step(console, plain(error.next_step))


def _assigned(error: ClientError) -> Iterator[str]:
    """Yield the machines assigned to a technician, as the API lists them."""
    assigned = error.facts.get("assigned") if isinstance(error, ApiError) else None
    if isinstance(assigned, list):
        yield f"  Theirs are: {plain(', '.join(map(str, assigned))) or 'none yet'}"

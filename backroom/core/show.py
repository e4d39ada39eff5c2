"""The words, figures and colours that all screens share.

Everything that came from outside goes through `plain`: a log line or a note may hold what would
steer a terminal. The consoles know no markup, so text is shown as it is.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backroom.core.errors import ApiError, ClientError
from backroom.core.terminal import BARS

CALM, GOOD, LATE, WARN, BAD = "dim", "green", "cyan", "yellow", "bold red"
NOTHING = Text("·", style=CALM)


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


def moment(at: datetime | None) -> str:
    """Return an instant to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if at else ""


def day(at: datetime | None) -> str:
    """Return an instant's day, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d}" if at else ""


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


def listing(*, gap: int = 2) -> Table:
    """Return an empty table in the house style: a line under the heading, and air."""
    return Table(
        box=box.SIMPLE_HEAD,
        padding=(0, gap - 1, 0, 0),  # the box adds a blank between two columns
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )


def grid(columns: int) -> Table:
    """Return an empty table without lines, whose last column alone is wrapped."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for column in range(1, columns + 1):
        table.add_column(no_wrap=column < columns)
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


def next_step(console: Console, step: str) -> None:
    """Print what to do next."""
    console.print(Text.assemble(("Next: ", CALM), step), soft_wrap=True)


def complain(error: ClientError, *, about: str = "") -> None:
    """Print on stderr what went wrong, with what (``about``), and what to do."""
    console = aside()
    title = error.title if isinstance(error, ApiError) else ""
    faults = error.errors if isinstance(error, ApiError) else ()
    parts = [Text(plain(label), style=BAD) for label in (about, title) if label]
    if not faults:
        parts.append(Text(plain(error.detail)))
    console.print(Text(": ").join(parts), soft_wrap=True)
    for fault in faults:
        note(console, f"  {plain(fault.field)}: {plain(fault.detail)}")
    for assigned in _assigned(error):
        note(console, assigned)
    if error.next_step:
        next_step(console, plain(error.next_step))


def _assigned(error: ClientError) -> Iterator[str]:
    """Yield the machines assigned to a technician, as the API lists them."""
    assigned = error.facts.get("assigned") if isinstance(error, ApiError) else None
    if isinstance(assigned, list):
        yield f"  Theirs are: {plain(', '.join(map(str, assigned))) or 'none yet'}"

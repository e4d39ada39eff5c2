"""Screens of files."""

from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from backroom.core import show
from backroom.vending.screens import states
from chalicelib.vending.files import PENDING, FileDetail, FileView, RefusedLine

_ROOM_FOR_ORIGIN = 112
_FIRST_REFUSALS = 3


def listed(files: Iterable[FileView], width: int) -> Table:
    """Return files as a table; where there is room, with the names they came with."""
    roomy = width >= _ROOM_FOR_ORIGIN
    table = show.listing(gap=2 if roomy else 1)
    table.add_column("Id", justify="right")
    table.add_column("Name")
    if roomy:
        table.add_column("Came as", max_width=24, no_wrap=True)
        table.add_column("Sent", no_wrap=True)
    table.add_column("State", no_wrap=True)
    for heading in ("Stored", "Known before", "Refused"):
        table.add_column(heading, justify="right")
    for file in files:
        more = [_origin(file), show.moment(file.uploaded_at)] if roomy else []
        table.add_row(
            str(file.id),
            show.plain(file.name),
            *more,
            states.file_state(file.state),
            *map(show.number, (file.rows_kept, file.rows_known, file.rows_refused)),
        )
    return table


def detail(file: FileDetail, *, first: int | None = None) -> RenderableType:
    """Return a file in full, with its refused lines or the ``first`` of them."""
    parts: list[RenderableType] = [
        Text.assemble(f"file {file.id}  ", (show.plain(file.name), "bold"), "  ", _state(file)),
        show.indented(show.facts(_facts(file))),
    ]
    if file.refused:
        parts += [Text(), show.indented(refusals(file, first=first))]
    return Group(*parts)


def outcome(file: FileDetail) -> RenderableType:
    """Return the result of a file just sent: its rows, and the first refused lines."""
    headline = Text.assemble(
        (show.plain(file.original_name or file.name), "bold"), f"  file {file.id}  ", _state(file)
    )
    parts: list[RenderableType] = [headline]
    if file.reason:
        parts.append(show.indented(Text(show.plain(file.reason))))
    if file.rows_kept:
        parts.append(show.indented(Text(counts(file))))
    if file.refused:
        parts.append(show.indented(refusals(file, first=_FIRST_REFUSALS)))
    return Group(*parts)


def counts(file: FileView) -> str:
    """Return the rows stored, known before and refused, as a sentence."""
    rows = show.plural(file.rows_kept or 0, "row")
    known = show.number(file.rows_known or 0)
    refused = show.plural(file.rows_refused or 0, "line")
    return f"{rows} stored, {known} of them known before; {refused} refused"


def refusals(file: FileDetail, *, first: int | None = None) -> RenderableType:
    """Return the refused lines of a file as a table, or the ``first`` of them."""
    shown = file.refused[:first]
    more = (file.rows_refused or len(file.refused)) - len(shown)
    table = refused_lines(shown)
    if not more:
        return table
    step = f"backroom files show {file.id}" if len(shown) < len(file.refused) else ""
    line = f"and {more:,} more{': ' if step else ''}{step}"
    return Group(table, Text(line, style=show.CALM))


def refused_lines(lines: Iterable[RefusedLine]) -> Table:
    """Return refused lines: number, reason and text."""
    table = show.grid(3)
    for refusal in lines:
        table.add_row(
            Text(f"line {refusal.line:,}", style=show.CALM),
            show.plain(refusal.reason),
            Text(show.plain(refusal.text), style=show.CALM, overflow="fold"),
        )
    return table


def say_where(console: Console, file: FileView) -> None:
    """Print that a file was accepted, and where to see its result."""
    name = show.plain(file.original_name or file.name)
    console.print(Text.assemble((name, "bold"), f"  file {file.id}  ", _state(file)))
    if file.state in PENDING:
        show.next_step(console, f"backroom files show {file.id}")


def _state(file: FileView) -> Text:
    return states.file_state(file.state)


def _origin(file: FileView) -> str:
    same = file.original_name in (None, file.name)
    return "" if same else show.plain(file.original_name or "")


def _facts(file: FileView) -> Iterator[tuple[str, str]]:
    yield "reason", show.plain(file.reason or "")
    yield "came as", _origin(file)
    yield "machine", file.machine or ""
    yield "technician", file.technician or ""
    yield "downloaded", (file.downloaded_at or "").replace("T", " ")
    yield "sent", show.moment(file.uploaded_at)
    if file.rows_kept is not None:
        yield "rows", counts(file)
    if file.first_at:
        yield "from", f"{show.moment(file.first_at)} to {show.moment(file.last_at)}"
    if file.size_bytes is not None:
        yield "size", f"{file.size_bytes:,} bytes"
    yield "sha256", file.sha256 or ""

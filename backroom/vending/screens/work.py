"""Screens of a machine, the worklist and dispatches."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backroom.core import show
from backroom.vending.screens import states
from chalicelib.vending.models import (
    Dispatch,
    HowWeKnow,
    MachineView,
    RowView,
    Verdict,
    WorkItem,
)


def machine(view: MachineView, now: datetime) -> RenderableType:
    """Return a machine in full."""
    parts: list[RenderableType] = [
        Text.assemble((view.serial, "bold"), "  ", states.urgency(view)),
        show.indented(show.facts(_facts(view, now))),
    ]
    for verdict in view.verdicts:
        parts += [Text(), show.indented(_verdict(verdict))]
    for note in view.notes:
        parts += [Text(), show.indented(show.facts([("note", show.plain(note.why))]))]
    if not view.transactions:
        step = f"backroom files upload PATH --machine {view.serial}"
        parts.append(show.next_line(step))
    return Group(*parts)


def worklist(items: Sequence[WorkItem], now: datetime) -> RenderableType:
    """Return the worklist, most urgent first."""
    parts: list[RenderableType] = []
    for item in items:
        parts += [_headline(item, now), show.indented(_work(item)), Text()]
    return Group(*parts[:-1])


def dispatches(listed: Iterable[Dispatch]) -> Table:
    """Return the dispatches as a table."""
    table = show.listing()
    table.add_column("Id", justify="right")
    for heading in ("Machine", "Technician", "State"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Opened", min_width=12)
    table.add_column("Note, how it ended")
    for dispatch in listed:
        table.add_row(
            str(dispatch.id),
            dispatch.machine,
            dispatch.technician or show.NOTHING,
            Text(dispatch.state, style=show.LATE if dispatch.state == "open" else show.GOOD),
            show.moment(dispatch.opened_at),
            "\n".join(filter(None, (show.plain(dispatch.note), ending(dispatch)))),
        )
    return table


def ending(dispatch: Dispatch) -> str:
    """Return how a dispatch was closed, in words."""
    if dispatch.closed_by is None:
        return ""
    why = f": {dispatch.closing_note}" if dispatch.closing_note else ""
    return show.plain(f"{show.day(dispatch.closed_at)} by {dispatch.closed_by}{why}")


def row(view: RowView) -> Text:
    """Return one transaction as a line."""
    line = Text(f"{view.id:>8}  {view.at:%Y-%m-%d %H:%M:%S}  {view.gumballs:>8}")
    if view.gumballs == 0:
        line.append("  no gumball", style=show.WARN)
    elif view.gumballs > 1:
        line.append("  too many", style=show.WARN)
    if view.suspected_duplicate:
        line.append("  suspected duplicate", style=show.LATE)
    return line


ROWS_HEADING = Text(f"{'Id':>8}  {'At (UTC)':<19}  Gumballs", style="bold")


def verdict_line(view: MachineView) -> Text:
    """Return in one line what is to be thought of a machine."""
    word, style = states.urgency(view)
    words = word if word == "needs attention" else f"is {word}"
    line = Text.assemble((f"{view.serial} {words}", style))
    if view.verdicts:
        return line.append(f": {show.plain(view.verdicts[0].why)}")
    if view.overdue:
        return line.append(f": its log was due {show.day(view.due_at)}")
    since = "since the last visit" if view.settled_until else "that chance does not explain"
    return line.append(f": {show.plural(view.transactions, 'credit')}, no fault {since}")


def _facts(view: MachineView, now: datetime) -> Iterable[tuple[str, str | Text]]:
    yield "site", show.plain(view.site or "none yet")
    yield "technician", view.technician or "none yet"
    if not view.transactions:
        yield "credits", "none yet"
        yield "next log due", _due(view, now)
        return
    lost = view.unserved_cents + view.given_away_cents
    yield "credits", f"{view.transactions:,}, {show.money(view.credits_cents)} taken"
    yield "gumballs", f"{view.gumballs:,}"
    yield "no gumball", _share(view.under, view.transactions)
    yield "too many", _share(view.over, view.transactions)
    if lost:
        ways = ((view.unserved_cents, "for no gumball"), (view.given_away_cents, "given away"))
        parts = ", ".join(f"{show.money(cents)} {way}" for cents, way in ways if cents)
        yield "money lost", f"{show.money(lost)}: {parts}" if all(c for c, _ in ways) else parts
    yield "corrupt lines", show.number(view.corrupt_lines or None)
    yield "suspected duplicates", show.number(view.suspected_duplicates or None)
    if view.first_at:
        yield "rows", f"{show.moment(view.first_at)} to {show.moment(view.last_at)}"
    yield "last download", show.moment(view.last_download_at)
    yield "settled until", show.moment(view.settled_until)
    yield "next log due", _due(view, now)
    yield from stock(view)


def stock(view: MachineView | WorkItem) -> Iterable[tuple[str, str]]:
    """Yield a machine's stock and cash."""
    if found := view.stock:
        left = f"{found.left:,} of {found.capacity:,} left, {show.day(found.as_of)}"
        if found.left_at_least < found.left:
            left += f", perhaps {found.left_at_least:,}"
        yield "stock", left
        if found.empty_on and found.left:
            yield "empty on", f"{found.empty_on} ({found.empty_from} to {found.empty_to})"
        elif found.empty_on:
            yield "empty since", str(found.empty_on)
    if cash := view.cash:
        counted, expected = show.money(cash.counted_cents), show.money(cash.expected_cents)
        yield "cash", f"{counted} counted, {expected} expected: {cash.why}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({show.rate(part, whole)})" if part else ""


def _due(view: MachineView, now: datetime) -> Text:
    if view.due_at is None:
        return Text()
    if not view.overdue:
        return Text(show.day(view.due_at))
    return Text(f"{show.day(view.due_at)}, {show.span(now - view.due_at)} ago", style=show.LATE)


def _verdict(verdict: Verdict) -> Table:
    return show.facts(
        (
            (states.symptom(verdict), show.plain(verdict.why)),
            ("known since", show.moment(verdict.first_known_at)),
            ("clears when", show.plain(verdict.clears_when)),
            ("carry", show.plain(", ".join(verdict.parts))),
            *_how_we_know(verdict.how_we_know),
        )
    )


def _how_we_know(how: HowWeKnow | None) -> Iterable[tuple[str, str]]:
    if how:
        yield "how we know", show.plain(f"{how.figures}; by {how.method}")
        yield "threshold", show.plain(how.threshold)
        yield "may also be", show.plain(how.may_also_be)


def _headline(item: WorkItem, now: datetime) -> Text:
    state, style = states.urgency(item)
    line = Text.assemble((item.machine, "bold"), "  ", (state, style))
    who = f"{item.technician_name} ({item.technician})" if item.technician_name else item.technician
    where = ", ".join(show.plain(part) for part in (item.site_name or item.site, who) if part)
    line.append(f"  {where or 'no site or technician yet'}")
    if item.since:
        line.append(f"  since {show.day(item.since)}, {show.span(now - item.since)}", show.CALM)
    return line


def _work(item: WorkItem) -> Table:
    rows: list[tuple[str, str | Text]] = []
    for cause in item.causes:
        clears = Text(f"\nclears when: {show.plain(cause.clears_when)}", style=show.CALM)
        rows.append((states.symptom(cause), Text.assemble(show.plain(cause.why), clears)))
    if lost := item.unserved_cents + item.given_away_cents:
        rows.append(("money lost", Text(show.money(lost))))
    rows.append(("carry", Text(show.plain(", ".join(item.parts)), style="bold")))
    rows += [(name, Text(show.plain(words))) for name, words in stock(item)]
    if item.dispatch:
        note = f": {show.plain(item.dispatch.note)}" if item.dispatch.note else ""
        opened = show.moment(item.dispatch.opened_at)
        rows.append(
            ("on the way", Text(f"dispatch {item.dispatch.id}, {opened}{note}", style=show.LATE))
        )
    return show.facts(rows)

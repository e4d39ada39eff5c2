"""How the audit trail looks to a person."""

from collections.abc import Sequence

from rich.console import RenderableType

from backroom.core import show
from backroom.trail.audit import Finding
from chalicelib.core.audit.entries import AuditEntry, Change

_MOST_THINGS = 5
_MOST_SHOWN = 20


def entries(found: Sequence[AuditEntry]) -> RenderableType:
    """Return entries, one a line."""
    table = show.listing()
    for heading in ("When", "Who", "What", "By"):
        table.add_column(heading)
    for each in found:
        table.add_row(
            show.moment(each.at),
            show.plain(each.who) or show.NOTHING,
            show.plain(_changes(each.changes)),
            show.plain(f"{each.method} {each.route}"),
        )
    return table


def print_finding(finding: Finding) -> None:
    """Say whether the trail is as it was sealed, and where it is not."""
    console = show.screen()
    counted = (
        f"{show.plural(finding.sealed, 'entry', 'entries')} "
        f"under {show.plural(finding.seals, 'seal')}"
    )
    if not finding.misfits:
        console.print(f"The trail is as it was sealed: {counted}.")
    else:
        console.print(f"{counted} checked.")
    for misfit in finding.misfits[:_MOST_SHOWN]:
        where = f"seal {misfit.sequence}, {misfit.since} to {misfit.until}"
        show.note(console, f"{where}: {misfit.what}")
    if len(finding.misfits) > _MOST_SHOWN:
        rest = show.plural(len(finding.misfits) - _MOST_SHOWN, "seal")
        show.note(console, f"... and {rest} more; --json shows all", style=show.CALM)
    if finding.kept is False:
        show.note(console, "No seal has the given hash: the chain was recreated.")
    if finding.later:
        later = show.plural(finding.later, "entry waits", "entries wait")
        show.note(console, f"{later} for the next seal.", style=show.CALM)
    if finding.head:
        console.print(f"Keep the last hash elsewhere: {finding.head}")


def _changes(changes: Sequence[Change]) -> str:
    parts = [f"{each.what} {each.change}{_detail(each)}" for each in changes[:_MOST_THINGS]]
    rest = len(changes) - _MOST_THINGS
    return ", ".join([*parts, f"and {rest} more"] if rest > 0 else parts)


def _detail(change: Change) -> str:
    """Return what is known of a change beside its kind, in brackets."""
    count = "" if change.items is None else show.plural(change.items, "item")
    known = [part for part in (change.status, count) if part]
    return f" ({', '.join(known)})" if known else ""

"""Screens of packages, preferences and counts."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backroom.core import show
from backroom.deliveries.api import Tally
from chalicelib.deliveries.answers import (
    ListedPackage,
    MessageVerdict,
    PackageAnswer,
    PackageVerdict,
    PackageView,
    PreferencesAnswer,
    Statistics,
)
from chalicelib.deliveries.registry import TYPES

_STYLES = {
    "delivered": show.GOOD,
    "dropped": show.WARN,
    "conflict": show.BAD,
    "malformed": show.BAD,
    "undecided": show.BAD,
}


def outcome(package: PackageAnswer) -> str:
    """Return the outcome of a package, in a line."""
    again = "; it was sent before" if package.duplicate else ""
    return f"{show.plain(package.package_id)} is {package.status}{again}. {package.reason}"


def package(shown: PackageView) -> RenderableType:
    """Return a package with its reason and its attempts."""
    facts = show.facts(
        [
            ("package", show.plain(shown.package_id)),
            ("outcome", Text(shown.status, style=_STYLES[shown.status])),
            ("because", shown.reason),
            ("from", show.plain(shown.sender_id)),
            ("to", show.plain(shown.recipient_id)),
            ("type", shown.package_type),
            ("decided", show.moment(shown.decided_at)),
            ("message", show.plain(shown.message_id or "")),
        ]
    )
    attempts = show.listing()
    for heading in ("Attempt", "Received", "Timestamp", "Differs in"):
        attempts.add_column(heading)
    for attempt in shown.attempts:
        differs = ", ".join(f"{name} {value}" for name, value in (attempt.differs or {}).items())
        attempts.add_row(
            attempt.outcome,
            show.moment(attempt.received_at),
            show.moment(attempt.timestamp),
            show.plain(differs) or show.NOTHING,
        )
    return Group(facts, Text(), attempts)


def listed(rows: Sequence[ListedPackage]) -> Table:
    """Return packages, one a line."""
    table = show.listing()
    table.add_column("Decided")
    table.add_ids("Package")
    for heading in ("Outcome", "Type", "From", "To"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            show.moment(row.decided_at),
            show.plain(row.package_id),
            Text(row.status, style=_STYLES[row.status]),
            row.package_type,
            show.plain(row.sender_id),
            show.plain(row.recipient_id),
        )
    return table


def print_batch(verdicts: Sequence[PackageVerdict]) -> None:
    """Print the number of packages by verdict, and why some were not sent."""
    console = show.screen()
    counts = Counter[str](each.verdict for each in verdicts)
    parts = [f"{counts[name]:,} {name}" for name in _STYLES if counts[name]]
    again = sum(bool(each.duplicate) for each in verdicts)
    before = f", {again:,} of them sent before" if again else ""
    console.print(f"{show.plural(len(verdicts), 'package')}: {', '.join(parts) or 'none'}{before}.")
    for number, each in enumerate(verdicts, start=1):
        if each.verdict in {"conflict", "malformed", "undecided"}:
            faults = "; ".join(f"{fault.field}: {fault.detail}" for fault in each.errors or ())
            show.note(console, show.plain(f"row {number}: {each.verdict}, {faults or each.reason}"))


def verdict(judged: MessageVerdict) -> RenderableType:
    """Return the verdict on a message."""
    faults = [f"{fault.field}: {fault.detail}" for fault in judged.errors or ()]
    word = f"{judged.verdict}, as before" if judged.duplicate else judged.verdict
    return show.facts(
        [
            ("message", show.plain(judged.message_id)),
            ("verdict", Text(word, style=_STYLES[judged.verdict])),
            ("package", show.plain(judged.package_id or "")),
            ("because", show.plain("; ".join(faults) or judged.reason)),
            ("judged", show.moment(judged.judged_at)),
        ]
    )


def preferences(answer: PreferencesAnswer) -> RenderableType:
    """Return a recipient's preferences."""
    table = show.listing()
    for heading in ("Type", "Accepted", "Since"):
        table.add_column(heading)
    wanted = answer.model_dump(include=set(TYPES))
    for kind in sorted(wanted):
        word = Text("yes", style=show.GOOD) if wanted[kind] else Text("no", style=show.WARN)
        at = show.moment(answer.timestamps.get(kind))
        table.add_row(kind, word, at or Text("default", style=show.CALM))
    return Group(Text(show.plain(answer.recipient_id)), table, *_history(answer))


def _history(answer: PreferencesAnswer) -> Iterator[RenderableType]:
    if answer.overruled:
        kinds = " and ".join(answer.overruled)
        yield Text(f"Not applied to {kinds}: a later preference is in force.")
    for change in answer.history or ():
        words = [f"{kind} {'yes' if yes else 'no'}" for kind, yes in change.preferences.items()]
        when = f"of {show.moment(change.timestamp)}, received {show.moment(change.received_at)}"
        yield Text(f"{', '.join(words)}: {when}", style=show.CALM)


def statistics(counts: Statistics) -> RenderableType:
    """Return the counts by type, their sums, and what was no package."""
    table = show.listing()
    table.add_column("Type")
    for heading in ("Delivered", "Dropped"):
        table.add_column(heading, justify="right")
    for kind, count in counts.by_type.items():
        table.add_row(show.plain(kind), show.number(count.delivered), show.number(count.dropped))
    delivered, dropped = counts.packages_delivered, counts.packages_dropped
    table.add_section()
    table.add_row("all", show.number(delivered), show.number(dropped), style="bold")
    malformed = show.plural(counts.requests_malformed, "request")
    return Group(table, Text(f"{malformed} malformed requests are not counted as packages."))


def comparison(before: Tally, records: Tally, after: Tally) -> RenderableType:
    """Return the counters beside the records."""
    table = show.listing()
    for heading in ("Type", "Outcome"):
        table.add_column(heading)
    for heading in ("Counters", "Records"):
        table.add_column(heading, justify="right")
    for kind, status, low, found, high in _rows(before, records, after):
        style = "" if low <= found <= high else show.BAD
        counted = show.number(low) if low == high else f"{low:,} to {high:,}"
        table.add_row(show.plain(kind), status, counted, Text(show.number(found), style=style))
    if disagreements(before, records, after):
        return table
    words = "The counters equal the records."
    if before != after:
        words = "Packages came meanwhile; the records lie between the counters before and after."
    return Group(table, Text(words))


def disagreements(before: Tally, records: Tally, after: Tally) -> list[str]:
    """Return where the records lie outside of what the counters allow, in plain words."""
    return [
        f"{found:,} {kind} packages are on record as {status}, the counters say {low:,}"
        for kind, status, low, found, high in _rows(before, records, after)
        if not low <= found <= high
    ]


def _rows(before: Tally, records: Tally, after: Tally) -> Iterator[tuple[str, str, int, int, int]]:
    nothing: Counter[str] = Counter()
    for kind in sorted({*before, *records, *after}):
        for status in ("delivered", "dropped"):
            low, found, high = (
                each.get(kind, nothing)[status] for each in (before, records, after)
            )
            yield kind, status, low, found, high

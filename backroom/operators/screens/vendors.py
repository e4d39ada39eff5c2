"""How the vendors are, as a person reads it."""

from collections.abc import Sequence

from rich.text import Text

from backroom.core import show
from chalicelib.operators.checks import CheckResult

_STYLES = {"ok": show.GOOD, "off": show.CALM, "unreachable": show.WARN, "denied": show.BAD}


def show_checkups(found: Sequence[CheckResult]) -> None:
    """Print the state of each vendor, and what to do."""
    table = show.listing()
    for heading in ("Integration", "State", "Configured", "Reachable", "Allowed"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Details")
    for each in found:
        table.add_row(
            show.plain(each.integration),
            Text(each.state, style=_STYLES[each.state]),
            *(_word(fact) for fact in (each.configured, each.reachable, each.allowed)),
            show.plain(each.detail),
        )
    screen = show.screen()
    screen.print(table)
    for each in found:
        if each.next_step:
            show.next_step(screen, show.plain(f"{each.integration}: {each.next_step}"))


def _word(fact: bool | None) -> Text:
    if fact is None:
        return show.NOTHING
    return Text("yes", style=show.GOOD) if fact else Text("no", style=show.WARN)

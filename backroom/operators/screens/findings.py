"""Screen of the findings of the doctor."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from backroom.core import show
from backroom.operators.examination import Finding, State

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("✓", show.GOOD),
    "off": ("·", show.CALM),
    "unknown": ("?", show.CALM),
    "failed": ("✗", show.BAD),
}


def findings(found: Sequence[Finding]) -> RenderableType:
    """Return what was found, one thing a line, by area."""
    table = show.listing()
    for heading in ("", "Area", "What", "How it is", "What to do"):
        table.add_column(heading)
    area = ""
    for each in found:
        mark, style = _MARKS[each.state]
        table.add_row(
            Text(mark, style=style),
            each.area if each.area != area else "",
            show.plain(each.name),
            show.plain(each.detail),
            show.plain(each.next_step),
        )
        area = each.area
    return table

"""A machine's days as a line of bars: sales, red where there were faults, grey where sales miss."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from backroom.core import show
from chalicelib.vending.models import DayView

_BARS = "▁▂▃▄▅▆▇█"
_SILENT = "░"


def chart(days: Sequence[DayView]) -> RenderableType:
    """Return a bar for each day, oldest first, with marks for who was there below."""
    if not days:
        return Text()
    highest = max(1, *(each.sales for each in days))
    bars, marks = Text(), Text(style=show.CALM)
    for each in days:
        bars.append(*_bar(each, highest))
        marks.append(_mark(each))
    span = f"{days[0].day} to {days[-1].day}, at most {highest:,} sales a day"
    legend = Text.assemble(
        (f"{span}; ", show.CALM),
        ("red", show.BAD),
        (
            f": faults, {_SILENT}: sales are missing, v: downloads, r: visit reported, "
            "d: technician dispatched",
            show.CALM,
        ),
    )
    return Group(bars, marks, legend)


def _mark(each: DayView) -> str:
    """Return who was there, of several the one that is rarest."""
    if each.dispatches:
        return "d"
    if each.service_visits:
        return "r"
    return "v" if each.visits else " "


def _bar(each: DayView, highest: int) -> tuple[str, str]:
    """Return a day's character and its style."""
    if each.silences:
        return _SILENT, show.LATE
    if not each.sales:
        return " ", ""
    height = min(len(_BARS) - 1, each.sales * len(_BARS) // (highest + 1))
    return _BARS[height], show.BAD if each.under + each.over else show.GOOD

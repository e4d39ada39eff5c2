"""Screens of dead letters."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from backroom.core import show
from chalicelib.operators.models.dead_letters import DeadLetters


def dead_letters(found: Sequence[DeadLetters]) -> RenderableType:
    """Return the queues with their dead letters, and the first few of these."""
    table = show.listing()
    table.add_column("Queue")
    table.add_column("Dead letters", justify="right")
    for each in found:
        style = show.BAD if each.depth else show.CALM
        table.add_row(show.plain(each.queue), Text(show.number(each.depth), style=style))
    heads = [
        Text(f"{each.queue}, sent {show.moment(letter.sent_at)}: {show.plain(letter.body)}")
        for each in found
        for letter in each.letters
    ]
    return Group(table, *heads)

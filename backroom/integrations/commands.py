"""`backroom doctor`: is each vendor configured, reachable and allowed, and what to do."""

from contextlib import closing

import typer
from pydantic import TypeAdapter
from rich.text import Text

from backroom.core import session, show
from backroom.core.connection import Connection
from backroom.core.errors import ClientError
from backroom.core.options import Json
from chalicelib.integrations.checkup import Checkup

_CHECKUPS = TypeAdapter(tuple[Checkup, ...])
_AILING = {"unreachable", "denied"}
_STYLES = {"ok": show.GOOD, "off": show.CALM, "unreachable": show.WARN, "denied": show.BAD}


class AilingError(ClientError):
    """An integration is configured and does not work."""


def show_integrations(context: typer.Context, as_json: Json = False) -> None:
    """Say of each vendor whether it is configured, reachable and allowed, and what to do.

    Ends with 1 if one is configured and does not work; one that is off is no fault.
    """
    here = session.of(context)
    with closing(Connection(here.url, transport=here.transport, sleep=here.sleep)) as connection:
        answer = connection.answer(_CHECKUPS, "GET", "/integrations")
    if as_json:
        typer.echo(answer.text)
    else:
        _show(answer.value)
    if ailing := [found.integration for found in answer.value if found.state in _AILING]:
        raise AilingError(
            f"Does not work: {', '.join(ailing)}.", next_step="see docs/integrations.md"
        )


def _show(found: tuple[Checkup, ...]) -> None:
    table = show.listing()
    for heading in ("Integration", "State", "Configured", "Reachable", "Allowed"):
        table.add_column(heading, no_wrap=True)
    table.add_column("What it says")
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

"""`backroom events`: what happened, and forwarding it to a program on this machine."""

import secrets
from contextlib import closing, suppress
from typing import Annotated

import typer

from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json, Since, Until
from backroom.webhooks import screens, sending
from backroom.webhooks.api import WebhooksApi
from backroom.webhooks.options import KindOption
from backroom.webhooks.sending import Forwarded, Forwarder
from chalicelib.webhooks import signing
from chalicelib.webhooks.models import EventView

_PAGE = 100

app = typer.Typer(no_args_is_help=True, help="What happened, in one order.")


@app.command("list", epilog="Example: backroom events list --kind package.decided")
def list_events(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    kind: KindOption = None,
    subject: Annotated[
        str | None, typer.Option(metavar="PATH", help="About this, such as orders/7.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Recorded after this event.")
    ] = None,
    since: Since = None,
    until: Until = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List events in the order of their recording, oldest first, a hundred at a time."""
    here = session.of(context)
    with here.api(WebhooksApi) as api:
        answer = api.events(
            kind=kind,
            subject=subject,
            after=after,
            since=since,
            until=until,
            limit=_PAGE,
            counted=True,
        )
    if sheets.printed(here, answer, EventView, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if not answer.value:
        console.print("There are no such events.")
        return
    console.print(screens.events(answer.value))
    if answer.next_page:
        show.note(console, f"{show.part(len(answer.value), answer.total)}.", style=show.CALM)
        show.next_step(console, f"backroom events list --after {answer.value[-1].id} has more")


@app.command("show", epilog="Example: backroom events show evt_1795939200000000")
def show_event(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The id of an event.")],
    as_json: Json = False,
) -> None:
    """Show an event, as receivers get it."""
    with session.of(context).api(WebhooksApi) as api:
        answer = api.event(event_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.event(answer.value))


@app.command(epilog="Example: backroom events listen --forward-to http://localhost:3000/hooks")
def listen(
    context: typer.Context,
    forward_to: Annotated[
        str, typer.Option("--forward-to", metavar="URL", help="Where events are sent.")
    ],
    kind: KindOption = None,
    secret: Annotated[
        str | None,
        typer.Option(
            metavar="SECRET", help="What signs requests (whsec_...); a new one if omitted."
        ),
    ] = None,
    since: Since = None,
    once: Annotated[
        bool, typer.Option("--once", help="Stop when there are no more events.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Forward events to a program on this machine, signed as webhooks are, until Ctrl-C.

    It takes no subscription and retries nothing: it is for developers.
    """
    here, signs = session.of(context), _secret(secret)
    with here.api(WebhooksApi) as api, closing(Forwarder(here, forward_to, signs)) as forwarder:
        if not secret:
            show.note(show.aside(), f"Requests are signed with {signs}")
        with suppress(KeyboardInterrupt):
            for event, text in sending.events(here, api, kind=kind, since=since, once=once):
                _tell(forwarder.forward(event, text), as_json=as_json)


def _secret(given: str | None) -> str:
    """Return what signs. Raises BadParameter."""
    if given is None:
        return signing.secret(secrets.token_bytes(signing.SECRET_BYTES))
    if not signing.well_formed(given):
        raise typer.BadParameter("a secret is whsec_ and 24 to 64 bytes in base64")
    return given


def _tell(done: Forwarded, *, as_json: bool) -> None:
    if as_json:
        typer.echo(done.text)
        return
    style = show.GOOD if done.taken else show.BAD
    outcome = done.why if done.status is None else str(done.status)
    line = f"{done.event.id}  {done.event.type}  {done.event.subject}  {outcome}"
    show.note(show.screen(), show.plain(line), style=style)

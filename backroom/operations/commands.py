"""`backroom status` and `backroom open`: does the API answer, and its page."""

import json
from http import HTTPStatus
from typing import Annotated

import typer

from backroom.core import page, session, show
from backroom.core.errors import ApiError
from backroom.core.options import Json
from backroom.operations import opening
from backroom.operations.api import OperationsApi


def show_status(context: typer.Context, as_json: Json = False) -> None:
    """Check whether the API answers and can reach its database."""
    with session.of(context).api(OperationsApi) as api:
        answer = api.health()
        if as_json:
            typer.echo(answer.text)
            return
        health = answer.value
        show.screen().print(f"{api.url} is {health.status}, version {health.version}.")


def open_page(
    context: typer.Context,
    thing: Annotated[
        str,
        typer.Argument(
            metavar="THING",
            help="A machine, technician, order, package, warranty, account, effect, or a screen "
            "such as worklist; orders/12 says the kind, too.",
        ),
    ] = "overview",
    printed: Annotated[
        bool, typer.Option("--print", help="Print the address, and open nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Open the page at a thing or a screen, and print its address."""
    here = session.of(context)
    with here.api(OperationsApi) as api:
        address = _address(api, thing)
    if not as_json:
        typer.echo(address)
    opened = not printed and here.browse(address)
    if as_json:
        typer.echo(json.dumps({"url": address, "opened": opened}))
    elif not (printed or opened):
        show.note(show.aside(), "No browser can be opened here.", style=show.CALM)


def _address(api: OperationsApi, named: str) -> str:
    """Return where the page shows it. Raises ApiError for what is not there."""
    if named.casefold() in page.SCREENS:
        api.health()
        return page.screen(api.url, named.casefold())
    found = opening.meant(api, named)
    if found.path:
        try:
            api.look_at(found.path, found.name)
        except ApiError as refused:
            # A user without this scope here may be signed in as another on the page.
            if refused.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                raise
    return page.thing(api.url, found.kind, found.name)

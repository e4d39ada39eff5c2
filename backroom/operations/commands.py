"""`backroom status`: does the API answer, and can it work."""

import typer

from backroom.core import session, show
from backroom.core.options import Json
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

"""`backroom doctor`: is each vendor configured, reachable and allowed, and what to do."""

import typer

from backroom.core import session
from backroom.core.errors import ClientError
from backroom.core.options import Json
from backroom.operators.api import OperatorsApi
from backroom.operators.screens import vendors as screens

_AILING = {"unreachable", "denied"}


class AilingError(ClientError):
    """An integration is configured and does not work."""


def show_integrations(context: typer.Context, as_json: Json = False) -> None:
    """Check each vendor: configured, reachable, authorized, and what to do.

    Ends with 1 if one is configured and does not work; one that is off is no fault.
    """
    with session.of(context).api(OperatorsApi) as api:
        answer = api.check_results()
    if as_json:
        typer.echo(answer.text)
    else:
        screens.show_checkups(answer.value)
    if ailing := [found.integration for found in answer.value if found.state in _AILING]:
        raise AilingError(
            f"Does not work: {', '.join(ailing)}.", next_step="see docs/integrations.md"
        )

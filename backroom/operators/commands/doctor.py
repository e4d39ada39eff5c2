"""`backroom doctor`: vendors, outbox, dead letters, queues, schedules and clock, and what to do."""

import json

import typer

from backroom.core import session, show
from backroom.core.errors import ClientError
from backroom.core.options import Json
from backroom.operators.api import OperatorsApi
from backroom.operators.examination import examine
from backroom.operators.screens.findings import findings


class NeedsActionError(ClientError):
    """Something does not work, and needs an operator."""


def show_findings(context: typer.Context, as_json: Json = False) -> None:
    """Check vendors, outbox, dead letters, queues, schedules and clock, and say what to do.

    Ends with 1 if something needs action; a vendor that is off does not.
    """
    here = session.of(context)
    with here.api(OperatorsApi) as api, show.aside().status("Looking ..."):
        found = examine(api, here.now, here.sleep)
    if as_json:
        typer.echo(json.dumps([each.facts() for each in found], ensure_ascii=False))
    else:
        show.screen().print(findings(found))
    failed = [each for each in found if each.state == "failed"]
    if failed:
        names = ", ".join(dict.fromkeys(f"{each.area} ({each.name})" for each in failed))
        raise NeedsActionError(f"Needs action: {names}.", next_step=failed[0].next_step)

"""`backroom trail`: who changed what and when, and the proof that the trail stays as it was."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from backroom.core import session, sheets, show
from backroom.core.errors import ClientError
from backroom.core.options import Csv, Json, Since, Until
from backroom.trail import audit, screens
from backroom.trail.api import TrailApi
from chalicelib.audit.models import MOST_ROWS
from chalicelib.core.audit.entries import AuditEntry

app = typer.Typer(no_args_is_help=True, help="Who changed what, and when.")


class TrailMisfitError(ClientError):
    """The trail is not as it was sealed."""


@app.command("list", epilog="Example: backroom trail list --what orders/7")
def list_entries(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Option(metavar="THING", help="Of this kind or thing, such as orders or orders/7."),
    ] = None,
    who: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="By this subject of a token.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_ROWS, help="So many at most.")
    ] = 50,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List changes, newest first. A stage without sign-in enters none."""
    here = session.of(context)
    with here.api(TrailApi) as api:
        answer = api.entries(what=what, who=who, since=since, until=until, limit=limit)
    if sheets.printed(here, answer, AuditEntry, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if answer.value:
        console.print(screens.entries(answer.value))
    elif not answer.next_page:  # a page that leaves out what is not wanted may be empty
        console.print("No changes found.")
    if answer.next_page:
        narrower = f"--limit {min(10 * limit, MOST_ROWS)}, --what, --who or --to"
        show.rest(console, len(answer.value), answer.total, narrower)


@app.command(epilog="Example: backroom trail verify")
def verify(
    context: typer.Context,
    kept: Annotated[
        str | None,
        typer.Option("--kept", metavar="HASH", help="A hash that an earlier run printed."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove that the trail is as it was sealed, by its entries alone; ends with 1 if it is not.

    A writer of the table could recreate entries and all seals: give a hash that you stored
    elsewhere, or one of the sealer's log.
    """
    with session.of(context).api(TrailApi) as api:
        finding = audit.verify(api, kept)
    if as_json:
        typer.echo(json.dumps(asdict(finding)))
    else:
        screens.print_finding(finding)
    if finding.misfits or finding.kept is False:
        raise TrailMisfitError("The trail is not as it was sealed.")

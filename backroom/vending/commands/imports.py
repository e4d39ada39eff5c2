"""`backroom import` and `backroom imports`: the dispatcher's files, of any machines."""

import typer

from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json, Yes
from backroom.vending.api import VendingApi
from backroom.vending.commands.files import show_file
from backroom.vending.options import FileId, NoWait, Paths
from backroom.vending.outcomes import send_all
from backroom.vending.screens import files as file_screen
from backroom.vending.sending import LogFile, check_present
from chalicelib.vending.files import FileView

app = typer.Typer(no_args_is_help=True, help="List and take back the files that were imported.")


def take(
    context: typer.Context, paths: Paths, no_wait: NoWait = False, as_json: Json = False
) -> None:
    """Import logs of any machines; rows known before count once."""
    check_present(paths)
    logs = [LogFile(path) for path in paths]
    send_all(session.of(context), logs, as_json=as_json, wait=not no_wait)


@app.command("list", epilog="Example: backroom imports list")
def list_imports(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List what was imported, newest first."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.imports()
    if sheets.printed(here, answer, FileView, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if answer.value:
        console.print(file_screen.listed(answer.value, console.width))
        return
    console.print("Nothing was imported yet.")
    show.next_step(console, "backroom import PATH")


app.command("show", epilog="Example: backroom imports show 3")(show_file)


@app.command("delete", epilog="Example: backroom imports delete 3")
def delete_import(
    context: typer.Context, file_id: FileId, yes: Yes = False, as_json: Json = False
) -> None:
    """Take an import back, and with it the rows that no other file holds."""
    here = session.of(context)
    question = f"Delete import {file_id}, and the rows that no other file holds?"
    here.make_sure(question, yes=yes)
    with here.api(VendingApi) as api:
        answer = api.delete_import(file_id)
    if as_json:
        typer.echo(answer.text)
    else:
        name = show.plain(answer.value.original_name or answer.value.name)
        show.screen().print(f"Deleted import {file_id}, {name}.")

"""`backroom files`: send, list, show and delete a technician's logs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from backroom.core import session, sheets, show
from backroom.core.errors import DeclinedError
from backroom.core.options import Csv, Json, Yes, checked
from backroom.vending.api import LogDetails, VendingApi
from backroom.vending.options import (
    FileId,
    MachineOption,
    NoWait,
    Paths,
    TechnicianNeeded,
    TechnicianOption,
)
from backroom.vending.outcomes import send_all
from backroom.vending.screens import files as file_screen
from backroom.vending.sending import LogFile, check_present, name_of
from chalicelib.vending import names
from chalicelib.vending.files import FileView

app = typer.Typer(no_args_is_help=True, help="Send, list, show and take back technicians' logs.")

_SAY_WHEN = "--downloaded-at 2018-09-21T09:34:48"


@dataclass(frozen=True)
class _Given:
    """The command line's data about the files."""

    technician: str | None
    machine: str | None
    downloaded_at: str | None
    yes: bool


@app.command(
    epilog="Example: backroom files upload log.txt --technician '#001' --machine GM001 "
    "--downloaded-at '9/21/2018 9:34:48 AM'"
)
def upload(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    paths: Paths,
    technician: TechnicianOption = None,
    machine: MachineOption = None,
    downloaded_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            callback=checked(names.checked_download_time),
            help="When the log was read from its machine, on your clock.",
        ),
    ] = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Send logs; prints the rows stored, known before and refused.

    A file named like T0001.GM001.2018-09-21_093448.zip says itself whose it is and when it was
    downloaded. Of others, the time that the file has on disk is offered.
    """
    if downloaded_at and len(paths) > 1:
        raise typer.BadParameter("one time is for one file", param_hint="--downloaded-at")
    check_present(paths)
    here = session.of(context)
    given = _Given(technician, machine, downloaded_at, yes)
    logs = [_described(here, path, given, quiet=as_json) for path in paths]
    send_all(here, logs, as_json=as_json, wait=not no_wait)


@app.command("list", epilog="Example: backroom files list --technician T0001")
def list_files(
    context: typer.Context,
    technician: TechnicianNeeded,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List a technician's files, newest first."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.files(technician)
    if sheets.printed(here, answer, FileView, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if answer.value:
        console.print(file_screen.listed(answer.value, console.width))
        return
    console.print(f"{technician} has sent no file yet.")
    show.next_step(console, f"backroom files upload PATH --technician {technician} --machine GM001")


@app.command("show", epilog="Example: backroom files show 12")
def show_file(context: typer.Context, file_id: FileId, as_json: Json = False) -> None:
    """Show a file: rows stored and known before, and refused lines with reasons."""
    with session.of(context).api(VendingApi) as api:
        answer = api.file(file_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(file_screen.detail(answer.value))


@app.command(epilog="Example: backroom files delete 12 --technician T0001")
def delete(
    context: typer.Context,
    file_id: FileId,
    technician: TechnicianNeeded,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a file back, and with it the rows that no other file holds."""
    here = session.of(context)
    question = f"Delete file {file_id} of {technician}, and the rows that no other file holds?"
    here.make_sure(question, yes=yes)
    with here.api(VendingApi) as api:
        answer = api.delete_file(technician, file_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(f"Deleted file {file_id}, {show.plain(answer.value.name)}.")


def _described(here: session.Session, path: Path, given: _Given, *, quiet: bool) -> LogFile:
    """Combine the data of the command line, the file's name and the person."""
    named = _stored_name(path)
    technician = given.technician or (named.technician if named else None)
    machine = given.machine or (named.machine if named else None)
    if not technician or not machine:
        option = "--machine" if technician else "--technician"
        raise typer.BadParameter(f"the name {name_of(path)} does not contain it", param_hint=option)
    if given.downloaded_at:
        at = given.downloaded_at
    elif named:
        at = named.wall.isoformat()
    else:
        at = _confirmed(here, path, yes=given.yes)
    if not quiet:
        line = f"{name_of(path)}: {technician}, {machine}, downloaded {at.replace('T', ' ')}"
        show.note(show.aside(), show.plain(line), style=show.CALM)
    return LogFile(path, LogDetails(technician, machine, at, name_of(path)))


def _stored_name(path: Path) -> names.StoredName | None:
    try:
        return names.StoredName.parse(path.name)
    except ValueError:
        return None


def _confirmed(here: session.Session, path: Path, *, yes: bool) -> str:
    """Return the file's modification time, or another that the person enters."""
    own = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).astimezone().replace(tzinfo=None)
    if yes:
        return own.isoformat()
    question = f"{show.plain(name_of(path))}: downloaded {own}, the file's own time?"
    otherwise = f"add --yes to use that time, or give another: {_SAY_WHEN}"
    while True:
        reply = here.answer(question, "Y/n/other time", otherwise=otherwise)
        if reply.lower() in {"", "y", "yes"}:
            return own.isoformat()
        if reply.lower() in {"n", "no"}:
            raise DeclinedError("Nothing was sent.", next_step=f"give the time: {_SAY_WHEN}")
        try:
            return names.checked_download_time(reply)
        except ValueError as wrong:
            show.note(show.aside(), f"The time {wrong}.")

"""Sends files, waits for them, and prints their results."""

from collections.abc import Sequence

import typer

from backroom.core import show
from backroom.core.connection import Answer
from backroom.core.errors import ApiError, UnfinishedError, UnreadableFileError
from backroom.core.session import Session
from backroom.vending.api import VendingApi
from backroom.vending.screens import files as file_screen
from backroom.vending.screens import work as work_screen
from backroom.vending.sending import LogFile, Sent, send
from chalicelib.vending.files import COUNTED, PENDING, FileDetail, FileView

_PATIENCE_S = 180.0
_PAUSES_FOR_VERDICT_S = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


def send_all(session: Session, logs: Sequence[LogFile], *, as_json: bool, wait: bool) -> None:
    """Send all files, then print each one's result; exit with 1 when one failed.

    A file that is refused does not hold up the others. With ``as_json`` stdout gets the API's
    JSON of each file, one a line.
    """
    with session.api(VendingApi) as api:
        sent = [taken for log in logs if (taken := _tried(api, log))]
        ended = [_follow(session, api, each, as_json=as_json, wait=wait) for each in sent]
        good = len(sent) == len(logs) and all(file.state in COUNTED | PENDING for file in ended)
        if wait and not as_json:
            _tell_verdicts(session, api, ended)
    if not good:
        raise typer.Exit(UnfinishedError.exit_code)


def wait_until_processed(session: Session, api: VendingApi, file_id: int) -> Answer[FileDetail]:
    """Return a file once it is no longer pending. Raises UnfinishedError after three minutes."""
    pause_s, waited_s = 0.2, 0.0
    with show.aside().status(f"Reading file {file_id} ..."):
        while True:
            answer = api.file(file_id)
            if answer.value.state not in PENDING:
                return answer
            if waited_s > _PATIENCE_S:
                raise UnfinishedError(
                    f"File {file_id} is still {answer.value.state} after {waited_s:.0f} s.",
                    next_step=f"backroom files show {file_id}, later; make logs shows the progress",
                )
            session.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(1.5 * pause_s, 2)


def _tried(api: VendingApi, log: LogFile) -> Sent | None:
    try:
        return send(api, log)
    except (ApiError, UnreadableFileError) as error:
        show.complain(error, about=log.name)
    except OSError as wrong:
        broken = UnreadableFileError(f"it cannot be read: {wrong.strerror}")
        show.complain(broken, about=log.name)
    return None


def _follow(
    session: Session, api: VendingApi, sent: Sent, *, as_json: bool, wait: bool
) -> FileView:
    """Print the result of a file: once it is processed, or its present state."""
    number = sent.file.id
    answer = wait_until_processed(session, api, number) if wait else api.file(number)
    if as_json:
        typer.echo(answer.text)
        return answer.value
    console = show.screen()
    if not wait:
        file_screen.say_where(console, answer.value)
        return answer.value
    console.print(file_screen.outcome(answer.value))
    if answer.value.state == "rejected" and answer.value.technician:
        step = f"backroom files delete {number} --technician {answer.value.technician}"
        show.next_step(console, f"{step}, and send the right file")
    if not sent.new:
        line = "the same file was stored before; nothing has changed"
        console.print(show.indented(line), style=show.CALM)
    return answer.value


def _tell_verdicts(session: Session, api: VendingApi, files: Sequence[FileView]) -> None:
    """Print a line for each machine that the files are of."""
    console = show.screen()
    counted = [file for file in files if file.state in COUNTED]
    judged = not counted or _wait_until_judged(session, api, counted)
    for serial in dict.fromkeys(file.machine for file in counted if file.machine):
        machine = api.find_machine(serial)
        if machine:
            console.print(work_screen.verdict_line(machine))
    if not judged:
        line = "Missing sales are still being evaluated; try again in a moment."
        console.print(line, style=show.LATE)
    if any(file.machine is None for file in counted):
        show.next_step(console, "backroom fleet")


def _wait_until_judged(session: Session, api: VendingApi, files: Sequence[FileView]) -> bool:
    """Return True once the fleet was judged with these files, False after ten seconds."""
    waiting = [file.id for file in files if not file.judged]
    with show.aside().status("Judging ..."):
        for pause_s in _PAUSES_FOR_VERDICT_S:
            waiting = [number for number in waiting if not api.file(number).value.judged]
            if not waiting and api.is_up_to_date():
                return True
            session.sleep(pause_s)
    return False

"""`backroom worklist` and `backroom dispatch`: machines to visit, and dispatches."""

from typing import Annotated

import typer

from backroom.core import session, sheets, show
from backroom.core.errors import UnfinishedError
from backroom.core.options import Csv, Json, checked, one_of
from backroom.core.watching import Watch, watched
from backroom.vending.api import VendingApi
from backroom.vending.options import MachineOption, SerialArgument, TechnicianOption
from backroom.vending.screens import work as work_screen
from chalicelib.vending.models import Dispatch, WorkItem

dispatch = typer.Typer(no_args_is_help=True, help="Open and close visits to machines.")

_STATES = ("open", "closed")
Note = Annotated[str, typer.Option(metavar="TEXT", help="What to do, or what was done.")]
DispatchId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The dispatch's number.")]


def show_worklist(
    context: typer.Context,
    technician: TechnicianOption = None,
    watch: Watch = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Show the visits to make, most urgent first, with reasons and parts."""
    here, console = session.of(context), show.screen()
    with here.api(VendingApi) as api:
        answer = api.worklist(technician)
        if sheets.printed(here, answer, WorkItem, as_json=as_json, as_csv=as_csv):
            return
        if watch and watched(
            here,
            console,
            lambda: work_screen.worklist(api.worklist(technician).value, here.now()),
        ):
            return
    if not answer.value:
        whose = f" for {technician}" if technician else ""
        console.print(f"Nothing to do{whose}: no machine shows a fault, none is overdue.")
        show.next_step(console, "backroom fleet shows all machines")
        return
    console.print(work_screen.worklist(answer.value, here.now()))
    waiting = [item.machine for item in answer.value if item.dispatch is None]
    if waiting:
        console.print()
        show.next_step(console, f'backroom dispatch open {waiting[0]} --note "..."')


@dispatch.command("open", epilog='Example: backroom dispatch open GM005 --note "carry both parts"')
def open_dispatch(
    context: typer.Context, machine: SerialArgument, note: Note = "", as_json: Json = False
) -> None:
    """Send the machine's technician to it; refuses when it has none.

    The dispatch closes by itself once a log from after the visit is clean.
    """
    unanswered = UnfinishedError(
        f"{machine} has no technician, so none was sent.",
        next_step=f"backroom machines put {machine} --technician T0001, and again",
    )
    with session.of(context).api(VendingApi) as api:
        known = api.find_machine(machine)
        if known and known.technician is None:
            raise unanswered
        answer = api.open_dispatch(machine, note)
    if as_json:
        typer.echo(answer.text)
    sent = answer.value
    if sent.technician is None:  # unassigned a moment ago, or sent before it had one
        raise unanswered
    if as_json:
        return
    console = show.screen()
    console.print(f"Dispatch {sent.id}: Technician {sent.technician} has been sent to {machine}.")
    console.print("It closes by itself once a log from after the visit is clean.", style=show.CALM)


@dispatch.command("list", epilog="Example: backroom dispatch list --state open")
def list_dispatches(
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE", callback=checked(one_of("state", _STATES)), help="open or closed."
        ),
    ] = None,
    machine: MachineOption = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the dispatches, newest first, and how they ended."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.dispatches(state=state, machine=machine)
    if sheets.printed(here, answer, Dispatch, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if answer.value:
        console.print(work_screen.dispatches(answer.value))
        return
    console.print("No dispatches found." if state or machine else "No dispatches yet.")
    show.next_step(console, "backroom worklist shows which machines need a visit")


@dispatch.command("show", epilog="Example: backroom dispatch show 4")
def show_dispatch(context: typer.Context, dispatch_id: DispatchId, as_json: Json = False) -> None:
    """Show a dispatch, and how it ended."""
    with session.of(context).api(VendingApi) as api:
        answer = api.dispatch(dispatch_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(work_screen.dispatches((answer.value,)))


@dispatch.command("close", epilog='Example: backroom dispatch close 4 --note "new wheel"')
def close_dispatch(
    context: typer.Context, dispatch_id: DispatchId, note: Note = "", as_json: Json = False
) -> None:
    """Close a dispatch by hand: the machine's faults until now count as resolved."""
    with session.of(context).api(VendingApi) as api:
        answer = api.close_dispatch(dispatch_id, note)
    if as_json:
        typer.echo(answer.text)
    else:
        how = work_screen.ending(answer.value)
        show.screen().print(f"Dispatch {dispatch_id} to {answer.value.machine} is closed: {how}.")

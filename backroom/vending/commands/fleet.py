"""`backroom fleet`: how all machines are, the most urgent first."""

from functools import partial
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json
from backroom.core.watching import NEXT_LOOK_S, Watch, watched
from backroom.vending.api import VendingApi
from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.surroundings import Bars, surroundings
from chalicelib.vending.models import MachineReport, Rebuild

_NOBODY = "No machines yet."
_FIRST_STEP = "backroom import PATH, or backroom machines put GM001 and backroom files upload PATH"


def show_fleet(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="List the healthy machines of a large fleet, too.")
    ] = False,
    watch: Watch = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Show all machines, the most urgent first, and why; what IT should check; the money."""
    if context.invoked_subcommand:
        return
    here = session.of(context)
    with here.api(VendingApi) as api:
        if as_json:
            typer.echo(api.fleet().text)
            return
        if as_csv:
            show.write_csv([sheets.sheet(api.fleet().value.machines, MachineReport)])
            return
        console, bars = show.screen(), Bars(api)
        drawn = partial(overview, here, api, console, bars, everything=everything)
        if not (watch and watched(here, console, drawn)):
            console.print(drawn())


app = typer.Typer(
    invoke_without_command=True, help="Show all machines, the most urgent first, and why."
)
app.callback(epilog="Example: backroom fleet --watch")(show_fleet)


@app.command(epilog="Example: backroom fleet rebuild")
def rebuild(context: typer.Context, as_json: Json = False) -> None:
    """Rebuild all verdicts from the files' rows, and show the progress.

    Work continues meanwhile; lists are short until it is over.
    """
    here = session.of(context)
    with here.api(VendingApi) as api:
        begun = api.rebuild()
        if as_json:
            typer.echo(begun.text)
            return
        console = show.screen()
        with console.status("Rebuilding ...") as status:
            while not _over(progress := api.rebuilding().value, begun.value.epoch):
                status.update(_progress(progress, begun.value.epoch))
                here.sleep(NEXT_LOOK_S)
    console.print(f"Rebuilt {show.plural(progress.machines, 'machine')}.")


def _over(progress: Rebuild, epoch: int) -> bool:
    return progress.epoch >= epoch and progress.state == "done"


def _progress(progress: Rebuild, epoch: int) -> str:
    if progress.epoch < epoch:
        return "Rebuilding: not begun yet"
    done = f"{progress.parts_done} of {progress.parts} parts done"
    return f"Rebuilding: {show.plural(progress.machines, 'machine')}, {done}"


def overview(
    here: session.Session,
    api: VendingApi,
    console: Console,
    bars: Bars,
    *,
    everything: bool = False,
) -> RenderableType:
    """Return the fleet's screen as of now."""
    report = api.fleet().value
    if not report.machines:
        return Group(Text(_NOBODY), show.next_line(_FIRST_STEP))
    around = surroundings(here, api, console, bars, report)
    screen = fleet_screen.compose(report, around, width=console.width, everything=everything)
    if any(machine.verdicts or machine.overdue for machine in report.machines):
        return Group(screen, show.next_line("backroom worklist"))
    return screen

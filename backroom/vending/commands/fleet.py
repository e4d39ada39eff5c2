"""`backroom fleet`: how all machines are, the most urgent first."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from backroom.core import session, show
from backroom.core.errors import ApiError
from backroom.core.options import Json
from backroom.vending.api import MOST_ROWS, Api
from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.screens.fleet_table import (
    BARS_FROM_WIDTH,
    MOST_BARS,
    RowsByDay,
    Surroundings,
    count_by_day,
)
from chalicelib.vending.models import FleetReport, MachineReport

MACHINES_WITH_BARS = 20
"""As rows are one call a machine, only the most urgent ones are asked for."""
MOST_ROWS_WITH_BARS = 2 * MOST_ROWS
"""A machine with more of them in its window is shown without."""

_CALLS_AT_ONCE = 8
_NEXT_LOOK_S = 5.0
_NOBODY = "No machine is known yet."
_FIRST_STEP = "backroom import PATH, or backroom machines put GM001 and backroom files upload PATH"

_State = tuple[str, int, datetime | None]


@dataclass
class Bars:
    """Machines' rows by day, asked for again only when a machine has changed."""

    api: Api
    _known: dict[_State, RowsByDay] = field(default_factory=dict)

    def of(self, machines: tuple[MachineReport, ...]) -> dict[str, RowsByDay]:
        """Return the rows by day of the first machines, of a small fleet of all."""
        first = machines[:MACHINES_WITH_BARS]
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            counts = pool.map(self._of_machine, first)
            return {machine.serial: days for machine, days in zip(first, counts, strict=True)}

    def _of_machine(self, machine: MachineReport) -> RowsByDay:
        state = (machine.serial, machine.transactions, machine.last_at)
        if machine.last_at is None or machine.transactions > MOST_ROWS_WITH_BARS:
            return {}
        if state not in self._known:
            since = machine.last_at.date() - timedelta(days=MOST_BARS)
            self._known[state] = self._asked(machine.serial, f"{since}T00:00:00Z")
        return self._known[state]

    def _asked(self, serial: str, since: str) -> RowsByDay:
        try:
            pages = list(self.api.transactions(serial, since=since))
        except ApiError:
            return {}  # the table is worth having without this ornament
        return count_by_day(row.at for page in pages for row in page.value)


def show_fleet(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="List the healthy machines of a large fleet, too.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every five seconds.")] = False,
    as_json: Json = False,
) -> None:
    """Show all machines, the most urgent first, and why; what IT should look at; the money."""
    here = session.of(context)
    with here.api() as api:
        if as_json:
            typer.echo(api.fleet().text)
            return
        console, bars = show.screen(), Bars(api)
        if watch and console.is_terminal:
            _keep_showing(here, api, console, bars)
        else:
            console.print(look(here, api, console, bars, everything=everything))


def look(
    here: session.Session, api: Api, console: Console, bars: Bars, *, everything: bool = False
) -> RenderableType:
    """Return the fleet's screen as of now."""
    report = api.fleet().value
    if not report.machines:
        return Group(Text(_NOBODY), Text.assemble(("Next: ", show.CALM), _FIRST_STEP))
    around = surroundings(here, api, console, bars, report)
    screen = fleet_screen.compose(report, around, width=console.width, everything=everything)
    if any(machine.verdicts or machine.overdue for machine in report.machines):
        return Group(screen, Text.assemble(("Next: ", show.CALM), "backroom worklist"))
    return screen


def surroundings(
    here: session.Session, api: Api, console: Console, bars: Bars, report: FleetReport
) -> Surroundings:
    """Ask for what the report does not say and the console has room for."""
    views = api.machines().value
    places = {
        view.serial: ", ".join(part for part in (view.technician, view.site) if part)
        for view in views
    }
    rows_by_day = bars.of(report.machines) if console.width >= BARS_FROM_WIDTH else {}
    return Surroundings(here.now(), places if any(places.values()) else {}, rows_by_day)


def _keep_showing(here: session.Session, api: Api, console: Console, bars: Bars) -> None:
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(look(here, api, console, bars), refresh=True)
                here.sleep(_NEXT_LOOK_S)
    except KeyboardInterrupt:
        console.print(f"Last look at {time.strftime('%H:%M:%S')}.", style=show.CALM)

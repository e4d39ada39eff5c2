"""Data beside the report of the fleet: sites, and rows by day."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console

from backroom.core import session
from backroom.core.errors import ApiError
from backroom.vending.api import MOST_ROWS, VendingApi
from backroom.vending.screens.machine_table import (
    BARS_FROM_WIDTH,
    MOST_BARS,
    RowsByDay,
    Surroundings,
    count_by_day,
)
from chalicelib.vending.models import FleetReport, MachineReport

MACHINES_WITH_BARS = 20
"""Rows are one call a machine, so only the most urgent ones are fetched."""
MOST_ROWS_WITH_BARS = 2 * MOST_ROWS
"""A machine with more of them in its window is shown without."""

_CALLS_AT_ONCE = 8

_State = tuple[str, int, datetime | None]


@dataclass
class Bars:
    """Machines' rows by day, fetched again only when a machine has changed."""

    api: VendingApi
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


def surroundings(
    here: session.Session, api: VendingApi, console: Console, bars: Bars, report: FleetReport
) -> Surroundings:
    """Fetch the data beside the report that the console has room for."""
    views = api.machines().value
    places = {
        view.serial: ", ".join(part for part in (view.technician, view.site) if part)
        for view in views
    }
    rows_by_day = bars.of(report.machines) if console.width >= BARS_FROM_WIDTH else {}
    return Surroundings(here.now(), places if any(places.values()) else {}, rows_by_day)

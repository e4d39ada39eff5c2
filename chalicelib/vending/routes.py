"""The vending context over HTTP: machines, the fleet, the work."""

from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal

from chalice import Response
from pydantic import Field

from chalicelib.core import spreadsheets
from chalicelib.core.access import Caller
from chalicelib.core.http import json_list, ok, respond, stored
from chalicelib.core.models import Model, PageQuery
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.core.paging import Id, Page, Pages
from chalicelib.core.routing import Routes
from chalicelib.core.times import SpanEnd
from chalicelib.core.totals import Total
from chalicelib.vending.models import (
    ClosingBody,
    Day,
    DayView,
    Dispatch,
    DispatchBody,
    DispatchQuery,
    FleetReport,
    ListQuery,
    MachineBody,
    MachinesQuery,
    MachineView,
    Rebuild,
    RowView,
    Serial,
    ServiceBody,
    ServiceVisit,
    WorkItem,
)
from chalicelib.vending.service.fleet import MachinePosition, WorkPosition
from chalicelib.vending.service.history import RowPosition
from chalicelib.vending.service.visiting import VisitPosition
from chalicelib.vending.visibility import ONES_OWN, scope_of
from chalicelib.vending.wiring import vending

bp = Routes(__name__)

_DISPATCHES = Pages("/dispatches", Id)
_FLEET = Pages("/fleet", MachinePosition)
_MACHINES = Pages("/machines", MachinePosition)
_WORKLIST = Pages("/worklist", WorkPosition)
_VISITS = Pages("/machines/{serial}/visits", VisitPosition)
_ROWS = Pages("/machines/{serial}/transactions", RowPosition)

# 10,000 rows of about 130 bytes stay well under the 6 MB that a Lambda may answer.
_MOST_ROWS = 10_000


class _MachinePath(Model):
    serial: Serial


class _DispatchPath(Model):
    dispatch_id: Annotated[int, Field(ge=1, le=10**12), FROM_TEXT]
    """The number of the dispatch."""


class _RowsQuery(PageQuery):
    from_: Annotated[SpanEnd | None, Field(alias="from")] = None
    """Only rows from this instant on (included)."""
    to: SpanEnd | None = None
    """Only rows before this instant."""
    limit: Annotated[int, Field(ge=1, le=_MOST_ROWS), FROM_TEXT] = 1_000
    format: Literal["json", "csv"] = "json"
    """Whether to answer JSON or CSV."""


class _DaysQuery(Model):
    """Which local days: up to a year, the last 90 up to its newest row by default."""

    first: Annotated[Day | None, Field(alias="from")] = None
    """The first local day."""
    last: Annotated[Day | None, Field(alias="to")] = None
    """The last local day."""


@bp.on(
    "GET",
    "/machines",
    access=ONES_OWN,
    query=MachinesQuery,
    response=MachineView,
    as_list=True,
    errors=(404,),
)
def list_machines(caller: Caller, query: MachinesQuery) -> Response:
    """List machines, most urgent first; technicians get their own."""
    wanted, fleet = _ones_own(caller, query), vending().fleet
    page = fleet.machines(wanted, _MACHINES.start(query))
    headers = _MACHINES.headers(query, page, partial(fleet.count_machines, wanted))
    return json_list(page.rows, headers=headers)


@bp.on(
    "PUT",
    "/machines/{serial}",
    access="vending:dispatch",
    path_values=_MachinePath,
    body=MachineBody,
    response=MachineView,
    also_answers=(201,),
    errors=(422,),
)
def put_machine(path: _MachinePath, body: MachineBody) -> Response:
    """Register a machine, or change its site or technician."""
    _, new = vending().registry.put_machine(path.serial, body)
    return stored(vending().fleet.machine(path.serial), new, f"/machines/{path.serial}")


@bp.on(
    "GET",
    "/machines/{serial}",
    access=ONES_OWN,
    path_values=_MachinePath,
    response=MachineView,
    errors=(404,),
)
def get_machine(caller: Caller, path: _MachinePath) -> Response:
    """Show a machine: its state and the evidence, its site and technician."""
    return ok(_machine(caller, path.serial))


@bp.on(
    "GET",
    "/machines/{serial}/transactions",
    access=ONES_OWN,
    path_values=_MachinePath,
    query=_RowsQuery,
    response=RowView,
    as_list=True,
    errors=(404,),
    also_produces=("text/csv",),
)
def list_machine_transactions(caller: Caller, path: _MachinePath, query: _RowsQuery) -> Response:
    """List a machine's rows in time order, as JSON or CSV."""
    place = _ROWS.start(query, serial=path.serial)
    _machine(caller, path.serial)
    history, span = vending().history, {"first": query.from_, "last": query.to}
    page = history.page(path.serial, limit=query.limit, place=place, **span)
    total = partial(history.count, path.serial, **span)
    headers = _ROWS.headers(query, page, total, serial=path.serial)
    if query.format == "json":
        return json_list(page.rows, headers=headers)
    return respond(_csv(page.rows), media_type=spreadsheets.MEDIA_TYPE, headers=headers)


@bp.on(
    "GET",
    "/machines/{serial}/days",
    access=ONES_OWN,
    path_values=_MachinePath,
    query=_DaysQuery,
    response=DayView,
    as_list=True,
    errors=(404,),
)
def list_machine_days(caller: Caller, path: _MachinePath, query: _DaysQuery) -> Response:
    """List a machine's days (local time): sales, faults, refused lines, silences, visits."""
    _machine(caller, path.serial)
    return json_list(vending().calendar.days(path.serial, query.first, query.last))


@bp.on(
    "POST",
    "/machines/{serial}/visits",
    access=ONES_OWN,
    path_values=_MachinePath,
    body=ServiceBody,
    response=ServiceVisit,
    also_answers=(201,),
    errors=(404, 409),
)
def report_machine_visit(caller: Caller, path: _MachinePath, body: ServiceBody) -> Response:
    """Report a service visit: refills and collected cash; repeatable."""
    _machine(caller, path.serial)
    visit, new = vending().visiting.report(path.serial, body)
    return stored(visit, new, f"/machines/{path.serial}/visits")


@bp.on(
    "GET",
    "/machines/{serial}/visits",
    access=ONES_OWN,
    path_values=_MachinePath,
    query=ListQuery,
    response=ServiceVisit,
    as_list=True,
    errors=(404,),
)
def list_machine_visits(caller: Caller, path: _MachinePath, query: ListQuery) -> Response:
    """List a machine's visits, newest first."""
    start = _VISITS.start(query, serial=path.serial)
    _machine(caller, path.serial)
    visiting = vending().visiting
    page = visiting.listed(path.serial, query, start)
    total = partial(visiting.visits.count, path.serial)
    return json_list(page.rows, headers=_VISITS.headers(query, page, total, serial=path.serial))


@bp.on(
    "GET",
    "/fleet",
    access="vending:dispatch",
    query=MachinesQuery,
    response=FleetReport,
    errors=(404,),
)
def get_fleet(query: MachinesQuery) -> Response:
    """Show the fleet: verdicts, most urgent first, fleet gaps and totals."""
    report, following = vending().fleet.report(query, _FLEET.start(query))
    page = Page(report.machines, following)
    total = Total(report.totals.machines, report.totals_exact)
    headers = _FLEET.headers(query, page, lambda: total)
    return ok(report, headers=headers)


@bp.on("GET", "/fleet/rebuild", access="operate", response=Rebuild)
def get_rebuild() -> Response:
    """Show the progress of a rebuild of all verdicts."""
    return ok(vending().rebuilding.progress())


@bp.on("POST", "/fleet/rebuild", access="operate", response=Rebuild, status=202)
def start_rebuild() -> Response:
    """Rebuild all verdicts from the files' rows."""
    return ok(vending().rebuilding.begin(), status=HTTPStatus.ACCEPTED)


@bp.on(
    "GET",
    "/worklist",
    access=ONES_OWN,
    query=MachinesQuery,
    response=WorkItem,
    as_list=True,
    errors=(404,),
)
def get_worklist(caller: Caller, query: MachinesQuery) -> Response:
    """List machines to visit and why, most urgent first, of one technician or all."""
    wanted, fleet = _ones_own(caller, query), vending().fleet
    page = fleet.worklist(wanted, _WORKLIST.start(query))
    headers = _WORKLIST.headers(query, page, partial(fleet.count_work, wanted))
    return json_list(page.rows, headers=headers)


@bp.on(
    "POST",
    "/dispatches",
    access="vending:dispatch",
    body=DispatchBody,
    response=Dispatch,
    also_answers=(201,),
    errors=(409, 422),
)
def open_dispatch(body: DispatchBody) -> Response:
    """Dispatch a machine's technician to it."""
    dispatch, new = vending().dispatching.open(body)
    return stored(dispatch, new, f"/dispatches/{dispatch.id}")


@bp.on(
    "GET",
    "/dispatches",
    access="vending:dispatch",
    query=DispatchQuery,
    response=Dispatch,
    as_list=True,
)
def list_dispatches(query: DispatchQuery) -> Response:
    """List dispatches, newest first."""
    dispatching = vending().dispatching
    page = dispatching.listed(query, start=_DISPATCHES.start(query))
    headers = _DISPATCHES.headers(query, page, partial(dispatching.count, query))
    return json_list(page.rows, headers=headers)


@bp.on(
    "GET",
    "/dispatches/{dispatch_id}",
    access="vending:dispatch",
    path_values=_DispatchPath,
    response=Dispatch,
    errors=(404,),
)
def get_dispatch(path: _DispatchPath) -> Response:
    """Show a dispatch."""
    return ok(vending().dispatching.get(path.dispatch_id))


@bp.on(
    "POST",
    "/dispatches/{dispatch_id}/close",
    access="vending:dispatch",
    path_values=_DispatchPath,
    body=ClosingBody,
    body_optional=True,
    response=Dispatch,
    errors=(404,),
)
def close_dispatch(path: _DispatchPath, body: ClosingBody) -> Response:
    """Close a dispatch; the machine's faults until now count as settled."""
    return ok(vending().dispatching.close(path.dispatch_id, body))


def _machine(caller: Caller, serial: str) -> MachineView:
    """Return a machine that a caller sees. Raises NotFoundError."""
    scope = scope_of(caller)
    machine = vending().fleet.machine(serial)
    scope.check(machine.technician, f"There is no machine {serial}.")
    return machine


def _ones_own(caller: Caller, query: MachinesQuery) -> MachinesQuery:
    """Return the list; a technician sees their own machines alone."""
    scope = scope_of(caller)
    technician = query.technician or scope.technician
    scope.check(technician, f"There is no technician {technician}.")
    return query.model_copy(update={"technician": technician})


def _csv(rows: Iterable[RowView]) -> str:
    names = ["id", "machine", "at", "gumballs", "credit_cents", "suspected_duplicate"]
    return spreadsheets.as_csv(names, (row.model_dump(mode="json").values() for row in rows))

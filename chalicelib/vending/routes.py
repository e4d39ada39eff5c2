"""The vending context over HTTP: registry, machines, the fleet, the work."""

import base64
import csv
import io
import json
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlencode

from chalice import Response
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import (
    Routes,
    checked,
    created,
    fault,
    json_body,
    link,
    listed,
    ok,
    query,
    text,
)
from chalicelib.vending.models import (
    ClosingBody,
    DispatchBody,
    DispatchQuery,
    MachineBody,
    Model,
    Serial,
    SiteBody,
    SiteId,
    TechnicianBody,
    TechnicianId,
    WorklistQuery,
)
from chalicelib.vending.service.history import Page, Place
from chalicelib.vending.wiring import vending

bp = Routes(__name__)

# 10,000 rows of about 130 bytes stay well under the 6 MB that a Lambda may answer.
_MOST_ROWS = 10_000


class _SitePath(Model):
    site_id: SiteId


class _TechnicianPath(Model):
    technician_id: TechnicianId


class _MachinePath(Model):
    serial: Serial


class _DispatchPath(Model):
    dispatch_id: Annotated[int, Field(ge=1, le=10**12)]


class _RowsQuery(Model):
    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=_MOST_ROWS)] = 1_000
    cursor: str | None = None
    format: Literal["json", "csv"] = "json"


@bp.route("/sites", methods=["GET"])
def list_sites() -> Response:
    """List the sites."""
    return listed(vending().registry.sites())


@bp.route("/sites/{site_id}", methods=["PUT"])
def put_site(site_id: str) -> Response:
    """Create a site or change it."""
    path = checked(_SitePath, {"site_id": site_id}, place="path")
    site, new = vending().registry.put_site(path.site_id, json_body(bp.current_request, SiteBody))
    return _stored(site, new, f"/sites/{path.site_id}")


@bp.route("/sites/{site_id}", methods=["GET"])
def get_site(site_id: str) -> Response:
    """Show a site."""
    path = checked(_SitePath, {"site_id": site_id}, place="path")
    return ok(vending().registry.site(path.site_id))


@bp.route("/technicians", methods=["GET"])
def list_technicians() -> Response:
    """List the technicians and their machines."""
    return listed(vending().registry.technicians())


@bp.route("/technicians/{technician_id}", methods=["PUT"])
def put_technician(technician_id: str) -> Response:
    """Create a technician or change them."""
    path = checked(_TechnicianPath, {"technician_id": technician_id}, place="path")
    body = json_body(bp.current_request, TechnicianBody)
    technician, new = vending().registry.put_technician(path.technician_id, body)
    return _stored(technician, new, f"/technicians/{path.technician_id}")


@bp.route("/technicians/{technician_id}", methods=["GET"])
def get_technician(technician_id: str) -> Response:
    """Show a technician and their machines."""
    path = checked(_TechnicianPath, {"technician_id": technician_id}, place="path")
    return ok(vending().registry.technician(path.technician_id))


@bp.route("/machines", methods=["GET"])
def list_machines() -> Response:
    """List the machines, most urgent first."""
    return listed(vending().verdicts.machines())


@bp.route("/machines/{serial}", methods=["PUT"])
def put_machine(serial: str) -> Response:
    """Register a machine, or assign it to another site or technician."""
    path = checked(_MachinePath, {"serial": serial}, place="path")
    body = json_body(bp.current_request, MachineBody)
    _, new = vending().registry.put_machine(path.serial, body)
    return _stored(vending().verdicts.machine(path.serial), new, f"/machines/{path.serial}")


@bp.route("/machines/{serial}", methods=["GET"])
def get_machine(serial: str) -> Response:
    """Show a machine: its state with the evidence, its site and its technician."""
    path = checked(_MachinePath, {"serial": serial}, place="path")
    return ok(vending().verdicts.machine(path.serial))


@bp.route("/machines/{serial}/transactions", methods=["GET"])
def list_transactions(serial: str) -> Response:
    """List a machine's rows in time order, as JSON or CSV, page by page."""
    path = checked(_MachinePath, {"serial": serial}, place="path")
    wanted = query(bp.current_request, _RowsQuery)
    vending().verdicts.machine(path.serial)
    page = vending().history.page(
        path.serial,
        first=wanted.from_,
        last=wanted.to,
        limit=wanted.limit,
        place=_place(wanted.cursor),
    )
    following = _following(path.serial, wanted, page)
    if wanted.format == "json":
        return listed(page.rows, next_page=following)
    return text(_csv(page), media_type="text/csv; charset=utf-8", headers=link(following))


@bp.route("/fleet", methods=["GET"])
def get_fleet() -> Response:
    """Show the whole fleet: verdicts most urgent first, fleet gaps, money."""
    return ok(vending().verdicts.fleet_report())


@bp.route("/worklist", methods=["GET"])
def get_worklist() -> Response:
    """Show where to go and why, most urgent first: of one technician, or of all."""
    wanted = query(bp.current_request, WorklistQuery)
    return listed(vending().verdicts.worklist(wanted.technician))


@bp.route("/dispatches", methods=["POST"])
def open_dispatch() -> Response:
    """Send the machine's technician to it."""
    dispatch, new = vending().dispatching.open(json_body(bp.current_request, DispatchBody))
    return _stored(dispatch, new, f"/dispatches/{dispatch.id}")


@bp.route("/dispatches", methods=["GET"])
def list_dispatches() -> Response:
    """List the dispatches, newest first."""
    return listed(vending().dispatching.listed(query(bp.current_request, DispatchQuery)))


@bp.route("/dispatches/{dispatch_id}", methods=["GET"])
def get_dispatch(dispatch_id: str) -> Response:
    """Show a dispatch."""
    path = checked(_DispatchPath, {"dispatch_id": dispatch_id}, place="path")
    return ok(vending().dispatching.get(path.dispatch_id))


@bp.route("/dispatches/{dispatch_id}/close", methods=["POST"])
def close_dispatch(dispatch_id: str) -> Response:
    """Close a dispatch; what was wrong with the machine until now counts as settled."""
    path = checked(_DispatchPath, {"dispatch_id": dispatch_id}, place="path")
    request = bp.current_request
    body = json_body(request, ClosingBody) if request.raw_body else ClosingBody()
    return ok(vending().dispatching.close(path.dispatch_id, body))


def _stored(value: Model, new: bool, location: str) -> Response:
    return created(value, location=location) if new else ok(value)


def _following(serial: str, wanted: _RowsQuery, page: Page) -> str | None:
    if page.next is None:
        return None
    asked = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
    return f"/machines/{serial}/transactions?{urlencode({**asked, 'cursor': _cursor(page.next)})}"


def _cursor(place: Place) -> str:
    fields = json.dumps([place.day.isoformat(), place.skip, place.before])
    return base64.urlsafe_b64encode(fields.encode()).decode().rstrip("=")


_PLACE = TypeAdapter(tuple[date, Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]])


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        fields = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return Place(*_PLACE.validate_json(fields))
    except (ValueError, ValidationError) as foreign:
        detail = "must be a cursor that this list gave"
        raise InvalidInputError([fault("query", "cursor", detail)]) from foreign


def _csv(page: Page) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "machine", "at", "gumballs", "credit_cents", "suspected_duplicate"])
    for row in page.rows:
        writer.writerow(row.model_dump(mode="json").values())
    return out.getvalue()

"""The registry over HTTP: sites and technicians. Machines are in `routes`, with what is known."""

from typing import Annotated

from chalice import Response
from pydantic import Field

from chalicelib.core.access import Caller
from chalicelib.core.http import json_list, ok, stored
from chalicelib.core.models import Model, PageQuery
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.core.paging import Pages
from chalicelib.core.routing import Routes
from chalicelib.vending.models import (
    ListQuery,
    Site,
    SiteBody,
    SiteId,
    Technician,
    TechnicianBody,
    TechnicianId,
)
from chalicelib.vending.registry_wiring import registry
from chalicelib.vending.service.registry import NamePosition
from chalicelib.vending.visibility import ONES_OWN, scope_of

bp = Routes(__name__)

_SITES = Pages("/sites", NamePosition)
_TECHNICIANS = Pages("/technicians", NamePosition)

# The machines of each are a list of their own to read.
_MOST_TECHNICIANS = 200


class _SitePath(Model):
    site_id: SiteId


class _TechnicianPath(Model):
    technician_id: TechnicianId


class _TechniciansQuery(PageQuery):
    limit: Annotated[int, Field(ge=1, le=_MOST_TECHNICIANS), FROM_TEXT] = _MOST_TECHNICIANS


@bp.on("GET", "/sites", access=ONES_OWN, query=ListQuery, response=Site, as_list=True)
def list_sites(query: ListQuery) -> Response:
    """List sites by id."""
    page = registry().sites(query, _SITES.start(query))
    return json_list(page.rows, headers=_SITES.headers(query, page, registry().count_sites))


@bp.on(
    "PUT",
    "/sites/{site_id}",
    access="vending:dispatch",
    path_values=_SitePath,
    body=SiteBody,
    response=Site,
    also_answers=(201,),
)
def put_site(path: _SitePath, body: SiteBody) -> Response:
    """Create or change a site."""
    site, new = registry().put_site(path.site_id, body)
    return stored(site, new, f"/sites/{path.site_id}")


@bp.on(
    "GET",
    "/sites/{site_id}",
    access=ONES_OWN,
    path_values=_SitePath,
    response=Site,
    errors=(404,),
)
def get_site(path: _SitePath) -> Response:
    """Show a site."""
    return ok(registry().site(path.site_id))


@bp.on(
    "GET",
    "/technicians",
    access="vending:dispatch",
    query=_TechniciansQuery,
    response=Technician,
    as_list=True,
)
def list_technicians(query: _TechniciansQuery) -> Response:
    """List technicians with their machines, by id."""
    page = registry().technicians(query, _TECHNICIANS.start(query))
    headers = _TECHNICIANS.headers(query, page, registry().count_technicians)
    return json_list(page.rows, headers=headers)


@bp.on(
    "PUT",
    "/technicians/{technician_id}",
    access="vending:dispatch",
    path_values=_TechnicianPath,
    body=TechnicianBody,
    response=Technician,
    also_answers=(201,),
)
def put_technician(path: _TechnicianPath, body: TechnicianBody) -> Response:
    """Create or change a technician."""
    technician, new = registry().put_technician(path.technician_id, body)
    return stored(technician, new, f"/technicians/{path.technician_id}")


@bp.on(
    "GET",
    "/technicians/{technician_id}",
    access=ONES_OWN,
    path_values=_TechnicianPath,
    response=Technician,
    errors=(404,),
)
def get_technician(caller: Caller, path: _TechnicianPath) -> Response:
    """Show a technician and their machines."""
    missing = f"There is no technician {path.technician_id}."
    scope_of(caller).check(path.technician_id, missing)
    return ok(registry().technician(path.technician_id))

"""The warranties context over HTTP: sales, the warranties that they got, the rate card."""

from http import HTTPStatus
from urllib.parse import urlencode

from chalice import Response

from chalicelib.core import cursors, log
from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import fault, json_list, link, ok, respond
from chalicelib.core.routing import Routes
from chalicelib.warranties import screens
from chalicelib.warranties.answers import PlansAnswer, Refusals, SaleAnswer, Warranty, WarrantyView
from chalicelib.warranties.models import (
    FILTERS,
    PageQuery,
    PlansQuery,
    SaleBody,
    SaleHeaders,
    StorePath,
    WarrantiesQuery,
    WarrantyPath,
)
from chalicelib.warranties.ports import SalePosition
from chalicelib.warranties.service import Filters
from chalicelib.warranties.wiring import warranties

bp = Routes(__name__)

_REPLAYED = {"Idempotent-Replayed": "true: this was answered before, and nothing was stored now"}
_MORE = {"Link": 'The next page, rel="next" (RFC 8288)'}
_Page = tuple[list[Warranty], str | None]
"""Warranties, and the cursor of those after them."""


@bp.on(
    "POST",
    "/warranties",
    access="warranties:write",
    body=SaleBody,
    headers=SaleHeaders,
    response=SaleAnswer,
    also_answers=(201,),
    errors=(422,),
    response_headers=_REPLAYED,
)
def post_warranty(body: SaleBody, headers: SaleHeaders) -> Response:
    """Price an item that a store sells: 201 with its warranties, 200 when no plan fits it."""
    receipt = warranties().sell(body, key=headers.key)
    sale = receipt.sale
    if receipt.lost_races:
        log.count("WarrantiesLostRaces", receipt.lost_races)
    if not receipt.replayed:
        log.count("Warranties" if sale.offers else "SalesRefused", len(sale.offers) or 1)
    return ok(
        SaleAnswer.of(sale),
        status=HTTPStatus.CREATED if sale.offers else HTTPStatus.OK,
        headers={"Idempotent-Replayed": "true"} if receipt.replayed else None,
    )


@bp.on(
    "GET",
    "/warranties",
    access="warranties:read",
    query=WarrantiesQuery,
    response=Warranty,
    as_list=True,
    response_headers=_MORE,
)
def list_warranties(query: WarrantiesQuery) -> Response:
    """List warranties by type, SKU and time: all, those of one item in one store, or any mix."""
    asked = {name: getattr(query, name) for name in FILTERS}
    page, cursor = _page(Filters(**asked), query)
    return json_list(page, next_page=_following("/warranties", query, cursor))


@bp.on(
    "GET",
    "/warranties/{warranty_id}",
    access="warranties:read",
    path_values=WarrantyPath,
    response=WarrantyView,
    errors=(404,),
)
def get_warranty(path: WarrantyPath) -> Response:
    """Show a warranty, the rule of its price, its store and item, and whether it is archived."""
    return ok(warranties().warranty(path.warranty_id))


@bp.on(
    "GET",
    "/stores/{store_uuid}/warranties.csv",
    access="warranties:read",
    path_values=StorePath,
    query=PageQuery,
    also_produces=("text/csv",),
    response_headers=_MORE,
)
def export_warranties(path: StorePath, query: PageQuery) -> Response:
    """Export a store's warranties as CSV, by type, SKU and time."""
    page, cursor = _page(Filters(store_uuid=path.store_uuid), query)
    here = f"/stores/{path.store_uuid}/warranties.csv"
    return respond(
        screens.as_csv(page),
        media_type="text/csv; charset=utf-8",
        headers=link(_following(here, query, cursor)),
    )


@bp.on(
    "GET",
    "/plans",
    access="warranties:read",
    query=PlansQuery,
    response=PlansAnswer,
    errors=(404,),
)
def get_plans(query: PlansQuery) -> Response:
    """Show the rate card in force, or that of a version: bands, price rules, rounding."""
    service = warranties()
    return ok(screens.readable(service.card(query.rate_card), service.cards))


@bp.on(
    "GET",
    "/plans/refusals",
    access="warranties:read",
    query=PageQuery,
    response=Refusals,
    as_list=True,
    response_headers=_MORE,
)
def list_refusals(query: PageQuery) -> Response:
    """List how often sales got no warranty, by type and reason."""
    found = warranties().refusals(after=_kind(query.cursor), limit=query.limit + 1)
    page = found[: query.limit]
    cut = len(found) > len(page)
    cursor = cursors.write("refusals", page[-1].item_type, page[-1].reason) if cut else None
    return json_list(page, next_page=_following("/plans/refusals", query, cursor))


# --- pages ----------------------------------------------------------------------------------------


def _page(filters: Filters, query: PageQuery) -> _Page:
    found = warranties().listed(filters, after=_place(query.cursor), limit=query.limit + 1)
    page = [warranty for _, warranty in found[: query.limit]]
    if len(found) == len(page):
        return page, None
    place = found[len(page) - 1][0]
    return page, cursors.write("warranties", place.sale, str(place.offer))


def _following(path: str, query: PageQuery, cursor: str | None) -> str | None:
    """Return the address of the next page of a list."""
    if cursor is None:
        return None
    asked = query.model_dump(exclude_none=True) | {"cursor": cursor}
    return f"{path}?{urlencode(asked)}"


def _place(cursor: str | None) -> SalePosition | None:
    match cursors.read(cursor) if cursor else None:
        case None:
            return None
        case ["warranties", sale, offer] if offer.isdecimal() and len(offer) <= 3:
            return SalePosition(sale, int(offer))
    raise _foreign()


def _kind(cursor: str | None) -> tuple[str, str] | None:
    match cursors.read(cursor) if cursor else None:
        case None:
            return None
        case ["refusals", item_type, reason]:
            return item_type, reason
    raise _foreign()


def _foreign() -> InvalidInputError:
    return InvalidInputError([fault("query", "cursor", "must be a cursor that this list gave")])

"""The warranties context over HTTP: sales, the warranties that they got, the rate card."""

from http import HTTPStatus

from chalice import Response

from chalicelib.core import log, spreadsheets, totals
from chalicelib.core.http import json_list, ok, respond
from chalicelib.core.models import KeyHeader
from chalicelib.core.paging import Pages, cut
from chalicelib.core.routing import Routes
from chalicelib.core.totals import Total
from chalicelib.warranties import screens
from chalicelib.warranties.answers import (
    CancellationView,
    PlansAnswer,
    QuoteAnswer,
    Refusals,
    SaleAnswer,
    Warranty,
    WarrantyView,
)
from chalicelib.warranties.models import (
    FILTERS,
    CancellationBody,
    ListQuery,
    PlansQuery,
    QuoteQuery,
    SaleBody,
    StorePath,
    WarrantiesQuery,
    WarrantyPath,
)
from chalicelib.warranties.ports import RefusalPosition, SalePosition
from chalicelib.warranties.service import Filters
from chalicelib.warranties.wiring import warranties

bp = Routes(__name__)

_REPLAYED = {"Idempotent-Replayed": "true: this was answered before, and nothing was stored now"}
_CSV = "/stores/{store_uuid}/warranties.csv"
_WARRANTIES = Pages("/warranties", SalePosition)
_EXPORT = Pages(_CSV, SalePosition)
_REFUSALS = Pages("/plans/refusals", RefusalPosition)


@bp.on(
    "POST",
    "/warranties",
    access="warranties:write",
    body=SaleBody,
    headers=KeyHeader,
    response=SaleAnswer,
    also_answers=(201,),
    errors=(409, 422),
    response_headers=_REPLAYED,
)
def create_warranties(body: SaleBody, headers: KeyHeader) -> Response:
    """Create the warranties of a sold item: 201 with them, 200 when no plan matches."""
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
)
def list_warranties(query: WarrantiesQuery) -> Response:
    """List warranties by type, SKU and time, of any mix of store, type and SKU.

    ``number`` finds those that a customer names.
    """
    if query.number is not None:
        found = warranties().found(query.number)
        return json_list(found, headers=Total(len(found)).headers() if query.count else None)
    filters = {name: getattr(query, name) for name in FILTERS}
    start = _WARRANTIES.start(query)
    wanted = Filters(**filters)
    page = warranties().listed(wanted, after=start, limit=query.limit)
    headers = _WARRANTIES.headers(query, page, lambda: warranties().total(wanted))
    return json_list(page.rows, headers=headers)


@bp.on(
    "GET",
    "/warranties/{warranty_id}",
    access="warranties:read",
    path_values=WarrantyPath,
    response=WarrantyView,
    errors=(404,),
)
def get_warranty(path: WarrantyPath) -> Response:
    """Show a warranty with its price rule, store and item, and whether it is archived."""
    return ok(warranties().warranty(path.warranty_id))


@bp.on(
    "POST",
    "/warranties/{warranty_id}/cancellation",
    access="warranties:write",
    path_values=WarrantyPath,
    body=CancellationBody,
    body_optional=True,
    response=CancellationView,
    also_answers=(201,),
    errors=(404, 409, 422),
    response_headers={"Idempotent-Replayed": "true: it was cancelled before, by this refund"},
)
def cancel_warranty(path: WarrantyPath, body: CancellationBody) -> Response:
    """Cancel a warranty: 201 with its refund, 200 for a repeat."""
    receipt = warranties().cancel(path.warranty_id, body.reason)
    if receipt.replayed:
        return ok(receipt.view, headers={"Idempotent-Replayed": "true"})
    log.count("WarrantiesCancelled")
    return ok(receipt.view, status=HTTPStatus.CREATED)


@bp.on(
    "GET",
    _CSV,
    access="warranties:read",
    path_values=StorePath,
    query=ListQuery,
    also_produces=("text/csv",),
)
def export_warranties(path: StorePath, query: ListQuery) -> Response:
    """Export a store's warranties as CSV, by type, SKU and time."""
    start = _EXPORT.start(query, store_uuid=path.store_uuid)
    filters = Filters(store_uuid=path.store_uuid)
    page = warranties().listed(filters, after=start, limit=query.limit)
    headers = _EXPORT.headers(
        query, page, lambda: warranties().total(filters), store_uuid=path.store_uuid
    )
    return respond(screens.as_csv(page.rows), media_type=spreadsheets.MEDIA_TYPE, headers=headers)


@bp.on(
    "GET",
    "/plans",
    access="warranties:read",
    query=PlansQuery,
    response=PlansAnswer,
    errors=(404, 409),
)
def get_plans(query: PlansQuery) -> Response:
    """Show a rate card, by default the one in force: bands, price rules, rounding."""
    service = warranties()
    return ok(screens.readable(service.card(query.rate_card), service.cards))


@bp.on(
    "GET",
    "/plans/quote",
    access="warranties:read",
    query=QuoteQuery,
    response=QuoteAnswer,
    errors=(404, 409),
)
def get_quote(query: QuoteQuery) -> Response:
    """Quote the prices of an item with their arithmetic; nothing is stored or counted."""
    card = warranties().card(query.rate_card)
    return ok(screens.quoted(card, query.item_type, query.item_cost))


@bp.on(
    "GET",
    "/plans/refusals",
    access="warranties:read",
    query=ListQuery,
    response=Refusals,
    as_list=True,
)
def list_refusals(query: ListQuery) -> Response:
    """List counts of sales without a warranty, by type and reason."""
    start = _REFUSALS.start(query)
    refusals = warranties().refusals
    found = refusals(after=start, limit=query.limit + 1)
    page = cut(found, query.limit, lambda last: RefusalPosition(last.item_type, last.reason))
    headers = _REFUSALS.headers(
        query, page, lambda: totals.count(refusals(after=None, limit=totals.MOST_COUNTED + 1))
    )
    return json_list(page.rows, headers=headers)

"""The recipes over HTTP: cakes and orders."""

from collections.abc import Iterable

from chalice import Response

from chalicelib.bakery.answers import CakeAnswer, ErasureAnswer, NoticePreview, OrderAnswer
from chalicelib.bakery.models import (
    ActionQuery,
    CakeBody,
    CakePath,
    ErasureBody,
    OrderBody,
    OrderPath,
    OrdersQuery,
)
from chalicelib.bakery.records import Order
from chalicelib.bakery.service.orders import OrderRequest, Wanted
from chalicelib.bakery.wiring import bakery
from chalicelib.core import log
from chalicelib.core.access import Caller
from chalicelib.core.http import created, json_list, no_content, ok
from chalicelib.core.models import KeyHeader
from chalicelib.core.paging import Id, Page, Pages
from chalicelib.core.routing import Routes

bp = Routes(__name__)

# 99 ingredients with long names, and as many extras.
_LIMIT = 65_536
# A Lambda may answer 6 MB, and a single order may have 200 kB.
_MOST_BYTES = 4_000_000
_REPLAYED = {"Idempotent-Replayed": "true: the key had placed this order before"}
_ORDERS = Pages("/orders", Id)


@bp.on("GET", "/cakes", access="bakery:read", response=CakeAnswer, as_list=True)
def list_cakes() -> Response:
    """List cakes with their recipes, by id."""
    return json_list([CakeAnswer.of(cake) for cake in bakery().recipes.all()])


@bp.on(
    "POST",
    "/cakes",
    access="bakery:write",
    body=CakeBody,
    body_limit=_LIMIT,
    response=CakeAnswer,
    status=201,
    errors=(409, 422),
)
def create_cake(body: CakeBody) -> Response:
    """Add a cake; its id is its name in snake_case."""
    cake = bakery().recipes.add(body.name, body.ingredients)
    return created(CakeAnswer.of(cake), location=f"/cakes/{cake.id}")


@bp.on(
    "GET",
    "/cakes/{cake_id}",
    access="bakery:read",
    path_values=CakePath,
    response=CakeAnswer,
    errors=(404,),
)
def get_cake(path: CakePath) -> Response:
    """Show a cake."""
    return ok(CakeAnswer.of(bakery().recipes.cake(path.cake_id)))


@bp.on(
    "DELETE",
    "/cakes/{cake_id}",
    access="bakery:write",
    path_values=CakePath,
    no_content=True,
    errors=(404,),
)
def delete_cake(path: CakePath) -> Response:
    """Delete a cake; its orders stay with their recipe."""
    bakery().recipes.remove(path.cake_id)
    return no_content()


@bp.on(
    "POST",
    "/orders",
    access="bakery:write",
    body=OrderBody,
    body_limit=_LIMIT,
    headers=KeyHeader,
    response=OrderAnswer,
    status=201,
    errors=(422,),
    response_headers=_REPLAYED,
)
def create_order(caller: Caller, body: OrderBody, headers: KeyHeader) -> Response:
    """Place an order with the cake's current recipe; extras are not multiplied."""
    order_request = OrderRequest(
        customer=body.customer,
        recipe=body.recipe,
        persons=body.persons,
        quantity=body.quantity,
        extras=body.extra_ingredients,
        urgent=body.urgent,
        email=body.email,
        due_at=body.due_at,
        phone=body.phone,
        note=body.note,
    )
    placed = bakery().ordering.place(order_request, key=headers.key, author=caller.author)
    extra = {"Location": f"/orders/{placed.order.id}"}
    if placed.replayed:
        extra["Idempotent-Replayed"] = "true"
    else:
        log.count("OrdersPlaced")
    return ok(OrderAnswer.of(placed.order), status=201, headers=extra)


@bp.on(
    "GET",
    "/orders",
    access="bakery:read",
    query=OrdersQuery,
    response=OrderAnswer,
    as_list=True,
)
def list_orders(query: OrdersQuery) -> Response:
    """List orders, newest first, by status, customer or due day (UTC).

    Cancelled ones only if the status asks for them.
    """
    start = _ORDERS.start(query)
    before = start.id if start else query.before
    wanted = Wanted(query.status, query.customer, query.due)
    ordering = bakery().ordering
    page = ordering.page(wanted, before=before, limit=query.limit)
    answers = _fitting(page.rows)
    cut = len(answers) < len(page.rows)
    fitting = Page(answers, Id(answers[-1].id) if cut else page.next)
    headers = _ORDERS.headers(query, fitting, lambda: ordering.total(wanted, before=query.before))
    return json_list(answers, headers=headers)


def _fitting(orders: Iterable[Order]) -> list[OrderAnswer]:
    """Return the first of ``orders``, as many as an answer holds; one at least, if there is one."""
    answers: list[OrderAnswer] = []
    size = 0
    for order in orders:
        answer = OrderAnswer.of(order)
        size += len(answer.json_text().encode())
        if answers and size > _MOST_BYTES:
            break
        answers.append(answer)
    return answers


@bp.on(
    "GET",
    "/orders/{order_id}",
    access="bakery:read",
    path_values=OrderPath,
    response=OrderAnswer,
    errors=(404,),
)
def get_order(path: OrderPath) -> Response:
    """Show an order with its ingredients, history, ticket and notice."""
    ordering = bakery().ordering
    order = ordering.order(path.order_id)
    return ok(OrderAnswer.of(order, ordering.ticket(order)))


@bp.on(
    "GET",
    "/orders/{order_id}/notice",
    access="bakery:read",
    path_values=OrderPath,
    response=NoticePreview,
    errors=(404, 409),
)
def preview_notice(path: OrderPath) -> Response:
    """Preview an order's notice: recipient, channel and text.

    It is decided as at sending; 409 for an order whose customer is not notified.
    """
    return ok(NoticePreview.of(bakery().notices.preview(path.order_id)))


@bp.on(
    "DELETE",
    "/orders/{order_id}",
    access="bakery:write",
    path_values=OrderPath,
    query=ActionQuery,
    no_content=True,
    errors=(404, 409),
)
def cancel_order(caller: Caller, path: OrderPath, query: ActionQuery) -> Response:
    """Cancel an order; it stays readable."""
    reason = query.reason or "cancelled on request"
    bakery().ordering.cancel(path.order_id, by=query.by, reason=reason, author=caller.author)
    return no_content()


@bp.on(
    "POST",
    "/orders/{order_id}/ready",
    access="bakery:write",
    path_values=OrderPath,
    query=ActionQuery,
    response=OrderAnswer,
    errors=(404, 409),
)
def mark_order_ready(caller: Caller, path: OrderPath, query: ActionQuery) -> Response:
    """Mark an order as ready; its customer is notified once, a minute later."""
    ordering = bakery().ordering
    order = ordering.make_ready(
        path.order_id, by=query.by, reason=query.reason or "baked", author=caller.author
    )
    return ok(OrderAnswer.of(order, ordering.ticket(order)))


@bp.on(
    "DELETE",
    "/orders/{order_id}/ready",
    access="bakery:write",
    path_values=OrderPath,
    query=ActionQuery,
    response=OrderAnswer,
    errors=(404, 409),
)
def undo_order_ready(caller: Caller, path: OrderPath, query: ActionQuery) -> Response:
    """Undo marking an order as ready, before its customer is notified."""
    ordering = bakery().ordering
    reason = query.reason or "not ready after all"
    order = ordering.undo_ready(path.order_id, by=query.by, reason=reason, author=caller.author)
    return ok(OrderAnswer.of(order, ordering.ticket(order)))


@bp.on("POST", "/erasures", access="bakery:erase", body=ErasureBody, response=ErasureAnswer)
def erase_customer(body: ErasureBody) -> Response:
    """Erase a customer's data from finished orders and at vendors.

    Safe to repeat; 50 orders a request.
    """
    run = bakery().erasing.erase(body.customer, before=body.before, dry_run=body.dry_run)
    return ok(ErasureAnswer.of(run, dry_run=body.dry_run))

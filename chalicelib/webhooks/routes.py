"""Events and subscriptions over HTTP."""

from datetime import timedelta
from functools import partial
from typing import Annotated, NamedTuple

from chalice import Response
from pydantic import Field

from chalicelib.core.errors import NotFoundError
from chalicelib.core.http import created, json_list, no_content, ok, respond
from chalicelib.core.instants import now
from chalicelib.core.models import KeyHeader
from chalicelib.core.paging import Pages, cut
from chalicelib.core.routing import Routes
from chalicelib.core.totals import Total
from chalicelib.webhooks.models import (
    KINDS,
    DeliveryPath,
    DeliveryView,
    EventPath,
    EventsQuery,
    EventView,
    NewSecret,
    ReplayBody,
    Replayed,
    RotationBody,
    SubscriptionBody,
    SubscriptionChange,
    SubscriptionPath,
    SubscriptionsQuery,
    SubscriptionView,
    Tested,
)
from chalicelib.webhooks.ports import PREFIX, Span
from chalicelib.webhooks.wiring import event_log, subscriptions

bp = Routes(__name__)


class Place(NamedTuple):
    """A position in the list of events, or of subscriptions: an id."""

    id: Annotated[str, Field(pattern=r"^(evt_[0-9]{16}|sub_[0-9a-f]{32})$")]


_EVENTS = Pages("/events", Place)
_SUBSCRIPTIONS = Pages("/subscriptions", Place)


# --- events ---------------------------------------------------------------------------------------


@bp.on("GET", "/events", access="events:read", query=EventsQuery, response=EventView, as_list=True)
def list_events(query: EventsQuery) -> Response:
    """List events in the order of their recording: all, or by kind, subject or time."""
    start = _EVENTS.start(query)
    after = max((each for each in (start and start.id, query.after) if each), default=None)
    span = Span(after=after, since=query.from_, until=query.to)
    kinds = [query.kind] if query.kind else KINDS
    if query.subject:
        found = event_log().about(query.subject, kinds, span, query.limit + 1)
    else:
        found = event_log().events(kinds, span, query.limit + 1)
    page = cut(found, query.limit, lambda event: Place(event.id))
    whole = Span(after=query.after, since=query.from_, until=query.to)
    total = partial(event_log().count, query.subject, kinds, whole)
    texts = ",".join(event.body for event in page.rows)
    return respond(f"[{texts}]", headers=_EVENTS.headers(query, page, total))


@bp.on(
    "GET",
    "/events/{event_id}",
    access="events:read",
    path_values=EventPath,
    response=EventView,
    errors=(404,),
)
def get_event(path: EventPath) -> Response:
    """Show an event, exactly as receivers get it."""
    found = event_log().event(path.event_id.removeprefix(PREFIX))
    if found is None:
        raise NotFoundError(f"There is no event {path.event_id}, or not any more.")
    return respond(found.body)


# --- subscriptions --------------------------------------------------------------------------------


@bp.on(
    "POST",
    "/subscriptions",
    access="events:write",
    body=SubscriptionBody,
    response=NewSecret,
    status=201,
    errors=(409, 422),
    response_headers={"Location": "Where the subscription is"},
)
def create_subscription(body: SubscriptionBody) -> Response:
    """Create a subscription; only this response shows its secret."""
    made = subscriptions().create(body)
    return created(NewSecret.shown(made, now()), location=f"/subscriptions/{made.id}")


@bp.on(
    "GET",
    "/subscriptions",
    access="events:read",
    query=SubscriptionsQuery,
    response=SubscriptionView,
    as_list=True,
)
def list_subscriptions(query: SubscriptionsQuery) -> Response:
    """List subscriptions by id."""
    start = _SUBSCRIPTIONS.start(query)
    every = subscriptions().receivers.all()
    rest = [each for each in every if start is None or each.id > start.id]
    page = cut(rest, query.limit, lambda each: Place(each.id))
    views = (SubscriptionView.of(each, now()) for each in page.rows)
    headers = _SUBSCRIPTIONS.headers(query, page, lambda: Total(len(every)))
    return json_list(views, headers=headers)


@bp.on(
    "GET",
    "/subscriptions/{subscription_id}",
    access="events:read",
    path_values=SubscriptionPath,
    response=SubscriptionView,
    errors=(404,),
)
def get_subscription(path: SubscriptionPath) -> Response:
    """Show a subscription with the state of its receiver."""
    found, health = subscriptions().show(path.subscription_id)
    return ok(SubscriptionView.of(found, now(), health))


@bp.on(
    "PATCH",
    "/subscriptions/{subscription_id}",
    access="events:write",
    path_values=SubscriptionPath,
    body=SubscriptionChange,
    response=SubscriptionView,
    errors=(404, 409),
)
def change_subscription(path: SubscriptionPath, body: SubscriptionChange) -> Response:
    """Change a subscription's URL, kinds or description, or whether it is active."""
    return ok(SubscriptionView.of(subscriptions().change(path.subscription_id, body), now()))


@bp.on(
    "DELETE",
    "/subscriptions/{subscription_id}",
    access="events:write",
    path_values=SubscriptionPath,
    no_content=True,
    errors=(404,),
)
def delete_subscription(path: SubscriptionPath) -> Response:
    """Delete a subscription; pending deliveries are not sent."""
    subscriptions().delete(path.subscription_id)
    return no_content()


@bp.on(
    "POST",
    "/subscriptions/{subscription_id}/secret",
    access="events:write",
    path_values=SubscriptionPath,
    body=RotationBody,
    body_optional=True,
    response=NewSecret,
    errors=(404,),
)
def rotate_secret(path: SubscriptionPath, body: RotationBody) -> Response:
    """Create a new secret; the old one stays valid for a day, or as long as requested."""
    overlap = timedelta(hours=body.overlap_hours)
    return ok(NewSecret.shown(subscriptions().rotate(path.subscription_id, overlap), now()))


@bp.on(
    "POST",
    "/subscriptions/{subscription_id}/test",
    access="events:write",
    path_values=SubscriptionPath,
    response=Tested,
    status=202,
    errors=(404, 409),
)
def send_test(path: SubscriptionPath) -> Response:
    """Send an event of type webhook.test to the receiver."""
    return ok(Tested(event_id=subscriptions().test(path.subscription_id)), status=202)


@bp.on(
    "POST",
    "/subscriptions/{subscription_id}/replay",
    access="events:write",
    path_values=SubscriptionPath,
    headers=KeyHeader,
    body=ReplayBody,
    response=Replayed,
    status=202,
    errors=(404, 409),
)
def replay_events(path: SubscriptionPath, body: ReplayBody, headers: KeyHeader) -> Response:
    """Deliver an event again, or those since a time, 100 a request, under their first ids."""
    return ok(subscriptions().replay(path.subscription_id, body, headers.key), status=202)


@bp.on(
    "GET",
    "/subscriptions/{subscription_id}/deliveries/{event_id}",
    access="events:read",
    path_values=DeliveryPath,
    response=DeliveryView,
    errors=(404,),
)
def get_delivery(path: DeliveryPath) -> Response:
    """Show the delivery of an event or a test event."""
    row = subscriptions().delivered(path.subscription_id, path.event_id)
    values = {name: getattr(row, name, None) for name in DeliveryView.model_fields}
    values["asked_at"] = row.requested_at
    values |= {"event_id": path.event_id, "answer": row.answer or row.reference}
    values |= {"due_at": None if row.over else row.due_at}
    return ok(DeliveryView.model_validate(values))

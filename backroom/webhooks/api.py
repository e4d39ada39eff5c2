"""The routes of events and subscriptions as typed calls, one method a route."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import given, keyed, part
from chalicelib.webhooks.models import (
    DeliveryView,
    EventView,
    NewSecret,
    Replayed,
    SubscriptionView,
    Tested,
)

_EVENTS = TypeAdapter(tuple[EventView, ...])
_EVENT = TypeAdapter(EventView)
_SUBSCRIPTIONS = TypeAdapter(tuple[SubscriptionView, ...])
_SUBSCRIPTION = TypeAdapter(SubscriptionView)
_NEW_SECRET = TypeAdapter(NewSecret)
_TESTED = TypeAdapter(Tested)
_REPLAYED = TypeAdapter(Replayed)
_DELIVERY = TypeAdapter(DeliveryView)


class WebhooksApi:
    """What the API does about events and receivers. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        after: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int,
        counted: bool = False,
    ) -> Answer[tuple[EventView, ...]]:
        """Return events in the order of their recording; ``counted`` asks for the total."""
        query = given(
            {
                "kind": kind,
                "subject": subject,
                "after": after,
                "from": since,
                "to": until,
                "limit": limit,
            }
        )
        return self._connection.listed(_EVENTS, "/events", query, counted=counted)

    def all_events(
        self, *, kind: str | None = None, subject: str | None = None, after: str | None = None
    ) -> Iterator[EventView]:
        """Yield all such events in the order of their recording."""
        query = given({"kind": kind, "subject": subject, "after": after})
        return self._connection.members(_EVENTS, "/events", params=query)

    def event(self, event_id: str) -> Answer[EventView]:
        """Return an event."""
        return self._connection.answer(_EVENT, "GET", f"/events/{part(event_id)}")

    def subscriptions(self) -> Answer[tuple[SubscriptionView, ...]]:
        """Return all subscriptions."""
        return self._connection.whole(_SUBSCRIPTIONS, "/subscriptions")

    def subscription(self, subscription_id: str) -> Answer[SubscriptionView]:
        """Return a subscription, and how its receiver does."""
        return self._connection.answer(_SUBSCRIPTION, "GET", _path(subscription_id))

    def subscribe(
        self, url: str, *, kinds: list[str] | None, description: str | None
    ) -> Answer[NewSecret]:
        """Subscribe a receiver; the answer has its secret."""
        fields = {"url": url, "kinds": kinds, "description": description}
        body = {name: value for name, value in fields.items() if value is not None}
        return self._connection.answer(_NEW_SECRET, "POST", "/subscriptions", json=body)

    def change(self, subscription_id: str, fields: dict[str, Any]) -> Answer[SubscriptionView]:
        """Change the fields of a subscription that are given."""
        return self._connection.answer(_SUBSCRIPTION, "PATCH", _path(subscription_id), json=fields)

    def delete(self, subscription_id: str) -> None:
        """Delete a subscription."""
        self._connection.response("DELETE", _path(subscription_id))

    def rotate(self, subscription_id: str, *, overlap_hours: int) -> Answer[NewSecret]:
        """Give a subscription a new secret; the answer has it."""
        body = {"overlap_hours": overlap_hours}
        path = f"{_path(subscription_id)}/secret"
        return self._connection.answer(_NEW_SECRET, "POST", path, json=body)

    def test(self, subscription_id: str) -> Answer[Tested]:
        """Send a test event to a receiver."""
        return self._connection.answer(_TESTED, "POST", f"{_path(subscription_id)}/test")

    def replay(
        self, subscription_id: str, body: dict[str, str], *, key: str | None = None
    ) -> Answer[Replayed]:
        """Deliver events again, one page of them, each once for a ``key``."""
        path = f"{_path(subscription_id)}/replay"
        return self._connection.answer(_REPLAYED, "POST", path, json=body, headers=keyed(key))

    def delivery(self, subscription_id: str, event_id: str) -> Answer[DeliveryView]:
        """Return the state of a delivery, of an event or a test."""
        path = f"{_path(subscription_id)}/deliveries/{part(event_id)}"
        return self._connection.answer(_DELIVERY, "GET", path)


def _path(subscription_id: str) -> str:
    return f"/subscriptions/{part(subscription_id)}"

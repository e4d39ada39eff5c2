"""Subscriptions, and how their receivers do.

``SUBSCRIPTIONS/<id>``    a subscription, with its ``version``
``URLS/<digest>``         which subscription a URL has: one each
``HEALTH/<id>``           how a receiver does that does not answer well
"""

from datetime import datetime
from typing import Any

from chalicelib.core import canonical
from chalicelib.core.audit.entries import thing as named
from chalicelib.core.instants import sortable
from chalicelib.core.table import (
    ABSENT,
    Condition,
    ConditionError,
    Item,
    Table,
    at_version,
    key,
)
from chalicelib.webhooks.models import Health, Subscription
from chalicelib.webhooks.ports import StaleSubscriptionError, UrlTakenError

_SUBSCRIPTIONS, _URLS, _HEALTH = "SUBSCRIPTIONS", "URLS", "HEALTH"


class SubscriptionStore:
    """Subscriptions in DynamoDB; every read is strongly consistent."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, subscription: Subscription) -> None:
        """Store a new subscription. Raises UrlTakenError."""
        self._write(self._table.putting(_item(subscription), ABSENT), self._taking(subscription))

    def replace(self, before: Subscription, after: Subscription) -> None:
        """Store a subscription over the one that was read.

        Raises StaleSubscriptionError or UrlTakenError.
        """
        replacing = self._table.putting(_item(after), at_version(before.version))
        if after.url == before.url:
            self._write(replacing)
        else:
            leaving = self._table.deleting(_URLS, _url_digest(before))
            self._write(replacing, self._taking(after), leaving)

    def remove(self, subscription: Subscription) -> None:
        """Delete a subscription. Raises StaleSubscriptionError."""
        self._write(
            self._table.deleting(_SUBSCRIPTIONS, subscription.id, at_version(subscription.version)),
            self._table.deleting(_URLS, _url_digest(subscription)),
            self._table.deleting(_HEALTH, subscription.id),
        )

    def all(self) -> list[Subscription]:
        """Return all subscriptions in the order of their ids."""
        return [_subscription(item) for item in self._table.query(_SUBSCRIPTIONS)]

    def get_with_health(self, subscription_id: str) -> tuple[Subscription | None, Health | None]:
        """Return a subscription, and how its receiver does if not well: one read."""
        places = [(_SUBSCRIPTIONS, subscription_id), (_HEALTH, subscription_id)]
        found = {item["pk"]["S"]: item for item in self._table.get_many(places)}
        subscription, health = found.get(_SUBSCRIPTIONS), found.get(_HEALTH)
        return (
            _subscription(subscription) if subscription else None,
            Health.model_validate_json(health["body"]["S"]) if health else None,
        )

    def take(self, subscription_id: str, health: Health, until: datetime) -> bool:
        """Pause the receiver until then but for the caller; False if another writer was first."""
        taken = health.model_copy(update={"rests_until": until})
        unchanged = Condition("rests = :rests", {":rests": {"S": sortable(health.rests_until)}})
        try:
            self._table.put(_health_item(subscription_id, taken), unchanged)
        except ConditionError:
            return False
        return True

    def put_health(self, subscription_id: str, health: Health | None) -> None:
        """Store how a receiver does, None if well."""
        if health is None:
            self._table.delete(_HEALTH, subscription_id)
        else:
            self._table.put(_health_item(subscription_id, health))

    def _taking(self, subscription: Subscription) -> dict[str, Any]:
        named = {"id": {"S": subscription.id}}
        return self._table.putting({**key(_URLS, _url_digest(subscription)), **named}, ABSENT)

    def _write(self, *actions: dict[str, Any]) -> None:
        try:
            self._table.transact(*actions)
        except ConditionError as failed:
            if taken := failed.failed.get(1):
                raise UrlTakenError(taken["id"]["S"]) from failed
            raise StaleSubscriptionError from failed


def thing(pk: str, sk: str) -> str | None:
    """Return the thing at a key, as the audit trail names it: a subscription."""
    return named("subscriptions", sk) if pk == _SUBSCRIPTIONS else None


def _url_digest(subscription: Subscription) -> str:
    return canonical.sha256(subscription.url.encode())


def _item(subscription: Subscription) -> Item:
    return {
        **key(_SUBSCRIPTIONS, subscription.id),
        "version": {"N": str(subscription.version)},
        "body": {"S": subscription.json_text()},
    }


def _subscription(item: Item) -> Subscription:
    return Subscription.model_validate_json(item["body"]["S"])


def _health_item(subscription_id: str, health: Health) -> Item:
    return {
        **key(_HEALTH, subscription_id),
        "rests": {"S": sortable(health.rests_until)},
        "body": {"S": health.json_text()},
    }

"""Orders in DynamoDB, and which of them are open."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

from chalicelib.bakery.records import Keyed, Order
from chalicelib.bakery.store import items
from chalicelib.bakery.store.items import padded
from chalicelib.core import canonical
from chalicelib.core.facts import ItemChange
from chalicelib.core.instants import iso
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import (
    ABSENT,
    BATCH_GET_LIMIT,
    HIGHEST,
    ConditionError,
    Table,
    at_version,
    key,
)

ORDERS, OPEN = "ORDERS", "OPEN"
_KEY = "ORDER"
_PAGE = 200
_COUNTER = ("COUNTERS", "ORDERS")
_LONGEST_NAME = 1_000
"""Bytes of a folded name in a key, which may have 2,048."""
_OLDER_IDS = 200
"""As many ids as functions of an older version may still give out while a deploy is under way."""


class OrderStore:
    """One item an order, one more while it is open, one of its customer, and one of its due day.

    Orders from before 0.2.0 are in no list of a customer; the counter has the first id that is.
    """

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def next_id(self) -> int:
        """Return an id that no order has: 1, 2, 3, ..., with gaps.

        The first call of a stage, or of one from before 0.2.0, notes where customers' lists begin.
        """
        counted = self._table.update(
            *_COUNTER, "ADD #last :one", values={":one": {"N": "1"}}, names={"#last": "last"}
        )
        last = int(counted["last"]["N"])
        if "customers_from" not in counted:
            self._table.update(
                *_COUNTER,
                "SET customers_from = if_not_exists(customers_from, :from)",
                values={":from": {"N": str(last if last == 1 else last + _OLDER_IDS)}},
            )
        return last

    def add(
        self,
        order: Order,
        effects: Sequence[Effect] = (),
        *,
        key: tuple[str, Keyed] | None = None,
    ) -> bool:
        """Store a new order with its effects and its key, all or nothing.

        Returns False when the key is taken.
        """
        actions = [self._table.putting(items.item(place(order.id), order), ABSENT)]
        if order.status == "open":
            actions.append(self._table.putting(_open_item(order)))
        actions.append(self._table.putting(_entry(_of_customer(order.customer_id), order.id)))
        if order.due_day:
            actions.append(self._table.putting(_entry(_due_on(order.due_day), order.id)))
        if key:
            keyed = items.item((f"KEY#{key[0]}", _KEY), key[1])
            actions.append(self._table.putting(keyed, ABSENT))
        try:
            self._table.transact(*actions, *map(self._outbox.adding, effects))
        except ConditionError:
            return False
        return True

    def keyed(self, key: str) -> Keyed | None:
        """Return the order of an Idempotency-Key."""
        return items.record(Keyed, self._table.get(f"KEY#{key}", _KEY))

    def order(self, order_id: int) -> Order | None:
        """Return an order."""
        return items.record(Order, self._table.get(*place(order_id)))

    def orders(self, before: int | None) -> Iterator[Order]:
        """Yield orders, newest first, those with ids under ``before``."""
        found = self._table.query(ORDERS, last=_up_to(before), newest_first=True, page_size=_PAGE)
        return (items.read(Order, item) for item in found)

    def open(self, before: int | None) -> Iterator[Order]:
        """Yield open orders, newest first, those with ids under ``before``."""
        return (order for order in self._named(OPEN, before) if order.status == "open")

    def due_on(self, day: date, before: int | None) -> Iterator[Order]:
        """Yield the orders due on a day (UTC), newest first, those with ids under ``before``."""
        return self._named(_due_on(day), before)

    def perhaps_of(self, customer_id: str, before: int | None) -> Iterator[Order]:
        """Yield a customer's orders, newest first, those with ids under ``before``.

        Orders from before 0.2.0 may be other customers'.
        """
        counted = self._table.get(*_COUNTER) or {}
        listed_from = int(counted["customers_from"]["N"]) if "customers_from" in counted else None
        if listed_from is not None:
            yield from self._named(_of_customer(customer_id), before, first=listed_from)
        older = [each for each in (before, listed_from) if each is not None]
        yield from self.orders(min(older, default=None))

    def _named(self, pk: str, before: int | None, *, first: int = 0) -> Iterator[Order]:
        """Yield the orders that a list names, newest first."""
        found = self._table.query(
            pk, first=padded(first), last=_up_to(before), newest_first=True, page_size=_PAGE
        )
        while ids := [item["sk"]["S"] for item in islice(found, BATCH_GET_LIMIT)]:
            read = [
                items.read(Order, item)
                for item in self._table.get_many((ORDERS, each) for each in ids)
            ]
            yield from sorted(read, key=lambda order: order.id, reverse=True)

    def change(
        self,
        before: Order,
        after: Order,
        effects: Sequence[Effect] = (),
        *,
        withdrawn: Effect | None = None,
    ) -> bool:
        """Replace an order, request effects and withdraw one, all or nothing.

        Returns False when the order was changed, or when the effect has begun.
        """
        gone = [self._outbox.withdrawing(withdrawn.id)] if withdrawn else []
        try:
            self._table.transact(
                *changing(self._table, before, after), *map(self._outbox.adding, effects), *gone
            )
        except ConditionError:
            return False
        return True


def order_before_and_after(change: ItemChange) -> tuple[Order | None, Order] | None:
    """Return an order as it was before a change of the table, if it was, and as it is then."""
    if change.new is None or change.pk != ORDERS:
        return None
    return items.record(Order, change.old), items.read(Order, change.new)


def place(order_id: int) -> tuple[str, str]:
    """Return the key of an order."""
    return ORDERS, padded(order_id)


def changing(table: Table, before: Order, after: Order) -> list[dict[str, Any]]:
    """Return the actions that replace an order and keep the list of open orders in step."""
    replaced = table.putting(items.item(place(after.id), after), at_version(before.version))
    if before.status == "open" != after.status:
        return [replaced, table.deleting(OPEN, padded(after.id))]
    if before.status != "open" == after.status:
        return [replaced, table.putting(_open_item(after))]
    return [replaced]


def relisting(table: Table, before: Order, after: Order) -> list[dict[str, Any]]:
    """Return the actions that move an order from its customer's list to that of another."""
    return [
        table.deleting(_of_customer(before.customer_id), padded(before.id)),
        table.putting(_entry(_of_customer(after.customer_id), after.id)),
    ]


def _of_customer(customer_id: str) -> str:
    """Return the list of a customer; a name may fold to many more letters than it has."""
    name = customer_id.encode()
    short = customer_id if len(name) <= _LONGEST_NAME else canonical.sha256(name)
    return f"CUSTOMER#{short}"


def _due_on(day: date) -> str:
    return f"DUE#{day.isoformat()}"


def _up_to(before: int | None) -> str:
    """Return the last place before an id."""
    return HIGHEST if before is None else padded(max(before - 1, 0))


def _entry(pk: str, order_id: int) -> dict[str, Any]:
    """Return the item by which a list names an order."""
    return key(pk, padded(order_id))


def _open_item(order: Order) -> dict[str, Any]:
    return {**key(OPEN, padded(order.id)), "created_at": {"S": iso(order.created_at)}}

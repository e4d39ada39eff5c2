"""Orders in DynamoDB, and which of them are open."""

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.bakery.records import Keyed, Order
from chalicelib.bakery.store import items
from chalicelib.bakery.store.items import padded
from chalicelib.core.instants import iso
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import ABSENT, HIGHEST, ConditionError, Table, at_version, key

ORDERS, OPEN = "ORDERS", "OPEN"
_KEY = "ORDER"
_PAGE = 200


class OrderStore:
    """One item an order, and one more while it is open."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def next_id(self) -> int:
        """Return an id that no order has: 1, 2, 3, ..., with gaps."""
        return self._table.add("COUNTERS", "ORDERS", "last")

    def add(
        self,
        order: Order,
        effects: Sequence[Effect] = (),
        *,
        key: tuple[str, Keyed] | None = None,
    ) -> bool:
        """Store a new order with its effects and what its key stands for, all or nothing.

        Returns False when the key is taken.
        """
        actions = [self._table.putting(items.item(place(order.id), order), ABSENT)]
        if order.status == "open":
            actions.append(self._table.putting(_open_item(order)))
        if key:
            keyed = items.item((f"KEY#{key[0]}", _KEY), key[1])
            actions.append(self._table.putting(keyed, ABSENT))
        try:
            self._table.transact(*actions, *map(self._outbox.adding, effects))
        except ConditionError:
            return False
        return True

    def keyed(self, key: str) -> Keyed | None:
        """Return what an Idempotency-Key stands for."""
        return items.record(Keyed, self._table.get(f"KEY#{key}", _KEY))

    def order(self, order_id: int) -> Order | None:
        """Return an order."""
        return items.record(Order, self._table.get(*place(order_id)))

    def orders(self, before: int | None) -> Iterator[Order]:
        """Yield orders, newest first, those with ids under ``before``."""
        last = HIGHEST if before is None else padded(max(before - 1, 0))
        found = self._table.query(ORDERS, last=last, newest_first=True, page_size=_PAGE)
        return (items.read(Order, item) for item in found)

    def change(self, before: Order, after: Order, effects: Sequence[Effect] = ()) -> bool:
        """Replace an order, with effects, all or nothing; return False when it was changed."""
        try:
            self._table.transact(
                *changing(self._table, before, after), *map(self._outbox.adding, effects)
            )
        except ConditionError:
            return False
        return True


def place(order_id: int) -> tuple[str, str]:
    """Return the key of an order."""
    return ORDERS, padded(order_id)


def changing(table: Table, before: Order, after: Order) -> list[dict[str, Any]]:
    """Return the actions that replace an order; it is open no longer if it was."""
    replaced = table.putting(items.item(place(after.id), after), at_version(before.version))
    closes = before.status == "open" != after.status
    return [replaced, *([table.deleting(OPEN, padded(after.id))] if closes else [])]


def _open_item(order: Order) -> dict[str, Any]:
    return {**key(OPEN, padded(order.id)), "created_at": {"S": iso(order.created_at)}}

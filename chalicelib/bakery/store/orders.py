"""Orders in DynamoDB, and the lists that name them.

New orders, and their lists, are spread over `SHARDS` partitions each. Those of older versions stay
in the one where they are (`Order.spread`), and every list holds both.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from chalicelib.bakery.records import Keyed, NewId, Order, OrderStatus
from chalicelib.bakery.store import items
from chalicelib.bakery.store.items import padded
from chalicelib.core import canonical, shards, totals
from chalicelib.core.facts import ItemChange
from chalicelib.core.instants import iso
from chalicelib.core.merging import merged
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import (
    ABSENT,
    BATCH_GET_LIMIT,
    HIGHEST,
    ConditionError,
    Item,
    Table,
    at_version,
    key,
)
from chalicelib.core.totals import MOST_COUNTED, Total

ORDERS, OPEN = "ORDERS", "OPEN"
SHARDS = 4
"""Partitions of new orders, and of each list of them. It stays: an order is found by its id."""
_KEY = "ORDER"
_COUNTER = ("COUNTERS", "ORDERS")
_LONGEST_NAME = 1_000
"""Bytes of a folded name in a key, which may have 2,048."""
_OLDER_IDS = 200
"""As many ids as functions of an older version may still give out while a deploy is under way."""
_SETTLED = timedelta(hours=1)
"""How long functions of an older version, which find no spread order, may still run."""


class OrderStore:
    """One item an order, and one each of its status, its customer and its due day.

    Orders from before 0.2.0 are in no list of a customer; the counter has the first id that is.
    """

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def next_id(self, at: datetime) -> NewId:
        """Return an id that no order has: 1, 2, 3, ..., with gaps.

        The first call of a stage, or of an older version's, notes where customers' lists begin and
        from when on orders are spread: at once, or when no function of that version runs any more.
        """
        counted = self._table.update(
            *_COUNTER, "ADD #last :one", values={":one": {"N": "1"}}, names={"#last": "last"}
        )
        last = int(counted["last"]["N"])
        if not {"customers_from", "spread_from"} <= counted.keys():
            counted = self._begin(last, at)
        return NewId(last, spread=datetime.fromisoformat(counted["spread_from"]["S"]) <= at)

    def _begin(self, last: int, at: datetime) -> Item:
        """Note what the counter does not say yet; return it."""
        empty = last == 1
        return self._table.update(
            *_COUNTER,
            "SET customers_from = if_not_exists(customers_from, :from), "
            "spread_from = if_not_exists(spread_from, :at)",
            values={
                ":from": {"N": str(last if empty else last + _OLDER_IDS)},
                ":at": {"S": iso(at if empty else at + _SETTLED)},
            },
        )

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
        actions = [self._table.putting(items.item(place(order), order), ABSENT)]
        actions += map(self._table.putting, _entries(order))
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
        """Return an order: one read, or two of an older one."""
        for pk in (_shard_of(ORDERS, order_id), ORDERS):
            if found := self._table.get(pk, padded(order_id)):
                return _order(found)
        return None

    # Each list is read from the newest order on, of those with ids under ``before``;
    # ``page_size`` is how many will probably be taken.

    def orders(self, before: int | None, *, page_size: int) -> Iterator[Order]:
        """Yield orders, newest first."""
        return self._read(spread(ORDERS), before, page_size)

    def with_status(
        self, status: OrderStatus, before: int | None, *, page_size: int
    ) -> Iterator[Order]:
        """Yield orders, newest first, all with a status among them.

        Older orders have no lists but that of open ones: they are all read, with any other status.
        """
        named = self._named(_with_status(status), before, page_size)
        if status == "open":
            return named
        older = self._read([ORDERS], before, shards.share(page_size, SHARDS))
        return heapq.merge(named, older, key=_id, reverse=True)

    def count_with(self, status: OrderStatus, before: int | None) -> Total:
        """Count the orders with a status."""
        last = _up_to(before)
        parts = [partial(self._table.count, pk, last=last) for pk in _with_status(status)]
        if status == "open":
            return totals.add(parts)
        older = self._read([ORDERS], before, MOST_COUNTED + 1)
        return totals.add([*parts, lambda _: totals.count(older, lambda o: o.status == status)])

    def due_on(self, day: date, before: int | None, *, page_size: int) -> Iterator[Order]:
        """Yield the orders due on a day (UTC), newest first."""
        return self._named(spread(_due_on(day)), before, page_size)

    def perhaps_of(
        self, customer_id: str, before: int | None, *, page_size: int
    ) -> Iterator[Order]:
        """Yield a customer's orders, newest first.

        Orders from before 0.2.0 may be other customers'.
        """
        counted = self._table.get(*_COUNTER) or {}
        listed_from = int(counted["customers_from"]["N"]) if "customers_from" in counted else None
        if listed_from is not None:
            theirs = [_of_customer(customer_id)]
            yield from self._named(theirs, before, page_size, first=listed_from)
        older = [each for each in (before, listed_from) if each is not None]
        yield from self.orders(min(older, default=None), page_size=page_size)

    def _read(self, pks: Sequence[str], before: int | None, page_size: int) -> Iterator[Order]:
        """Yield the orders of some partitions, newest first."""
        return (_order(each) for each in self._newest(pks, before, page_size))

    def _named(
        self, pks: Sequence[str], before: int | None, page_size: int, *, first: int = 1
    ) -> Iterator[Order]:
        """Yield the orders that lists name, newest first."""
        found = self._newest(pks, before, page_size, first=first)
        ids = (each["sk"]["S"] for each in found)
        for at_once in _portions(page_size):
            if not (some := list(islice(ids, at_once))):
                return
            yield from reversed(read_orders(self._table, some))

    def _newest(
        self, pks: Sequence[str], before: int | None, page_size: int, *, first: int = 1
    ) -> Iterator[Item]:
        return merged(
            self._table,
            pks,
            first=padded(first),
            last=_up_to(before),
            newest_first=True,
            page_size=page_size,
        )

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
    if change.new is None or change.pk.partition("#")[0] != ORDERS:
        return None
    return (_order(change.old) if change.old else None), _order(change.new)


def read_orders(table: Table, padded_ids: Iterable[str]) -> list[Order]:
    """Return the orders that exist, in the order of their ids; older ones take a second read."""
    ids = list(padded_ids)
    found = list(table.get_many((_shard_of(ORDERS, int(each)), each) for each in ids))
    new = {each["sk"]["S"] for each in found}
    found += table.get_many((ORDERS, each) for each in ids if each not in new)
    return sorted((_order(each) for each in found), key=_id)


def _order(item: Item) -> Order:
    """Return the order of an item, which lies where the item does."""
    order = items.read(Order, item)
    return order.model_copy(update={"spread": True}) if item["pk"]["S"] != ORDERS else order


def place(order: Order) -> tuple[str, str]:
    """Return the key of an order."""
    return (_shard_of(ORDERS, order.id) if order.spread else ORDERS), padded(order.id)


def spread(name: str) -> list[str]:
    """Return the partitions of a list: that of older versions, and the shards."""
    return [name, *(f"{name}#{shard}" for shard in range(SHARDS))]


def changing(table: Table, before: Order, after: Order) -> list[dict[str, Any]]:
    """Return the actions that replace an order and keep the lists by status in step."""
    replaced = table.putting(items.item(place(after), after), at_version(before.version))
    if before.status == after.status:
        return [replaced]
    gone = (table.deleting(entry["pk"]["S"], entry["sk"]["S"]) for entry in _by_status(before))
    return [replaced, *gone, *map(table.putting, _by_status(after))]


def relisting(table: Table, before: Order, after: Order) -> list[dict[str, Any]]:
    """Return the actions that move an order from its customer's list to that of another."""
    return [
        table.deleting(_of_customer(before.customer_id), padded(before.id)),
        table.putting(key(_of_customer(after.customer_id), padded(after.id))),
    ]


def _entries(order: Order) -> Iterator[Item]:
    """Yield the items by which lists name an order."""
    yield from _by_status(order)
    yield key(_of_customer(order.customer_id), padded(order.id))
    if order.due_day:
        yield _entry(_due_on(order.due_day), order)


def _by_status(order: Order) -> Iterator[Item]:
    """Yield the item by which the list of its status names an order; older ones: while open."""
    if order.spread or order.status == "open":
        entry = _entry(order.status.upper(), order)
        yield {**entry, "created_at": {"S": iso(order.created_at)}}


def _entry(name: str, order: Order) -> Item:
    """Return the item by which a list names an order."""
    return key(_shard_of(name, order.id) if order.spread else name, padded(order.id))


def _shard_of(name: str, order_id: int) -> str:
    """Return the shard of an order: neighbours, which are written and read together, take turns."""
    return f"{name}#{order_id % SHARDS}"


def _with_status(status: OrderStatus) -> list[str]:
    """Return the lists of a status; of older versions there is one of open orders alone."""
    older, *lists = spread(status.upper())
    return [older, *lists] if status == "open" else lists


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


def _portions(page_size: int) -> Iterator[int]:
    """Yield how many orders to read at once, so that a page reads no more of them than it takes."""
    while True:
        for start in range(0, page_size, BATCH_GET_LIMIT):
            yield min(BATCH_GET_LIMIT, page_size - start)


def _id(order: Order) -> int:
    return order.id

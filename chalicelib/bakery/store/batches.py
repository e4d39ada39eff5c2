"""Batches in DynamoDB, the orders that join them, and the owners of tickets."""

from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, chain, islice

from chalicelib.bakery.ports import MOST_JOINING
from chalicelib.bakery.records import (
    Batch,
    BatchId,
    Extra,
    Gathering,
    Order,
    Ticket,
    batch_id,
    read_batch_id,
)
from chalicelib.bakery.store import items
from chalicelib.bakery.store.items import padded
from chalicelib.bakery.store.orders import OPEN, changing, read_orders, spread
from chalicelib.core.facts import ItemChange
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

_GATHERING, _BATCHES, _TICKETS = "GATHERING", "BATCHES", "TICKETS"
# A transaction takes 4 MB, and the items that list its orders are in it, too.
_MOST_BYTES = 3_500_000


class BatchStore:
    """Batches that gather, and batches that are sealed."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def unsealed(self) -> Sequence[Gathering]:
        """Return the batches that are begun and not sealed, oldest first."""
        return [items.read(Gathering, item) for item in self._table.query(_GATHERING)]

    def gathering(self, batch: BatchId) -> Gathering | None:
        """Return a batch while orders join it."""
        return items.record(Gathering, self._table.get(_GATHERING, batch.isoformat()))

    def waiting(self, cutoff: datetime, *, among: Container[int] | None = None) -> Sequence[Order]:
        """Return the next open orders from before the cut-off, as many as join at a time.

        ``among`` are the ids of those that count, if not all do.
        """
        opened = self._open(page_size=10 * MOST_JOINING)
        early = (item["sk"]["S"] for item in opened if _created(item) < cutoff)
        counting = (each for each in early if among is None or int(each) in among)
        # One that was claimed since the query may be among them, but must not hide later ones.
        found = next(filter(None, self._reading(counting, MOST_JOINING)), [])
        lengths = accumulate(len(order.stored_text()) for order in found)
        return found[: max(1, bisect_right(list(lengths), _MOST_BYTES))]

    def count_waiting(self) -> int:
        """Return how many orders are open, and so wait for a batch."""
        return sum(1 for _ in self._open())

    def open_orders(self) -> Iterator[Order]:
        """Yield all open orders, in the order in which they join."""
        names = (item["sk"]["S"] for item in self._open())
        return chain.from_iterable(self._reading(names, BATCH_GET_LIMIT))

    def _open(self, page_size: int | None = None) -> Iterator[Item]:
        """Yield the entries of open orders, shard by shard."""
        lists = (self._table.query(pk, page_size=page_size) for pk in spread(OPEN))
        return chain.from_iterable(lists)

    def _reading(self, names: Iterator[str], at_a_time: int) -> Iterator[list[Order]]:
        """Yield those of some orders that are open, as they are listed, read a few at a time."""
        while some := list(islice(names, at_a_time)):
            found = {padded(order.id): order for order in read_orders(self._table, some)}
            known = (found[name] for name in some if name in found)
            yield [order for order in known if order.status == "open"]

    def claim(self, gathering: Gathering, orders: Sequence[tuple[Order, Order]]) -> bool:
        """Have orders (before, after) join a batch, all or none, and begin it if need be.

        ``gathering`` is the batch as read; version 0 is not begun yet. Returns False when the batch
        has changed or was sealed, or when one of the orders has changed.

        Every claim increases the batch's version, so sealing fails when an order joined meanwhile.
        """
        name = gathering.id.isoformat()
        moved_on = gathering.model_copy(update={"version": gathering.version + 1})
        actions = [
            self._table.putting(
                items.item((_GATHERING, name), moved_on), at_version(gathering.version)
            ),
            self._table.checking(_BATCHES, name, ABSENT),
        ]
        for before, after in orders:
            actions += changing(self._table, before, after)
            actions.append(self._table.putting(key(_members_of(gathering.id), padded(after.id))))
        try:
            self._table.transact(*actions)
        except ConditionError:
            return False
        return True

    def members(self, batch: BatchId) -> Sequence[Order]:
        """Return the orders of a batch as they are now, in the order of their ids."""
        joined = self._table.query(_members_of(batch))
        return read_orders(self._table, (item["sk"]["S"] for item in joined))

    def seal(self, gathering: Gathering, batch: Batch, effect: Effect) -> bool:
        """Seal a batch and request its ticket, both or none.

        Returns False when it has changed since ``gathering`` was read.
        """
        name = gathering.id.isoformat()
        try:
            self._table.transact(
                self._table.deleting(_GATHERING, name, at_version(gathering.version)),
                self._table.putting(_batch_item(batch), ABSENT),
                self._outbox.adding(effect),
            )
        except ConditionError:
            return False
        return True

    def batch(self, batch: BatchId) -> Batch | None:
        """Return a sealed batch."""
        item = self._table.get(_BATCHES, batch.isoformat())
        return _batch(item) if item else None

    def batches(self, before: BatchId | None) -> Iterator[Batch]:
        """Yield sealed batches, newest first, those before ``before``."""
        last = HIGHEST if before is None else _latest_before(before)
        found = self._table.query(_BATCHES, last=last, newest_first=True, page_size=100)
        return map(_batch, found)


class TicketStore:
    """Tickets of orders and of batches: an item by key, and one by id (``TICKETS/#<id>``)."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def settle(self, batch: BatchId, ticket: Ticket) -> None:
        """Store the outcome of a batch's ticket; repeatable."""
        values = {":ticket": {"S": ticket.stored_text()}}
        self._table.update(_BATCHES, batch.isoformat(), "SET ticket = :ticket", values=values)

    def know(self, issue_key: str, of: int | BatchId, *, issue_id: str | None = None) -> None:
        """Store the order or batch that a ticket is for; repeatable.

        A stored id stays.
        """
        owner = {":of": {"S": str(of) if isinstance(of, int) else of.isoformat()}}
        change, names = "SET #of = :of", {"#of": "of"}
        if issue_id is None:
            self._table.update(_TICKETS, issue_key, change, values=owner, names=names)
            return
        self._table.update(_TICKETS, _by_id(issue_id), change, values=owner, names=names)
        values = {**owner, ":id": {"S": issue_id}}
        self._table.update(
            _TICKETS, issue_key, f"{change}, issue_id = :id", values=values, names=names
        )

    def issue_id(self, issue_key: str) -> str | None:
        """Return the id of a ticket, None if none is stored."""
        item = self._table.get(_TICKETS, issue_key) or {}
        return item["issue_id"]["S"] if "issue_id" in item else None

    def request(self, effect: Effect) -> bool:
        """Request an effect without a change of ours; return False if it was requested before."""
        try:
            self._table.transact(self._outbox.adding(effect))
        except ConditionError:
            return False
        return True

    def owner(self, issue_key: str, issue_id: str | None = None) -> int | BatchId | None:
        """Return the order or the batch that a ticket is for; None for a foreign one.

        The id decides where both are known: keys change, and another ticket may get one.
        """
        item = self._table.get(_TICKETS, _by_id(issue_id)) if issue_id else None
        if item is None:
            item = self._table.get(_TICKETS, issue_key)
            known = item["issue_id"]["S"] if item and "issue_id" in item else issue_id
            if item is None or (issue_id and known != issue_id):
                return None
        owner = item["of"]["S"]
        return int(owner) if owner.isdigit() else read_batch_id(owner)


def batch_before_and_after(change: ItemChange) -> tuple[Batch | None, Batch] | None:
    """Return a batch as it was before a change of the table, if it was, and as it is then."""
    if change.new is None or change.pk != _BATCHES:
        return None
    return (_batch(change.old) if change.old else None), _batch(change.new)


def _by_id(issue_id: str) -> str:
    return f"#{issue_id}"


def _members_of(batch: BatchId) -> str:
    return f"MEMBERS#{batch.isoformat()}"


def _created(item: Item) -> datetime:
    return datetime.fromisoformat(item["created_at"]["S"]).astimezone(UTC)


def _latest_before(batch: BatchId) -> str:
    """Return the last place before that of a batch."""
    if isinstance(batch, Extra):
        return batch_id(batch.day, batch.number - 1).isoformat()
    return (batch - timedelta(days=1)).isoformat() + HIGHEST if batch > date.min else "0000"


def _batch_item(batch: Batch) -> Item:
    return items.item((_BATCHES, batch.id.isoformat()), batch)


def _batch(item: Item) -> Batch:
    batch = items.read(Batch, item)
    if "ticket" not in item:
        return batch
    ticket = Ticket.model_validate_json(item["ticket"]["S"])
    return batch.model_copy(update={"ticket": ticket})

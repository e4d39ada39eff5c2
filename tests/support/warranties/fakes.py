"""The warranties in memory: a store, an archive, and a service that hands out ids 1, 2, 3, ...

`tests/integration/warranties/test_warranty_store.py` holds this store and the real one to one
contract.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

from chalicelib.core.instants import sortable
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.warranties import archive, money, rate_card
from chalicelib.warranties.answers import Refusals, StoreView
from chalicelib.warranties.fields import store_id
from chalicelib.warranties.models import Cancellation, ItemState, Sale, SaleBody
from chalicelib.warranties.ports import Archive, ItemPath, Snapshot, Store, StoredSale
from chalicelib.warranties.service import Warranties
from tests.support.clock import Clock
from tests.support.ids import uuid

CARDS = rate_card.load()
MORNING = datetime(2142, 3, 1, 8, tzinfo=UTC)
SOFA: dict[str, Any] = {
    "store_uuid": "b21ad0676f26439",
    "item_type": "furniture",
    "item_sku": "986kjeo8fy9qhu",
    "item_cost": 150,
    "item_title": "Amy's Sectional Sofa",
}


def body(**fields: Any) -> SaleBody:
    """Return the sale of a sofa, with ``fields`` replaced."""
    return SaleBody.model_validate({**SOFA, **fields})


class MemoryStore:
    """What `chalicelib.warranties.ports.Store` promises, and nothing else."""

    def __init__(self) -> None:
        self.stores: dict[str, datetime] = {}
        self.items: dict[tuple[str, str], ItemState] = {}
        self.rows: dict[str, StoredSale] = {}
        self.keys: dict[str, Sale] = {}
        self.effects: list[Effect] = []

    def read_snapshot(
        self, store_uuid: str, item_type: str, item_sku: str, *, key: str | None
    ) -> Snapshot:
        return Snapshot(
            store_known=store_uuid in self.stores,
            item=self.items.get((item_type, item_sku)),
            keyed=self.keys.get(key or ""),
        )

    def add(self, sale: Sale, *, new_store: bool, new_item: bool, key: str | None) -> bool:
        item = (sale.item_type, sale.item_sku)
        taken = (
            sale.request_id in self.rows
            or key in self.keys
            or any(sale.number == row.sale.number for row in self.rows.values() if sale.number)
            or (new_store and sale.store_uuid in self.stores)
            or (new_item and item in self.items)
        )
        if taken:
            return False
        self.rows[sale.request_id] = StoredSale(sale)
        self.effects.append(archive.effect(sale))
        if key:
            self.keys[key] = sale
        if new_store:
            self.stores[sale.store_uuid] = sale.received_at
        if new_item:
            self.items[item] = _state(sale)
        return True

    def renew(self, sale: Sale) -> None:
        item = (sale.item_type, sale.item_sku)
        if self.items[item].changed_at < sale.received_at:
            self.items[item] = _state(sale)

    def cancel(self, sale: Sale, cancellation: Cancellation) -> Cancellation | None:
        row = self.rows[sale.request_id]
        if there := row.sale.cancellation(cancellation.months):
            return there
        cancelled = (*row.sale.cancellations, cancellation)
        changed = row.sale.model_copy(update={"cancellations": cancelled})
        self.rows[sale.request_id] = replace(row, sale=changed)
        warranty_id = f"{sale.request_id}-{cancellation.months}"
        self.effects.append(archive.cancellation_effect(warranty_id))
        return None

    def sale(self, request_id: str) -> StoredSale | None:
        return self.rows.get(request_id)

    def numbered(self, number: str) -> StoredSale | None:
        return next((each for each in self.rows.values() if each.sale.number == number), None)

    def parties(self, sale: Sale) -> tuple[StoreView, ItemState]:
        store = StoreView(
            store_id=store_id(sale.store_uuid),
            store_uuid=sale.store_uuid,
            created_at=self.stores[sale.store_uuid],
        )
        return store, self.items[sale.item_type, sale.item_sku]

    def types_of(self, sku: str) -> Sequence[str]:
        return sorted(item_type for item_type, each in self.items if each == sku)

    def sales(
        self, store_uuid: str | None, path: ItemPath, *, first: str, limit: int
    ) -> Iterator[tuple[str, Sale]]:
        found = {_place(row.sale): row.sale for row in self.rows.values()}
        for place in sorted(place for place in found if place >= first):
            sale = found[place]
            theirs = store_uuid in (None, sale.store_uuid)
            if sale.offers and theirs and (sale.item_type, sale.item_sku)[: len(path)] == path:
                yield place, sale

    def refusals(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[Refusals]:
        refused: dict[tuple[str, str], list[Sale]] = {}
        for row in self.rows.values():
            if row.sale.reason:
                kind = (row.sale.item_type, row.sale.reason)
                refused.setdefault(kind, []).append(row.sale)
        kinds = sorted(kind for kind in refused if after is None or kind > after)
        return [_refusals(kind, refused[kind]) for kind in kinds[:limit]]

    def on_finished(
        self, request_id: str, conclusion: Ending, *, cancelled_months: int | None = None
    ) -> None:
        if request_id not in self.rows:
            return
        row = self.rows[request_id]
        if cancelled_months is None:
            self.rows[request_id] = replace(row, archive=conclusion)
        else:
            ended = {**row.cancellation_archives, cancelled_months: conclusion}
            self.rows[request_id] = replace(row, cancellation_archives=ended)


class MemoryArchive:
    """Objects by name; a failure that is set is raised by each call."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failure: Exception | None = None

    def put_once(self, key: str, content: bytes) -> None:
        self._fail()
        self.objects.setdefault(key, content)

    def holds(self, key: str) -> bool:
        self._fail()
        return key in self.objects

    def url(self, key: str) -> str:
        return f"https://archive.test/{key}"

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


def a_service(
    store: Store,
    *,
    clock: Callable[[], datetime] | None = None,
    archived: Archive | None = None,
    tries: int = 100,
) -> Warranties:
    """Return a service that hands out the ids 1, 2, 3, ... and never waits.

    Without a ``clock`` each sale comes a second after the one before.
    """
    ids = count(1)
    ticking = Clock(MORNING)

    def now() -> datetime:
        ticking.forward(seconds=1)
        return ticking.at

    return Warranties(
        store,
        cards=CARDS,
        archived=archived or MemoryArchive(),
        now=clock or now,
        new_id=lambda: uuid(next(ids)),
        tries=lambda: range(tries),
    )


def _place(sale: Sale) -> str:
    """Return the place of a sale: it sorts by type, SKU and time."""
    return "\x1f".join((sale.item_type, sale.item_sku, sortable(sale.received_at), sale.request_id))


def _state(sale: Sale) -> ItemState:
    return ItemState(
        item_type=sale.item_type,
        item_sku=sale.item_sku,
        item_cost=sale.item_cost,
        item_title=sale.item_title,
        changed_at=sale.received_at,
    )


def _refusals(kind: tuple[str, str], sales: Sequence[Sale]) -> Refusals:
    last = max(sales, key=lambda sale: sale.received_at)
    return Refusals(
        item_type=kind[0],
        reason=kind[1],
        count=len(sales),
        last_cost=money.amount(last.item_cost),
        last_refused_at=last.received_at,
    )

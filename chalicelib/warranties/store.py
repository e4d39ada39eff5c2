"""The warranties in DynamoDB.

``SALE#<request_id>/SALE``             a sale, and how its archiving has ended
``SOLD#<store_uuid>/<place>``          a store's sales that got warranties, in order
``LIST#<shard>/<place>``               all sales that got warranties, in order
``STORE#<store_uuid>/STORE``           a store
``ITEM#<item_sku>/<item_type>``        an item, with the cost and the title of the newest sale
``NUMBER#<number>/SALE``               which sale has this number
``KEY#<key>/SALE``                     the sale that an Idempotency-Key identifies
``REFUSALS#<shard>/<type>␟<reason>``   how often, and what the last one cost

A place is ``<item_type>␟<item_sku>␟<received_at>␟<request_id>``; ␟ is the control character U+001F,
which no name holds. A sale is stored in full (``body``) wherever it is listed, with all its
warranties, and never changes; a later cancellation is beside it (``cancelled_<months>``).
One transaction writes a sale and the effect that archives it. It touches stores and items only when
it creates them, so that thousands of stores which sell the same item have no record in common.
"""

import heapq
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from chalicelib.core import shards, table
from chalicelib.core.audit.entries import thing as named
from chalicelib.core.errors import UnavailableError
from chalicelib.core.facts import ItemChange
from chalicelib.core.instants import sortable
from chalicelib.core.outbox.effects import Ending
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import ABSENT, HIGHEST, Condition, ConditionError, Item, Table
from chalicelib.warranties import archive, money
from chalicelib.warranties.answers import Refusals, StoreView
from chalicelib.warranties.fields import store_id
from chalicelib.warranties.models import Cancellation, ItemState, Sale
from chalicelib.warranties.ports import ItemPath, Snapshot, StoredSale

# A partition takes 1,000 write units a second, that is 500 sales. Both numbers may grow at any
# time, as a row is found in any of them.
LIST_SHARDS = 4
REFUSAL_SHARDS = 16

_Key = tuple[str, str]
_SEPARATOR = "\x1f"
_THERE = Condition("attribute_exists(pk)")
_CANCELLED = "cancelled_"
_NOT_CANCELLED = Condition("attribute_exists(pk) AND attribute_not_exists(#cancelled)")
_UNCHANGED_SINCE = Condition("changed_at < :at")


class WarrantyStore:
    """Sales, stores, items and refusals in DynamoDB; every read is strongly consistent."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    # --- writing ---

    def read_snapshot(
        self, store_uuid: str, item_type: str, item_sku: str, *, key: str | None
    ) -> Snapshot:
        """Return what is stored where a sale is to be written: one read."""
        store, item = _store_key(store_uuid), _item_key(item_type, item_sku)
        keyed = _idempotency_key(key or "")
        keys = [store, item, *([keyed] if key else [])]
        found = {(each["pk"]["S"], each["sk"]["S"]): each for each in self._table.get_many(keys)}
        return Snapshot(
            store_known=store in found,
            item=_item_state(found[item]) if item in found else None,
            keyed=_sale(found[keyed]) if keyed in found else None,
        )

    def add(self, sale: Sale, *, new_store: bool, new_item: bool, key: str | None) -> bool:
        """Store a sale with all that belongs to it, or nothing: one transaction.

        Returns False, and has stored nothing, when something of it is there already.
        """
        places = [_sale_key(sale.request_id), *([_idempotency_key(key)] if key else [])]
        if sale.offers:
            places += [_sold_key(sale), _list_key(sale)]
        body = sale.stored_text()
        actions = [
            *(self._table.putting(_item(place, body), ABSENT) for place in places),
            *([self._numbering(sale)] if sale.number else []),
            self._outbox.adding(archive.effect(sale)),
            *([self._creating_store(sale)] if new_store else []),
            *([self._creating_item(sale)] if new_item else []),
            *([] if sale.offers else [self._counting_refusal(sale)]),
        ]
        try:
            # One try: what conflicts has created what this sale would create, too.
            self._table.transact(*actions, budget_s=0)
        except (ConditionError, UnavailableError):
            return False
        return True

    def renew(self, sale: Sale) -> None:
        """Have the item take the cost and the title of a sale, unless a later one was there."""
        with suppress(ConditionError):
            self._table.update(
                *_item_key(sale.item_type, sale.item_sku),
                "SET cost = :cost, title = :title, changed_at = :at",
                values={
                    ":cost": {"N": str(sale.item_cost)},
                    ":title": {"S": sale.item_title},
                    ":at": {"S": sortable(sale.received_at)},
                },
                condition=_UNCHANGED_SINCE,
            )

    def cancel(self, sale: Sale, cancellation: Cancellation) -> Cancellation | None:
        """Cancel a warranty of a sale, wherever the sale is listed: one read, one transaction.

        Returns the cancellation that is on record already, None when this one was stored.
        """
        name = f"{_CANCELLED}{cancellation.months}"
        warranty_id = f"{sale.request_id}-{cancellation.months}"
        listed = list(self._table.get_many(_possible_list_keys(sale)))
        places = [_sale_key(sale.request_id), _sold_key(sale), *map(_key_of, listed)]
        marks = [
            self._table.updating(
                *place,
                "SET #cancelled = :cancelled",
                names={"#cancelled": name},
                values={":cancelled": {"S": cancellation.stored_text()}},
                condition=_NOT_CANCELLED,
            )
            for place in places
        ]
        archiving = self._outbox.adding(archive.cancellation_effect(warranty_id))
        try:
            self._table.transact(*marks, archiving)
        except ConditionError as failed:
            there = _cancellations(failed.item or {})
            found = next((each for each in there if each.months == cancellation.months), None)
            if found is None:
                raise
            return found
        return None

    def on_finished(
        self, request_id: str, conclusion: Ending, *, cancelled_months: int | None = None
    ) -> None:
        """Note how archiving a sale, or a cancellation of it, has ended; safe to repeat."""
        about = _archive_name(cancelled_months)
        values = {
            f"{about}_state": conclusion.state,
            f"{about}_reference": conclusion.reference,
            f"{about}_answer": conclusion.answer,
        }
        given = {name: value for name, value in values.items() if value is not None}
        with suppress(ConditionError):
            self._table.update(
                *_sale_key(request_id),
                "SET " + ", ".join(f"{name} = :{name}" for name in given),
                values={f":{name}": {"S": value} for name, value in given.items()},
                condition=_THERE,
            )

    def _numbering(self, sale: Sale) -> dict[str, Any]:
        named = {"request_id": {"S": sale.request_id}}
        return self._table.putting({**table.key(*_number_key(sale.number or "")), **named}, ABSENT)

    def _creating_store(self, sale: Sale) -> dict[str, Any]:
        created = {"created_at": {"S": sortable(sale.received_at)}}
        return self._table.putting({**table.key(*_store_key(sale.store_uuid)), **created}, ABSENT)

    def _creating_item(self, sale: Sale) -> dict[str, Any]:
        item = {
            **table.key(*_item_key(sale.item_type, sale.item_sku)),
            "cost": {"N": str(sale.item_cost)},
            "title": {"S": sale.item_title},
            "changed_at": {"S": sortable(sale.received_at)},
        }
        return self._table.putting(item, ABSENT)

    def _counting_refusal(self, sale: Sale) -> dict[str, Any]:
        return self._table.updating(
            f"REFUSALS#{shards.of(sale.request_id, REFUSAL_SHARDS)}",
            _joined(sale.item_type, sale.reason or ""),
            "ADD #count :one SET last_cost = :cost, last_at = :at",
            names={"#count": "count"},
            values={
                ":one": {"N": "1"},
                ":cost": {"N": str(sale.item_cost)},
                ":at": {"S": sortable(sale.received_at)},
            },
        )

    # --- looking ---

    def sale(self, request_id: str) -> StoredSale | None:
        """Return a sale: one read."""
        item = self._table.get(*_sale_key(request_id))
        if item is None:
            return None
        sale = _sale(item)
        months = [each.months for each in sale.cancellations]
        ended = {each: found for each in months if (found := _conclusion(item, each))}
        return StoredSale(sale, _conclusion(item), ended)

    def numbered(self, number: str) -> StoredSale | None:
        """Return the sale that has a number: two reads."""
        item = self._table.get(*_number_key(number))
        return self.sale(item["request_id"]["S"]) if item else None

    def parties(self, sale: Sale) -> tuple[StoreView, ItemState]:
        """Return the store and the item of a sale that is stored: one read."""
        store, item = _store_key(sale.store_uuid), _item_key(sale.item_type, sale.item_sku)
        found = {each["pk"]["S"]: each for each in self._table.get_many([store, item])}
        view = StoreView(
            store_id=store_id(sale.store_uuid),
            store_uuid=sale.store_uuid,
            created_at=_instant(found[store[0]], "created_at"),
        )
        return view, _item_state(found[item[0]])

    def types_of(self, sku: str) -> list[str]:
        """Return the types of the items that go by a SKU: one query."""
        return [item["sk"]["S"] for item in self._table.query(_items_of(sku))]

    def sales(
        self, store_uuid: str | None, path: ItemPath, *, first: str, limit: int
    ) -> Iterator[tuple[str, Sale]]:
        """Yield the sales that got warranties with their places, from ``first`` on, in order.

        Those of one store or of all, whose items begin with ``path``. ``limit`` is how many will
        probably be taken.
        """
        prefix = _joined(*path, "")
        begin, end = max(prefix, first), prefix + HIGHEST
        if store_uuid is not None:
            partitions, page_size = [_sold_by(store_uuid)], limit
        else:
            partitions = [f"LIST#{shard}" for shard in range(LIST_SHARDS)]
            page_size = shards.share(limit, LIST_SHARDS)
        streams = [
            self._table.query(partition, first=begin, last=end, page_size=page_size)
            for partition in partitions
        ]
        for item in heapq.merge(*streams, key=_sort_key):
            yield _sort_key(item), _sale(item)

    def refusals(self, *, after: tuple[str, str] | None, limit: int) -> list[Refusals]:
        """Return what was refused by type and reason, in this order."""
        first = _joined(*after) + "\x00" if after else ""
        streams = [
            self._table.query(f"REFUSALS#{shard}", first=first) for shard in range(REFUSAL_SHARDS)
        ]
        kinds = groupby(heapq.merge(*streams, key=_sort_key), key=_sort_key)
        return [_refusals(place, list(parts)) for place, parts in islice(kinds, limit)]


def thing(pk: str, _: str) -> str | None:
    """Return the thing at a key, as the audit trail names it: a sale or a store."""
    kind, _, name = pk.partition("#")
    kinds = {"SALE": "sales", "STORE": "stores"}
    return named(kinds[kind], name) if kind in kinds else None


def sale_before_and_after(change: ItemChange) -> tuple[Sale | None, Sale] | None:
    """Return a sale as it was before a change of the table, if it was, and as it is then."""
    if change.new is None or (change.pk, change.sk) != _sale_key(change.pk.partition("#")[2]):
        return None
    return (_sale(change.old) if change.old else None), _sale(change.new)


# --- keys -----------------------------------------------------------------------------------------


def _joined(*parts: str) -> str:
    return _SEPARATOR.join(parts)


def _sale_key(request_id: str) -> _Key:
    return f"SALE#{request_id}", "SALE"


def _number_key(number: str) -> _Key:
    return f"NUMBER#{number}", "SALE"


def _idempotency_key(key: str) -> _Key:
    return f"KEY#{key}", "SALE"


def _store_key(store_uuid: str) -> _Key:
    return f"STORE#{store_uuid}", "STORE"


def _items_of(item_sku: str) -> str:
    return f"ITEM#{item_sku}"


def _item_key(item_type: str, item_sku: str) -> _Key:
    return _items_of(item_sku), item_type


def _sold_by(store_uuid: str) -> str:
    return f"SOLD#{store_uuid}"


def _place(sale: Sale) -> str:
    return _joined(sale.item_type, sale.item_sku, sortable(sale.received_at), sale.request_id)


def _sold_key(sale: Sale) -> _Key:
    return _sold_by(sale.store_uuid), _place(sale)


def _list_key(sale: Sale) -> _Key:
    return f"LIST#{shards.of(sale.request_id, LIST_SHARDS)}", _place(sale)


def _possible_list_keys(sale: Sale) -> list[_Key]:
    """Return where a sale can be listed: there may have been fewer shards when it was stored."""
    return [(f"LIST#{shard}", _place(sale)) for shard in range(LIST_SHARDS)]


def _key_of(item: Item) -> _Key:
    return item["pk"]["S"], item["sk"]["S"]


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key


# --- items ----------------------------------------------------------------------------------------


def _item(key: _Key, body: str) -> Item:
    return {**table.key(*key), "body": {"S": body}}


def _sale(item: Item) -> Sale:
    sale = Sale.model_validate_json(item["body"]["S"])
    cancellations = _cancellations(item)
    return sale.model_copy(update={"cancellations": cancellations}) if cancellations else sale


def _cancellations(item: Item) -> tuple[Cancellation, ...]:
    """Return what is cancelled of a sale, in the order of the months."""
    found = [
        Cancellation.model_validate_json(value["S"])
        for name, value in item.items()
        if name.startswith(_CANCELLED)
    ]
    return tuple(sorted(found, key=lambda each: each.months))


def _archive_name(cancelled_months: int | None) -> str:
    return "archive" if cancelled_months is None else f"archive_{cancelled_months}"


def _conclusion(item: Item, cancelled_months: int | None = None) -> Ending | None:
    about = _archive_name(cancelled_months)
    if f"{about}_state" not in item:
        return None
    details = {name: item.get(f"{about}_{name}", {}).get("S") for name in ("reference", "answer")}
    return Ending(item[f"{about}_state"]["S"], **details)


def _item_state(item: Item) -> ItemState:
    return ItemState(
        item_type=item["sk"]["S"],
        item_sku=item["pk"]["S"].removeprefix("ITEM#"),
        item_cost=int(item["cost"]["N"]),
        item_title=item["title"]["S"],
        changed_at=_instant(item, "changed_at"),
    )


def _refusals(place: str, parts: list[Item]) -> Refusals:
    """Add up what the shards say of one type and reason."""
    item_type, _, reason = place.partition(_SEPARATOR)
    last = max(parts, key=lambda part: str(part["last_at"]["S"]))
    return Refusals(
        item_type=item_type,
        reason=reason,
        count=sum(int(part["count"]["N"]) for part in parts),
        last_cost=money.amount(int(last["last_cost"]["N"])),
        last_refused_at=_instant(last, "last_at"),
    )


def _instant(item: Item, name: str) -> datetime:
    return datetime.fromisoformat(item[name]["S"])

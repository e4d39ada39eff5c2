"""The ledger in DynamoDB.

``ACCOUNTS#<shard>/<account_id>``      the account, as its last entry, and its ``sequence``
``ENTRIES#<account_id>/<created_at>``  the account's entries in order: time never stands still in it
``TRANSACTION#<id>/ENTRY``             the entry by the transaction's id, with ``reversed_by``
``KEY#<key>/ENTRY``                    the entry that an Idempotency-Key stands for
``LIST#<shard>/<created_at>#<id>``     all transactions in order of time, as the contract shows them

Each holds its JSON as ``body``. One transaction of DynamoDB writes all of them or none, and the
condition on the account's sequence number lets one writer at a time through. Copies of an entry
are never changed; ``reversed_by`` is set once. Every item has less than a kilobyte: two write
units.
"""

import heapq
from datetime import datetime
from itertools import islice
from typing import Any

from chalicelib.core import shards, table
from chalicelib.core.errors import UnavailableError
from chalicelib.core.instants import sortable
from chalicelib.core.table import ABSENT, HIGHEST, Condition, ConditionError, Item, Table
from chalicelib.ledger.models import Entry, StoredTransaction, Transaction
from chalicelib.ledger.ports import ListPosition, Snapshot

# A partition takes 1,000 write units a second: 500 transactions that touch it. An account stays
# in its shard for ever.
ACCOUNT_SHARDS = 16
# A page of the list asks each shard once. This number may grow, as a row is found in any of them.
LIST_SHARDS = 4

_Key = tuple[str, str]
_ENTRY = "ENTRY"


class LedgerStore:
    """Accounts and entries in DynamoDB; every read is strongly consistent."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # --- writing ---

    def read_snapshot(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Snapshot:
        """Return what stands where a transaction of ``account_id`` is to be posted: one read."""
        account = _account_key(account_id)
        if transaction_id is None and key is None:
            return Snapshot(last=_entry(self._table.get(*account)))
        named, keyed = _transaction_key(transaction_id or ""), _idempotency_key(key or "")
        keys = [account, *([named] if transaction_id else []), *([keyed] if key else [])]
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._table.get_many(keys)}
        return Snapshot(
            last=_entry(found.get(account)),
            named=_entry(found.get(named)),
            keyed=_entry(found.get(keyed)),
        )

    def append(self, entry: Entry, *, key: str | None = None) -> bool:
        """Store ``entry`` with all that refers to it, or nothing: one transaction.

        Returns False, and has stored nothing, when the account has moved on, when the transaction
        or the key is there already, or when what it reverses was reversed.
        """
        places = [_entry_key(entry), _transaction_key(entry.transaction_id)]
        if key:
            places.append(_idempotency_key(key))
        body = entry.stored_text()
        account = _item(_account_key(entry.account_id), body)
        account["sequence"] = {"N": str(entry.sequence)}
        actions = [
            self._table.putting(account, _still_at(entry.sequence - 1)),
            *(self._table.putting(_item(place, body), ABSENT) for place in places),
            self._table.putting(
                _item(_row_key(entry), Transaction.of(entry).stored_text()), ABSENT
            ),
        ]
        if entry.reverses:
            actions.append(self._reversing(entry.reverses, entry.transaction_id))
        try:
            # One try: what conflicts has moved the account on, so that this entry is out of date.
            self._table.transact(*actions, budget_s=0)
        except (ConditionError, UnavailableError):
            return False
        return True

    def bind(self, key: str, entry: Entry) -> bool:
        """Store that ``key`` stands for ``entry``; return False when it is taken."""
        try:
            self._table.put(_item(_idempotency_key(key), entry.stored_text()), ABSENT)
        except ConditionError:
            return False
        return True

    def _reversing(self, original: str, reversal: str) -> dict[str, Any]:
        """Return the action that tells a transaction who took it back; once only."""
        return self._table.updating(
            *_transaction_key(original),
            "SET reversed_by = :reversal",
            values={":reversal": {"S": reversal}},
            condition=Condition("attribute_exists(pk) AND attribute_not_exists(reversed_by)"),
        )

    # --- looking ---

    def transaction(self, transaction_id: str) -> StoredTransaction | None:
        """Return the transaction: one read."""
        item = self._table.get(*_transaction_key(transaction_id))
        if item is None:
            return None
        reversed_by = item.get("reversed_by", {}).get("S")
        return StoredTransaction.model_construct(entry=_read(item), reversed_by=reversed_by)

    def account(self, account_id: str) -> Entry | None:
        """Return the account's last entry: one read."""
        return _entry(self._table.get(*_account_key(account_id)))

    def account_at(self, account_id: str, at: datetime) -> Entry | None:
        """Return the last entry that the account had at an instant: one read."""
        found = self._table.query(
            _entries_of(account_id), last=sortable(at), newest_first=True, page_size=1
        )
        return _entry(next(found, None))

    def accounts(self, *, after: str | None, limit: int) -> list[Entry]:
        """Return accounts by their last entries, in the order of their ids."""
        streams = [
            self._table.query(
                f"ACCOUNTS#{shard}",
                first=_above(after),
                page_size=shards.share(limit, ACCOUNT_SHARDS),
            )
            for shard in range(ACCOUNT_SHARDS)
        ]
        return [_read(item) for item in islice(heapq.merge(*streams, key=_sort_key), limit)]

    def entries(self, account_id: str, *, after: str | None, limit: int) -> list[Entry]:
        """Return the account's entries in order, those later than the time ``after``."""
        found = self._table.query(_entries_of(account_id), first=_above(after), page_size=limit)
        return [_read(item) for item in islice(found, limit)]

    def transactions(self, *, before: ListPosition | None, limit: int) -> list[Transaction]:
        """Return transactions of all accounts, newest first, those before a place."""
        last = _below("#".join(before)) if before else HIGHEST
        streams = [
            self._table.query(
                f"LIST#{shard}",
                last=last,
                newest_first=True,
                page_size=shards.share(limit, LIST_SHARDS),
            )
            for shard in range(LIST_SHARDS)
        ]
        merged = heapq.merge(*streams, key=_sort_key, reverse=True)
        rows = (item["body"]["S"] for item in islice(merged, limit))
        return [Transaction.model_validate_json(row) for row in rows]

    def of_account(self, account_id: str, *, before: str | None, limit: int) -> list[Transaction]:
        """Return the account's transactions, newest first, those before a time."""
        last = _below(before) if before else HIGHEST
        found = self._table.query(
            _entries_of(account_id), last=last, newest_first=True, page_size=limit
        )
        return [Transaction.of(_read(item)) for item in islice(found, limit)]


# --- keys -----------------------------------------------------------------------------------------


def _account_key(account_id: str) -> _Key:
    return f"ACCOUNTS#{shards.of(account_id, ACCOUNT_SHARDS)}", account_id


def _entries_of(account_id: str) -> str:
    return f"ENTRIES#{account_id}"


def _entry_key(entry: Entry) -> _Key:
    return _entries_of(entry.account_id), sortable(entry.created_at)


def _transaction_key(transaction_id: str) -> _Key:
    return f"TRANSACTION#{transaction_id}", _ENTRY


def _idempotency_key(key: str) -> _Key:
    return f"KEY#{key}", _ENTRY


def _row_key(entry: Entry) -> _Key:
    shard = shards.of(entry.transaction_id, LIST_SHARDS)
    return f"LIST#{shard}", f"{sortable(entry.created_at)}#{entry.transaction_id}"


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key


def _above(sort_key: str | None) -> str:
    """Return the least sort key above ``sort_key``; the least of all for None."""
    return sort_key + "\x00" if sort_key else ""


def _below(sort_key: str) -> str:
    """Return the greatest sort key below ``sort_key`` (which is not empty)."""
    return sort_key[:-1] + chr(ord(sort_key[-1]) - 1) + HIGHEST


def _still_at(sequence: int) -> Condition:
    """Hold while the account's last entry has this number; 0 is an account without entries."""
    if sequence == 0:
        return ABSENT
    return Condition("#s = :s", {":s": {"N": str(sequence)}}, {"#s": "sequence"})


# --- items ----------------------------------------------------------------------------------------


def _item(key: _Key, body: str) -> Item:
    return {**table.key(*key), "body": {"S": body}}


def _entry(item: Item | None) -> Entry | None:
    return _read(item) if item else None


def _read(item: Item) -> Entry:
    return Entry.model_validate_json(item["body"]["S"])

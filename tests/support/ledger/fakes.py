"""The ledger in memory.

`tests/integration/ledger/test_ledger_store.py` holds this store and the real one to one contract.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

from chalicelib.core.instants import sortable
from chalicelib.ledger.models import Entry, StoredTransaction, Transaction
from chalicelib.ledger.ports import ListPosition, Snapshot, Store
from chalicelib.ledger.service import Ledger
from tests.support.clock import Clock
from tests.support.ids import uuid

T = TypeVar("T")

MORNING = datetime(2142, 3, 1, 8, tzinfo=UTC)
NINE = "99999999-9999-4999-8999-999999999999"


class MemoryStore:
    """What `chalicelib.ledger.ports.Store` promises, and nothing else."""

    def __init__(self) -> None:
        self.chains: dict[str, list[Entry]] = {}
        self.kept: dict[str, StoredTransaction] = {}
        self.keys: dict[str, Entry] = {}

    def read_snapshot(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Snapshot:
        named = self.kept.get(transaction_id or "")
        return Snapshot(
            last=self.account(account_id),
            named=named.entry if named else None,
            keyed=self.keys.get(key or ""),
        )

    def append(self, entry: Entry, *, key: str | None = None) -> bool:
        last = self.account(entry.account_id)
        free = entry.transaction_id not in self.kept and key not in self.keys
        original = self.kept.get(entry.reverses or "")
        reversible = entry.reverses is None or (original and original.reversed_by is None)
        if not free or not reversible or entry.sequence != (last.sequence + 1 if last else 1):
            return False
        self.chains.setdefault(entry.account_id, []).append(entry)
        self.kept[entry.transaction_id] = StoredTransaction(entry=entry)
        if key:
            self.keys[key] = entry
        if original:
            reversed_by = entry.transaction_id
            self.kept[original.entry.transaction_id] = StoredTransaction(
                entry=original.entry, reversed_by=reversed_by
            )
        return True

    def bind(self, key: str, entry: Entry) -> bool:
        return self.keys.setdefault(key, entry) is entry

    def transaction(self, transaction_id: str) -> StoredTransaction | None:
        return self.kept.get(transaction_id)

    def account(self, account_id: str) -> Entry | None:
        return self.chains.get(account_id, [None])[-1]

    def account_at(self, account_id: str, at: datetime) -> Entry | None:
        until = [entry for entry in self.chains.get(account_id, []) if entry.created_at <= at]
        return until[-1] if until else None

    def accounts(self, *, after: str | None, limit: int) -> Sequence[Entry]:
        ids = sorted(each for each in self.chains if after is None or each > after)
        return [self.chains[each][-1] for each in ids[:limit]]

    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]:
        chain = self.chains.get(account_id, [])
        return [e for e in chain if after is None or sortable(e.created_at) > after][:limit]

    def transactions(self, *, before: ListPosition | None, limit: int) -> Sequence[Transaction]:
        places = {
            ListPosition(sortable(kept.entry.created_at), kept.entry.transaction_id): kept.entry
            for kept in self.kept.values()
        }
        found = sorted((p for p in places if before is None or p < before), reverse=True)
        return [Transaction.of(places[place]) for place in found[:limit]]

    def of_account(
        self, account_id: str, *, before: str | None, limit: int
    ) -> Sequence[Transaction]:
        chain = reversed(self.chains.get(account_id, []))
        found = [e for e in chain if before is None or sortable(e.created_at) < before]
        return [Transaction.of(entry) for entry in found[:limit]]


def a_ledger(store: Store, now: Callable[[], datetime] | None = None, tries: int = 100) -> Ledger:
    """Return a ledger that hands out the ids 1, 2, 3, ... and never waits."""
    ids = count(1)
    return Ledger(
        store, now or Clock(MORNING), new_id=lambda: uuid(next(ids)), tries=lambda: range(tries)
    )


def chains(store: Store) -> Iterator[tuple[str, list[Entry]]]:
    """Yield all accounts of a store and their entries."""
    for last in store.accounts(after=None, limit=10_000):
        entries = store.entries(last.account_id, after=None, limit=10_000)
        yield last.account_id, list(entries)

"""The ledger in memory.

`tests/integration/ledger/test_ledger_store.py` holds this store and the real one to one contract.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

from chalicelib.core.instants import sortable
from chalicelib.core.totals import Total
from chalicelib.ledger.models import (
    AccountBody,
    Details,
    Entry,
    Intent,
    Reservation,
    StoredAccount,
    StoredTransaction,
    Transaction,
)
from chalicelib.ledger.ports import (
    BatchSnapshot,
    Contention,
    IntentStatus,
    ListPosition,
    Snapshot,
    Store,
    Waiting,
)
from chalicelib.ledger.service.crowds import RACES
from chalicelib.ledger.service.posting import Ledger
from tests.support.clock import Clock
from tests.support.ids import uuid

T = TypeVar("T")

MORNING = datetime(2142, 3, 1, 8, tzinfo=UTC)
NINE = "99999999-9999-4999-8999-999999999999"


WAITING_TOGETHER = 19
"""How many posts with keys one transaction takes."""


class MemoryStore:
    """What `chalicelib.ledger.ports.Store` promises, and nothing else."""

    def __init__(self) -> None:
        self.chains: dict[str, list[Entry]] = {}
        self.rows: dict[str, StoredTransaction] = {}
        self.keys: dict[str | None, Entry | Reservation] = {}
        self.details: dict[str, Details] = {}
        self.intents: dict[tuple[str, str], Intent] = {}
        self.leaders: dict[str, tuple[int, str]] = {}
        self.contended: dict[str, Contention] = {}

    def read_snapshot(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Snapshot:
        found = self.read_all([account_id], [transaction_id] if transaction_id else [], key)
        return Snapshot(
            last=found.last.get(account_id),
            named=found.named.get(transaction_id or ""),
            keyed=found.keyed,
            contention=self.contended.get(account_id, Contention()),
        )

    def read_all(
        self, account_ids: Collection[str], transaction_ids: Collection[str], key: str | None = None
    ) -> BatchSnapshot:
        return BatchSnapshot(
            last={each: self.chains[each][-1] for each in account_ids if each in self.chains},
            named={each: self.rows[each].entry for each in transaction_ids if each in self.rows},
            keyed=self.keys.get(key or ""),
        )

    def append(
        self, *entries: Entry, key: str | None = None, contention: Contention | None = None
    ) -> bool:
        lasts = {account_id: chain[-1].sequence for account_id, chain in self.chains.items()}
        taken = {*self.rows}
        for entry in entries:
            original = self.rows.get(entry.reverses or "")
            reversible = entry.reverses is None or (original and original.reversed_by is None)
            follows = entry.sequence == lasts.get(entry.account_id, 0) + 1
            if entry.transaction_id in taken or not reversible or not follows:
                return False
            lasts[entry.account_id] = entry.sequence
            taken.add(entry.transaction_id)
        if key in self.keys:
            return False
        for entry in entries:
            self._keep(entry)
            if contention:
                self.contended[entry.account_id] = contention
        if key:
            self.keys[key] = entries[0]
        return True

    def _keep(self, entry: Entry) -> None:
        self.chains.setdefault(entry.account_id, []).append(entry)
        self.rows[entry.transaction_id] = StoredTransaction(entry=entry)
        if original := self.rows.get(entry.reverses or ""):
            self.rows[original.entry.transaction_id] = StoredTransaction(
                entry=original.entry, reversed_by=entry.transaction_id
            )

    def bind(self, key: str, entry: Entry) -> bool:
        return self.keys.setdefault(key, entry) is entry

    def reserve(self, key: str, wanted: Reservation) -> Entry | Reservation:
        return self.keys.setdefault(key, wanted)

    def leave(self, intent: Intent) -> None:
        self.intents[intent.account_id, intent.place] = intent

    def intent_status(self, intent: Intent) -> IntentStatus:
        account_id = intent.account_id
        snapshot = self.read_snapshot(
            account_id, transaction_id=intent.transaction_id, key=intent.key
        )
        after, until = self.leaders.get(account_id, (-1, ""))
        standing = snapshot.last.sequence if snapshot.last else 0
        return IntentStatus(
            waits=(account_id, intent.place) in self.intents,
            snapshot=snapshot,
            led_until=until if after == standing else "",
        )

    def lead(self, account_id: str, *, after: int, now: str, until: str) -> bool:
        led = self.leaders.get(account_id)
        if led and led[0] >= after and led[1] >= now:
            return False
        self.leaders[account_id] = (after, until)
        return True

    def waiting(self, first: Intent) -> Waiting:
        others = [
            intent
            for (account_id, place), intent in sorted(self.intents.items())
            if account_id == first.account_id and place != first.place
        ]
        ids, keys, free = {*self.rows}, {*self.keys}, []
        for intent in (first, *others):
            if intent.transaction_id not in ids and intent.key not in keys:
                free.append(intent)
                ids.add(intent.transaction_id)
                keys |= {intent.key} - {None}
        return Waiting(self.read_snapshot(first.account_id).last, free[:WAITING_TOGETHER])

    def settle(self, posts: Sequence[tuple[Intent, Entry]], contention: Contention | None) -> bool:
        places = [(intent.account_id, intent.place) for intent, _ in posts]
        keys: dict[str | None, Entry | Reservation] = {
            intent.key: entry for intent, entry in posts if intent.key
        }
        if any(place not in self.intents for place in places) or keys.keys() & self.keys.keys():
            return False
        if not self.append(*(entry for _, entry in posts), contention=contention):
            return False
        self.keys |= keys
        for account_id, place in places:
            del self.intents[account_id, place]
        return True

    def withdraw(self, intent: Intent) -> bool:
        return self.intents.pop((intent.account_id, intent.place), None) is not None

    def describe(self, account_id: str, wanted: AccountBody) -> StoredAccount | None:
        if account_id not in self.chains:
            return None
        given = wanted.model_dump(exclude_unset=True)
        known = self.details.get(account_id, Details())
        self.details[account_id] = known.model_copy(update=given)
        return self.account(account_id)

    def transaction(self, transaction_id: str) -> StoredTransaction | None:
        return self.rows.get(transaction_id)

    def account(self, account_id: str) -> StoredAccount | None:
        if account_id not in self.chains:
            return None
        details = self.details.get(account_id, Details())
        return StoredAccount(last=self.chains[account_id][-1], details=details)

    def account_at(self, account_id: str, at: datetime) -> Entry | None:
        until = [entry for entry in self.chains.get(account_id, []) if entry.created_at <= at]
        return until[-1] if until else None

    def accounts(self, *, after: str | None, limit: int) -> Sequence[StoredAccount]:
        ids = sorted(each for each in self.chains if after is None or each > after)
        found = [self.account(each) for each in ids[:limit]]
        return [each for each in found if each]

    def count_accounts(self) -> Total:
        return Total(len(self.chains))

    def count_entries(self) -> Total:
        return Total(len(self.rows))

    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]:
        chain = self.chains.get(account_id, [])
        return [e for e in chain if after is None or sortable(e.created_at) > after][:limit]

    def transactions(self, *, before: ListPosition | None, limit: int) -> Sequence[Transaction]:
        places = {
            ListPosition(sortable(row.entry.created_at), row.entry.transaction_id): row.entry
            for row in self.rows.values()
        }
        found = sorted((p for p in places if before is None or p < before), reverse=True)
        return [Transaction.of(places[place]) for place in found[:limit]]

    def of_account(
        self, account_id: str, *, before: str | None, limit: int
    ) -> Sequence[Transaction]:
        found = self.newest(account_id, since=None, before=before, limit=limit)
        return [Transaction.of(entry) for entry in found]

    def newest(
        self, account_id: str, *, since: str | None, before: str | None, limit: int
    ) -> Sequence[Entry]:
        return [
            entry
            for entry in reversed(self.chains.get(account_id, []))
            if since is None or sortable(entry.created_at) >= since
            if before is None or sortable(entry.created_at) < before
        ][:limit]


def a_ledger(
    store: Store, now: Callable[[], datetime] | None = None, tries: int = 100, races: int = RACES
) -> Ledger:
    """Return a ledger that hands out the ids 1, 2, 3, ... and never waits."""
    ids = count(1)
    return Ledger(
        store,
        now or Clock(MORNING),
        new_id=lambda: uuid(next(ids)),
        tries=lambda **_: range(tries),
        races=races,
    )


def chains(store: Store) -> Iterator[tuple[str, list[Entry]]]:
    """Yield all accounts of a store and their entries."""
    for account in store.accounts(after=None, limit=10_000):
        account_id = account.last.account_id
        yield account_id, list(store.entries(account_id, after=None, limit=10_000))

"""The ledger in memory, and a stage on which callers act at the same time, step by step.

`tests/integration/ledger/test_ledger_store.py` holds this store and the real one to one contract.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from chalicelib.ledger.models import Entry, Kept, Transaction, iso
from chalicelib.ledger.ports import Place, Sight, Store
from chalicelib.ledger.service import Ledger

T = TypeVar("T")

MORNING = datetime(2142, 3, 1, 8, tzinfo=UTC)
NINE = "99999999-9999-4999-8999-999999999999"


def uuid(number: int) -> str:
    """Return a UUID that one recognises."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


class MemoryStore:
    """What `chalicelib.ledger.ports.Store` promises, and nothing else."""

    def __init__(self) -> None:
        self.chains: dict[str, list[Entry]] = {}
        self.kept: dict[str, Kept] = {}
        self.keys: dict[str, Entry] = {}

    def look(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Sight:
        named = self.kept.get(transaction_id or "")
        return Sight(
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
        self.kept[entry.transaction_id] = Kept(entry=entry)
        if key:
            self.keys[key] = entry
        if original:
            reversed_by = entry.transaction_id
            self.kept[original.entry.transaction_id] = Kept(
                entry=original.entry, reversed_by=reversed_by
            )
        return True

    def bind(self, key: str, entry: Entry) -> bool:
        return self.keys.setdefault(key, entry) is entry

    def transaction(self, transaction_id: str) -> Kept | None:
        return self.kept.get(transaction_id)

    def account(self, account_id: str) -> Entry | None:
        return self.chains.get(account_id, [None])[-1]  # type: ignore[list-item]

    def account_at(self, account_id: str, at: datetime) -> Entry | None:
        until = [entry for entry in self.chains.get(account_id, []) if entry.created_at <= at]
        return until[-1] if until else None

    def accounts(self, *, after: str | None, limit: int) -> Sequence[Entry]:
        ids = sorted(each for each in self.chains if after is None or each > after)
        return [self.chains[each][-1] for each in ids[:limit]]

    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]:
        chain = self.chains.get(account_id, [])
        return [e for e in chain if after is None or iso(e.created_at) > after][:limit]

    def transactions(self, *, before: Place | None, limit: int) -> Sequence[Transaction]:
        places = {
            Place(iso(kept.entry.created_at), kept.entry.transaction_id): kept.entry
            for kept in self.kept.values()
        }
        found = sorted((p for p in places if before is None or p < before), reverse=True)
        return [Transaction.of(places[place]) for place in found[:limit]]

    def of_account(
        self, account_id: str, *, before: str | None, limit: int
    ) -> Sequence[Transaction]:
        chain = reversed(self.chains.get(account_id, []))
        found = [e for e in chain if before is None or iso(e.created_at) < before]
        return [Transaction.of(entry) for entry in found[:limit]]


@dataclass
class Clock:
    """A clock that a test sets, also back."""

    at: datetime = MORNING

    def __call__(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


def a_ledger(store: Store, now: Callable[[], datetime] | None = None, tries: int = 100) -> Ledger:
    """Return a ledger that hands out the ids 1, 2, 3, ... and never waits."""
    ids = count(1)
    return Ledger(store, now or Clock(), new_id=lambda: uuid(next(ids)), tries=lambda: range(tries))


# --- at the same time -----------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone; nothing may catch this but who plays the platform."""


@dataclass
class Act:
    """What one caller does, and what came of it: a result, an error, or the caller's death."""

    deed: Callable[[], Any]
    dies_after: int | None = None
    outcome: Any = None
    error: BaseException | None = None
    steps: int = 0
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: bool = False


class Stage:
    """Runs callers at the same time, one step outside of them at a time.

    Wrap the store with `on`; each call of it is a step. `play` lets the callers step in the order
    that it is given, and whoever is to die does so before or after a step.
    """

    def __init__(self) -> None:
        self._actor = threading.local()
        self._yielded = threading.Semaphore(0)

    def on(self, store: T) -> T:
        """Return ``store``, each call of which waits for its turn."""
        return _Stepwise(store, self)  # type: ignore[return-value]

    def play(self, acts: Sequence[Act], order: Iterable[int]) -> None:
        """Let the acts step in this ``order`` (numbers of any size), then the rest in turn."""
        threads = [threading.Thread(target=self._run, args=[act]) for act in acts]
        for thread in threads:
            thread.start()
            self._yielded.acquire()  # it stands before its first step, or is done
        for number in order:
            self._step([act for act in acts if not act.done], number)
        while waiting := [act for act in acts if not act.done]:
            self._step(waiting, 0)
        for thread in threads:
            thread.join()

    def step(self, call: Callable[[], T]) -> T:
        """Make a call when it is the caller's turn, unless they die before or after it."""
        act: Act | None = getattr(self._actor, "act", None)
        if act is None:
            return call()
        self._yielded.release()
        act.turn.acquire()
        if act.dies_after is not None and act.dies_after <= 2 * act.steps:
            raise Killed
        result = call()
        act.steps += 1
        if act.dies_after is not None and act.dies_after <= 2 * act.steps - 1:
            raise Killed
        return result

    def _step(self, waiting: Sequence[Act], number: int) -> None:
        if waiting:
            waiting[number % len(waiting)].turn.release()
            self._yielded.acquire()

    def _run(self, act: Act) -> None:
        self._actor.act = act
        try:
            act.outcome = act.deed()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            act.error = error
        act.done = True
        self._yielded.release()


class _Stepwise:
    def __init__(self, store: object, stage: Stage) -> None:
        self._store = store
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return lambda *given, **named: self._stage.step(lambda: method(*given, **named))


def chains(store: Store) -> Iterator[tuple[str, list[Entry]]]:
    """Yield all accounts of a store and their entries."""
    for last in store.accounts(after=None, limit=10_000):
        entries = store.entries(last.account_id, after=None, limit=10_000)
        yield last.account_id, list(entries)

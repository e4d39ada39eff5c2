"""Callers that die anywhere in the middle and try again, on whatever plays DynamoDB."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from chalicelib.core.table import Table
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import (
    BatchPost,
    Entry,
    Transaction,
    TransactionBody,
    TransferBody,
    TransferFloors,
)
from chalicelib.ledger.ports import Store
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.service.transfers import TransferReceipt
from chalicelib.ledger.store import LedgerStore
from tests.support.clock import Clock
from tests.support.dynamodb import Line
from tests.support.ledger.fakes import MORNING
from tests.support.stage import Killed

Deed = Callable[[Ledger], Any]


@dataclass(frozen=True)
class Scene:
    """An account with an entry, on a table; names in it are its own."""

    client: Any
    table: str
    account: str
    key: str
    transaction_id: str
    original: str
    other: str
    transfer: str

    def ledger(self, line: Line | None = None) -> Ledger:
        """Return the ledger as a new process sees it; who comes after a death comes later."""
        client: Any = line or Line(self.client)
        return Ledger(
            LedgerStore(Table(client, self.table)),
            now=Clock(MORNING + timedelta(seconds=0 if line else 4)),
            new_id=lambda: str(uuid4()),
            tries=lambda **_: range(5),
        )

    def body(self, *, named: bool = False) -> TransactionBody:
        transaction_id = self.transaction_id if named else None
        return TransactionBody(account_id=self.account, amount=7, transaction_id=transaction_id)

    def transfer_body(self, *, named: bool = False) -> TransferBody:
        return TransferBody(
            from_account_id=self.account,
            to_account_id=self.other,
            amount=7,
            transfer_id=self.transaction_id if named else None,
        )

    def batch(self, *, named: bool = False) -> list[BatchPost]:
        ids = [self.transaction_id, self.key] if named else [None, None]
        return [
            BatchPost(account_id=account, amount=7, transaction_id=transaction_id)
            for account, transaction_id in zip((self.account, self.other), ids, strict=True)
        ]

    def both(self) -> list[Entry]:
        """Return what is stored of both accounts, all of it proven."""
        return self._proven(self.account, self.other)

    def entries(self) -> list[Entry]:
        """Return what is stored of the first account, all of it proven."""
        return self._proven(self.account)

    def _proven(self, *account_ids: str) -> list[Entry]:
        store = self.ledger().store
        listed = store.transactions(before=None, limit=500)
        return [entry for each in account_ids for entry in _proven(store, each, listed)]


def _proven(store: Store, account_id: str, listed: Sequence[Transaction]) -> list[Entry]:
    """Return an account's entries: chained, listed, and each to be found by its id."""
    entries = list(store.entries(account_id, after=None, limit=100))
    chain = Chain(account_id)
    assert [chain.misfit(entry) for entry in entries] == [None] * len(entries)
    account = store.account(account_id)
    assert account is not None
    assert account.last == entries[-1]
    ids = {entry.transaction_id for entry in entries}
    assert {row.transaction_id for row in listed if row.account_id == account_id} == ids
    for entry in entries:
        row = store.transaction(entry.transaction_id)
        assert row is not None
        assert row.entry == entry
    return entries


def scene(client: Any, table: str) -> Scene:
    """Return two accounts of its own: one transaction of 1 and a transfer of 2 were made there."""
    made = Scene(client, table, *[str(uuid4()) for _ in range(6)])
    body = TransactionBody(account_id=made.account, amount=1, transaction_id=made.original)
    made.ledger().post(body)
    sent = TransferBody(
        from_account_id=made.account, to_account_id=made.other, amount=2, transfer_id=made.transfer
    )
    made.ledger().transfers.send(sent)
    return made


DEEDS: dict[str, Callable[[Scene], Deed]] = {
    "a post with a key": lambda at: lambda ledger: ledger.post(at.body(), key=at.key),
    "a post with an id": lambda at: lambda ledger: ledger.post(at.body(named=True)),
    "a post with both": lambda at: lambda ledger: ledger.post(at.body(named=True), key=at.key),
    "a post that waits with a key": lambda at: (
        lambda ledger: replace(ledger, races=0).post(at.body(), key=at.key)
    ),
    "a post that waits with an id": lambda at: (
        lambda ledger: replace(ledger, races=0).post(at.body(named=True))
    ),
    "a reversal": lambda at: lambda ledger: ledger.reverse(at.original),
    "a transfer with a key": lambda at: (
        lambda ledger: ledger.transfers.send(at.transfer_body(), key=at.key)
    ),
    "a transfer with an id": lambda at: (
        lambda ledger: ledger.transfers.send(at.transfer_body(named=True))
    ),
    "a reversal of a transfer": lambda at: (
        lambda ledger: ledger.transfers.reverse(at.transfer, TransferFloors())
    ),
    "a batch with a key": lambda at: lambda ledger: ledger.batches.post(at.batch(), key=at.key),
    "a batch with ids": lambda at: lambda ledger: ledger.batches.post(at.batch(named=True)),
}
MADE = {"a post": 1, "a reversal": 1, "a transfer": 2, "a reversal of a transfer": 2, "a batch": 2}
"""How many entries a deed makes, by how its name begins."""


def deaths(client: Any, table: str, name: str) -> Iterator[tuple[Scene, Deed, int]]:
    """Yield a scene for every moment of a deed, in which somebody died at that moment of it."""
    for moment in range(20):
        at = scene(client, table)
        deed = DEEDS[name](at)
        try:
            deed(at.ledger(Line(client, dies_at=moment)))
        except Killed:
            yield at, deed, moment
        else:
            return
    raise AssertionError("it has more moments than anybody looked at")


def check_that_a_retry_finishes_what_death_left(client: Any, table: str, name: str) -> int:
    """Die at every moment and try again; return how many moments there were."""
    makes = MADE[max((begin for begin in MADE if name.startswith(begin)), key=len)]
    moments = 0
    for at, deed, _ in deaths(client, table, name):
        before = at.both()
        assert len(before) in {3, 3 + makes}

        first = deed(at.ledger())

        entries = at.both()
        assert len(entries) == 3 + makes
        assert set(_ids(before)) <= set(_ids(entries))
        assert set(_posted(first)) <= set(_ids(entries))
        assert len(set(_posted(first))) == makes
        assert _replayed(first) == (len(before) == 3 + makes)
        again = deed(at.ledger())
        assert _replayed(again)
        assert _posted(again) == _posted(first)
        moments += 1
    return moments


def _ids(entries: Iterable[Entry]) -> list[str]:
    return [entry.transaction_id for entry in entries]


def _posted(outcome: Any) -> list[str]:
    """Return the transactions of an outcome."""
    if isinstance(outcome, TransferReceipt):
        return [outcome.transfer.debit.transaction_id, outcome.transfer.credit.transaction_id]
    return _ids(receipt.entry for receipt in (outcome if isinstance(outcome, list) else [outcome]))


def _replayed(outcome: Any) -> bool:
    return all(
        receipt.replayed for receipt in (outcome if isinstance(outcome, list) else [outcome])
    )

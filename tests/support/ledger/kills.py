"""Callers that die anywhere in the middle and try again, on whatever plays DynamoDB."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from chalicelib.core.table import Table
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import Entry, TransactionBody
from chalicelib.ledger.service import Ledger, Receipt
from chalicelib.ledger.store import LedgerStore
from tests.support.clock import Clock
from tests.support.dynamodb import Line
from tests.support.ledger.fakes import MORNING
from tests.support.stage import Killed

Deed = Callable[[Ledger], Receipt]


@dataclass(frozen=True)
class Scene:
    """An account with an entry, on a table; names in it are its own."""

    client: Any
    table: str
    account: str
    key: str
    transaction_id: str
    original: str

    def ledger(self, line: Line | None = None) -> Ledger:
        """Return the ledger as a new process sees it."""
        client: Any = line or Line(self.client)
        return Ledger(
            LedgerStore(Table(client, self.table)),
            now=Clock(MORNING),
            new_id=lambda: str(uuid4()),
            tries=lambda: range(5),
        )

    def body(self, *, named: bool = False) -> TransactionBody:
        transaction_id = self.transaction_id if named else None
        return TransactionBody(account_id=self.account, amount=7, transaction_id=transaction_id)

    def entries(self) -> list[Entry]:
        """Return what is stored of the account, all of it proven."""
        store = self.ledger().store
        entries = list(store.entries(self.account, after=None, limit=100))
        chain = Chain(self.account)
        assert [chain.misfit(entry) for entry in entries] == [None] * len(entries)
        assert store.account(self.account) == entries[-1]
        listed = store.transactions(before=None, limit=100)
        ids = {entry.transaction_id for entry in entries}
        assert {row.transaction_id for row in listed if row.account_id == self.account} == ids
        for entry in entries:
            kept = store.transaction(entry.transaction_id)
            assert kept is not None
            assert kept.entry == entry
        return entries


def scene(client: Any, table: str) -> Scene:
    """Return an account of its own with one transaction, of 1."""
    made = Scene(client, table, *[str(uuid4()) for _ in range(4)])
    body = TransactionBody(account_id=made.account, amount=1, transaction_id=made.original)
    made.ledger().post(body)
    return made


DEEDS: dict[str, Callable[[Scene], Deed]] = {
    "a post with a key": lambda at: lambda ledger: ledger.post(at.body(), key=at.key),
    "a post with an id": lambda at: lambda ledger: ledger.post(at.body(named=True)),
    "a post with both": lambda at: lambda ledger: ledger.post(at.body(named=True), key=at.key),
    "a reversal": lambda at: lambda ledger: ledger.reverse(at.original),
}


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
    moments = 0
    for at, deed, _ in deaths(client, table, name):
        before = at.entries()
        assert len(before) in {1, 2}

        receipt = deed(at.ledger())

        entries = at.entries()
        assert len(entries) == 2
        assert receipt.entry == entries[1]
        assert receipt.replayed == (len(before) == 2)
        assert deed(at.ledger()) == Receipt(receipt.entry, replayed=True)
        moments += 1
    return moments

"""Posting without a read where this process knows how an account stands, and with others about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.ledger import heads
from chalicelib.ledger.chain import following
from chalicelib.ledger.heads import Heads
from chalicelib.ledger.models import TransactionBody
from chalicelib.ledger.ports import Snapshot
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.service.rules import BelowFloorError
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, MemoryStore, a_ledger

ANN = uuid(0xA)


class Counting(MemoryStore):
    """A store that counts reads and entries that came too late; one answer may be lost."""

    reads = refusals = 0
    answers = True

    def read_snapshot(self, *given: Any, **named: Any) -> Snapshot:
        self.reads += 1
        return super().read_snapshot(*given, **named)

    def append(self, *entries: Any, **named: Any) -> bool:
        stored = super().append(*entries, **named)
        self.refusals += not stored
        answered, self.answers = self.answers, True
        return stored and answered


@pytest.fixture
def clock() -> Clock:
    return Clock(MORNING)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def ours(store: Counting, clock: Clock) -> Ledger:
    return a_ledger(store, clock)


@pytest.fixture
def theirs(ours: Ledger) -> Ledger:
    """The ledger in another process."""
    return replace(ours, heads=Heads())


def body(amount: int, transaction_id: str | None = None) -> TransactionBody:
    return TransactionBody(account_id=ANN, amount=amount, transaction_id=transaction_id)


def test_the_next_post_of_a_process_reads_nothing(ours: Ledger, store: Counting) -> None:
    receipts = [ours.post(body(4)), ours.post(body(-1, uuid(0x77)), key="k"), ours.post(body(2))]

    assert [each.entry.balance for each in receipts] == [4, 3, 5]
    assert (store.reads, store.refusals) == (1, 0)


def test_a_reversal_is_known_to_the_next_post(ours: Ledger, store: Counting) -> None:
    posted = ours.post(body(4))
    ours.reverse(posted.entry.transaction_id)

    assert ours.post(body(1)).entry.balance == 1
    assert (store.reads, store.refusals) == (1, 0)


def test_after_ten_seconds_a_post_reads_again(ours: Ledger, store: Counting, clock: Clock) -> None:
    ours.post(body(4))
    clock.forward(seconds=10)
    ours.post(body(4))

    assert store.reads == 2


def test_l7_a_wrong_guess_stores_nothing_and_is_not_made_again_for_a_minute(
    ours: Ledger, theirs: Ledger, store: Counting, clock: Clock
) -> None:
    ours.post(body(1))
    for ledger in (theirs, ours, theirs, ours, theirs, ours):
        ledger.post(body(1))
        clock.forward(seconds=1)

    assert [each.balance for each in store.chains[ANN]] == [1, 2, 3, 4, 5, 6, 7]
    assert store.refusals == 2, "one of each process"
    clock.forward(seconds=61)
    reads = store.reads
    ours.post(body(1))
    ours.post(body(1))
    assert (store.reads - reads, store.refusals) == (1, 2)


def test_a_floor_is_never_refused_by_a_guess(ours: Ledger, theirs: Ledger) -> None:
    ours.post(body(1))
    theirs.post(body(9))

    assert ours.post(body(-5), floor=0).entry.balance == 5
    with pytest.raises(BelowFloorError):
        ours.post(body(-6), floor=0)


def test_a_repeated_post_is_found_although_the_account_is_known(
    ours: Ledger, theirs: Ledger, store: Counting
) -> None:
    ours.post(body(1))
    named, keyed = theirs.post(body(2, uuid(0x77))), theirs.post(body(3), key="k")
    ours.post(body(4))

    again = ours.post(body(2, uuid(0x77))), ours.post(body(3), key="k")

    assert [each.entry for each in again] == [named.entry, keyed.entry]
    assert all(each.replayed for each in again)
    assert len(store.chains[ANN]) == 4


@pytest.mark.parametrize("transaction_id", [None, uuid(0x77)])
def test_l7_a_guess_that_was_stored_without_an_answer_is_not_posted_twice(
    ours: Ledger, store: Counting, transaction_id: str | None
) -> None:
    ours.post(body(1))
    store.answers = False

    if transaction_id:
        assert ours.post(body(2, transaction_id)).replayed
    else:  # nobody can tell, and so it is not said
        with pytest.raises(UnavailableError):
            ours.post(body(2))

    assert [each.amount for each in store.chains[ANN]] == [1, 2]


def test_as_many_accounts_are_remembered_as_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST", 3)
    known = Heads()
    for number in range(5):
        known.missed(uuid(number), MORNING - timedelta(hours=1))
        entry = following(
            None, account_id=uuid(number), amount=1, transaction_id=uuid(9), now=MORNING
        )
        known.posted(entry)

    remembered = [number for number in range(5) if known.guess(uuid(number), MORNING)]

    assert remembered == [2, 3, 4]
    assert len(known._missed) == 3

"""The rules of batches: all or none, each post once, also under a key that is reserved first."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.core.errors import NotFoundError, UnavailableError
from chalicelib.core.idempotency import KeyReusedError
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import (
    MOST_POSTS,
    BatchPost,
    Entry,
    TransactionBatchBody,
    TransactionBody,
    TransferBody,
)
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.service.rules import BelowFloorError, TransactionIdTakenError
from tests.support.ids import uuid
from tests.support.ledger.fakes import NINE, MemoryStore, a_ledger, chains

ANN, BOB = uuid(0xA), uuid(0xB)


class Meanwhile(MemoryStore):
    """A store on which something happens just before the next entries are stored."""

    deed: Callable[[], object] | None = None

    def append(self, *entries: Entry, **more: Any) -> bool:
        if deed := self.deed:
            self.deed = None
            deed()
        return super().append(*entries, **more)


@pytest.fixture
def store() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def ledger(store: Meanwhile) -> Ledger:
    return a_ledger(store)


def post(
    amount: int, account: str = ANN, transaction_id: str | None = None, floor: int | None = None
) -> BatchPost:
    return BatchPost(
        account_id=account, amount=amount, transaction_id=transaction_id, balance_floor=floor
    )


def test_a_batch_is_posted_in_its_order_also_several_times_to_one_account(
    store: Meanwhile, ledger: Ledger
) -> None:
    ledger.post(TransactionBody(account_id=ANN, amount=10))

    receipts = ledger.batches.post([post(1), post(5, BOB), post(2), post(3), post(-5, BOB)])

    assert [receipt.entry.amount for receipt in receipts] == [1, 5, 2, 3, -5]
    assert [receipt.entry.balance for receipt in receipts] == [11, 5, 13, 16, 0]
    assert [receipt.entry.sequence for receipt in receipts] == [2, 1, 3, 4, 2]
    for account_id, entries in chains(store):
        chain = Chain(account_id)
        assert [chain.misfit(entry) for entry in entries] == [None] * len(entries)
    listed = store.transactions(before=None, limit=99)
    assert len(listed) == 6


def test_posts_to_different_accounts_have_one_time(ledger: Ledger) -> None:
    receipts = ledger.batches.post([post(1, uuid(number)) for number in range(MOST_POSTS)])

    assert len({receipt.entry.created_at for receipt in receipts}) == 1


def test_a_floor_that_one_would_break_stops_all(store: Meanwhile, ledger: Ledger) -> None:
    with pytest.raises(BelowFloorError):
        ledger.batches.post([post(4), post(-5, floor=0), post(9)])

    assert not store.rows
    assert len(ledger.batches.post([post(4), post(-4, floor=0), post(9)])) == 3


def test_what_was_posted_before_stays_and_the_rest_is_posted(ledger: Ledger) -> None:
    ledger.post(TransactionBody(account_id=ANN, amount=4, transaction_id=NINE))

    receipts = ledger.batches.post([post(1, BOB), post(4, ANN, NINE, floor=99), post(2)])

    assert [receipt.replayed for receipt in receipts] == [False, True, False]
    assert ledger.account(ANN).last.balance == 6


def test_an_id_that_names_something_else_stops_all(store: Meanwhile, ledger: Ledger) -> None:
    sent = ledger.transfers.send(
        TransferBody(from_account_id=ANN, to_account_id=BOB, amount=4, transfer_id=NINE)
    )

    for half in (sent.transfer.debit, sent.transfer.credit):
        with pytest.raises(TransactionIdTakenError):
            ledger.batches.post([post(1), post(4, BOB, half.transaction_id)])

    assert len(store.rows) == 2


@pytest.mark.parametrize("ids", [(None, None), (NINE, uuid(8)), (None, uuid(8))], ids=str)
def test_a_key_posts_a_batch_once(ledger: Ledger, ids: tuple[str | None, ...]) -> None:
    posts = [post(1, ANN, ids[0]), post(2, BOB, ids[1])]
    first = ledger.batches.post(posts, key="k")

    again = ledger.batches.post(posts, key="k")

    assert [receipt.entry for receipt in again] == [receipt.entry for receipt in first]
    assert all(receipt.replayed for receipt in again)
    assert ledger.account(BOB).last.sequence == 1


def test_a_key_of_something_else_is_no_batchs(ledger: Ledger) -> None:
    ledger.batches.post([post(1)], key="batched")
    ledger.post(TransactionBody(account_id=ANN, amount=1), key="posted")
    ledger.transfers.send(
        TransferBody(from_account_id=ANN, to_account_id=BOB, amount=1), key="sent"
    )

    for key, words in (
        ("batched", "a batch with another content"),
        ("posted", "for a transaction"),
        ("sent", "for a transfer"),
    ):
        with pytest.raises(KeyReusedError, match=words):
            ledger.batches.post([post(1), post(1)], key=key)
    with pytest.raises(KeyReusedError, match="for a batch"):
        ledger.post(TransactionBody(account_id=ANN, amount=1), key="batched")


def test_a_key_stays_with_its_batch_when_that_was_refused(ledger: Ledger) -> None:
    with pytest.raises(BelowFloorError):
        ledger.batches.post([post(-1, floor=0)], key="k")
    with pytest.raises(KeyReusedError):
        ledger.batches.post([post(-2)], key="k")

    assert not ledger.batches.post([post(-1, floor=-1)], key="k")[0].replayed


def test_the_same_batch_twice_at_once_is_one(store: Meanwhile, ledger: Ledger) -> None:
    posts = [post(1), post(2, BOB)]
    store.deed = lambda: ledger.batches.post(posts, key="k")

    assert all(receipt.replayed for receipt in ledger.batches.post(posts, key="k"))
    assert len(store.rows) == 2


def test_who_loses_the_race_on_any_account_begins_again(store: Meanwhile, ledger: Ledger) -> None:
    store.deed = lambda: ledger.post(TransactionBody(account_id=BOB, amount=10))

    receipts = ledger.batches.post([post(1), post(2, BOB)])

    assert [receipt.entry.balance for receipt in receipts] == [1, 12]
    assert {receipt.lost_races for receipt in receipts} == {1}


def test_who_never_gets_a_turn_is_told_that_nothing_was_posted(store: Meanwhile) -> None:
    store.append = lambda *entries, **more: False  # type: ignore[method-assign]

    with pytest.raises(UnavailableError, match="This batch was not"):
        a_ledger(store, tries=3).batches.post([post(1)])
    with pytest.raises(NotFoundError):
        a_ledger(store).account(ANN)


@pytest.mark.parametrize("count", [0, MOST_POSTS + 1])
def test_a_batch_has_1_to_33_posts(count: int) -> None:
    with pytest.raises(ValidationError):
        TransactionBatchBody(transactions=tuple(post(1) for _ in range(count)))


def test_a_batch_names_no_transaction_twice() -> None:
    with pytest.raises(ValidationError, match="must not name the transaction"):
        TransactionBatchBody(transactions=(post(1, ANN, NINE), post(1, BOB, NINE.upper())))

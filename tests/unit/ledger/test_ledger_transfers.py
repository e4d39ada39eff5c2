"""The rules of transfers, one caller at a time or two in a race that is set up."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.core.errors import NotFoundError, UnavailableError
from chalicelib.core.idempotency import KeyReusedError
from chalicelib.ledger.models import (
    BatchPost,
    Entry,
    TransactionBody,
    TransferBody,
    TransferFloors,
)
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.service.rules import (
    BelowFloorError,
    NotReversibleError,
    TransactionIdTakenError,
)
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, NINE, MemoryStore, a_ledger

ANN, BOB = uuid(0xA), uuid(0xB)
NO_FLOORS = TransferFloors()


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


def transfer(amount: int = 4, transfer_id: str | None = None, **more: int) -> TransferBody:
    return TransferBody(
        from_account_id=ANN, to_account_id=BOB, amount=amount, transfer_id=transfer_id, **more
    )


def post(amount: int, account: str = ANN, transaction_id: str | None = None) -> TransactionBody:
    return TransactionBody(account_id=account, amount=amount, transaction_id=transaction_id)


def balances(ledger: Ledger) -> list[int]:
    return [ledger.account(each).last.balance for each in (ANN, BOB)]


# --- sending --------------------------------------------------------------------------------------


def test_a_transfer_is_two_entries_of_one_moment_that_name_each_other(ledger: Ledger) -> None:
    ledger.post(post(10))

    made = ledger.transfers.send(transfer(4)).transfer

    assert (made.debit.balance, made.credit.balance) == (6, 4)
    assert (made.debit.sequence, made.credit.sequence) == (2, 1)
    debit, credit = [
        ledger.transaction(half.transaction_id).entry for half in (made.debit, made.credit)
    ]
    assert (debit.amount, credit.amount) == (-4, 4)
    assert debit.created_at == credit.created_at == made.created_at
    assert (debit.counterpart_id, debit.counterpart_account_id) == (credit.transaction_id, BOB)
    assert (credit.counterpart_id, credit.counterpart_account_id) == (debit.transaction_id, ANN)
    assert debit.transfer_id == credit.transfer_id == made.transfer_id == debit.transaction_id
    assert ledger.transfers.transfer(made.transfer_id) == made


def test_both_halves_come_after_the_last_entry_of_both_accounts(store: Meanwhile) -> None:
    clock = Clock(MORNING)
    ledger = a_ledger(store, clock)
    clock.forward(hours=1)
    late = ledger.post(post(1, BOB)).entry
    clock.forward(hours=-1)

    made = ledger.transfers.send(transfer()).transfer

    assert made.created_at > late.created_at


@pytest.mark.parametrize("amount", [0, -1, 2**53])
def test_a_transfer_moves_an_amount_above_nothing(amount: int) -> None:
    with pytest.raises(ValidationError):
        transfer(amount)


def test_nothing_is_transferred_within_an_account() -> None:
    with pytest.raises(ValidationError, match="must be another account than from_account_id"):
        TransferBody(from_account_id=ANN, to_account_id=ANN.upper(), amount=1)


@pytest.mark.parametrize("floor", ["from_balance_floor", "to_balance_floor"])
def test_each_account_has_its_floor(ledger: Ledger, floor: str) -> None:
    with pytest.raises(BelowFloorError, match="Nothing was posted"):
        ledger.transfers.send(transfer(4, None, **{floor: 5}), key="k")

    with pytest.raises(NotFoundError):
        ledger.account(BOB)
    assert ledger.transfers.send(transfer(4, from_balance_floor=-4), key="k").transfer.amount == 4


def test_the_same_id_or_key_is_one_transfer(ledger: Ledger) -> None:
    first = ledger.transfers.send(transfer(transfer_id=NINE), key="k")

    again = [
        ledger.transfers.send(transfer(transfer_id=NINE)),
        ledger.transfers.send(transfer(from_balance_floor=99), key="k"),
        ledger.transfers.send(transfer(transfer_id=NINE), key="another"),
        ledger.transfers.send(transfer(), key="another"),
    ]

    assert all(receipt.replayed and receipt.transfer == first.transfer for receipt in again)
    assert balances(ledger) == [-4, 4]


def test_another_transfer_needs_another_id_and_another_key(ledger: Ledger) -> None:
    ledger.transfers.send(transfer(4, NINE), key="k")
    back = TransferBody(from_account_id=BOB, to_account_id=ANN, amount=4, transfer_id=NINE)

    with pytest.raises(TransactionIdTakenError, match="another amount"):
        ledger.transfers.send(transfer(5, NINE))
    with pytest.raises(TransactionIdTakenError, match="from_account_id and another to_account_id"):
        ledger.transfers.send(back)
    with pytest.raises(KeyReusedError, match="another amount"):
        ledger.transfers.send(transfer(5), key="k")


def test_an_id_or_key_of_something_else_is_no_transfers(ledger: Ledger) -> None:
    ledger.post(post(-4, ANN, NINE), key="posted")
    ledger.batches.post([BatchPost(account_id=ANN, amount=-4)], key="batched")
    credit = ledger.transfers.send(transfer()).transfer.credit.transaction_id

    for named in (NINE, credit):
        with pytest.raises(TransactionIdTakenError, match="is the id of a transaction"):
            ledger.transfers.send(transfer(4, named))
    with pytest.raises(KeyReusedError, match="used for a transaction"):
        ledger.transfers.send(transfer(4), key="posted")
    with pytest.raises(KeyReusedError, match="used for a batch"):
        ledger.transfers.send(transfer(4), key="batched")


def test_a_transfers_id_or_key_posts_no_transaction(ledger: Ledger) -> None:
    made = ledger.transfers.send(transfer(4, NINE), key="k").transfer

    for half in (post(-4, ANN, NINE), post(4, BOB, made.credit.transaction_id)):
        with pytest.raises(TransactionIdTakenError, match="half of the transfer"):
            ledger.post(half)
    with pytest.raises(KeyReusedError, match="used for a transfer"):
        ledger.post(post(-4), key="k")


# --- races ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [ANN, BOB])
def test_who_loses_the_race_on_either_account_begins_again(
    store: Meanwhile, ledger: Ledger, account: str
) -> None:
    store.deed = lambda: ledger.post(post(100, account))

    receipt = ledger.transfers.send(transfer())

    assert receipt.lost_races == 1
    assert sum(balances(ledger)) == 100


def test_the_same_transfer_twice_at_once_is_one(store: Meanwhile, ledger: Ledger) -> None:
    store.deed = lambda: ledger.transfers.send(transfer(), key="k")

    assert ledger.transfers.send(transfer(), key="k").replayed
    assert balances(ledger) == [-4, 4]


def test_transfers_against_each_other_both_get_through(store: Meanwhile, ledger: Ledger) -> None:
    back = TransferBody(from_account_id=BOB, to_account_id=ANN, amount=9)
    store.deed = lambda: ledger.transfers.send(back)

    ledger.transfers.send(transfer(4))

    assert balances(ledger) == [5, -5]


def test_who_never_gets_a_turn_is_told_that_nothing_was_transferred() -> None:
    class Crowded(MemoryStore):
        def append(self, *entries: Entry, **more: Any) -> bool:
            return False

    store = Crowded()

    with pytest.raises(UnavailableError, match="This transfer was not"):
        a_ledger(store, tries=3).transfers.send(transfer())

    assert not store.rows


# --- reversals ------------------------------------------------------------------------------------


def test_a_transfer_is_reversed_as_a_whole_and_linked_both_ways(ledger: Ledger) -> None:
    original = ledger.transfers.send(transfer(4)).transfer

    made = ledger.transfers.reverse(original.transfer_id, NO_FLOORS).transfer

    assert balances(ledger) == [0, 0]
    assert (made.from_account_id, made.to_account_id, made.amount) == (BOB, ANN, 4)
    assert made.reverses == original.transfer_id
    assert ledger.transfers.transfer(original.transfer_id).reversed_by == made.transfer_id
    assert ledger.transfers.transfer(made.transfer_id) == made
    halves = {
        original.debit.transaction_id: made.credit.transaction_id,
        original.credit.transaction_id: made.debit.transaction_id,
    }
    for half, reversal in halves.items():
        assert ledger.transaction(half).reversed_by == reversal
        assert ledger.transaction(reversal).entry.reverses == half


def test_a_half_is_not_reversed_alone(ledger: Ledger) -> None:
    made = ledger.transfers.send(transfer()).transfer

    for half in (made.debit, made.credit):
        with pytest.raises(NotReversibleError, match="reversed as a whole"):
            ledger.reverse(half.transaction_id)

    assert balances(ledger) == [-4, 4]


def test_a_transfer_is_reversed_once_by_any_caller(store: Meanwhile, ledger: Ledger) -> None:
    sent = ledger.transfers.send(transfer()).transfer.transfer_id
    store.deed = lambda: ledger.transfers.reverse(sent, NO_FLOORS)

    receipts = [ledger.transfers.reverse(sent, NO_FLOORS) for _ in range(3)]

    assert all(receipt.replayed for receipt in receipts)
    assert len({receipt.transfer.transfer_id for receipt in receipts}) == 1
    assert balances(ledger) == [0, 0]


def test_a_reversal_is_not_reversed_and_keeps_to_floors(ledger: Ledger) -> None:
    sent = ledger.transfers.send(transfer()).transfer.transfer_id
    ledger.post(post(-4, BOB))

    with pytest.raises(BelowFloorError):
        ledger.transfers.reverse(sent, TransferFloors(from_balance_floor=0))
    reversal = ledger.transfers.reverse(sent, TransferFloors(to_balance_floor=0)).transfer

    with pytest.raises(NotReversibleError, match="send a new transfer"):
        ledger.transfers.reverse(reversal.transfer_id, NO_FLOORS)


def test_only_a_transfers_own_id_finds_it(ledger: Ledger) -> None:
    made = ledger.transfers.send(transfer()).transfer
    posted = ledger.post(post(1)).entry.transaction_id

    for other in (NINE, posted, made.credit.transaction_id):
        with pytest.raises(NotFoundError, match="There is no transfer"):
            ledger.transfers.transfer(other)
        with pytest.raises(NotFoundError):
            ledger.transfers.reverse(other, NO_FLOORS)


def test_a_reversal_that_never_gets_a_turn_says_so(store: Meanwhile, ledger: Ledger) -> None:
    sent = ledger.transfers.send(transfer()).transfer.transfer_id
    store.append = lambda *entries, **more: False  # type: ignore[method-assign]

    with pytest.raises(UnavailableError, match="This reversal was not"):
        a_ledger(store, tries=3).transfers.reverse(sent, NO_FLOORS)

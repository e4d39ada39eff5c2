"""The rules of posting and reversing, one caller at a time or two in a race that is set up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import NotFoundError, UnavailableError
from chalicelib.core.idempotency import KeyReusedError
from chalicelib.ledger.models import Entry, TransactionBody
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


@pytest.fixture
def clock() -> Clock:
    return Clock(MORNING)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def ledger(store: MemoryStore, clock: Clock) -> Ledger:
    return a_ledger(store, clock)


def body(amount: int, account: str = ANN, transaction_id: str | None = None) -> TransactionBody:
    return TransactionBody(account_id=account, amount=amount, transaction_id=transaction_id)


class Meanwhile(MemoryStore):
    """A store on which something happens just before the next entry is stored."""

    deed: Callable[[], object] | None = None

    def append(self, *entries: Entry, **more: Any) -> bool:
        if deed := self.deed:
            self.deed = None
            deed()
        return super().append(*entries, **more)


# --- posting --------------------------------------------------------------------------------------


def test_l7_balances_add_up_and_may_be_negative(ledger: Ledger) -> None:
    receipts = [ledger.post(body(amount)) for amount in (4, -3, -10, 0)]

    assert [receipt.entry.balance for receipt in receipts] == [4, 1, -9, -9]
    assert [receipt.entry.sequence for receipt in receipts] == [1, 2, 3, 4]


def test_accounts_do_not_know_of_each_other(ledger: Ledger) -> None:
    ledger.post(body(4))

    assert ledger.post(body(5, BOB)).entry.sequence == 1


def test_without_identity_each_post_is_a_transaction_of_its_own(ledger: Ledger) -> None:
    assert ledger.post(body(4)).entry != ledger.post(body(4)).entry
    assert ledger.account(ANN).last.balance == 8


@pytest.mark.parametrize("named", [{"key": "k"}, {"transaction_id": NINE}], ids=str)
def test_the_same_again_replays_the_same_answer_for_ever(
    ledger: Ledger, clock: Clock, named: dict[str, Any]
) -> None:
    wanted = body(4, transaction_id=named.get("transaction_id"))
    first = ledger.post(wanted, key=named.get("key"))
    ledger.post(body(100))
    clock.forward(days=365_000)

    again = ledger.post(wanted, key=named.get("key"))

    assert again.entry == first.entry
    assert (first.replayed, again.replayed) == (False, True)
    assert ledger.account(ANN).last.balance == 104


@pytest.mark.parametrize("other", [body(5, ANN, NINE), body(4, BOB, NINE), body(5, BOB, NINE)])
def test_a_transaction_id_with_another_body_is_taken(
    ledger: Ledger, other: TransactionBody
) -> None:
    ledger.post(body(4, ANN, NINE))

    with pytest.raises(TransactionIdTakenError, match="another"):
        ledger.post(other)

    assert ledger.account(ANN).last.balance == 4


def test_the_refusal_names_what_differs(ledger: Ledger) -> None:
    ledger.post(body(4, ANN, NINE), key="k")

    with pytest.raises(TransactionIdTakenError, match="another account_id and another amount"):
        ledger.post(body(5, BOB, NINE))
    with pytest.raises(KeyReusedError, match=r"another amount\."):
        ledger.post(body(5), key="k")
    with pytest.raises(KeyReusedError, match="another transaction_id"):
        ledger.post(body(4, ANN, uuid(8)), key="k")


def test_a_key_may_come_back_without_the_id_that_it_was_first_given_with(ledger: Ledger) -> None:
    first = ledger.post(body(4, ANN, NINE), key="k")

    assert ledger.post(body(4), key="k").entry == first.entry


def test_a_key_that_comes_with_a_known_id_identifies_it_from_then_on(ledger: Ledger) -> None:
    first = ledger.post(body(4, ANN, NINE))

    assert ledger.post(body(4, ANN, NINE), key="k").entry == first.entry
    assert ledger.post(body(4), key="k").entry == first.entry
    with pytest.raises(KeyReusedError):
        ledger.post(body(5), key="k")


def test_a_key_that_comes_with_an_id_that_is_taken_is_still_free(ledger: Ledger) -> None:
    ledger.post(body(4, ANN, NINE))

    with pytest.raises(TransactionIdTakenError):
        ledger.post(body(5, ANN, NINE), key="k")

    assert not ledger.post(body(5), key="k").replayed


def test_where_key_and_id_name_different_transactions_the_key_speaks_first(ledger: Ledger) -> None:
    ledger.post(body(4, ANN, NINE))
    ledger.post(body(4), key="k")

    with pytest.raises(KeyReusedError, match="another transaction_id"):
        ledger.post(body(4, ANN, NINE), key="k")


def test_time_does_not_go_back_in_an_account(ledger: Ledger, clock: Clock) -> None:
    ledger.post(body(1))
    clock.forward(minutes=-5)

    assert ledger.post(body(1)).entry.created_at == MORNING + timedelta(microseconds=1)
    assert ledger.post(body(1, BOB)).entry.created_at == MORNING - timedelta(minutes=5)


# --- the floor ------------------------------------------------------------------------------------


def test_a_balance_may_reach_its_floor_and_not_fall_below(ledger: Ledger) -> None:
    ledger.post(body(10))

    with pytest.raises(BelowFloorError, match="would be -1, under the floor of 0"):
        ledger.post(body(-11), floor=0)

    assert ledger.post(body(-10), floor=0).entry.balance == 0


def test_a_refused_post_uses_neither_its_id_nor_its_key_up(ledger: Ledger) -> None:
    with pytest.raises(BelowFloorError):
        ledger.post(body(-1, ANN, NINE), key="k", floor=0)
    ledger.post(body(1))

    assert ledger.post(body(-1, ANN, NINE), key="k", floor=0).entry.balance == 0


def test_what_was_accepted_is_replayed_whatever_the_floor_says_now(ledger: Ledger) -> None:
    first = ledger.post(body(-1), key="k")

    assert ledger.post(body(-1), key="k", floor=0).entry == first.entry


def test_two_withdrawals_that_race_cannot_both_pass_the_floor(clock: Clock) -> None:
    store = Meanwhile()
    ledger = a_ledger(store, clock)
    ledger.post(body(10))
    store.deed = lambda: ledger.post(body(-10), floor=0)

    with pytest.raises(BelowFloorError):
        ledger.post(body(-10), floor=0)

    assert ledger.account(ANN).last.balance == 0


# --- races ----------------------------------------------------------------------------------------


def test_who_loses_the_race_posts_on_top_of_the_winner(clock: Clock) -> None:
    store = Meanwhile()
    ledger = a_ledger(store, clock)
    store.deed = lambda: ledger.post(body(4))

    receipt = ledger.post(body(-3))

    assert (receipt.entry.balance, receipt.entry.sequence, receipt.lost_races) == (1, 2, 1)


@pytest.mark.parametrize("named", [{"key": "k"}, {"transaction_id": NINE}], ids=str)
def test_the_same_post_twice_at_once_is_one_transaction(
    clock: Clock, named: dict[str, Any]
) -> None:
    store = Meanwhile()
    ledger = a_ledger(store, clock)
    wanted = body(4, transaction_id=named.get("transaction_id"))
    store.deed = lambda: ledger.post(wanted, key=named.get("key"))

    assert ledger.post(wanted, key=named.get("key")).replayed
    assert ledger.account(ANN).last.balance == 4


def test_one_key_for_two_posts_at_once_is_refused_to_the_loser(clock: Clock) -> None:
    store = Meanwhile()
    ledger = a_ledger(store, clock)
    store.deed = lambda: ledger.post(body(4, BOB), key="k")

    with pytest.raises(KeyReusedError):
        ledger.post(body(4, ANN), key="k")


def test_a_key_bound_elsewhere_in_between_is_refused(clock: Clock) -> None:
    class Rival(MemoryStore):
        def bind(self, key: str, entry: Entry) -> bool:
            if key not in self.keys:
                a_ledger(self, clock).post(body(7, BOB), key=key)
            return super().bind(key, entry)

    ledger = a_ledger(Rival(), clock)
    ledger.post(body(4, ANN, NINE))

    with pytest.raises(KeyReusedError):
        ledger.post(body(4, ANN, NINE), key="k")


def test_who_never_gets_a_turn_is_told_to_try_again_and_nothing_was_posted() -> None:
    class Crowded(MemoryStore):
        def append(self, *entries: Entry, **more: Any) -> bool:
            return False

    store = Crowded()

    with pytest.raises(UnavailableError, match="This one was not"):
        a_ledger(store, tries=3).post(body(4))

    assert not store.rows


# --- reversals ------------------------------------------------------------------------------------


def test_a_reversal_posts_the_opposite_and_both_know_of_each_other(ledger: Ledger) -> None:
    original = ledger.post(body(4)).entry

    reversal = ledger.reverse(original.transaction_id).entry

    assert (reversal.amount, reversal.balance, reversal.sequence) == (-4, 0, 2)
    assert reversal.reverses == original.transaction_id
    kept = ledger.transaction(original.transaction_id)
    assert kept.reversed_by == reversal.transaction_id
    assert kept.entry == original


def test_a_transaction_is_reversed_once_however_often_it_is_requested(ledger: Ledger) -> None:
    original = ledger.post(body(4)).entry.transaction_id
    first = ledger.reverse(original)

    again = [ledger.reverse(original, floor=99) for _ in range(3)]

    assert all(receipt.replayed and receipt.entry == first.entry for receipt in again)
    assert ledger.account(ANN).last.balance == 0


def test_two_reversals_at_once_are_one(clock: Clock) -> None:
    store = Meanwhile()
    ledger = a_ledger(store, clock)
    original = ledger.post(body(4)).entry.transaction_id
    store.deed = lambda: ledger.reverse(original)

    assert ledger.reverse(original).replayed
    assert ledger.account(ANN).last.balance == 0


def test_a_reversal_is_not_reversed(ledger: Ledger) -> None:
    original = ledger.post(body(4)).entry.transaction_id
    reversal = ledger.reverse(original).entry.transaction_id

    with pytest.raises(NotReversibleError, match="post a new transaction"):
        ledger.reverse(reversal)


def test_a_reversal_keeps_to_the_floor(ledger: Ledger) -> None:
    original = ledger.post(body(4)).entry.transaction_id
    ledger.post(body(-4))

    with pytest.raises(BelowFloorError):
        ledger.reverse(original, floor=0)

    assert ledger.reverse(original).entry.balance == -4


def test_an_unknown_transaction_is_not_reversed(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        ledger.reverse(NINE)


def test_a_reversal_that_never_gets_a_turn_is_told_so() -> None:
    store = MemoryStore()
    original = a_ledger(store).post(body(4)).entry.transaction_id
    store.append = lambda *entries, **more: False  # type: ignore[method-assign]

    with pytest.raises(UnavailableError):
        a_ledger(store, tries=3).reverse(original)


# --- looking --------------------------------------------------------------------------------------


def test_l6_an_account_exists_from_its_first_transaction(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(NotFoundError):
        ledger.account(ANN)
    ledger.post(body(0))

    assert ledger.account(ANN).last.balance == 0
    with pytest.raises(NotFoundError, match="at 2142-03-01T07"):
        ledger.account_at(ANN, clock.at - timedelta(minutes=1))


def test_a_balance_at_an_instant_is_that_of_the_last_entry_until_then(
    ledger: Ledger, clock: Clock
) -> None:
    for amount in (1, 10, 100):
        ledger.post(body(amount))
        clock.forward(hours=1)

    found = [ledger.account_at(ANN, MORNING + timedelta(hours=h)) for h in (0, 0.5, 1, 99)]

    assert [account.last.balance for account in found] == [1, 1, 11, 111]
    assert [account.last.sequence for account in found] == [1, 1, 2, 3]


def test_the_list_has_all_accounts_newest_first_or_one(ledger: Ledger, clock: Clock) -> None:
    for account, amount in ((ANN, 1), (BOB, 2), (ANN, 3)):
        ledger.post(body(amount, account))
        clock.forward(seconds=1)

    everything = ledger.transactions(account_id=None, before=None, limit=9)
    anns = ledger.transactions(account_id=ANN, before=None, limit=9)

    assert [each.amount for each in everything] == [3, 2, 1]
    assert [each.amount for each in anns] == [3, 1]


def test_entries_of_an_unknown_account_are_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        ledger.entries(ANN, after=None, limit=1)

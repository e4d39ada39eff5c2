"""Whatever callers do, at the same time and dying anywhere: the ledger adds up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.core.errors import BackroomError
from chalicelib.core.instants import sortable
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.heads import Heads
from chalicelib.ledger.models import (
    BatchPost,
    Entry,
    Reservation,
    TransactionBody,
    TransferBody,
    TransferFloors,
)
from chalicelib.ledger.ports import Contention
from chalicelib.ledger.service.crowds import CROWDED, SEVERAL
from chalicelib.ledger.service.rules import Receipt
from chalicelib.ledger.service.transfers import TransferReceipt
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, MemoryStore, a_ledger, chains
from tests.support.stage import Act, Killed, Stage

ACCOUNTS = [uuid(0xA), uuid(0xB), uuid(0xC)]
IDS = [uuid(0x100 + number) for number in range(3)]
KEYS = ["k1", "k2", "k3"]
MOST_STEPS = 12


@dataclass(frozen=True)
class Post:
    account: str
    amount: int
    transaction_id: str | None
    key: str | None
    floor: int | None


@dataclass(frozen=True)
class Reversal:
    place: int
    floor: int | None


@dataclass(frozen=True)
class Transfer:
    accounts: tuple[str, str]
    amount: int
    transfer_id: str | None
    key: str | None
    floor: int | None


@dataclass(frozen=True)
class TransferReversal:
    place: int
    floor: int | None


@dataclass(frozen=True)
class Batch:
    posts: tuple[Post, ...]
    key: str | None


Deed = Post | Reversal | Transfer | TransferReversal | Batch
FLOORS = st.none() | st.integers(-4, 4)
POSTS = st.builds(
    Post,
    account=st.sampled_from(ACCOUNTS),
    amount=st.integers(-4, 4),
    transaction_id=st.none() | st.sampled_from(IDS),
    key=st.none() | st.sampled_from(KEYS),
    floor=FLOORS,
)
TRANSFERS = st.builds(
    Transfer,
    accounts=st.sampled_from([(a, b) for a in ACCOUNTS for b in ACCOUNTS if a != b]),
    amount=st.integers(1, 4),
    transfer_id=st.none() | st.sampled_from(IDS),
    key=st.none() | st.sampled_from(KEYS),
    floor=FLOORS,
)
BATCHES = st.builds(
    Batch,
    posts=st.lists(
        POSTS, min_size=1, max_size=3, unique_by=lambda post: post.transaction_id or id(post)
    ).map(tuple),
    key=st.none() | st.sampled_from(KEYS),
)
DEEDS: st.SearchStrategy[Deed] = st.one_of(
    POSTS,
    st.builds(Reversal, place=st.integers(0, 20), floor=FLOORS),
    TRANSFERS,
    st.builds(TransferReversal, place=st.integers(0, 20), floor=FLOORS),
    BATCHES,
)


class Callers(RuleBasedStateMachine):
    """Callers post, repeat, reverse, lose races and die; what they were told is remembered."""

    @initialize(races=st.sampled_from([0, 1, 3]))
    def open_the_books(self, races: int) -> None:
        self.store = MemoryStore()
        self.stage = Stage()
        self.clock = Clock(MORNING)
        self.ledger = a_ledger(self.stage.on(self.store), self.clock, races=races)
        self.other = replace(self.ledger, heads=Heads())
        self.fresh: list[tuple[Receipt, Deed]] = []
        self.replayed: list[Receipt] = []
        self.deaths = 0
        self.last: list[Deed] = []

    @rule()
    def another_process_answers(self) -> None:
        self.ledger, self.other = self.other, self.ledger

    @rule(seconds=st.integers(-3, 3))
    def move_the_clock(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        amounts=st.lists(st.integers(-4, 4), min_size=2, max_size=4),
        floor=FLOORS,
        order=st.lists(st.integers(0, 3), max_size=20),
        deaths=st.lists(st.none() | st.integers(0, MOST_STEPS), min_size=4, max_size=4),
    )
    def new_posts_meet_where_a_crowd_is_known(
        self,
        account: str,
        amounts: list[int],
        floor: int | None,
        order: list[int],
        deaths: list[int | None],
    ) -> None:
        until = sortable(self.clock() + CROWDED)
        self.ledger.heads.contended(account, Contention(until, SEVERAL))
        self.play([Post(account, each, None, None, floor) for each in amounts], order, deaths)

    @rule(deed=DEEDS)
    def act(self, deed: Deed) -> None:
        self.play([deed], [], [None])

    @rule(
        deeds=st.lists(DEEDS, min_size=2, max_size=4),
        order=st.lists(st.integers(0, 3), max_size=20),
        deaths=st.lists(st.none() | st.integers(0, MOST_STEPS), min_size=4, max_size=4),
    )
    def act_at_once(self, deeds: list[Deed], order: list[int], deaths: list[int | None]) -> None:
        self.play(deeds, order, deaths)

    @rule(
        key=st.sampled_from(KEYS),
        accounts=st.permutations(ACCOUNTS[:2]),
        order=st.lists(st.integers(0, 1), min_size=2, max_size=4),
    )
    def use_a_key_twice_at_once(self, key: str, accounts: list[str], order: list[int]) -> None:
        deeds = [Post(account, 1, None, key, None) for account in accounts]
        self.play(deeds, order, [None, None])

    @rule(order=st.lists(st.integers(0, 3), max_size=20))
    def try_it_all_again(self, order: list[int]) -> None:
        self.play(self.last, order, [None] * len(self.last))

    def play(self, deeds: Sequence[Deed], order: list[int], deaths: Sequence[int | None]) -> None:
        acts = [
            Act(lambda deed=deed: self.do(deed), dies)  # type: ignore[misc]
            for deed, dies in zip(deeds, deaths, strict=False)
        ]
        self.stage.play(acts, order)
        self.last = list(deeds)
        for act, deed in zip(acts, deeds, strict=True):
            self.note(act, deed)

    def do(self, deed: Deed) -> Any:
        match deed:
            case Post():
                return self.ledger.post(_body(deed), key=deed.key, floor=deed.floor)
            case Reversal():
                return self.ledger.reverse(self.known(deed.place), floor=deed.floor)
            case Transfer():
                return self.ledger.transfers.send(_transfer(deed), key=deed.key)
            case TransferReversal():
                floors = TransferFloors(from_balance_floor=deed.floor)
                return self.ledger.transfers.reverse(self.known(deed.place), floors)
            case Batch():
                return self.ledger.batches.post([_post(each) for each in deed.posts], key=deed.key)

    def known(self, place: int) -> str:
        known = sorted(self.store.rows)
        return known[place % len(known)] if known else IDS[0]

    def note(self, act: Act, deed: Deed) -> None:
        if isinstance(act.error, Killed):
            self.deaths += 1
        elif act.error:
            assert isinstance(act.error, BackroomError), repr(act.error)
        else:
            for receipt, part in self.told(act.outcome, deed):
                if receipt.replayed:
                    self.replayed.append(receipt)
                else:
                    self.fresh.append((receipt, part))

    def told(self, outcome: Any, deed: Deed) -> list[tuple[Receipt, Deed]]:
        """Return what a caller was told, an entry each."""
        match outcome:
            case Receipt():
                return [(outcome, deed)]
            case TransferReceipt():
                halves = outcome.transfer.debit, outcome.transfer.credit
                entries = [self.store.rows[half.transaction_id].entry for half in halves]
                return [(Receipt(each, replayed=outcome.replayed), deed) for each in entries]
            case _:
                assert isinstance(deed, Batch)
                return [
                    (receipt, replace(post, key=None))
                    for receipt, post in zip(outcome, deed.posts, strict=True)
                ]

    @invariant()
    def every_chain_verifies_and_every_balance_is_its_sum(self) -> None:
        for account_id, entries in chains(self.store):
            chain = Chain(account_id)
            assert [chain.misfit(entry) for entry in entries] == [None] * len(entries)
            assert entries[-1].balance == sum(entry.amount for entry in entries)
            assert entries[-1].sequence == len(entries)

    @invariant()
    def every_entry_was_posted_once(self) -> None:
        """Nobody was told twice that they posted the same, and only the dead were told nothing."""
        told = [receipt.entry for receipt, _ in self.fresh]
        entries = [entry for _, chain in chains(self.store) for entry in chain]
        ids = [entry.transaction_id for entry in entries]
        assert len({entry.transaction_id for entry in told}) == len(told)
        assert len(set(ids)) == len(ids)
        assert len(entries) - len(told) in range(3 * self.deaths + 1)
        for entry in (*told, *(receipt.entry for receipt in self.replayed)):
            assert entry in entries

    @invariant()
    def a_key_stands_for_one_entry_and_no_floor_was_broken(self) -> None:
        for entry in self.store.keys.values():
            if not isinstance(entry, Reservation):
                assert self.store.rows[entry.transaction_id].entry == entry
        used = [
            deed.key
            for receipt, deed in self.fresh
            if isinstance(deed, Post | Transfer) and deed.key
            if isinstance(deed, Post) or receipt.entry.amount < 0
        ]
        assert len(set(used)) == len(used)
        for receipt, deed in self.fresh:
            # That of a transfer is about the account that pays.
            judged = isinstance(deed, Post | Reversal) or receipt.entry.amount < 0
            if judged and not isinstance(deed, Batch):
                assert deed.floor is None or receipt.entry.balance >= deed.floor

    @invariant()
    def both_halves_of_a_transfer_are_there_and_name_each_other(self) -> None:
        halves = {
            entry.transaction_id: entry
            for _, chain in chains(self.store)
            for entry in chain
            if entry.transfer_id
        }
        for entry in halves.values():
            other = halves[entry.counterpart_id or ""]
            assert other.counterpart_id == entry.transaction_id
            assert other.account_id == entry.counterpart_account_id != entry.account_id
            assert (other.amount, other.created_at) == (-entry.amount, entry.created_at)

    @invariant()
    def transfers_change_no_sum(self) -> None:
        """All balances add up to what was posted otherwise than by transfers."""
        entries = [entry for _, chain in chains(self.store) for entry in chain]
        balances = sum(chain[-1].balance for _, chain in chains(self.store))
        assert balances == sum(entry.amount for entry in entries if not entry.transfer_id)

    @invariant()
    def reversals_are_linked_both_ways_and_once(self) -> None:
        reversals = {e.reverses: e for _, chain in chains(self.store) for e in chain if e.reverses}
        reversed_by = {
            transaction_id: kept.reversed_by
            for transaction_id, kept in self.store.rows.items()
            if kept.reversed_by
        }
        assert {original: e.transaction_id for original, e in reversals.items()} == reversed_by

    @invariant()
    def the_list_shows_the_same_newest_first(self) -> None:
        listed = self.store.transactions(before=None, limit=10_000)
        entries: list[Entry] = [kept.entry for kept in self.store.rows.values()]
        assert sorted(each.transaction_id for each in listed) == sorted(
            each.transaction_id for each in entries
        )
        times = [each.created_at for each in listed]
        assert times == sorted(times, reverse=True)


Callers.TestCase.settings = settings(stateful_step_count=15)
test_whatever_happens_the_ledger_adds_up = Callers.TestCase


def _body(post: Post) -> TransactionBody:
    return TransactionBody(
        account_id=post.account, amount=post.amount, transaction_id=post.transaction_id
    )


def _post(post: Post) -> BatchPost:
    return BatchPost(
        account_id=post.account,
        amount=post.amount,
        transaction_id=post.transaction_id,
        balance_floor=post.floor,
    )


def _transfer(deed: Transfer) -> TransferBody:
    from_account_id, to_account_id = deed.accounts
    return TransferBody(
        from_account_id=from_account_id,
        to_account_id=to_account_id,
        amount=deed.amount,
        transfer_id=deed.transfer_id,
        from_balance_floor=deed.floor,
    )

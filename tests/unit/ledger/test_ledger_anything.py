"""Whatever callers do, at the same time and dying anywhere: the ledger adds up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.core.errors import BackroomError
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import Entry, TransactionBody
from chalicelib.ledger.service import Receipt
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, MemoryStore, a_ledger, chains
from tests.support.stage import Act, Killed, Stage

ACCOUNTS = [uuid(0xA), uuid(0xB)]
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


FLOORS = st.none() | st.integers(-4, 4)
POSTS = st.builds(
    Post,
    account=st.sampled_from(ACCOUNTS),
    amount=st.integers(-4, 4),
    transaction_id=st.none() | st.sampled_from(IDS),
    key=st.none() | st.sampled_from(KEYS),
    floor=FLOORS,
)
DEEDS = POSTS | st.builds(Reversal, place=st.integers(0, 20), floor=FLOORS)


class Callers(RuleBasedStateMachine):
    """Callers post, repeat, reverse, lose races and die; what they were told is remembered."""

    @initialize()
    def open_the_books(self) -> None:
        self.store = MemoryStore()
        self.stage = Stage()
        self.clock = Clock(MORNING)
        self.ledger = a_ledger(self.stage.on(self.store), self.clock)
        self.fresh: list[tuple[Receipt, Post | Reversal]] = []
        self.replayed: list[Receipt] = []
        self.deaths = 0
        self.last: list[Post | Reversal] = []

    @rule(seconds=st.integers(-3, 3))
    def move_the_clock(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)

    @rule(deed=DEEDS)
    def act(self, deed: Post | Reversal) -> None:
        self.play([deed], [], [None])

    @rule(
        deeds=st.lists(DEEDS, min_size=2, max_size=4),
        order=st.lists(st.integers(0, 3), max_size=20),
        deaths=st.lists(st.none() | st.integers(0, MOST_STEPS), min_size=4, max_size=4),
    )
    def act_at_once(
        self, deeds: list[Post | Reversal], order: list[int], deaths: list[int | None]
    ) -> None:
        self.play(deeds, order, deaths)

    @rule(
        key=st.sampled_from(KEYS),
        accounts=st.permutations(ACCOUNTS),
        order=st.lists(st.integers(0, 1), min_size=2, max_size=4),
    )
    def use_a_key_twice_at_once(self, key: str, accounts: list[str], order: list[int]) -> None:
        deeds = [Post(account, 1, None, key, None) for account in accounts]
        self.play(deeds, order, [None, None])

    @rule(order=st.lists(st.integers(0, 3), max_size=20))
    def try_it_all_again(self, order: list[int]) -> None:
        self.play(self.last, order, [None] * len(self.last))

    def play(
        self, deeds: Sequence[Post | Reversal], order: list[int], deaths: Sequence[int | None]
    ) -> None:
        acts = [
            Act(lambda deed=deed: self.do(deed), dies)  # type: ignore[misc]
            for deed, dies in zip(deeds, deaths, strict=False)
        ]
        self.stage.play(acts, order)
        self.last = list(deeds)
        for act, deed in zip(acts, deeds, strict=True):
            self.note(act, deed)

    def do(self, deed: Post | Reversal) -> Any:
        if isinstance(deed, Reversal):
            known = sorted(self.store.kept)
            wanted = known[deed.place % len(known)] if known else IDS[0]
            return self.ledger.reverse(wanted, floor=deed.floor)
        body = TransactionBody(
            account_id=deed.account, amount=deed.amount, transaction_id=deed.transaction_id
        )
        return self.ledger.post(body, key=deed.key, floor=deed.floor)

    def note(self, act: Act, deed: Post | Reversal) -> None:
        if isinstance(act.error, Killed):
            self.deaths += 1
        elif act.error:
            assert isinstance(act.error, BackroomError), repr(act.error)
        elif act.outcome.replayed:
            self.replayed.append(act.outcome)
        else:
            self.fresh.append((act.outcome, deed))

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
        assert len(entries) - len(told) in range(self.deaths + 1)
        for entry in (*told, *(receipt.entry for receipt in self.replayed)):
            assert entry in entries

    @invariant()
    def a_key_stands_for_one_entry_and_no_floor_was_broken(self) -> None:
        for entry in self.store.keys.values():
            assert self.store.kept[entry.transaction_id].entry == entry
        used = [deed.key for _, deed in self.fresh if isinstance(deed, Post) and deed.key]
        assert len(set(used)) == len(used)
        for receipt, deed in self.fresh:
            assert deed.floor is None or receipt.entry.balance >= deed.floor

    @invariant()
    def reversals_are_linked_both_ways_and_once(self) -> None:
        reversals = {e.reverses: e for _, chain in chains(self.store) for e in chain if e.reverses}
        reversed_by = {
            transaction_id: kept.reversed_by
            for transaction_id, kept in self.store.kept.items()
            if kept.reversed_by
        }
        assert {original: e.transaction_id for original, e in reversals.items()} == reversed_by

    @invariant()
    def the_list_shows_the_same_newest_first(self) -> None:
        listed = self.store.transactions(before=None, limit=10_000)
        entries: list[Entry] = [kept.entry for kept in self.store.kept.values()]
        assert sorted(each.transaction_id for each in listed) == sorted(
            each.transaction_id for each in entries
        )
        times = [each.created_at for each in listed]
        assert times == sorted(times, reverse=True)


Callers.TestCase.settings = settings(stateful_step_count=15)
test_whatever_happens_the_ledger_adds_up = Callers.TestCase

"""Posts that wait beside a crowded account, and are posted by one of those who wait."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.core.instants import sortable
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import Intent, TransactionBody
from chalicelib.ledger.ports import Contention
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.service.rules import BelowFloorError, TransactionIdTakenError
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, MemoryStore, a_ledger, chains
from tests.support.stage import Act, Killed, Stage

ANN = uuid(0xA)
LEFT = 3
"""A caller's steps until its intent is left: it reads, leaves, and looks."""


class Crowd:
    """Callers of one account none of whom races."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.stage = Stage()
        self.clock = Clock(MORNING)
        ledger = a_ledger(self.stage.on(self.store), self.clock, races=0)
        self.ledger = replace(ledger, tries=self.tries)

    def tries(self, **_: float) -> Iterator[int]:
        """Yield tries, for each of which time passes."""
        for number in range(100):
            yield number
            self.clock.forward(seconds=0.1)

    def at_once(self, *acts: Act) -> list[Act]:
        """Let all leave their intents before the first one looks after its own."""
        self.stage.play(acts, [place for place in range(len(acts)) for _ in range(2)])
        return list(acts)

    def act(
        self,
        amount: int,
        *,
        transaction_id: str | None = None,
        key: str | None = None,
        floor: int | None = None,
        dies_after: int | None = None,
    ) -> Act:
        body = _body(amount, transaction_id)
        return Act(lambda: self.ledger.post(body, key=key, floor=floor), dies_after)

    def amounts(self) -> list[int]:
        """Return what is stored, all of it proven."""
        [(account_id, entries)] = chains(self.store)
        chain = Chain(account_id)
        assert [chain.misfit(entry) for entry in entries] == [None] * len(entries)
        return [entry.amount for entry in entries]


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


def _body(amount: int, transaction_id: str | None = None) -> TransactionBody:
    return TransactionBody(account_id=ANN, amount=amount, transaction_id=transaction_id)


def test_l7_one_of_those_who_wait_posts_all_and_each_is_told_its_own(crowd: Crowd) -> None:
    settled: list[int] = []
    settle = crowd.store.settle
    crowd.store.settle = lambda posts, *more: settled.append(len(posts)) or settle(posts, *more)  # type: ignore[method-assign]

    acts = crowd.at_once(*[crowd.act(amount) for amount in range(1, 6)])

    assert settled == [5]
    assert sorted(crowd.amounts()) == [1, 2, 3, 4, 5]
    for number, act in enumerate(acts, 1):
        assert act.outcome.entry.amount == number
        assert not act.outcome.replayed
    assert sorted(act.outcome.entry.sequence for act in acts) == [1, 2, 3, 4, 5]
    assert not crowd.store.intents


def test_each_is_held_to_its_own_floor(crowd: Crowd) -> None:
    a_ledger(crowd.store).post(_body(5, uuid(0xF1)))

    acts = crowd.at_once(*[crowd.act(-1, floor=0) for _ in range(16)])

    errors = [act.error for act in acts if act.error]
    assert len(errors) == 11
    assert all(isinstance(error, BelowFloorError) for error in errors)
    assert crowd.amounts() == [5, -1, -1, -1, -1, -1]
    assert not crowd.store.intents


@pytest.mark.parametrize("named", ["k", "id"])
def test_the_same_post_from_many_who_wait_is_posted_once(crowd: Crowd, named: str) -> None:
    key, transaction_id = ("k", None) if named == "k" else (None, uuid(0xF))

    acts = crowd.at_once(*[crowd.act(7, key=key, transaction_id=transaction_id) for _ in range(5)])

    assert len({act.outcome.entry.transaction_id for act in acts}) == 1
    assert sorted(act.outcome.replayed for act in acts) == [False, True, True, True, True]
    assert crowd.amounts() == [7]
    assert not crowd.store.intents


def test_another_post_under_an_id_that_waits_is_a_clash(crowd: Crowd) -> None:
    acts = crowd.at_once(*[crowd.act(each, transaction_id=uuid(0xF)) for each in (7, 8)])

    [clash] = [act.error for act in acts if act.error]
    assert isinstance(clash, TransactionIdTakenError)
    assert len(crowd.amounts()) == 1
    assert not crowd.store.intents


@pytest.mark.parametrize("moment", range(14))
def test_who_dies_while_waiting_loses_and_doubles_nothing(crowd: Crowd, moment: int) -> None:
    crowd.at_once(crowd.act(1, key="k", dies_after=moment), crowd.act(2), crowd.act(3))
    before = sorted(crowd.amounts())
    assert before in ([2, 3], [1, 2, 3])

    again = crowd.ledger.post(_body(1), key="k")

    assert again.replayed == (before == [1, 2, 3])
    assert sorted(crowd.amounts()) == [1, 2, 3]
    assert crowd.ledger.post(_body(1), key="k").entry == again.entry


def test_what_somebody_left_and_died_is_posted_by_the_next(crowd: Crowd) -> None:
    [dead] = crowd.at_once(crowd.act(1, key="k", dies_after=LEFT))
    assert isinstance(dead.error, Killed)

    crowd.ledger.post(_body(2))

    assert sorted(crowd.amounts()) == [1, 2]
    assert crowd.ledger.post(_body(1), key="k").replayed


def test_what_nobody_waits_for_any_more_is_not_posted(crowd: Crowd) -> None:
    crowd.at_once(crowd.act(1, key="k", dies_after=LEFT))
    crowd.clock.forward(seconds=31)

    crowd.ledger.post(_body(2))

    assert crowd.amounts() == [2]
    assert not crowd.store.intents
    assert not crowd.ledger.post(_body(1), key="k").replayed


def test_a_leader_who_died_keeps_others_for_seconds_only(crowd: Crowd) -> None:
    a_ledger(crowd.store).post(_body(1, uuid(0xF1)))
    crowd.store.lead(
        ANN, after=1, now=sortable(MORNING), until=sortable(MORNING + timedelta(seconds=3))
    )

    with pytest.raises(UnavailableError, match="This one was not"):
        a_ledger(crowd.store, Clock(MORNING), races=0).post(_body(2, uuid(0xF2)))
    assert not crowd.store.intents

    assert crowd.ledger.post(_body(2)).entry.balance == 3


def test_a_crowded_account_is_waited_for_from_the_start_and_for_a_while(crowd: Crowd) -> None:
    racing = a_ledger(crowd.store, crowd.clock, tries=3)
    crowd.at_once(*[crowd.act(amount) for amount in (1, 2, 3, 4)])
    seen: list[Intent] = []
    leave = crowd.store.leave
    crowd.store.leave = lambda intent: seen.append(intent) or leave(intent)  # type: ignore[method-assign]

    racing.post(_body(5, uuid(0xF5)))
    assert [intent.amount for intent in seen] == [5]
    crowd.clock.forward(seconds=10)
    racing.post(_body(6, uuid(0xF6)))

    assert [intent.amount for intent in seen] == [5]
    assert crowd.amounts()[4:] == [5, 6]


def test_two_or_three_together_are_no_crowd(crowd: Crowd) -> None:
    crowd.at_once(crowd.act(1), crowd.act(2), crowd.act(3))

    assert crowd.store.read_snapshot(ANN).contention == Contention()


def test_a_process_that_knows_of_a_crowd_reads_first_only_what_may_be_posted_already(
    crowd: Crowd,
) -> None:
    racing = replace(crowd.ledger, races=3)
    crowd.at_once(*[crowd.act(1) for _ in range(4)])
    racing.post(_body(3))
    steps: list[str] = []
    read, leave = crowd.store.read_snapshot, crowd.store.leave
    crowd.store.read_snapshot = lambda *a, **k: steps.append("reads") or read(*a, **k)  # type: ignore[method-assign]
    crowd.store.leave = lambda intent: steps.append("leaves") or leave(intent)  # type: ignore[method-assign]

    def first_step(transaction_id: str | None = None, key: str | None = None) -> str:
        steps.clear()
        racing.post(_body(4, transaction_id), key=key)
        return steps[0]

    assert first_step() == "leaves"
    assert first_step(key="k") == "reads"
    assert first_step(transaction_id=uuid(0xF5)) == "reads"
    with pytest.raises(BelowFloorError):
        racing.post(_body(-100), floor=0)
    assert not crowd.store.intents
    crowd.clock.forward(seconds=11)
    assert first_step() == "reads"
    assert crowd.amounts()[4:] == [3, 4, 4, 4, 4]


@pytest.mark.parametrize(
    ("together", "ago_s", "call_s", "pause_s"),
    [
        (0, 0, 0.001, 0.005),
        (0, 0, 0.01, 0.04),
        (5, 0, 0.01, 0.05),
        (5, 0, 0.1, 0.5),
        (5, 0, 1, 1),
        (5, 11, 0.01, 0.04),
    ],
)
def test_who_waits_looks_less_often_where_many_waited_just_now_and_where_calls_are_slow(
    crowd: Crowd, together: int, ago_s: float, call_s: float, pause_s: float
) -> None:
    crowd.at_once(*[crowd.act(1) for _ in range(together)])
    crowd.clock.forward(seconds=ago_s)
    asked: list[dict[str, float]] = []
    leave = crowd.store.leave

    def tries(**pauses: float) -> Iterator[int]:
        asked.append(pauses)
        return crowd.tries()

    def slowly(intent: Intent) -> None:
        crowd.clock.forward(seconds=call_s)
        leave(intent)

    crowd.store.leave = slowly  # type: ignore[method-assign]
    replace(crowd.ledger, tries=tries).post(_body(1))

    assert asked[-1:] == [{"first_s": pause_s, "longest_s": pause_s}]


def test_a_post_that_lost_two_races_tells_others_to_wait(crowd: Crowd) -> None:
    class Losing(MemoryStore):
        losses = 2

        def append(self, *entries: object, **more: object) -> bool:
            crowd.clock.forward(seconds=3)
            self.losses -= 1
            return self.losses < 0 and super().append(*entries, **more)  # type: ignore[arg-type]

    store = Losing()
    ledger: Ledger = a_ledger(store, crowd.clock)

    assert ledger.post(_body(1)).lost_races == 2

    noted = store.read_snapshot(ANN).contention
    assert noted == Contention(until=sortable(MORNING + timedelta(seconds=12)))

"""Whatever happens, in any order: nothing is lost, and nothing is done twice.

Processes die before and after every step, two workers meet at one effect at any step, messages
are lost, late and doubled, vendors do things and do not say so, and their own search lags behind.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.core.errors import ConflictError, NotFoundError
from chalicelib.operators.service.effects import EffectService
from tests.support.outbox.fakes import KIND, Office
from tests.support.size import size
from tests.support.stage import Killed

SETTLE_S = 900
SAYS = ("done", "done", "dropped", "lost", "busy", "denied", "off", "broken", "refused")
SEARCH_SAYS = ("done", "done", "busy", "dropped", "denied", "broken")
IDS = "ab"
# look 0, claim 1 2, call 3 4, telling 5 6, closing 7 8; a search comes between claim and call.
MOMENTS = st.sampled_from([None, None, 1, 2, 4, 4, 5, 6, 7, 8])


class Anything(RuleBasedStateMachine):
    """One kind, two effects, one vendor whose search shows a deed up to ``lag_s`` late."""

    search_lag_s = SETTLE_S

    @initialize(lag_s=st.sampled_from([0, SETTLE_S - 1, SETTLE_S]))
    def begin(self, lag_s: int) -> None:
        # Patience has tests of its own: here it never ends.
        forever = timedelta(days=36_500)
        self.office = Office(search_lag_s=self.search_lag_s, lag_s=lag_s, give_up_after=forever)

    @rule(effect_id=st.sampled_from(IDS), relayed=st.booleans())
    def ask(self, effect_id: str, relayed: bool) -> None:
        if effect_id not in self.office.store.rows:
            self.office.ask(effect_id, relayed=relayed)

    @rule(
        effect_id=st.sampled_from(IDS),
        says=st.sampled_from(SAYS),
        search_says=st.sampled_from(SEARCH_SAYS),
        telling_fails=st.booleans(),
        dies_at=MOMENTS,
        meets_at=MOMENTS,
        call_s=st.sampled_from([0, 1, 12]),
    )
    def a_message_comes(
        self,
        effect_id: str,
        says: str,
        search_says: str,
        telling_fails: bool,
        dies_at: int | None,
        meets_at: int | None,
        call_s: int,
    ) -> None:
        """A worker gets a message: the one that was sent, or one that comes again or late.

        At the moment ``meets_at`` another worker gets the same; at ``dies_at`` it is killed.
        """
        office = self.office
        office.vendor.says, office.vendor.search_says = [says], [search_says]
        office.vendor.telling_fails = int(telling_fails)
        office.step = self._moments(effect_id, dies_at, meets_at, call_s)
        with suppress(Killed):
            office.work(effect_id)
        self._calm()

    @rule(seconds=st.sampled_from([5, 60, 60, 300, 900, 3_600]))
    def time_passes(self, seconds: int) -> None:
        self.office.clock.forward(seconds=seconds)

    @rule()
    def messages_are_lost(self) -> None:
        self.office.queues.messages.clear()

    @rule()
    def the_queue_goes_down(self) -> None:
        self.office.queues.down = True

    @rule()
    def the_queue_comes_up(self) -> None:
        self.office.queues.down = False

    @rule()
    def the_sweeper_comes(self) -> None:
        self.office.sweeper.sweep()

    @rule(effect_id=st.sampled_from(IDS))
    def an_operator_has_it_tried(self, effect_id: str) -> None:
        store: Any = self.office.store
        queues: Any = self.office.queues
        desk = EffectService(store, store, queues, now=self.office.clock)
        with suppress(NotFoundError, ConflictError):
            desk.retry(effect_id)

    @invariant()
    def nothing_is_done_twice(self) -> None:
        if hasattr(self, "office"):
            assert all(times == 1 for times in self.office.times_made.values())

    @invariant()
    def what_is_over_was_told_and_what_is_not_is_known_to_the_sweeper(self) -> None:
        if not hasattr(self, "office"):
            return
        for effect_id, kept in self.office.store.rows.items():
            if kept.over:
                assert self.office.vendor.endings[effect_id]
            else:
                assert kept.wake_at is not None

    def teardown(self) -> None:
        """When all is calm again everything gets done, each once, but for what was refused."""
        if not hasattr(self, "office"):
            return
        self._calm()
        self.office.queues.down = False
        # Backoff has its own ceiling of an hour; then the settle time, a probe, the sweeper.
        self.office.run(6 * 3_600)
        for effect_id, kept in self.office.store.rows.items():
            times = self.office.times_made.get(effect_id, 0)
            assert kept.over
            assert self.office.vendor.endings[effect_id][-1].state == kept.state
            if kept.state == "done":
                assert times >= 1
            else:
                assert kept.answer == "400: no such address"
                assert times == 0 or not self.search_lag_s
        self.nothing_is_done_twice()
        assert KIND not in self.office.store.stopped

    def _calm(self) -> None:
        self.office.step = lambda: None
        self.office.vendor.says, self.office.vendor.search_says = [], []
        self.office.vendor.telling_fails = 0

    def _moments(
        self, effect_id: str, dies_at: int | None, meets_at: int | None, call_s: int
    ) -> Callable[[], None]:
        moment = -1

        def step() -> None:
            nonlocal moment
            moment += 1
            now = moment
            if now == meets_at:
                self.office.step = lambda: None
                self.office.work(effect_id)
                self.office.step = step
            if now == dies_at:
                raise Killed
            if now == 4:  # within a call
                self.office.clock.forward(seconds=call_s)

        return step


class RepeatSafe(Anything):
    """A vendor where twice is as good as once: nothing is looked up, and nothing is lost."""

    search_lag_s = 0

    @invariant()
    def nothing_is_done_twice(self) -> None:
        if hasattr(self, "office"):
            assert self.office.vendor.calls["find"] == 0


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=size(200, fuzz=2_000), stateful_step_count=20)
TestRepeatSafe = RepeatSafe.TestCase
TestRepeatSafe.settings = settings(stateful_step_count=25)

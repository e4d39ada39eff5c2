"""What a worker does with one effect, whatever its vendor says and whenever it dies."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.rows import requested
from tests.support.outbox.fakes import KIND, Office
from tests.support.stage import Killed

LEASE_S, SETTLE_S, PROBE_S = 60, 900, 900


def die_at(moment: int) -> Callable[[], None]:
    """Return a step that kills the process at the n-th moment."""
    moments = iter(range(10_000))

    def step() -> None:
        if next(moments) == moment:
            raise Killed

    return step


# --- how a try ends -------------------------------------------------------------------------------


def test_s6_an_effect_is_performed_and_its_context_is_told_before_it_is_closed(
    office: Office,
) -> None:
    office.ask()

    assert office.work() == "done"

    kept = office.row()
    assert (kept.state, kept.reference, kept.attempts) == ("done", "ref-a", 1)
    assert kept.concluded_at == office.clock()
    assert (kept.wake_at, kept.lease_until) == (None, None)
    assert office.vendor.endings["a"] == [Ending("done", "ref-a")]


def test_s6_a_message_that_comes_again_changes_nothing(office: Office) -> None:
    office.ask()
    office.work()
    done = office.row()

    assert [office.work() for _ in range(3)] == ["left"] * 3

    assert office.row() == done
    assert office.times_made == {"a": 1}
    assert len(office.vendor.endings["a"]) == 1


def test_s6_a_message_about_nothing_is_spent(office: Office) -> None:
    assert office.work("nobody asked for this") == "unknown"


def test_an_effect_of_another_kind_is_left_to_its_own_worker(office: Office) -> None:
    office.store.rows["a"] = requested(Effect("a", "parcels", {}), office.clock())

    assert office.work() == "left"
    assert not office.vendor.calls


def test_s6_poison_is_dead_at_first_sight_and_says_why(office: Office) -> None:
    office.ask()
    office.vendor.says = ["refused"]

    assert office.work() == "dead"

    kept = office.row()
    assert (kept.state, kept.answer, kept.attempts) == ("dead", "400: no such address", 1)
    assert office.vendor.endings["a"] == [Ending("dead", answer="400: no such address")]
    office.run(86_400)
    assert office.vendor.calls["perform"] == 1


def test_s6_what_was_certainly_not_done_is_tried_again_and_again_later(office: Office) -> None:
    office.ask()
    office.vendor.says = ["busy"] * 3
    waits = []
    for _ in range(3):
        assert office.work() == "pending"
        due_at = office.row().due_at
        waits.append((due_at - office.clock()).total_seconds())
        assert office.work() == "left", "it is not due"
        office.clock.at = due_at

    assert office.work() == "done"
    assert waits == [5, 10, 20]
    assert office.times_made == {"a": 1}
    assert office.vendor.calls["find"] == 0, "there was nothing to look up"


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(120, 120), (1, 5), (0, 5), (-7, 5), (float("nan"), 5), (1e9, 86_400)],
)
def test_s6_a_vendor_who_says_when_to_come_again_is_heeded_within_reason(
    office: Office, retry_after_s: float, wait_s: float
) -> None:
    office.ask()
    office.vendor.says, office.vendor.retry_after_s = ["busy"], retry_after_s

    office.work()

    assert office.row().due_at - office.clock() == timedelta(seconds=wait_s)


def test_s6_waits_are_drawn_between_nothing_and_a_ceiling_that_doubles_up_to_an_hour() -> None:
    ceilings: list[float] = []
    office = Office(jitter=lambda ceiling_s: ceilings.append(ceiling_s) or 0.0)
    office.ask()
    office.vendor.says = ["busy"] * 12

    for _ in range(12):
        office.work()

    assert ceilings == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


def test_s6_what_may_have_been_done_is_looked_up_before_any_second_try(office: Office) -> None:
    office.ask()
    office.vendor.says = ["lost"]

    assert office.work() == "unsure"
    assert office.row().unsure_at == office.clock()
    office.clock.forward(seconds=SETTLE_S - 1)
    assert office.work() == "left"
    assert office.vendor.calls["find"] == 0, "too early to trust the vendor's search"
    office.clock.forward(seconds=1)
    assert office.work() == "done"

    assert office.times_made == {"a": 1}
    assert office.vendor.calls["perform"] == 1
    assert office.row().reference == "ref-a"
    assert office.row().unsure_at is None


def test_s6_what_was_not_done_after_all_is_done_once_that_is_certain(office: Office) -> None:
    office.ask()
    office.vendor.says = ["dropped"]
    office.work()
    office.clock.forward(seconds=SETTLE_S)

    assert office.work() == "done"

    assert office.vendor.calls == {"perform": 2, "find": 1}
    assert office.times_made == {"a": 1}


def test_s6_while_the_search_is_down_nothing_is_performed(office: Office) -> None:
    office.ask()
    office.vendor.says = ["lost"]
    office.vendor.search_says = ["busy", "dropped", "broken"]
    office.work()

    office.run(86_400)

    assert office.vendor.calls == {"perform": 1, "find": 4}
    assert office.row().state == "done"
    assert office.times_made == {"a": 1}


def test_s6_a_search_that_is_refused_leaves_a_dead_effect_that_says_it_may_be_done(
    office: Office,
) -> None:
    office.ask()
    office.vendor.says, office.vendor.search_says = ["lost"], ["refused"]
    office.work()
    office.clock.forward(seconds=SETTLE_S)

    assert office.work() == "dead"

    kept = office.row()
    assert kept.answer == "not known whether it was done: 400: no such address"
    assert kept.unsure_at is not None, "who retries it has it looked up first"


def test_s6_a_bug_in_a_performer_may_have_done_it_and_is_looked_up(office: Office) -> None:
    office.ask()
    office.vendor.says = ["broken"]

    assert office.work() == "unsure"
    office.clock.forward(seconds=SETTLE_S)

    assert office.work() == "done"
    assert office.times_made == {"a": 1}


def test_s6_what_may_be_done_twice_is_just_done_again() -> None:
    office = Office(search_lag_s=0)
    office.ask()
    office.vendor.says = ["lost"]

    assert office.work() == "unsure"
    office.clock.forward(seconds=5)

    assert office.work() == "done"
    assert office.vendor.calls == {"perform": 2}


# --- giving up ------------------------------------------------------------------------------------


@pytest.mark.parametrize("search_lag_s", [0, SETTLE_S])
@pytest.mark.parametrize("says", ["busy", "dropped"])
def test_s6_what_fails_for_days_is_dead_and_never_silently(search_lag_s: float, says: str) -> None:
    office = Office(search_lag_s=search_lag_s)
    office.ask()
    office.vendor.says = [says] * 10_000

    office.run(2.9 * 86_400)
    assert not office.row().over
    office.run(0.3 * 86_400)

    kept = office.row()
    assert kept.state == "dead"
    assert kept.attempts >= 20
    assert kept.answer
    assert kept.answer.startswith("given up after")
    assert office.vendor.endings["a"] == [Ending("dead", answer=kept.answer)]


def test_s6_a_search_that_is_down_for_days_ends_in_a_dead_effect_that_may_be_done(
    office: Office,
) -> None:
    office.ask()
    office.vendor.says, office.vendor.search_says = ["lost"], ["busy"] * 10_000

    office.run(4 * 86_400)

    kept = office.row()
    assert kept.state == "dead"
    assert (kept.answer or "").startswith("not known whether it was done")
    assert kept.unsure_at is not None


def test_s6_who_has_hardly_been_tried_is_not_given_up_however_old(office: Office) -> None:
    office.ask(relayed=False)
    office.clock.forward(seconds=30 * 86_400)
    office.vendor.says = ["busy"]

    assert office.work() == "pending"


# --- telling the context --------------------------------------------------------------------------


def test_s6_where_the_context_cannot_be_told_that_alone_is_tried_again(office: Office) -> None:
    office.ask()
    office.vendor.telling_fails = 3

    assert office.work() == "pending"
    assert not office.vendor.endings
    office.run(600)

    assert office.row().state == "done"
    assert office.row().reference == "ref-a"
    assert office.vendor.calls == {"perform": 1}
    assert office.vendor.endings["a"] == [Ending("done", "ref-a")]


def test_s6_a_context_that_is_never_there_is_told_for_days_and_then_it_is_said(
    office: Office,
) -> None:
    office.ask()
    office.vendor.telling_fails = 10_000

    office.run(4 * 86_400)

    kept = office.row()
    assert (kept.state, kept.reference) == ("done", "ref-a")
    assert "the result could not be stored" in (kept.last_error or "")
    assert office.times_made == {"a": 1}


def test_s6_what_has_ended_is_told_even_while_its_kind_is_paused(office: Office) -> None:
    office.ask("a")
    office.ask("b")
    office.vendor.telling_fails = 1
    office.work("a")
    office.vendor.says = ["denied"]
    office.work("b")
    office.clock.forward(seconds=5)

    assert office.work("a") == "done"
    assert KIND in office.store.stopped, "that proves nothing about the credentials"


# --- kinds that stand still -----------------------------------------------------------------------


def test_s6_denied_the_whole_kind_stands_still_and_all_messages_are_kept(office: Office) -> None:
    for effect_id in "abc":
        office.ask(effect_id)
    office.vendor.says = ["denied"]

    assert [office.work(effect_id) for effect_id in "abc"] == ["paused"] * 3

    assert office.vendor.calls["perform"] == 1, "nobody else knocks at a closed door"
    assert {kept.state for kept in office.store.rows.values()} == {"pending"}
    assert office.row("a").attempts == 0
    assert office.store.stopped[KIND].reason == "401: token expired"


def test_s6_a_kind_that_is_paused_is_tried_with_one_effect_and_goes_on_by_itself(
    office: Office,
) -> None:
    for number in range(20):
        office.ask(str(number))
    office.vendor.says = ["denied"] * 3

    office.run(3 * PROBE_S)
    assert office.vendor.calls["perform"] == 3, "one every quarter of an hour, or at the next sweep"
    office.run(2 * PROBE_S)

    assert {kept.state for kept in office.store.rows.values()} == {"done"}
    assert set(office.times_made.values()) == {1}
    assert not office.store.stopped


def test_s6_a_probe_that_says_nothing_of_the_credentials_does_not_let_the_others_go_on(
    office: Office,
) -> None:
    office.ask()
    office.vendor.says = ["denied", "busy"]
    office.work()
    office.clock.forward(seconds=PROBE_S)

    assert office.work() == "pending"
    assert KIND in office.store.stopped


def test_s6_of_many_messages_one_is_the_probe(office: Office) -> None:
    for effect_id in "abc":
        office.ask(effect_id)
    office.vendor.says = ["denied", "denied"]
    office.work("a")
    office.clock.forward(seconds=PROBE_S)

    assert [office.work(effect_id) for effect_id in "abc"] == ["paused"] * 3
    assert office.vendor.calls["perform"] == 2


def test_s6_switched_off_effects_wait_and_say_so_and_nothing_fails(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    for effect_id in "abc":
        office.ask(effect_id)
    office.vendor.says = ["off"] * 2

    assert [office.work(effect_id) for effect_id in "abc"] == ["disabled"] * 3
    office.run(PROBE_S + 300)

    assert {kept.state for kept in office.store.rows.values()} == {"disabled"}
    assert caplog.messages.count("kind paused") == 1, "one clear line, not one each"


def test_s6_switched_off_effects_are_performed_when_the_kind_is_switched_on_later(
    office: Office,
) -> None:
    for effect_id in "abc":
        office.ask(effect_id)
    office.vendor.says = ["off"] * 2
    office.run(PROBE_S)

    office.run(2 * PROBE_S + 600)

    assert {kept.state for kept in office.store.rows.values()} == {"done"}
    assert office.times_made == dict.fromkeys("abc", 1)


@pytest.mark.parametrize("stop", ["denied", "off"])
def test_s6_a_doubt_outlives_a_pause(office: Office, stop: str) -> None:
    office.ask("a")
    office.vendor.says, office.vendor.search_says = ["lost"], [stop]
    office.work("a")
    office.clock.forward(seconds=SETTLE_S)

    assert office.work("a") == {"denied": "paused", "off": "disabled"}[stop]
    office.run(2 * PROBE_S)

    assert office.row("a").state == "done"
    assert office.times_made == {"a": 1}


def test_s6_a_worker_that_died_of_a_kind_switched_off_since_leaves_its_doubt(
    office: Office,
) -> None:
    office.ask("a")
    office.ask("b")
    office.vendor.lag_s = SETTLE_S - 1
    office.step = die_at(5)  # right after the call
    with pytest.raises(Killed):
        office.work("a")
    office.step, office.vendor.says = (lambda: None), ["off"]
    office.work("b")
    office.clock.forward(seconds=LEASE_S)

    assert office.work("a") == "disabled"
    office.clock.forward(seconds=PROBE_S - LEASE_S)
    assert office.work("a") == "unsure"
    office.run(3 * PROBE_S)

    assert office.row("a").state == "done"
    assert office.times_made == {"a": 1, "b": 1}


# --- dying ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("says", ["done", "lost", "dropped", "busy", "refused", "denied", "off"])
@pytest.mark.parametrize("moment", range(12))
def test_s6_a_worker_killed_anywhere_leaves_something_that_goes_on(moment: int, says: str) -> None:
    office = Office(lag_s=SETTLE_S - 1)
    office.ask()
    office.vendor.says = [says] * (9 if says == "refused" else 1)
    office.step = die_at(moment)
    try:
        office.work()
    except Killed:
        office.queues.messages = []
    office.step = lambda: None

    office.run(3 * 3_600)

    assert office.row().state == ("dead" if says == "refused" else "done")
    assert office.times_made == ({} if says == "refused" else {"a": 1})
    assert {told.state for told in office.vendor.endings["a"]} == {office.row().state}


def test_s6_a_lease_that_ran_out_may_have_done_it(office: Office) -> None:
    office.ask()
    office.vendor.lag_s = SETTLE_S - 1
    office.step = die_at(5)  # right after the call
    with pytest.raises(Killed):
        office.work()
    office.step = lambda: None
    assert office.row().state == "sending"

    office.clock.forward(seconds=LEASE_S - 1)
    assert office.work() == "left", "somebody may be at it"
    office.clock.forward(seconds=1)
    assert office.work() == "unsure", "nobody is, and it may be done"
    office.clock.forward(seconds=SETTLE_S)
    assert office.work() == "done"
    assert office.times_made == {"a": 1}


def test_s6_who_was_overtaken_writes_nothing(office: Office) -> None:
    """A worker that its platform held up for longer than its lease finds that it is not its own."""
    office.ask()
    moments = iter(range(100))

    def held_up() -> None:
        if next(moments) == 5:  # the call is made, its answer waits
            office.step = lambda: None
            office.clock.forward(seconds=LEASE_S)
            assert office.work() == "unsure"
            office.clock.forward(seconds=SETTLE_S)
            assert office.work() == "done"

    office.step = held_up

    assert office.work() == "left"

    assert office.times_made == {"a": 1}
    assert office.row().state == "done"


def test_s6_a_settle_time_shorter_than_the_lag_of_the_search_doubles() -> None:
    """Why the settle time is a safety constant and not a setting for the impatient."""
    for search_lag_s, times in ((59, 2), (60, 1)):
        office = Office(search_lag_s=search_lag_s, lag_s=60)
        office.ask()
        office.vendor.says = ["lost"]

        office.run(3_600, every_s=1)

        assert office.times_made == {"a": times}, search_lag_s


def test_s6_a_row_that_cannot_be_read_is_dead_and_says_so(office: Office) -> None:
    kept = requested(Effect("a", KIND, {}), office.clock())
    office.store.rows["a"] = type(kept)(**{**vars(kept), "fault": "the row cannot be read: {"})

    assert office.work() == "dead"

    assert office.row().answer == "the row cannot be read: {"
    assert not office.vendor.calls

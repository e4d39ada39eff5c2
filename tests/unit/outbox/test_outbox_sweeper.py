"""The sweeper: what is due, stuck or was never named is named again, and no more than that."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.rows import GRACE
from chalicelib.core.outbox.sweeper import Bounds, Sweeper
from chalicelib.operators.service.effects import EffectService
from tests.support.outbox.fakes import KIND, SWEEP_S, Office


def named(office: Office) -> list[str]:
    return [effect_id for _, _, effect_id in office.queues.messages]


def sweeper(office: Office, **bounds: Any) -> Sweeper:
    store: Any = office.store
    queues: Any = office.queues
    return Sweeper(store, store, queues, now=office.clock, bounds=Bounds(**bounds))


def test_s6_an_effect_that_was_never_named_is_found(office: Office) -> None:
    office.ask(relayed=False)

    assert office.sweeper.sweep() == {KIND: 0}, "its message may still be on its way"
    office.clock.at += GRACE
    assert office.sweeper.sweep() == {KIND: 1}

    assert named(office) == ["a"]
    office.run(60)
    assert office.times_made == {"a": 1}


def test_s6_what_was_named_is_not_named_again_for_a_while(office: Office) -> None:
    office.ask(relayed=False)
    office.clock.at += GRACE
    office.sweeper.sweep()

    assert office.sweeper.sweep() == {KIND: 0}
    office.clock.forward(seconds=15 * 60)
    assert office.sweeper.sweep() == {KIND: 1}


def test_s6_a_run_is_bounded_and_the_next_one_begins_where_it_ended(office: Office) -> None:
    for number in range(70):
        office.ask(f"e{number:02}", relayed=False)
    office.clock.at += GRACE
    bounded = sweeper(office, effects=30)

    assert [bounded.sweep()[KIND] for _ in range(4)] == [30, 30, 10, 0]
    assert sorted(named(office)) == [f"e{number:02}" for number in range(70)]


def test_s6_a_run_ends_in_time(office: Office) -> None:
    for number in range(70):
        office.ask(f"e{number:02}", relayed=False)
    office.clock.at += GRACE
    send = office.queues.send

    def slow(*told: Any, **more: Any) -> list[str]:
        office.clock.forward(seconds=25)
        return send(*told, **more)

    office.queues.send = slow  # type: ignore[method-assign]

    assert office.sweeper.sweep() == {KIND: 30}


def test_s6_a_queue_that_is_long_gets_no_more(office: Office) -> None:
    office.ask("new", relayed=False)
    office.clock.at += GRACE
    office.queues.send(KIND, ["old"] * 5)

    assert sweeper(office, backlog=5).sweep() == {KIND: 0}
    assert sweeper(office, backlog=6).sweep() == {KIND: 1}


def test_s6_what_could_not_be_sent_is_tried_by_the_next_run(office: Office) -> None:
    office.ask(relayed=False)
    office.clock.at += GRACE
    office.queues.down = True
    assert office.sweeper.sweep() == {KIND: 0}

    office.queues.down = False

    assert office.sweeper.sweep() == {KIND: 1}


def test_s6_one_kind_that_fails_does_not_keep_the_others(office: Office) -> None:
    for kind in ("aaa", KIND, "zzz"):
        office.store.add(Effect(kind, kind, {}), office.clock())
    office.queues.kinds = ("aaa", KIND, "zzz")
    office.clock.at += GRACE
    waiting = office.queues.waiting

    def away(kind: str) -> int:
        if kind == KIND:
            raise ConnectionError(kind)
        return waiting(kind)

    office.queues.waiting = away  # type: ignore[method-assign]

    assert office.sweeper.sweep() == {"aaa": 1, "zzz": 1}


def test_s6_of_a_kind_that_is_paused_one_effect_is_named_when_it_is_time(
    office: Office,
) -> None:
    for effect_id in "abc":
        office.ask(effect_id)
    office.vendor.says = ["denied"] * 9
    office.run(60)
    office.clock.forward(seconds=SWEEP_S)

    assert office.sweeper.sweep() == {KIND: 0}
    office.clock.forward(seconds=900)
    assert office.sweeper.sweep() == {KIND: 1}
    assert len(named(office)) == 1


@pytest.mark.parametrize("late", [False, True])
def test_s6_a_probe_takes_another_effect_than_the_one_that_was_refused(
    office: Office, *, late: bool
) -> None:
    office.vendor.refuses = {"a"}
    office.ask("a")
    office.run(60)
    assert KIND in office.store.stopped
    if late:
        office.clock.forward(seconds=830)
    office.ask("b")

    office.run(1_200)

    assert office.times_made == {"b": 1}


def test_s6_an_effect_that_alone_is_refused_stops_its_kind_a_few_times_and_is_dead(
    office: Office,
) -> None:
    office.vendor.refuses = {"a", "z"}
    for hour in range(6):
        office.ask(f"b{hour}")
        if hour == 0:
            office.ask("a")
            office.ask("z")
        office.run(3_600)

    assert {each: office.row(each).state for each in "az"} == {"a": "dead", "z": "dead"}
    assert "refused 3 times while others were done: 401" in str(office.row("a").answer)
    assert {office.row(f"b{hour}").state for hour in range(6)} == {"done"}
    assert KIND not in office.store.stopped


def test_s6_an_effect_that_is_alone_waits_for_the_credentials_however_long(
    office: Office,
) -> None:
    office.vendor.refuses = {"a"}
    office.ask("a")

    office.run(10 * 86_400)

    assert office.row("a").state == "pending"
    office.vendor.refuses = set()
    office.run(3_600)
    assert office.row("a").state == "done"


def test_s6_a_kind_that_nobody_performs_is_dead_after_an_hour_and_not_while_it_is_deployed(
    office: Office,
) -> None:
    office.store.add(Effect("p", "pigeons", {}), office.clock())
    office.clock.forward(seconds=3_599)
    office.sweeper.sweep()
    assert office.store.rows["p"].state == "pending"

    office.clock.forward(seconds=1)
    assert office.sweeper.sweep() == {"pigeons": 1}

    assert office.store.rows["p"].state == "dead"
    assert office.store.rows["p"].answer == "there is no queue for pigeons"
    store: Any = office.store
    queues: Any = office.queues
    EffectService(store, store, queues, now=office.clock).retry("p")
    assert office.sweeper.sweep() == {"pigeons": 0}, "who tries it again gets the hour, too"


def test_s6_the_age_of_the_oldest_effect_is_measured_by_kind_and_for_all(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, float, str]] = []
    monkeypatch.setattr(
        "chalicelib.core.log.measure",
        lambda name, value, *_, kind="": told.append((name, value, kind)),
    )
    office.ask("old")
    office.clock.forward(seconds=100)
    office.ask("new")

    office.sweeper.sweep()

    assert ("OldestEffectSeconds", 100.0, KIND) in told
    assert ("OldestEffectSeconds", 100.0, "") in told
    assert ("KindsDenied", 0, "") in told


def test_s6_a_kind_of_which_nothing_waits_any_more_has_the_age_of_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, float, str]] = []
    monkeypatch.setattr(
        "chalicelib.core.log.measure",
        lambda name, value, *_, kind="": measured.append((name, value, kind)),
    )

    office.sweeper.sweep()

    assert ("OldestEffectSeconds", 0.0, KIND) in measured


def test_what_is_switched_off_may_get_old_without_alarming_anybody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, float, str]] = []
    office.ask()
    office.vendor.says = ["off"]
    office.run(60)
    office.clock.forward(seconds=86_400)
    monkeypatch.setattr(
        "chalicelib.core.log.measure",
        lambda name, value, *_, kind="": told.append((name, value, kind)),
    )

    office.sweeper.sweep()

    assert ("OldestEffectSeconds", 86_460.0, KIND) in told
    assert ("OldestEffectSeconds", 0.0, "") in told


def test_a_conclusion_is_for_ever(office: Office) -> None:
    office.ask()
    office.work()
    office.clock.at += timedelta(days=365)

    assert office.sweeper.sweep() == {}
    assert office.vendor.endings == {"a": [Ending("done", "ref-a")]}

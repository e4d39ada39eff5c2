"""A worker's function: messages in, those that are to come again out."""

import json
import threading
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.core.outbox.messages import handle
from tests.support.outbox.fakes import KIND, Office


def batch(*bodies: str, receives: tuple[int, ...] = ()) -> SQSEvent:
    counts = receives or (1,) * len(bodies)
    records = [
        {
            "messageId": f"m{number}",
            "receiptHandle": "r",
            "body": text,
            "attributes": {"ApproximateReceiveCount": str(count)},
        }
        for number, (text, count) in enumerate(zip(bodies, counts, strict=True))
    ]
    return SQSEvent({"Records": records}, None)


def name(effect_id: str) -> str:
    return json.dumps({"effect_id": effect_id})


def test_s6_the_effects_that_a_batch_names_are_performed(office: Office) -> None:
    for effect_id in "abc":
        office.ask(effect_id)

    assert handle(batch(*map(name, "abc")), office.worker) == {"batchItemFailures": []}
    assert office.times_made == dict.fromkeys("abc", 1)


def test_s6_the_effects_of_a_batch_are_worked_on_at_once_where_a_worker_wants_that() -> None:
    """All of them have to be under way before the first one ends; and what fails is told."""
    together = threading.Barrier(3, timeout=10)

    class Waiting:
        kind = KIND

        def work(self, effect_id: str) -> str:
            together.wait()
            if effect_id == "b":
                raise RuntimeError("no database")
            return "done"

    worker: Any = Waiting()
    failures = handle(batch(*map(name, "abc")), worker, at_once=3)

    assert failures == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


@pytest.mark.parametrize(
    "poison",
    [
        *("", "{", "7", "null", "[]", "{}", '{"effect_id": 7}', '{"effect_id": ""}', "[" * 100_000),
        name("nobody asked for this"),
    ],
)
def test_s6_a_message_that_names_no_effect_does_not_go_round(office: Office, poison: str) -> None:
    office.ask("a")

    assert handle(batch(poison, name("a")), office.worker) == {"batchItemFailures": []}
    assert office.times_made == {"a": 1}


def test_s6_whatever_the_vendor_does_a_message_is_spent(office: Office) -> None:
    says = ["busy", "dropped", "lost", "broken", "refused", "denied"]
    for effect_id in says:
        office.ask(effect_id)
    office.vendor.says = list(says)

    assert handle(batch(*map(name, says)), office.worker) == {"batchItemFailures": []}


def test_s6_a_message_whose_effect_could_not_be_checked_comes_again_alone(
    office: Office,
) -> None:
    for effect_id in "abc":
        office.ask(effect_id)
    read_with_pause = office.store.read_with_pause

    def away(effect_id: str, kind: str) -> Any:
        if effect_id == "b":
            raise ConnectionError
        return read_with_pause(effect_id, kind)

    office.store.read_with_pause = away  # type: ignore[method-assign]

    failures = handle(batch(*map(name, "abc")), office.worker)

    assert failures == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert office.times_made == {"a": 1, "c": 1}


def test_messages_that_came_before_come_last(office: Office) -> None:
    for effect_id in "abc":
        office.ask(effect_id)

    handle(batch(*map(name, "abc"), receives=(3, 1, 2)), office.worker)

    assert list(office.vendor.made) == ["b", "c", "a"]


def test_effects_are_counted_by_kind_and_outcome(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[Any, float] = {}
    monkeypatch.setattr(
        "chalicelib.core.log.measure",
        lambda name, value, **by: told.update({(name, *by.values()): value}),
    )
    for effect_id in "abc":
        office.ask(effect_id)
    office.vendor.says = ["done", "refused", "done"]

    handle(batch(*map(name, "abc"), "{"), office.worker)

    assert told == {
        ("Effects", KIND, "done"): 2,
        ("Effects", KIND, "dead"): 1,
        ("Effects", KIND, "unreadable"): 1,
        ("DeadEffects",): 1,
    }

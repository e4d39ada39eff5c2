"""The event functions of the vending context, called as Lambda calls them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.vending import events
from tests.support.vending.world import LEAP_DAY, World, log

SAMPLES = Path(__file__).parents[2] / "events"
KEY = "incoming/T0001.GM001.2020-02-29_080000.zip"
CONTEXT = SimpleNamespace(aws_request_id="8cf0c6c2", function_name="backroom-test")


@pytest.fixture(autouse=True)
def _on_fakes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "vending", lambda: world.vending)
    monkeypatch.setattr(events, "schedules", MagicMock())


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def message(body: object, number: int = 1, receives: int = 1) -> dict[str, Any]:
    usual = sample("sqs_message")
    return {
        **usual,
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {**usual["attributes"], "ApproximateReceiveCount": str(receives)},
    }


def delivered(*messages: dict[str, Any]) -> list[str]:
    """Deliver a batch; return the ids of the messages that are to come back."""
    answer = events.file_arrived({"Records": list(messages)}, CONTEXT)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def fail_on(world: World, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """Have files whose keys hold one of ``words`` fail; return what is looked at from now on."""
    looked: list[str] = []
    really = type(world.vending.arrivals).look_at

    def look_at(arrivals: Any, key: str) -> object:
        looked.append(key)
        if any(word in key for word in words):
            raise UnavailableError("no luck today")
        return really(arrivals, key)

    monkeypatch.setattr(type(world.vending.arrivals), "look_at", look_at)
    return looked


# --- what is looked at --------------------------------------------------------------------------


def test_v5_an_event_of_the_share_has_its_key_read_as_it_was_dropped(world: World) -> None:
    """S3 encodes keys as forms do."""
    world.drop_import("all of them + café.txt", log("GM777", 1))

    assert delivered(message(sample("s3_object_created"))) == []

    assert world.machine("GM777").transactions == 1


def test_v5_a_message_of_the_sweep_names_keys(world: World) -> None:
    world.upload(log("GM001", 1), at=LEAP_DAY)

    assert delivered(message({"keys": [KEY]})) == []

    assert world.machine("GM001").transactions == 1


def test_s3_s_first_message_to_a_queue_is_no_event(world: World) -> None:
    assert delivered(message(sample("s3_test_event"))) == []
    assert world.files() == {}


# --- failures -----------------------------------------------------------------------------------


def test_one_file_that_fails_does_not_hold_up_its_neighbours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop_import("good.txt", log("GM777", 1))
    fail_on(world, monkeypatch, "bad")

    failed = delivered(
        message({"keys": ["imports/bad.txt"]}, 1), message({"keys": ["imports/good.txt"]}, 2)
    )

    assert failed == ["message-1"]
    assert world.machine("GM777").transactions == 1


def test_what_was_tried_before_comes_last_so_that_it_kills_no_untried_neighbour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = fail_on(world, monkeypatch)

    delivered(
        message({"keys": ["imports/third"]}, 1, receives=4),
        message({"keys": ["imports/first"]}, 2, receives=1),
        message({"keys": ["imports/second"]}, 3, receives=2),
    )

    assert looked == ["imports/first", "imports/second", "imports/third"]


@pytest.mark.parametrize(("receives", "wait_s"), [(1, 4), (2, 8), (4, 32), (5, 64), (30, 300)])
def test_a_file_that_failed_comes_back_after_a_while_longer_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch, receives: int, wait_s: int
) -> None:
    fail_on(world, monkeypatch, "bad")

    delivered(message({"keys": ["imports/bad.txt"]}, receives=receives))

    assert world.queues.put_offs == [("handle-1", wait_s)]


@pytest.mark.parametrize(("receives", "state"), [(4, "received"), (5, "failed")])
def test_a_file_that_fails_for_the_last_time_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, receives: int, state: str
) -> None:
    file = world.upload(log("GM001", 1))
    fail_on(world, monkeypatch, "GM001")

    assert delivered(message({"keys": [KEY]}, receives=receives)) == ["message-1"]

    assert world.file(file.id).state == state
    if state == "failed":
        assert world.file(file.id).reason == "processing failed 5 times: no luck today"


@pytest.mark.parametrize("receives", [1, 5])
@pytest.mark.parametrize(
    "body", ["", "not JSON", "[]", '"text"', '{"Records": [{"s3": {}}]}', '{"keys": 1}', "null"]
)
def test_a_message_that_says_nothing_goes_its_way_alone(
    world: World, body: str, receives: int
) -> None:
    world.drop_import("good.txt", log("GM777", 1))

    failed = delivered(message(body, 1, receives), message({"keys": ["imports/good.txt"]}, 2))

    assert failed == ["message-1"]
    assert world.machine("GM777").transactions == 1
    assert [handle for handle, _ in world.queues.put_offs] == ["handle-1"]


@pytest.mark.parametrize("broken", ["give_up", "put_off"])
def test_an_outage_that_reaches_further_fails_no_more_than_the_message(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    fail_on(world, monkeypatch, "bad")
    owner = world.vending.arrivals if broken == "give_up" else world.queues

    def down(*_: object) -> None:
        raise RuntimeError("the database is down too")

    monkeypatch.setattr(type(owner), broken, down)

    assert delivered(message({"keys": ["imports/bad.txt"]}, receives=5)) == ["message-1"]


# --- the fleet and the night --------------------------------------------------------------------


def test_v6_one_message_of_a_burst_has_the_whole_fleet_judged(world: World) -> None:
    world.upload(log("GM001", 1))
    world.deliver()
    assert not world.fleet().up_to_date

    events.fleet_changed({"Records": [message({}, 1), message({}, 2)]}, CONTEXT)

    assert world.fleet().up_to_date


def test_v5_c8_the_schedule_sweeps(world: World) -> None:
    world.upload(log("GM001", 1))
    world.queues.arrivals.clear()

    events.daily_sweep(sample("scheduled"), CONTEXT)

    assert world.queues.arrivals == [KEY]


def test_a_pass_that_fails_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: object) -> bool:
        raise UnavailableError("no luck today")

    monkeypatch.setattr(type(world.vending.verdicts), "look_at_notes", down)

    asked = {"Records": [message({}), message({"round": {"shard": 0}})]}
    for number, record in enumerate(asked["Records"]):
        record["messageId"] = f"message {number}"

    assert events.fleet_changed(asked, CONTEXT) == {
        "batchItemFailures": [{"itemIdentifier": "message 0"}]
    }

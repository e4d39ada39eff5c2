"""The relay: what the table's stream says becomes messages, and nothing holds up anything else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import retry
from chalicelib.core.instants import sortable
from chalicelib.core.outbox import queues
from chalicelib.core.outbox.queues import Queues, urls
from chalicelib.core.outbox.relay import Relay

NOW = datetime(2142, 3, 1, 8, tzinfo=UTC)
LETTERS, PARCELS = "https://sqs/letters", "https://sqs/parcels"


class Sqs:
    """SQS, which refuses what it is told to, once each, or everything."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.batches: list[int] = []
        self.delays: dict[str, int] = {}
        self.refuses: set[str] = set()
        self.refuses_for_ever: set[str] = set()
        self.down: set[str] = set()

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        if QueueUrl in self.down:
            raise ConnectionError(QueueUrl)
        self.batches.append(len(Entries))
        failed = []
        for entry in Entries:
            effect_id = json.loads(entry["MessageBody"])["effect_id"]
            if effect_id in self.refuses_for_ever or effect_id in self.refuses:
                self.refuses.discard(effect_id)
                failed.append({"Id": entry["Id"]})
            else:
                self.sent.append((QueueUrl, effect_id))
                self.delays[effect_id] = entry["DelaySeconds"]
        return {"Failed": failed}


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


@pytest.fixture
def relay(sqs: Any) -> Relay:
    queues = Queues(lambda: sqs, {"letters": LETTERS, "parcels": PARCELS})
    return Relay(queues, now=lambda: NOW)


def record(effect_id: str, kind: str = "letters", **told: Any) -> dict[str, Any]:
    keys = {"pk": {"S": f"EFFECT#{effect_id}"}, "sk": {"S": "EFFECT"}}
    image = {**keys, "kind": {"S": kind}}
    return {
        "eventName": "INSERT",
        "eventID": effect_id,
        "dynamodb": {"Keys": keys, "NewImage": image},
        **told,
    }


def test_s6_new_effects_are_named_to_the_queues_of_their_kinds(relay: Relay, sqs: Sqs) -> None:
    relay.forward([record("a"), record("b", "parcels"), record("c")])

    assert sqs.sent == [(LETTERS, "a"), (LETTERS, "c"), (PARCELS, "b")]


def test_s6_a_message_says_which_effect_and_nothing_else() -> None:
    assert queues.body("a#1") == '{"effect_id": "a#1"}'
    assert queues.effect_id('{"effect_id": "a#1"}') == "a#1"


def test_changes_of_effects_and_other_rows_are_no_news(relay: Relay, sqs: Sqs) -> None:
    other = record("a")
    other["dynamodb"]["Keys"]["sk"] = {"S": "letters"}

    relay.forward([record("a", eventName="MODIFY"), record("b", eventName="REMOVE"), other])

    assert sqs.sent == []


POISON: list[Any] = [
    {},
    None,
    7,
    {"eventName": "INSERT"},
    {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "EFFECT"}}}},
    {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "x"}, "sk": {"S": "EFFECT"}}}},
    record("a", dynamodb={"Keys": {"pk": {"S": "EFFECT#a"}, "sk": {"S": "EFFECT"}}}),
    {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"pk": {"S": "ODD#a"}, "sk": {"S": "EFFECT"}},
            "NewImage": {"kind": {"S": "letters"}},
        },
    },
    {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"pk": {"S": "EFFECT#a"}, "sk": {"S": "EFFECT"}},
            "NewImage": {"kind": {"N": "7"}},
        },
    },
]


@pytest.mark.parametrize("poison", POISON)
def test_s6_a_record_that_makes_no_sense_does_not_keep_its_neighbours(
    relay: Relay, sqs: Sqs, poison: Any, caplog: pytest.LogCaptureFixture
) -> None:
    relay.forward([record("a"), poison, record("b")])

    assert sqs.sent == [(LETTERS, "a"), (LETTERS, "b")]
    assert caplog.messages.count("record unreadable") == 1


def test_s6_a_kind_without_a_queue_is_said_and_left_to_the_sweeper(
    relay: Relay, sqs: Sqs, caplog: pytest.LogCaptureFixture
) -> None:
    relay.forward([record("a", "pigeons"), record("b")])

    assert sqs.sent == [(LETTERS, "b")]
    assert "kind without a queue" in caplog.messages


def test_s6_messages_that_sqs_refuses_are_sent_again_and_they_alone(relay: Relay, sqs: Sqs) -> None:
    sqs.refuses = {"e3", "e7"}

    relay.forward([record(f"e{number}") for number in range(25)])

    assert sorted(sqs.sent) == sorted((LETTERS, f"e{number}") for number in range(25))
    assert sqs.batches == [10, 2, 10, 5]


def test_s6_what_cannot_be_sent_is_left_to_the_sweeper_and_the_other_queues_go_on(
    relay: Relay, sqs: Sqs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "tries", lambda **_: range(2))
    sqs.down, sqs.refuses_for_ever = {PARCELS}, {"b"}

    relay.forward([record("p", "parcels"), record("a"), record("b"), record("c")])

    assert sqs.sent == [(LETTERS, "a"), (LETTERS, "c")]
    assert caplog.messages.count("left to the sweeper") == 2


def test_the_environment_names_the_queues() -> None:
    environment = {
        "OUTBOX_LETTERS_QUEUE": LETTERS,
        "OUTBOX_AIR_MAIL_QUEUE": PARCELS,
        "OUTBOX_TABLE": "outbox",
        "OUTBOX_QUEUE": "nothing",
        "OTHER_QUEUE": "nothing",
    }

    assert urls(environment) == {"letters": LETTERS, "air_mail": PARCELS}


def test_of_several_kinds_one_url_is_named_and_the_others_are_alike() -> None:
    url = "https://sqs.us-east-1.amazonaws.com/1/backroom-jira-outbox-"
    environment = {
        "OUTBOX_KINDS": "air_mail,jira,letters",
        "OUTBOX_AIR_MAIL_QUEUE": f"{url}air-mail",
        "OUTBOX_LETTERS_QUEUE": "elsewhere",
    }

    assert urls(environment) == {
        "air_mail": f"{url}air-mail",
        "jira": f"{url}jira",
        "letters": "elsewhere",
    }


@pytest.mark.parametrize(
    ("due_in_s", "delay_s"), [(-5, 0), (0, 0), (60, 61), (59.5, 61), (5000, 900)]
)
def test_what_is_not_due_yet_is_named_when_it_is(
    relay: Relay, sqs: Sqs, due_in_s: float, delay_s: int
) -> None:
    """A second later: the worker's clock may trail."""
    told = record("a")
    due_at = NOW + timedelta(seconds=due_in_s)
    told["dynamodb"]["NewImage"]["due_at"] = {"S": sortable(due_at)}

    relay.forward([told, record("b")])

    assert sqs.delays == {"a": delay_s, "b": 0}

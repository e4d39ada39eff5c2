"""The deployed relay and sweeper, and dead letters, as the functions' roles allow."""

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest

from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import ConditionError, Table, key
from tests.support.deployed import Deployed
from tests.support.patience import eventually

_NUMBERS = count()
_SCHEDULED = {
    "version": "0",
    "id": "by-hand",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "0",
    "region": "us-east-1",
    "time": "2142-03-01T12:00:00Z",
    "resources": [],
    "detail": {},
}


@pytest.fixture
def name() -> str:
    """A name that no other test gives to its effects."""
    return f"e2e-{os.getpid()}-{next(_NUMBERS)}"


class Post:
    """A kind of effects that only these tests have: a queue, named to those who name effects."""

    def __init__(self, stack: Deployed) -> None:
        self.stack, self.sqs = stack, stack.client("sqs")
        # Every queue of effects has dead letters beside it, where operators look for them.
        self.sqs.create_queue(QueueName=f"backroom-{stack.stage}-outbox-proof-dlq")
        self.queue = self.sqs.create_queue(QueueName=f"backroom-{stack.stage}-outbox-proof")[
            "QueueUrl"
        ]
        for function in ("outbox-relay", "outbox-sweeper", "api"):
            self._tell(function)
        self.table = Table(stack.client("dynamodb"), stack.outputs["OutboxTable"])
        self.arrived: set[str] = set()

    def _tell(self, function: str) -> None:
        named = {"FunctionName": self.stack.function(function)}
        functions = self.stack.client("lambda")
        environment = functions.get_function_configuration(**named).get("Environment", {})
        variables = {**environment.get("Variables", {}), "OUTBOX_PROOF_QUEUE": self.queue}
        functions.update_function_configuration(**named, Environment={"Variables": variables})

    def ask(self, effect_id: str, kind: str = "proof", ago: timedelta = timedelta()) -> None:
        then = datetime.now(UTC) - ago
        self.table.transact(
            Outbox(self.table, now=lambda: then).adding(Effect(effect_id, kind, {"n": 1}))
        )

    def has(self, *effect_ids: str) -> bool:
        """Return whether these have been named; takes the messages that are there."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.arrived.add(json.loads(message["Body"])["effect_id"])
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return set(effect_ids) <= self.arrived

    def state(self, effect_id: str) -> dict[str, Any]:
        answer = self.stack.api.get("/outbox/effect", params={"id": effect_id})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def post(guarded: Deployed) -> Post:
    return Post(guarded)


def test_s6_an_effect_is_named_by_the_relay_as_soon_as_its_transaction_is_through(
    post: Post, name: str
) -> None:
    for number in range(25):
        post.ask(f"{name}#{number}")

    eventually(lambda: post.has(*(f"{name}#{number}" for number in range(25))))
    with pytest.raises(ConditionError):
        post.ask(f"{name}#0")


def test_s6_poison_never_blocks_the_stream_or_its_neighbours(post: Post, name: str) -> None:
    """Rows that nobody could have written, kinds that nobody performs: before, between, after."""
    began_ms = int(datetime.now(UTC).timestamp() * 1000) - 1_000

    def poison(number: int) -> None:
        at = key(*rows.place(f"{name}-poison-{number}"))
        kinds: list[Any] = [{}, {"kind": {"N": "7"}}, {"kind": {"M": {}}}]
        post.table.put({**at, **kinds[number % 3]})
        post.ask(f"{name}-nobody-{number}", kind="pigeons")

    for number in range(12):
        poison(number)
        post.ask(f"{name}#{number}")

    eventually(lambda: post.has(*(f"{name}#{number}" for number in range(12))))
    post.ask(f"{name}#after")
    eventually(lambda: post.has(f"{name}#after"))
    unreadable = partial(post.stack.records, "outbox-relay", "record unreadable", began_ms)
    eventually(lambda: len(unreadable()) == 12)
    assert post.stack.records("outbox-relay", "kind without a queue", began_ms)
    assert post.stack.queue_depth("OutboxRelayDlq") == 0


def sweep(post: Post) -> None:
    post.stack.invoke("outbox-sweeper", _SCHEDULED)


def test_s6_the_sweeper_names_what_was_never_named_and_buries_what_nobody_performs(
    post: Post, name: str
) -> None:
    lost = timedelta(minutes=5)
    post.ask(f"{name}#due", ago=lost)
    post.ask(f"{name}#nobody", kind="pigeons", ago=timedelta(hours=2))
    eventually(lambda: post.has(f"{name}#due"))
    post.arrived.clear()

    sweep(post)

    eventually(lambda: post.has(f"{name}#due"))
    dead = post.state(f"{name}#nobody")
    assert (dead["state"], dead["answer"]) == ("dead", "there is no queue for pigeons")
    post.arrived.clear()
    sweep(post)
    assert not post.has(f"{name}#due"), "it has just been named"


def test_operators_list_show_and_retry_effects(post: Post, name: str) -> None:
    api = post.stack.api
    post.ask(f"{name}#dead", kind="pigeons", ago=timedelta(hours=2))
    sweep(post)

    listed = api.get("/outbox", params={"state": "dead", "kind": "pigeons", "limit": 1})
    assert listed.status_code == 200, listed.text
    assert [row["state"] for row in listed.json()] == ["dead"]
    shown = post.state(f"{name}#dead")
    assert shown["payload"] == {"n": 1}
    again = api.post("/outbox/retry", json={"id": f"{name}#dead"})
    assert (again.status_code, again.json()["state"]) == (200, "pending")
    assert api.get("/outbox/effect", params={"id": "nothing"}).status_code == 404
    assert "proof" in [kind["kind"] for kind in api.get("/outbox/kinds").json()]
    post.ask(f"{name}#hurry")
    eventually(lambda: post.has(f"{name}#hurry"))
    post.arrived.clear()
    assert api.post("/outbox/retry", json={"id": f"{name}#hurry"}).status_code == 200
    eventually(lambda: post.has(f"{name}#hurry"))


# --- dead letters ---------------------------------------------------------------------------------


def letters(stack: Deployed, queue: str) -> dict[str, Any]:
    answer = stack.api.get("/dlq")
    assert answer.status_code == 200, answer.text
    [found] = [each for each in answer.json() if each["queue"] == queue]
    return dict(found)


def test_dead_letters_are_shown_and_sent_back_and_none_is_lost(
    guarded: Deployed, name: str
) -> None:
    sqs, dead = guarded.client("sqs"), guarded.outputs["DeliveriesPackagesDlq"]
    box = {
        "timestamp": 1,
        "sender_id": "earth",
        "recipient_id": "mars",
        "package_type": "personal",
    }
    ids = [
        sqs.send_message(
            QueueUrl=dead, MessageBody=json.dumps({**box, "package_id": f"{name}-{number}"})
        )["MessageId"]
        for number in range(25)
    ]

    shown = letters(guarded, "deliveries-packages")
    assert (shown["depth"], shown["redrivable"]) == (25, True)
    assert {letter["message_id"] for letter in shown["letters"]} <= set(ids)
    answer = guarded.api.post("/dlq/deliveries-packages/redrive")

    assert (answer.status_code, answer.json()) == (
        200,
        {"queue": "deliveries-packages", "moved": 25, "left": 0},
    )

    def arrived() -> bool:
        paths = [f"/packages/{name}-{number}" for number in range(25)]
        statuses = Counter(guarded.api.get(path).status_code for path in paths)
        assert statuses == {200: 25}
        return True

    eventually(arrived)


def test_dead_letters_of_every_context_can_be_sent_back(guarded: Deployed) -> None:
    """The function may do it: its role is enforced here."""
    fleet = guarded.outputs["VendingUploadsDlq"].replace("uploads", "fleet")
    guarded.client("sqs").send_message(QueueUrl=fleet, MessageBody="{}")

    answer = guarded.api.post("/dlq/vending-fleet/redrive")

    assert (answer.status_code, answer.json()["moved"]) == (200, 1)


def test_every_dead_letter_queue_of_the_stack_is_shown(guarded: Deployed) -> None:
    queues = guarded.client("sqs").list_queues(QueueNamePrefix=f"backroom-{guarded.stage}-")
    names = {url.rpartition("/")[2] for url in queues["QueueUrls"]}
    dead = {each.removesuffix("-dlq") for each in names if each.endswith("-dlq")}

    shown = {each["queue"] for each in guarded.api.get("/dlq").json()}

    assert {f"backroom-{guarded.stage}-{each}" for each in shown} == dead
    answer: httpx.Response = guarded.api.post("/dlq/outbox-relay/redrive")
    assert answer.status_code == 409
    assert guarded.api.post("/dlq/nothing/redrive").status_code == 404

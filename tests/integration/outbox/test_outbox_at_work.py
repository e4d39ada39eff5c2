"""From a context's transaction to the vendor and back, through what the settings put together."""

import json
from itertools import count
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.core import aws
from chalicelib.core.outbox import messages
from chalicelib.core.outbox import wiring as outbox_wiring
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.settings import SettingsError
from chalicelib.core.table import Table
from chalicelib.outbox import events
from tests.support.aws import client as aws_client
from tests.support.clock import Clock
from tests.support.dynamodb import spending
from tests.support.outbox.fakes import NOON, Vendor

_NUMBERS = count()


@pytest.fixture
def queue(table: Table, monkeypatch: pytest.MonkeyPatch) -> str:
    """The queue of a kind, named in the settings as the templates do it."""
    url: str = aws_client("sqs").create_queue(QueueName=f"letters-{next(_NUMBERS)}")["QueueUrl"]
    monkeypatch.setenv("OUTBOX_TABLE", table.name)
    monkeypatch.setenv("OUTBOX_LETTERS_QUEUE", url)
    for service in ("dynamodb", "sqs"):
        monkeypatch.setattr(aws, service, lambda service=service: aws_client(service))
    return url


def ask(table: Table, effect_id: str) -> dict[str, Any]:
    """Ask for an effect as a context's store does; return what the stream says of it."""
    action = outbox_wiring.outbox().adding(Effect(effect_id, "letters", {"to": "mars"}))
    table.transact(action)
    row = action["Put"]["Item"]
    keys = {name: row[name] for name in ("pk", "sk")}
    return {"eventName": "INSERT", "eventID": "1", "dynamodb": {"Keys": keys, "NewImage": row}}


def batch(queue: str) -> SQSEvent:
    got = aws_client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    records = [
        {"messageId": m["MessageId"], "receiptHandle": "", "body": m["Body"], "attributes": {}}
        for m in got.get("Messages", [])
    ]
    return SQSEvent({"Records": records}, None)


def test_s6_what_a_transaction_asks_for_is_named_performed_told_and_closed(
    table: Table, queue: str
) -> None:
    vendor = Vendor(Clock(NOON))
    worker = outbox_wiring.worker("letters", vendor)

    events.relay({"Records": [ask(table, "a"), ask(table, "b")]}, None)
    assert messages.handle(batch(queue), worker) == {"batchItemFailures": []}

    kept = EffectStore(table).get("a")
    assert kept is not None
    assert (kept.state, kept.reference, kept.attempts) == ("done", "ref-a", 1)
    assert set(vendor.endings) == {"a", "b"}
    assert kept.concluded_at is not None
    assert kept.concluded_at >= kept.requested_at


def test_s6_the_sweeper_s_function_names_what_waits(table: Table, queue: str) -> None:
    ask(table, "a")
    row = table.get("EFFECT#a", "EFFECT")
    assert row is not None
    table.put({**row, "wake": {"S": "letters#2020-01-01T00:00:00.000000+00:00"}})

    scheduled = {"id": "1", "detail": {}, "detail-type": "", "resources": [], "account": ""}
    when = {"source": "", "region": "", "time": "2142-03-01T12:00:00Z", "version": "0"}
    events.sweeper({**scheduled, **when}, None)

    assert [json.loads(record.body) for record in batch(queue)] == [{"effect_id": "a"}]


def test_an_effect_takes_one_read_and_two_writes_beside_its_transaction(
    table: Table, queue: str
) -> None:
    worker = outbox_wiring.worker("letters", Vendor(Clock(NOON)))
    ask(table, "a")

    with spending(aws_client("dynamodb")) as spent:
        worker.work("a")

    assert spent.calls == {"BatchGetItem": 1, "UpdateItem": 2}


def test_settings_bound_a_worker_s_patience(
    table: Table, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOX_GIVE_UP_DAYS", "0.000000001")
    monkeypatch.setenv("OUTBOX_ENOUGH_TRIES", "1")
    vendor = Vendor(Clock(NOON), says=["busy"])
    ask(table, "a")

    assert outbox_wiring.worker("letters", vendor).work("a") == "dead"


@pytest.mark.parametrize("name", ["OUTBOX_GIVE_UP_DAYS", "OUTBOX_ENOUGH_TRIES", "OUTBOX_PROBE_S"])
def test_settings_that_make_no_sense_are_named(
    table: Table, queue: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "0")

    with pytest.raises(SettingsError, match=name):
        outbox_wiring.worker("letters", Vendor(Clock(NOON)))

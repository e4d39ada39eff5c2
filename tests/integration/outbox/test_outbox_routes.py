"""What operators get over HTTP: effects, kinds, dead letters; every fault named."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from chalice.test import Client, HTTPResponse

import app as composition
from chalicelib.core import aws, cursors
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.rows import EffectRow, Pause, place
from chalicelib.core.outbox.store import EffectStore, closed
from chalicelib.core.schedules import EVERY, Schedules
from chalicelib.core.table import Table, key
from chalicelib.operators.models.effects import EffectsQuery
from chalicelib.operators.routes import _EFFECTS
from tests.support.aws import client as aws_client

ROOT = Path(__file__).parent.parent.parent.parent
THEN = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def sqs(table: Table, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SQS, where the API finds a queue of letters, and dead letters with and without a way back."""
    sqs = aws_client("sqs")
    urls = {
        name: sqs.create_queue(QueueName=name)["QueueUrl"]
        for name in ("letters", "letters-dlq", "relay-dlq")
    }
    monkeypatch.setenv("OUTBOX_TABLE", table.name)
    monkeypatch.setenv("OUTBOX_LETTERS_QUEUE", urls["letters"])
    monkeypatch.setenv("DLQ_OUTBOX_RELAY", urls["relay-dlq"])
    for service in ("dynamodb", "sqs"):
        monkeypatch.setattr(aws, service, lambda service=service: aws_client(service))
    return sqs


@pytest.fixture
def api(sqs: Any) -> Iterator[Any]:
    with Client(composition.app, stage_name="backroom", project_dir=str(ROOT)) as client:
        yield client.http


@pytest.fixture
def store(table: Table) -> EffectStore:
    return EffectStore(table)


def ask(table: Table, effect_id: str, *, kind: str = "letters", minutes: int = 0) -> EffectRow:
    then = THEN + timedelta(minutes=minutes)
    table.transact(Outbox(table, now=lambda: then).adding(Effect(effect_id, kind, {"to": "mars"})))
    kept = EffectStore(table).get(effect_id)
    assert kept
    return kept


def dead(table: Table, effect_id: str, **told: Any) -> EffectRow:
    kept = ask(table, effect_id, **told)
    return EffectStore(table).change(kept, closed(kept, Ending("dead", answer="400"), THEN))


def found(answer: HTTPResponse, status: int = 200) -> Any:
    assert answer.status_code == status, answer.body
    return json.loads(answer.body)


def show(api: Any, effect_id: str) -> Any:
    return found(api.get(f"/outbox/effect?{urlencode({'id': effect_id})}"))


def retry(api: Any, effect_id: str) -> HTTPResponse:
    answer: HTTPResponse = api.post(
        "/outbox/retry",
        headers={"Content-Type": "application/json"},
        body=json.dumps({"id": effect_id}).encode(),
    )
    return answer


def messages(sqs: Any, name: str = "letters") -> list[str]:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in got]


# --- looking --------------------------------------------------------------------------------------


def test_effects_are_listed_page_by_page(api: Any, table: Table) -> None:
    for minutes in range(5):
        ask(table, f"e{minutes}", minutes=minutes)
    dead(table, "bad", minutes=9)

    seen, path = [], "/outbox?limit=2"
    while path:
        answer = api.get(path)
        seen += [row["id"] for row in found(answer)]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert seen == ["bad", "e4", "e3", "e2", "e1", "e0"]
    assert [row["id"] for row in found(api.get("/outbox?state=dead&kind=letters"))] == ["bad"]
    assert found(api.get("/outbox?kind=parcels")) == []


def test_the_shards_of_a_list_are_read_side_by_side(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All eight queries of a state have to be on their way before the first one is answered."""
    together, plain = threading.Barrier(rows.SHARDS, timeout=10), Table.indexed

    def indexed(self: Table, *told: Any, **requested: Any) -> Any:
        together.wait()
        yield from plain(self, *told, **requested)

    monkeypatch.setattr(Table, "indexed", indexed)
    dead(table, "bad", minutes=9)

    found, more = EffectIndex(table).page(state="dead", kind=None, before=None, limit=50, now=THEN)

    assert ([each.effect.id for each in found], more) == (["bad"], None)


def test_the_next_page_asks_for_the_same(api: Any, table: Table) -> None:
    for minutes in range(3):
        dead(table, f"e{minutes}", minutes=minutes)

    link = api.get("/outbox?state=dead&kind=letters&limit=1").headers["Link"]

    query = parse_qs(urlsplit(link.partition(">")[0].removeprefix("<")).query)
    assert (query["state"], query["kind"], query["limit"]) == (["dead"], ["letters"], ["1"])


def sealed(place: str) -> str:
    return cursors.write(_EFFECTS._seal(EffectsQuery(), {}, [place]), [place])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("state=odd&kind=Letters&limit=0", {"state", "kind", "limit"}),
        ("limit=201", {"limit"}),
        ("limit=x", {"limit"}),
        ("state=dead&state=done", {"state"}),
        ("cursor=abc", {"cursor"}),
        ("cursor=WyJvdGhlciIsICJ4Il0", {"cursor"}),
        ("cursor=", {"cursor"}),
        *((f"cursor={sealed(odd)}", {"cursor"}) for odd in ("", "\0", "\ud800")),
    ],
)
def test_every_fault_of_a_query_is_named(api: Any, query: str, fields: set[str]) -> None:
    problem = found(api.get(f"/outbox?{query}"), 400)

    assert {error["field"] for error in problem["errors"]} == fields


def test_an_effect_is_shown_whole(api: Any, table: Table, store: EffectStore) -> None:
    ask(table, "jira#batch#1")
    store.pause(Pause("letters", "paused", THEN, "401", THEN))

    shown = show(api, "jira#batch#1")

    assert (shown["state"], shown["attempts"], shown["payload"]) == ("pending", 0, {"to": "mars"})
    assert shown["stands_still"] == "paused: 401"
    assert (
        found(api.get("/outbox/effect?id=nothing"), 404)["detail"] == "There is no effect nothing."
    )
    assert found(api.get("/outbox/effect"), 400)["errors"][0]["field"] == "id"
    assert found(api.get("/outbox/effect?id="), 400)


def test_kinds_are_listed_with_why_they_are_paused(api: Any, store: EffectStore) -> None:
    store.pause(Pause("parcels", "disabled", THEN, "no credentials are set", THEN))

    first, second = found(api.get("/outbox/kinds"))

    assert first == {"kind": "letters", "state": "working"}
    assert (second["kind"], second["state"]) == ("parcels", "disabled")
    assert second["reason"] == "no credentials are set"


# --- trying again ---------------------------------------------------------------------------------


def test_a_dead_effect_gets_its_patience_anew(api: Any, table: Table, sqs: Any) -> None:
    dead(table, "bad")

    tried = found(retry(api, "bad"))

    assert (tried["state"], tried["attempts"], tried["last_error"]) == ("pending", 0, "400")
    assert "answer" not in tried
    assert "concluded_at" not in tried
    assert messages(sqs) == ['{"effect_id": "bad"}']
    kept = EffectStore(table).get("bad")
    assert kept is not None
    assert kept.since > THEN
    assert kept.wake_at is not None


def test_a_dead_effect_that_may_be_done_is_looked_up_first(
    api: Any, table: Table, store: EffectStore
) -> None:
    kept = ask(table, "doubt")
    doubtful = replace(kept, unsure_at=THEN)
    store.change(kept, closed(doubtful, Ending("dead", answer="?"), THEN))

    assert found(retry(api, "doubt"))["state"] == "unsure"


def test_a_kind_that_is_paused_is_tried_at_once(api: Any, table: Table, store: EffectStore) -> None:
    ask(table, "a")
    far = datetime(2142, 1, 1, tzinfo=UTC)
    store.pause(Pause("letters", "paused", THEN, "401", far))

    found(retry(api, "a"))

    assert store.pauses()["letters"].probe_at < far


def test_what_cannot_be_tried_is_refused_and_left_as_it_is(
    api: Any, table: Table, store: EffectStore, sqs: Any
) -> None:
    kept = ask(table, "done")
    done = store.change(kept, closed(kept, Ending("done", "r"), THEN))
    kept = ask(table, "busy")
    far = datetime(2142, 1, 1, tzinfo=UTC)
    busy = store.change(kept, replace(kept, state="sending", token="t", lease_until=far))
    table.put({**key(*place("odd")), "kind": {"S": "letters"}})

    assert "done twice" in found(retry(api, "done"), 409)["detail"]
    assert "A worker is at busy" in found(retry(api, "busy"), 409)["detail"]
    assert "cannot be read" in found(retry(api, "odd"), 422)["detail"]
    assert found(retry(api, "nothing"), 404)
    assert found(retry(api, "a b"), 400)["errors"][0]["field"] == "id"
    assert (store.get("done"), store.get("busy")) == (done, busy)
    assert messages(sqs) == []


def test_what_has_no_queue_is_left_to_the_sweeper(api: Any, table: Table, sqs: Any) -> None:
    dead(table, "p", kind="parcels")

    assert found(retry(api, "p"))["state"] == "pending"
    assert messages(sqs) == []


# --- dead letters ---------------------------------------------------------------------------------


def bury(sqs: Any, *bodies: str, name: str = "letters-dlq") -> None:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    for body in bodies:
        sqs.send_message(
            QueueUrl=url,
            MessageBody=body,
            MessageAttributes={"trace": {"DataType": "String", "StringValue": "x"}},
        )


def test_dead_letters_are_shown_and_stay(api: Any, sqs: Any) -> None:
    bury(sqs, "x" * 1_000)

    for _ in range(2):
        letters, relay = found(api.get("/dlq"))
        assert (letters["queue"], letters["depth"]) == ("outbox-letters", 1)
        assert letters["letters"][0]["body"] == "x" * 300
        assert relay == {"queue": "outbox-relay", "depth": 0, "redrivable": False, "letters": []}


def test_dead_letters_come_with_the_load_of_their_queue(api: Any, sqs: Any) -> None:
    bury(sqs, "a", "b", "c", name="letters")
    sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="letters")["QueueUrl"])

    letters, _ = found(api.get("/dlq"))

    assert (letters["waiting"], letters["in_process"], letters["depth"]) == (2, 1, 0)


def test_dead_letters_are_sent_back_whole(api: Any, sqs: Any) -> None:
    bury(sqs, *(str(number) for number in range(23)))

    redriven = found(api.post("/dlq/outbox-letters/redrive"))

    assert redriven == {"queue": "outbox-letters", "moved": 23, "left": 0}
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert got[0]["MessageAttributes"]["trace"]["StringValue"] == "x"
    assert found(api.post("/dlq/outbox-letters/redrive"))["moved"] == 0


def test_a_dead_letter_that_cannot_be_sent_stays(
    api: Any, sqs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(sqs, "a", "b")
    send, sent = sqs.send_message, list[Any]()

    def fails(**told: Any) -> Any:
        if sent:
            raise sqs.exceptions.QueueDoesNotExist({"Error": {"Code": "ServiceUnavailable"}}, "")
        sent.append(told)
        return send(**told)

    monkeypatch.setattr(sqs, "send_message", fails)

    assert found(api.post("/dlq/outbox-letters/redrive"), 503)
    assert found(api.get("/dlq"))[0]["depth"] == 1, "one was sent and deleted, the other is here"


def test_what_cannot_be_sent_back_is_refused(api: Any, sqs: Any) -> None:
    bury(sqs, "a", name="relay-dlq")

    assert "nowhere to send" in found(api.post("/dlq/outbox-relay/redrive"), 409)["detail"]
    assert "there are outbox-letters" in found(api.post("/dlq/odd/redrive"), 404)["detail"]
    assert found(api.get("/dlq"))[1]["depth"] == 1


# --- schedules ------------------------------------------------------------------------------------


def test_schedules_are_listed_with_their_last_run(api: Any, table: Table) -> None:
    late = datetime.now(UTC) - timedelta(hours=2)
    for at in (THEN, late):
        Schedules(table, now=partial(datetime.fromtimestamp, at.timestamp(), UTC)).ran(
            "outbox_sweeper"
        )

    views = {each.pop("name"): each for each in found(api.get("/schedules"))}

    assert sorted(views) == sorted(EVERY)
    ran_at = datetime.fromisoformat(views["outbox_sweeper"].pop("ran_at"))
    assert (ran_at, views["outbox_sweeper"]) == (late, {"every_s": 300, "overdue": True})
    assert views["bakery_daily_batch"] == {"every_s": 86_400, "overdue": False}
    assert found(api.get("/outbox")) == []


def test_a_run_that_cannot_be_entered_ends_well(table: Table) -> None:
    Schedules(Table(table._client, "no-such-table"), now=lambda: THEN).ran("outbox_sweeper")

    assert Schedules(table, now=lambda: THEN).last() == {}

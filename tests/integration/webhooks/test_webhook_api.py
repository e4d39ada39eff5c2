"""Events and subscriptions over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.facts import Fact
from chalicelib.webhooks.models import KINDS
from chalicelib.webhooks.wiring import recording
from tests.support.api import Api
from tests.support.webhooks.house import NOON, Told

URL = "https://hooks.example.com/"


@pytest.fixture
def made(api: Api) -> Any:
    answer = api.post("/subscriptions", {"url": URL, "kinds": ["entry.posted"]})
    assert answer.status == 201, answer.body
    yield answer
    api.delete(f"/subscriptions/{answer.json['id']}")


def test_the_secret_is_shown_once(api: Api, made: Any) -> None:
    subscription = made.json
    assert subscription["secret"].startswith("whsec_")
    assert made.headers["Location"] == f"/subscriptions/{subscription['id']}"

    shown = api.get(made.headers["Location"])
    [listed] = api.get("/subscriptions").json
    told = {name: value for name, value in subscription.items() if name != "secret"}
    assert shown.json == listed == told
    assert told["kinds"] == ["entry.posted"]

    rotated = api.post(f"{made.headers['Location']}/secret", {"overlap_hours": 2}).json
    assert rotated["secret"] != subscription["secret"]
    assert "old_secret_until" in api.get(made.headers["Location"]).json
    assert b"whsec_" not in api.get(made.headers["Location"]).body


def test_a_subscription_is_changed_and_deleted(api: Api, made: Any) -> None:
    path = made.headers["Location"]

    changed = api.send("PATCH", path, {"kinds": None, "description": "books", "active": False})
    assert (changed.status, changed.json["kinds"]) == (200, list(KINDS))
    assert (changed.json["description"], changed.json["active"]) == ("books", False)
    assert api.post(f"{path}/test").status == 409
    assert api.delete(path).status == 204
    assert api.get(path).status == 404
    assert api.delete(path).status == 404


def test_subscriptions_come_in_pages(api: Api) -> None:
    ids = {api.post("/subscriptions", {"url": f"{URL}{number}"}).json["id"] for number in range(5)}

    seen: list[str] = []
    path = "/subscriptions?limit=2"
    while path:
        answer = api.get(path)
        seen += [each["id"] for each in answer.json]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert seen == sorted(ids)
    for each in ids:
        api.delete(f"/subscriptions/{each}")


def test_a_url_that_is_subscribed_already_is_a_conflict(api: Api, made: Any) -> None:
    again = api.post("/subscriptions", {"url": URL})

    assert (again.status, again.json["subscription"]) == (409, made.json["id"])


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"body.url": "is required"}),
        ({"url": "http://example.com/"}, {"body.url": "must begin with https://"}),
        ({"url": "https://10.0.0.1/"}, {"body.url": "must be a host of the public internet"}),
        ({"url": URL, "kinds": []}, {"body.kinds": "must have 1 or more of them"}),
        ({"url": URL, "kind": "x"}, {"body.kind": "unknown field; did you mean kinds?"}),
    ],
)
def test_every_fault_of_a_subscription_is_named(
    api: Api, body: dict[str, Any], faults: dict[str, str]
) -> None:
    assert api.post("/subscriptions", body).faults == faults


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_id": "evt_1"},
        {"event_id": "evt_1795939200000000", "since": "2026-11-29T00:00:00Z"},
        {"event_id": "evt_1795939200000000", "until": "2026-11-29T00:00:00Z"},
        {"since": "yesterday"},
    ],
    ids=str,
)
def test_a_replay_is_of_one_event_or_since_a_time(api: Api, made: Any, body: Any) -> None:
    assert api.post(f"{made.headers['Location']}/replay", body).faults


def test_events_in_pages_alone_and_delivered_again(api: Api, made: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("chalicelib.webhooks.store.log._SETTLED", timedelta(0))
    facts = [Fact("entry.posted", f"transactions/{n}", NOON, Told()) for n in range(5)]
    recording().record([*facts, Fact("order.changed", "orders/1", NOON, Told(), "1")])

    answer = api.get("/events", kind="entry.posted", limit=2)
    seen = answer.json
    while link := answer.headers.get("Link", "").partition(">")[0].removeprefix("<"):
        answer = api.get(link)
        seen += answer.json

    ids = [each["id"] for each in seen]
    assert [each["subject"] for each in seen] == [f"transactions/{n}" for n in range(5)]
    assert api.get(f"/events/{ids[2]}").json == seen[2]
    assert api.get("/events/evt_0000000000000001").status == 404
    assert next(each["id"] for each in api.get("/events", after=ids[3]).json) == ids[4]
    [about] = api.get("/events", subject="orders/1").json
    assert about["type"] == "order.changed"

    delivery = api.get(f"{made.headers['Location']}/deliveries/{ids[0]}").json
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    assert api.get(f"{made.headers['Location']}/deliveries/{about['id']}").status == 404
    replay = f"{made.headers['Location']}/replay"
    assert api.post(replay, {"event_id": ids[0]}).json == {"events": 1}
    since = {"since": "2026-01-01T00:00:00Z"}
    assert api.post(replay, since).json == {"events": 5}
    test = api.post(f"{made.headers['Location']}/test")
    assert test.status == 202
    path = f"{made.headers['Location']}/deliveries/{test.json['event_id']}"
    assert api.get(path).json["state"] == "pending"
    waiting = api.get("/outbox", kind="webhook", limit=100).json
    assert len(waiting) == 5 + 1 + 5 + 1

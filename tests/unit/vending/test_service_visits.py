"""Service visits over HTTP: what was filled in and taken out, and what follows from it."""

from typing import Any

import pytest

from chalicelib.vending.models import ClosingBody
from chalicelib.vending.service.verdicts import Verdicts
from tests.support.api import Api
from tests.support.stage import Killed
from tests.support.vending.world import World, log

AT = "2020-02-01T06:00:00Z"


@pytest.fixture
def filled(api: Api) -> Api:
    """An API whose GM001 holds 50 gumballs and is full."""
    assert api.put("/machines/GM001", {"technician": "T0001", "capacity": 50}).status == 200
    assert visit(api, full=True).status == 201
    return api


def killed(*_: object, **__: object) -> None:
    raise Killed


def visit(api: Api, at: str = AT, **done: Any) -> Any:
    return api.post("/machines/GM001/visits", {"at": at, **done})


def test_a_visit_is_reported_once_however_often_it_is_sent(api: Api) -> None:
    first, again = visit(api, filled=30, cash_cents=500), visit(api, filled=30, cash_cents=500)

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert visit(api, filled=31).status == 409, "another visit at the same time"
    assert api.get("/machines/GM001/visits").json == [first.json]


def test_the_stock_follows_a_visit_at_once_and_is_on_machine_and_worklist(
    filled: Api, world: World
) -> None:
    world.take_import(log("GM001", *[1] * 20))
    world.settle()

    machine = filled.get("/machines/GM001").json
    assert (machine["stock"]["capacity"], machine["stock"]["left"]) == (50, 30)
    assert machine["capacity"] == 50


def test_nothing_is_said_of_a_stock_that_is_not_known(api: Api, world: World) -> None:
    world.take_import(log("GM001", *[1] * 20))
    world.settle()

    assert "stock" not in api.get("/machines/GM001").json
    assert visit(api, cash_cents=100).status == 201
    assert "stock" not in api.get("/machines/GM001").json


def test_closing_a_dispatch_reports_the_visit_with_it(filled: Api) -> None:
    sent = filled.post("/dispatches", {"machine": "GM001"}).json["id"]

    closed = filled.post(f"/dispatches/{sent}/close", {"note": "done", "cash_cents": 1_225})

    assert closed.status == 200
    [latest, _] = filled.get("/machines/GM001/visits").json
    assert (latest["cash_cents"], latest["dispatch"]) == (1_225, sent)
    filled.post(f"/dispatches/{sent}/close", {"note": "again", "cash_cents": 1_225})
    assert len(filled.get("/machines/GM001/visits").json) == 2, "closed again is one visit"


def test_who_dies_before_the_verdict_leaves_it_to_the_next_look_at_the_fleet(
    filled: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take_import(log("GM001", *[1] * 20))
    world.settle()
    sent = filled.post("/dispatches", {"machine": "GM001"}).json["id"]
    with monkeypatch.context() as dying:
        dying.setattr(Verdicts, "judge", killed)
        with pytest.raises(Killed):
            world.vending.dispatching.close(sent, ClosingBody(full=True))
    assert filled.get("/machines/GM001").json["stock"]["left"] == 30

    world.vending.verdicts.look_at_notes()

    assert filled.get("/machines/GM001").json["stock"]["left"] == 50


def test_a_dispatch_stays_open_when_its_machine_has_another_visit_at_that_time(
    filled: Api, world: World
) -> None:
    now = world.clock().isoformat()
    assert visit(filled, now, filled=3).status == 201
    sent = filled.post("/dispatches", {"machine": "GM001"}).json["id"]

    refused = filled.post(f"/dispatches/{sent}/close", {"full": True})

    assert refused.status == 409
    assert filled.get(f"/dispatches/{sent}").json["state"] == "open"
    world.clock.forward(seconds=1)
    assert filled.post(f"/dispatches/{sent}/close", {"full": True}).status == 200


def test_visits_come_in_pages_newest_first(api: Api) -> None:
    for day in (1, 2, 3):
        visit(api, f"2020-02-0{day}T06:00:00Z", filled=day)

    first = api.get("/machines/GM001/visits", limit=2)
    rest = api.raw("GET", first.headers["Link"].split(">")[0][1:], {}, b"")

    assert [each["filled"] for each in [*first.json, *rest.json]] == [3, 2, 1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.at"),
        ({"at": AT}, "body.(body)"),
        ({"at": "2020-02-01T06:00:00", "full": True}, "body.at"),
        ({"at": "2120-02-01T06:00:00Z", "full": True}, "body.at"),
        ({"at": AT, "filled": -1}, "body.filled"),
        ({"at": AT, "cash_cents": 1.5}, "body.cash_cents"),
        ({"at": AT, "gumballs": 3}, "body.(body)"),
    ],
)
def test_a_visit_that_cannot_be_is_refused_and_not_stored(
    api: Api, body: dict[str, Any], field: str
) -> None:
    assert field in api.post("/machines/GM001/visits", body).faults
    assert api.get("/machines/GM001/visits").json == []


def test_a_visit_to_an_unknown_machine_is_404(api: Api) -> None:
    assert api.post("/machines/GM999/visits", {"at": AT, "full": True}).status == 404


@pytest.mark.parametrize("capacity", [0, -5, 100_001, "many"])
def test_a_capacity_that_no_machine_has_is_refused(api: Api, capacity: object) -> None:
    assert "body.capacity" in api.put("/machines/GM001", {"capacity": capacity}).faults

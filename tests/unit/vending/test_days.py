"""A machine's local days: what it sold by the hour, and who was there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.vending.models import ClosingBody, DispatchBody, ServiceBody
from tests.support.api import Api
from tests.support.vending.world import World, log

THREE_DAYS = log("GM001", *[1] * 60)  # from 2020-02-20 08:00 UTC on, hourly


def days(api: Api, **asked: str) -> dict[str, dict[str, Any]]:
    """Return what is told of GM001 by day."""
    query = "&".join(f"{name.rstrip('_')}={value}" for name, value in asked.items())
    return {each["day"]: each for each in api.get(f"/machines/GM001/days?{query}").json}


def test_hours_say_what_was_sold_and_whether_the_log_would_show_it(api: Api, world: World) -> None:
    world.upload(THREE_DAYS)
    world.settle()

    found = days(api)

    assert sum(each["sales"] for each in found.values()) == 60
    for each in found.values():
        assert sum(each["sales_by_hour"]) == each["sales"]
        assert sum(each["covered_by_hour"]) == each["covered_hours"]
        assert len(each["covered_by_hour"]) == len(each["sales_by_hour"]) == 24


def test_dispatches_and_reported_visits_stand_on_their_local_day(api: Api, world: World) -> None:
    world.upload(THREE_DAYS)
    world.settle()
    first, _ = world.vending.dispatching.open(DispatchBody(machine="GM001", note="look"))
    world.vending.dispatching.close(first.id, ClosingBody())
    world.clock.forward(days=2)
    second, _ = world.vending.dispatching.open(DispatchBody(machine="GM001"))
    world.vending.dispatching.open(DispatchBody(machine="GM002"))
    an_hour_ago = f"{world.clock() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    report = ServiceBody.model_validate({"at": an_hour_ago, "filled": 200})
    world.vending.visiting.report("GM001", report)

    start = world.clock() - timedelta(days=10)
    found = days(api, from_=f"{start:%Y-%m-%d}", to=f"{world.clock():%Y-%m-%d}")

    sent = [(day, each["id"]) for day, told in found.items() for each in told["dispatches"]]
    assert [number for _, number in sent] == [first.id, second.id]
    assert sent[0][0] < sent[1][0]
    [note] = [each["note"] for each in found[sent[0][0]]["dispatches"]]
    assert note == "look"
    reported = [each["filled"] for told in found.values() for each in told["service_visits"]]
    assert reported == [200]


def test_dispatches_from_before_0_2_0_are_found_after_a_rebuild(api: Api, world: World) -> None:
    dispatch, _ = world.vending.dispatching.open(DispatchBody(machine="GM001"))
    world.vending.dispatching.close(dispatch.id, ClosingBody())
    table = world.ports.dispatches._table  # type: ignore[attr-defined]
    table.delete("DISPATCHES#GM001", f"{dispatch.id:010d}")
    today = f"{world.clock():%Y-%m-%d}"
    assert not days(api, to=today)[today]["dispatches"]

    world.vending.rebuilding.begin()
    world.settle()

    assert [each["id"] for each in days(api, to=today)[today]["dispatches"]] == [dispatch.id]


@pytest.mark.parametrize("asked", ["to=9999-12-31", "from=0001-01-01", "from=9999-12-31"])
def test_days_that_no_clock_of_a_machine_shows_are_refused(
    api: Api, world: World, asked: str
) -> None:
    world.upload(THREE_DAYS)
    world.settle()

    assert api.get(f"/machines/GM001/days?{asked}").faults.keys() == {f"query.{asked[:-11]}"}


def test_a_machine_tells_its_last_thirty_days_of_sales(api: Api, world: World) -> None:
    world.upload(THREE_DAYS)
    world.settle()

    told = api.get("/machines/GM001").json["daily_sales"]

    assert told["last"] == api.get("/machines/GM001").json["last_at"][:10]
    assert len(told["sales"]) == 30
    assert sum(told["sales"]) == 60
    by_day = {day: each["sales"] for day, each in days(api).items()}
    assert told["sales"] == list(by_day.values())[-30:]
    assert datetime.fromisoformat(told["last"]).replace(tzinfo=UTC) < world.clock()

"""Lists of machines in pages (issue: fleets of any size), and the sums beside them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import count, pairwise
from typing import Any, get_args

import pytest

from chalicelib.core import paging, shards
from chalicelib.core.errors import NotFoundError
from chalicelib.core.totals import Total
from chalicelib.vending import ports
from chalicelib.vending.models import (
    DispatchBody,
    MachineBody,
    MachinesQuery,
    MachineState,
    MachineView,
    SiteBody,
    Totals,
    WorkItem,
)
from chalicelib.vending.ports import SHARDS, RegionMonth, Round
from chalicelib.vending.service import fleet as service
from chalicelib.vending.service.verdicts import Verdicts
from tests.support.api import Api
from tests.support.stage import Killed
from tests.support.vending.conclusions import conclusions, of_older_epochs, stored
from tests.support.vending.world import WHEN, Fuse, When, World, log, with_fuse

_FIGURES = set(Totals.model_fields) - {"machines"}
_GUMBALLS = ([0] * 20, [1] * 20, [1] * 17 + [2] * 3)


@pytest.fixture(name="fleet")
def _fleet(world: World) -> World:
    """A dozen machines of two sites and two technicians: dead, healthy, wasteful in turn."""
    world.open_site("harbour", "UTC")
    for number in range(12):
        serial, at = f"GM1{number:02d}", ("prairie", "harbour")[number % 2]
        technician = f"T000{1 + number % 3 // 2}"
        world.employ(technician, serial, site=at)
        world.upload(log(serial, *_GUMBALLS[number % 3]), serial, technician)
    world.settle()
    return world


def pages(world: World, **asked: Any) -> list[str]:
    """Return all machines that are asked for, read two at a time."""
    found: list[str] = []
    query, after = MachinesQuery(limit=2, **asked), None
    while True:
        page = world.vending.fleet.machines(query, after)
        assert 0 < len(page.rows) <= 2 or not found
        found += [each.serial for each in page.rows]
        after = page.next
        if after is None:
            return found


def test_pages_are_the_list_cut_in_pieces(fleet: World) -> None:
    assert pages(fleet) == [each.serial for each in fleet.machines()]
    assert len(pages(fleet)) == len(set(pages(fleet))) == 15


@pytest.mark.parametrize(
    "asked",
    [
        {"site": "harbour"},
        {"technician": "T0002"},
        {"state": "out_of_service"},
        {"site": "prairie", "technician": "T0001", "state": "healthy"},
    ],
)
def test_filters_leave_what_they_name_in_the_same_order(
    fleet: World, asked: dict[str, str]
) -> None:
    wanted = [
        each.serial
        for each in fleet.machines()
        if all(getattr(each, name) == value for name, value in asked.items())
    ]

    assert wanted
    assert pages(fleet, **asked) == wanted


def test_13_3_a_page_looks_at_so_many_machines_and_goes_on(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 3)
    service, wanted = fleet.vending.fleet, MachinesQuery(state="healthy")

    first = service.machines(wanted)
    work = service.worklist(wanted)

    assert (first.rows, work.rows) == ([], [])
    assert first.next
    assert work.next
    found, page = list(first.rows), first
    while page.next:
        page = service.machines(wanted, page.next)
        found += page.rows
    monkeypatch.undo()
    assert found
    assert found == service.machines(wanted).rows


@pytest.mark.parametrize("days", [0, 1, 30], ids="{} days on".format)
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"site": "harbour"},
        {"technician": "T0001", "state": "healthy"},
        *({"state": state} for state in get_args(MachineState)),
    ],
)
def test_sums_are_those_of_all_pages(fleet: World, asked: dict[str, Any], days: int) -> None:
    """Days later machines that looked healthy are due, or no longer in service."""
    retired = MachineBody(site="prairie", retired=fleet.clock().date() + timedelta(days=10))
    fleet.vending.registry.put_machine("GM104", retired)
    fleet.settle()
    fleet.clock.forward(days=days)
    whole = fleet.vending.fleet.machines(MachinesQuery(**asked)).rows

    report, _ = fleet.vending.fleet.report(MachinesQuery(limit=1, **asked))

    assert (report.totals, report.totals_exact) == (sums(whole), True)
    assert fleet.vending.fleet.count_machines(MachinesQuery(**asked)) == Total(len(whole))


def test_a_machine_out_of_service_is_retired_with_the_night_after_its_last_day(
    fleet: World,
) -> None:
    serial = fleet.machines()[0].serial
    assert fleet.machine(serial).state == "out_of_service"
    last_day = MachineBody(site="prairie", retired=fleet.clock().date())
    fleet.vending.registry.put_machine(serial, last_day)
    fleet.settle()

    fleet.clock.forward(days=2)
    fleet.night_falls()

    for state in get_args(MachineState):
        wanted = MachinesQuery(state=state)
        listed = fleet.vending.fleet.machines(wanted).rows
        assert fleet.vending.fleet.report(wanted)[0].totals == sums(listed), state
    retired = fleet.vending.fleet.machines(MachinesQuery(state="retired")).rows
    assert [each.serial for each in retired] == [serial]


def sums(machines: Sequence[MachineView]) -> Totals:
    figures = {name: sum(getattr(each, name) for each in machines) for name in _FIGURES}
    return Totals(machines=len(machines), **figures)


def machines_read(fleet: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the serials of machines whose states are read from now on."""
    read: list[str] = []
    machines = fleet.ports.fleet.machines

    def reading(serials: Iterable[str]) -> Mapping[str, ports.MachineState]:
        wanted = list(serials)
        read.extend(wanted)
        return machines(wanted)

    monkeypatch.setattr(fleet.ports.fleet, "machines", reading)
    return read


def test_13_3_sums_read_so_many_machines_and_say_when_there_are_more(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.clock.forward(days=30)
    monkeypatch.setattr(service, "MOST_COUNTED", 5)
    read = machines_read(fleet, monkeypatch)
    found = {}
    for name, asked in {
        "all": {},
        "of a site": {"site": "prairie"},
        "due": {"state": "needs_attention"},
        "never due": {"state": "out_of_service"},
    }.items():
        read.clear()
        report, _ = fleet.vending.fleet.report(MachinesQuery(limit=1, **asked))
        found[name] = report.totals_exact, len(read)

    page = 2
    assert found == {
        "all": (True, page),
        "of a site": (False, page + 5 + 1),
        "due": (False, page + 5 + 1),
        "never due": (True, page),
    }


def test_what_nobody_knows_is_not_found(fleet: World) -> None:
    for asked in ({"site": "moon"}, {"technician": "T0404"}):
        with pytest.raises(NotFoundError, match="There is no"):
            pages(fleet, **asked)


def test_work_comes_in_pages_causes_first_then_visits(fleet: World) -> None:
    fleet.clock.forward(days=1)
    healthy = [each.serial for each in fleet.machines() if each.state == "healthy"]
    for serial in healthy[-2:]:
        fleet.vending.dispatching.open(DispatchBody(machine=serial))
    found: list[WorkItem] = []
    query, after = MachinesQuery(limit=3), None
    while True:
        page = fleet.vending.fleet.worklist(query, after)
        found += page.rows
        after = page.next
        if after is None:
            break

    assert found == list(fleet.worklist())
    causes = [bool(item.causes) for item in found]
    assert causes == sorted(causes, reverse=True)
    assert [item.machine for item in found if not item.causes] == sorted(healthy[-2:])


def test_v8_machines_become_work_by_time_alone(fleet: World) -> None:
    before = {item.machine for item in fleet.worklist()}
    fleet.clock.forward(days=30)

    after = {item.machine for item in fleet.worklist()}

    assert before < after == {each.serial for each in fleet.machines()}
    assert fleet.vending.fleet.overdue() == len(after)


def test_a_page_has_a_link_to_the_next_one_that_keeps_the_filters(fleet: World, api: Api) -> None:
    first = api.get("/machines", site="prairie", limit=2)
    link = first.headers["Link"]

    assert "site=prairie" in link
    path, _, query = link.removeprefix("<").partition(">")[0].partition("?")
    rest = api.get(path, **dict(part.split("=") for part in query.split("&")))
    assert [each["site"] for each in rest.json] == ["prairie"] * 2
    refused = api.get("/worklist", cursor=query.rpartition("cursor=")[2])
    assert refused.status == 400
    assert "Link" not in api.get("/fleet").headers


def test_a_site_that_moves_has_the_days_of_its_machines_moved(fleet: World) -> None:
    def days(zone: str) -> int:
        return sum(each.active for each in fleet.ports.rollups.counted(0, zone, "2020-02").values())

    assert (days("UTC"), days("Asia/Tokyo")) == (12, 0)
    fleet.vending.registry.put_site("harbour", SiteBody(name="Harbour", time_zone="Asia/Tokyo"))
    fleet.settle()

    assert days("UTC") == 0
    assert days("Asia/Tokyo") == 12


def test_no_machine_can_hold_up_another_one(world: World) -> None:
    """So many rows of one machine-day are counted, and not kept: its sensor is stuck."""
    mad = b"".join(log("GM001", *[1] * 3_000, hours=1 / 3_600) for _ in range(3))
    world.take_import(mad + log("GM002", *[0] * 20))
    world.settle()

    machine, other = world.machine("GM001"), world.machine("GM002")

    assert (machine.transactions, other.state) == (5_000, "out_of_service")
    [item] = [item for item in world.worklist() if item.machine == "GM001"]
    assert [cause.kind for cause in item.causes] == ["stuck_sensor"]
    [day] = [day for day in world.vending.calendar.days("GM001", None, None) if day.sales]
    assert (day.sales, day.beyond) == (5_000, 4_000)


# --- days ---------------------------------------------------------------------------------------


def test_days_are_local_ones_with_sales_faults_refused_lines_and_visits(world: World) -> None:
    world.upload(log("GM001", 0, 1, 1, 2) + b"junk\n", at="2020-02-21T08:00:00")
    world.settle()

    found = {str(day.day): day for day in world.vending.calendar.days("GM001", None, None)}

    day = found["2020-02-20"]
    assert (len(found), day.time_zone, day.sales) == (90, "America/Chicago", 4)
    assert (day.sales_by_hour[2:6], day.covered_hours) == ((1, 1, 1, 1), 3)
    assert (day.under, day.over) == (1, 1)
    assert found["2020-02-19"].sales == 0
    late = world.vending.calendar.days("GM001", day.day + timedelta(1), day.day + timedelta(1))
    assert [(each.refused_lines, [visit.technician for visit in each.visits]) for each in late] == [
        (1, ["T0001"])
    ]


def test_days_show_their_silences_with_the_verdict(world: World) -> None:
    world.upload(
        log("GM001", *[1] * 100, first="2020-02-01T08:00:00")
        + log("GM001", *[1] * 50, first="2020-02-20T08:00:00"),
        at="2020-02-22T06:00:00",
    )
    world.settle()

    verdict = next(v for v in world.machine("GM001").verdicts if v.kind == "lost_log")
    found = world.vending.calendar.days("GM001", None, None)
    every = [silence for day in found for silence in day.silences]
    silences = [each for each in every if verdict.to and each.to <= verdict.to]

    assert (silences[0].from_, silences[-1].to) == (verdict.from_, verdict.to)
    assert {silence.kind for silence in every} == {"lost_log"}
    assert all(a.to == b.from_ for a, b in pairwise(silences))


def test_at_most_a_year_of_days_is_shown(world: World, api: Api) -> None:
    world.settle()
    answer = api.get("/machines/GM001/days", **{"from": "2019-01-01", "to": "2020-01-01"})
    assert (answer.status, len(answer.json)) == (200, 366)

    for span in (
        {"from": "2018-01-01", "to": "2020-01-01"},
        {"from": "2020-01-02", "to": "2020-01-01"},
    ):
        refused = api.get("/machines/GM001/days", **span)
        assert refused.status == 400
        assert refused.json["errors"][0]["field"] == "to"
    assert api.get("/machines/GM404/days").status == 404


# --- rebuilding ---------------------------------------------------------------------------------


def test_a_rebuild_says_how_far_it_is_and_ends_in_the_same_state(fleet: World, api: Api) -> None:
    before = fleet.picture()
    assert api.get("/fleet/rebuild").json["state"] == "done"

    begun = api.post("/fleet/rebuild")

    assert (begun.status, begun.json["state"], begun.json["epoch"]) == (202, "running", 1)
    fleet.look_at_the_fleet()
    assert api.get("/fleet/rebuild").json["state"] == "running"
    assert fleet.fleet().up_to_date is False
    fleet.settle()
    ended = api.get("/fleet/rebuild").json
    assert (ended["state"], ended["machines"], ended["parts_done"]) == ("done", 15, 4)
    assert fleet.picture() == before


def test_what_was_concluded_before_a_rebuild_is_deleted_after_it(fleet: World) -> None:
    for _ in range(2):
        fleet.vending.rebuilding.begin()
        fleet.settle()

    assert of_older_epochs(fleet.ports) == []


@pytest.mark.parametrize("when", WHEN)
def test_a_rebuild_that_dies_at_any_write_is_finished_and_leaves_nothing_behind(
    fleet: World, when: When
) -> None:
    expected = conclusions(fleet.ports)
    deaths = 0
    for number in count(1, 17):
        fuse = Fuse(number, when)
        fuse.lit = True
        dying = with_fuse(fleet, fuse)
        try:
            dying.vending.rebuilding.begin()
            dying.settle()
        except Killed:
            deaths += 1
            fleet.queues.fleet.clear()  # the message is lost, too
        fleet.night_falls()
        fleet.night_falls()
        assert conclusions(fleet.ports) == expected, f"died {when} write {number}"
        assert of_older_epochs(fleet.ports) == [], f"died {when} write {number}"
        if not fuse.burnt:
            break
    assert deaths > 3


def test_what_a_writer_adds_to_an_older_epoch_is_deleted_by_the_next_rebuild(fleet: World) -> None:
    fleet.vending.rebuilding.begin()
    fleet.settle()
    fleet.ports.rollups.put_region_month(0, "UTC", "2020-02", RegionMonth(), over=None)
    assert of_older_epochs(fleet.ports) != []

    fleet.vending.rebuilding.begin()
    fleet.settle()

    assert of_older_epochs(fleet.ports) == []


def test_a_stage_without_conclusions_gets_them_by_a_rebuild(fleet: World) -> None:
    before, expected = fleet.picture(), conclusions(fleet.ports)
    for pk, held in list(stored(fleet.ports).items()):
        kind = pk.partition("#")[0]
        gone = [sk for sk in held if sk == "STATE" or sk.startswith("MONTH#")]
        if kind in {"COUNTS", "REGION", "GAPS", "ALL", "SITE", "TECHNICIAN", "TOTALS", "SERIALS"}:
            gone = list(held)
        for sk in gone:
            fleet.ports.rollups._table.delete(pk, sk)  # type: ignore[attr-defined]
    assert fleet.machines() == []

    fleet.vending.rebuilding.begin()
    fleet.settle()

    assert fleet.picture() == before
    assert conclusions(fleet.ports) == expected


# --- machines that fail -------------------------------------------------------------------------


def test_a_machine_that_cannot_be_judged_holds_up_no_other_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Verdicts._judge_once

    def odd(self: Verdicts, serial: str, *told: Any) -> None:
        if serial == "GM001":
            raise RuntimeError("odd")
        once(self, serial, *told)

    world.settle()
    with monkeypatch.context() as patched:
        patched.setattr(Verdicts, "_judge_once", odd)
        world.take_import(log("GM001", *[0] * 20) + log("GM002", *[0] * 20))
        with pytest.raises(RuntimeError):
            world.deliver()
        world.vending.verdicts.go_round(Round(shard=shards.of("GM001", SHARDS)))
        with pytest.raises(RuntimeError):
            world.vending.verdicts.look_at_notes()
        assert world.machine("GM002").state == "out_of_service"

    world.settle()
    assert world.machine("GM001").state == "out_of_service"
    assert world.fleet().up_to_date

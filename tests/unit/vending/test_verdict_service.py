"""Judging machines and the fleet, and saying what there is to do (V6, V8).

What the rules find is told in `test_anomalies` and `test_reports`; here it is told of whom, when
and how often they are asked.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.errors import NotFoundError, UnavailableError
from chalicelib.vending.models import DispatchBody, MachineView
from chalicelib.vending.ports import Fleet, MachineState, StaleSummaryError
from chalicelib.vending.service.verdicts import Verdicts
from tests.support.vending.world import World, log

HEALTHY = log("GM002", *[1] * 20)
DEAD = log("GM001", *[0] * 20)
WASTEFUL = log("GM003", *[1] * 17, 2, 2, 2)


@pytest.fixture(name="fleet")
def _fleet(world: World) -> World:
    """A dead machine, a healthy one, and a wasteful one."""
    world.upload(DEAD, "GM001", "T0001")
    world.upload(HEALTHY, "GM002", "T0001")
    world.upload(WASTEFUL, "GM003", "T0002")
    world.settle()
    return world


# --- what the dispatcher sees -------------------------------------------------------------------


def test_v6_the_fleet_is_shown_most_urgent_first_with_evidence(fleet: World) -> None:
    report = fleet.fleet()

    assert [(each.serial, each.state) for each in report.machines] == [
        ("GM001", "out_of_service"),
        ("GM003", "degraded"),
        ("GM002", "healthy"),
    ]
    [dead], [wasteful], nothing = (each.verdicts for each in report.machines)
    assert (dead.kind, dead.faults, dead.rate) == ("under", 20, 1.0)
    assert dead.parts == ("dispensing mechanism", "dispense sensor")
    assert (wasteful.kind, wasteful.faults, wasteful.rate) == ("over", 3, 0.15)
    assert nothing == ()


def test_v6_the_money_that_went_wrong_is_added_up(fleet: World) -> None:
    totals = fleet.fleet().totals

    assert (totals.machines, totals.transactions, totals.credits_cents) == (3, 60, 1_500)
    assert (totals.unserved_cents, totals.given_away_cents) == (500, 75)


def test_v6_a_machine_shows_the_same_as_the_fleet_and_its_place(fleet: World) -> None:
    of_fleet = fleet.fleet().machines[0]

    alone = fleet.machine("GM001")

    assert dict(of_fleet).items() <= dict(alone).items()
    assert (alone.site, alone.technician) == ("prairie", "T0001")
    assert alone.registered_at == fleet.clock()
    assert alone in fleet.machines()


def test_an_unknown_machine_is_not_found(fleet: World) -> None:
    with pytest.raises(NotFoundError, match="There is no machine GM404"):
        fleet.machine("GM404")


def test_a_machine_that_only_files_know_is_shown_too(fleet: World) -> None:
    fleet.take_import(log("GM777", 1, 1))
    fleet.settle()

    stranger = fleet.machine("GM777")

    assert (stranger.transactions, stranger.technician, stranger.registered_at) == (2, None, None)
    assert stranger.due_at == datetime(2020, 3, 5, 9, tzinfo=UTC)


# --- the worklist -------------------------------------------------------------------------------


def test_v6_the_worklist_says_where_to_go_why_and_what_to_carry(fleet: World) -> None:
    first, second = fleet.worklist()

    assert (first.machine, first.site, first.technician) == ("GM001", "prairie", "T0001")
    [cause] = first.causes
    assert cause.kind == "under"
    assert "20 of 20 credits gave no gumball" in cause.why
    assert "shows (95 %) that it is mended" in cause.clears_when
    assert cause.since == first.since == datetime(2020, 2, 20, 10, tzinfo=UTC)
    assert first.parts == ("dispensing mechanism", "dispense sensor")
    assert second.machine == "GM003"


def test_v6_technicians_see_their_own_work(fleet: World) -> None:
    def machines(technician: str) -> list[str]:
        return [item.machine for item in fleet.worklist(technician)]

    assert machines("T0001") == ["GM001"]
    assert machines("T0002") == ["GM003"]
    with pytest.raises(NotFoundError, match="There is no technician T0404"):
        machines("T0404")


def test_v8_a_machine_that_was_not_read_for_two_weeks_is_on_the_worklist(fleet: World) -> None:
    read_at = fleet.machine("GM002").last_download_at
    assert read_at == datetime(2020, 2, 29, 14, tzinfo=UTC)
    fleet.clock.at = read_at + timedelta(days=14, seconds=1)

    [item] = [item for item in fleet.worklist() if item.machine == "GM002"]

    assert (item.overdue, item.due_at) == (True, read_at + timedelta(days=14))
    assert [(cause.kind, cause.why) for cause in item.causes] == [
        ("overdue", "its log was due on 2020-03-14")
    ]


def test_v6_a_log_of_which_much_cannot_be_read_is_a_reason_to_go(fleet: World) -> None:
    fleet.upload(HEALTHY + b"junk\nrust\n", "GM002", at="2020-02-29T09:00:00")
    fleet.settle()

    [item] = [item for item in fleet.worklist() if item.machine == "GM002"]

    [cause] = item.causes
    assert cause.kind == "corrupt_data"
    assert cause.why == "2 of 22 lines of its log could not be read"


def test_a_machine_somebody_is_on_the_way_to_is_on_the_worklist(fleet: World) -> None:
    dispatch, _ = fleet.vending.dispatching.open(DispatchBody(machine="GM002", note="clean it"))

    [item] = [item for item in fleet.worklist() if item.machine == "GM002"]

    assert (item.dispatch, item.causes) == (dispatch, ())


# --- what only the fleet can tell ---------------------------------------------------------------


def test_v6_a_silence_of_one_machine_is_a_lost_log_once_the_fleet_was_judged(
    fleet: World,
) -> None:
    for serial, technician in (("GM001", "T0001"), ("GM003", "T0002")):
        fleet.upload(log(serial, *[1] * 220), serial, technician, at="2020-02-29T09:00:00")
    silent = log("GM002", *[1] * 100, first="2020-02-25T08:00:00")
    fleet.upload(silent, "GM002", at="2020-02-29T09:00:00")
    while fleet.queues.arrivals:
        fleet.deliver()
    assert not fleet.fleet().up_to_date

    fleet.settle()

    assert fleet.fleet().up_to_date
    [verdict] = fleet.machine("GM002").verdicts
    assert (verdict.kind, verdict.hours) == ("lost_log", 101.0)
    assert "GM002" in [item.machine for item in fleet.worklist()]


def test_v6_a_silence_of_all_machines_is_one_case_and_no_machine_s(fleet: World) -> None:
    fleet.employ("T0002", "GM003", site="prairie")
    for serial, technician in (("GM001", "T0001"), ("GM002", "T0001"), ("GM003", "T0002")):
        later = log(serial, *[1] * 100, first="2020-02-25T08:00:00")
        fleet.upload(later, serial, technician, at="2020-02-29T09:00:00")
    fleet.settle()

    report = fleet.fleet()

    assert [gap.hours for gap in report.fleet_gaps] == [101.0]
    assert {verdict.kind for each in report.machines for verdict in each.verdicts} <= {
        "under",
        "over",
    }


def test_a_burst_of_files_is_checked_once(fleet: World) -> None:
    assert fleet.vending.verdicts.look_at_notes() == 0

    fleet.upload(log("GM002", 1, 1), "GM002", at="2020-02-29T10:00:00")
    fleet.upload(log("GM002", 1, 1, 1), "GM002", at="2020-02-29T11:00:00")
    fleet.upload(log("GM002", *[1] * 30), "GM002", at="2020-02-29T12:00:00")
    for _ in range(3):
        fleet.deliver()

    assert fleet.queues.fleet == [None, None, None]
    assert fleet.vending.verdicts.look_at_notes() == 1
    assert fleet.vending.verdicts.look_at_notes() == 0


def test_v5_a_pass_that_was_never_requested_is_requested_at_night(fleet: World) -> None:
    fleet.upload(log("GM002", 1), "GM002", at="2020-02-29T10:00:00")
    fleet.deliver()
    fleet.queues.fleet.clear()

    fleet.vending.verdicts.catch_up()

    assert fleet.queues.fleet[0] is None


# --- judging at the same time -------------------------------------------------------------------


class Contested:
    """A fleet in which somebody else is faster, a few times."""

    def __init__(self, fleet: Fleet, times: int) -> None:
        self._fleet = fleet
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    def put(self, state: MachineState, *, over: MachineState | None, announced: Any) -> None:
        if self.times:
            self.times -= 1
            raise StaleSummaryError(state.serial)
        self._fleet.put(state, over=over, announced=announced)


def contested(world: World, times: int) -> Verdicts:
    fleet: Any = Contested(world.ports.fleet, times)
    return replace(world.vending.verdicts, fleet=fleet)


def test_who_was_overtaken_reads_the_rows_again(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    fleet.upload(log("GM001", *[0] * 21), at="2020-02-29T10:00:00")

    contested(fleet, times=3).judge("GM001")

    assert fleet.machine("GM001").under == 20


def test_who_is_overtaken_all_the_time_comes_back_later(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.core.retry.tries", lambda **_: iter(range(5)))

    with pytest.raises(UnavailableError, match="GM001 is being judged by too many"):
        contested(fleet, times=99).judge("GM001")


# --- visits that helped -------------------------------------------------------------------------


def visit(world: World, serial: str = "GM001") -> int:
    dispatch, _ = world.vending.dispatching.open(DispatchBody(machine=serial, note="mend it"))
    return dispatch.id


def closed_after(world: World, *gumballs: int) -> str:
    """Visit the wasteful machine, read what it does afterwards; return the visit's state."""
    dispatch, _ = world.vending.dispatching.open(DispatchBody(machine="GM003"))
    start = (world.clock() + timedelta(hours=1)).replace(tzinfo=None)
    world.clock.forward(days=1)
    after = log("GM003", *gumballs, first=start.isoformat(), hours=0.1)
    at = world.clock().replace(tzinfo=None) - timedelta(hours=1)
    world.upload(WASTEFUL + after, "GM003", "T0002", at=at.isoformat())
    world.settle()
    return world.vending.dispatching.get(dispatch.id).state


def faults_of(machine: MachineView) -> list[str]:
    return [verdict.kind for verdict in machine.verdicts if verdict.kind in {"under", "over"}]


def day_after(world: World, *gumballs: int, hours: float = 0.1) -> bytes:
    """Return what a machine does from an hour after now on, and let a day go by."""
    start = world.clock() + timedelta(hours=1)
    world.clock.forward(days=1)
    return log("GM001", *gumballs, first=start.replace(tzinfo=None).isoformat(), hours=hours)


def download(world: World, content: bytes) -> int:
    at = world.clock() - timedelta(hours=7)  # the prairie's clocks, an hour ago
    file = world.upload(content, at=at.replace(tzinfo=None).isoformat())
    world.settle()
    return file.id


def test_v6_a_visit_is_closed_by_the_next_clean_file_and_the_machine_is_well(
    fleet: World,
) -> None:
    visited = fleet.clock()
    dispatch = visit(fleet)

    file = download(fleet, DEAD + day_after(fleet, *[1] * 20))

    closed = fleet.vending.dispatching.get(dispatch)
    assert (closed.state, closed.closed_by, closed.closed_at) == (
        "closed",
        f"file {file}",
        fleet.clock(),
    )
    machine = fleet.machine("GM001")
    assert not {verdict.kind for verdict in machine.verdicts} & {"under", "over"}
    assert (machine.settled_until, machine.under) == (visited, 20)


def test_v6_a_visit_is_not_closed_by_a_dirty_file(fleet: World) -> None:
    dispatch = visit(fleet)

    download(fleet, DEAD + day_after(fleet, *[1] * 20, 0, 0, 0))

    assert fleet.vending.dispatching.get(dispatch).state == "open"
    assert fleet.machine("GM001").settled_until is None


def test_v6_a_visit_is_not_closed_by_a_download_from_before_it(fleet: World) -> None:
    """Not even where nothing was wrong that rows could show to be mended."""
    fleet.clock.forward(days=1)
    sent = [visit(fleet, serial) for serial in ("GM001", "GM002")]

    for serial in ("GM001", "GM002"):
        fleet.upload(log(serial, *[1] * 40), serial, at="2020-02-29T12:00:00")
    fleet.settle()
    assert {fleet.vending.dispatching.get(dispatch).state for dispatch in sent} == {"open"}

    fleet.clock.forward(days=1)
    fleet.upload(log("GM002", *[1] * 41), "GM002", at="2020-03-02T12:00:00")
    fleet.settle()
    assert fleet.vending.dispatching.get(sent[1]).state == "closed"


@pytest.mark.parametrize(
    ("gumballs", "state"),
    [
        ([1] * 18, "open"),
        ([1] * 19, "closed"),
        ([1] * 19 + [2], "closed"),
        ([2] + [1] * 40, "open"),
        ([1] * 18 + [2] + [1] * 20, "open"),
        ([0] + [1] * 18, "closed"),  # another fault, and not yet one of the machine
        ([0, 0, 0] + [1] * 18, "open"),
    ],
)
def test_v6_a_visit_is_closed_by_as_many_clean_rows_as_its_verdict_asks_for(
    fleet: World, gumballs: list[int], state: str
) -> None:
    """3 of 20 rows were wrong: by chance the next 19 are right less than once in 20 times."""
    [verdict] = fleet.machine("GM003").verdicts
    assert verdict.clears_when.startswith("no such fault in the first 19 credits after a visit")

    assert closed_after(fleet, *gumballs) == state


def test_v6_faults_that_come_back_after_a_closed_visit_are_new_ones(fleet: World) -> None:
    visit(fleet)
    download(fleet, day_after(fleet, *[1] * 20))
    assert not faults_of(fleet.machine("GM001"))

    download(fleet, day_after(fleet, *[1] * 15, 0, 0, 0))

    verdict = fleet.machine("GM001").verdicts[0]
    assert (verdict.kind, verdict.faults) == ("under", 3)
    assert "3 of 38 credits since the last visit gave no gumball" in verdict.why


def test_v6_a_visit_is_not_closed_by_taking_a_file_back(fleet: World) -> None:
    dispatch = visit(fleet)
    clean = day_after(fleet, *[1] * 20)
    download(fleet, clean + day_after(fleet, 0, 0, 0))
    fleet.clock.forward(hours=1)
    dirty = fleet.files_of("T0001")[0]
    download(fleet, clean)
    assert fleet.vending.dispatching.get(dispatch).state == "open"

    fleet.vending.uploads.delete("T0001", dirty.id)
    fleet.settle()

    assert fleet.vending.dispatching.get(dispatch).state == "open"


def test_a_settling_whose_judgement_was_lost_is_caught_up_with(fleet: World) -> None:
    fleet.ports.fleet.settle("GM001", fleet.clock())
    fleet.ports.fleet.settle("GM404", fleet.clock())
    assert fleet.machine("GM001").state == "out_of_service"

    fleet.night_falls()

    assert fleet.machine("GM001").state == "healthy"

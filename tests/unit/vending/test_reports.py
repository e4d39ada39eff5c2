"""What the dispatcher reads: counts, money, reasons and order."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.history import History, Region
from chalicelib.vending.models import FleetReport, MachineReport
from chalicelib.vending.reports import audit, summarise

REAL_FILE = Path(__file__).parents[2] / "data" / "transactions.txt"
USUAL = Thresholds()
HOUR = 3_600
MORNING = datetime(2020, 2, 23, 8, tzinfo=UTC)


def keys_of(rows: Iterable[tuple[int, int]]) -> Keys:
    return Keys("Q", sorted(second * 10 + gumballs for second, gumballs in rows))


def history(gumballs: Iterable[int], serial: str = "GM001", **known: Any) -> History:
    """Return a machine with a row an hour, the last one an hour before the morning."""
    each = list(gumballs)
    start = int(MORNING.timestamp()) - len(each) * HOUR
    rows = ((start + hour * HOUR, count) for hour, count in enumerate(each))
    return History(serial, keys_of(rows), **known)


def real_histories(dice: Random) -> list[History]:
    """Return the real file's machines, its lines taken in any order."""
    lines = REAL_FILE.read_text().split()
    rows: dict[str, list[tuple[int, int]]] = {}
    for line in dice.sample(lines, len(lines)):
        serial, at, gumballs = line.split("|")
        second = int(datetime.fromisoformat(at).timestamp())
        rows.setdefault(serial, []).append((second, int(gumballs)))
    return [History(serial, keys_of(own)) for serial, own in rows.items()]


def judged(*histories: History, now: datetime = MORNING) -> FleetReport:
    return audit(histories, now=now, thresholds=USUAL)


def alone(own: History, now: datetime = MORNING) -> MachineReport:
    [machine] = judged(own, now=now).machines
    return machine


@pytest.fixture(scope="module")
def real() -> FleetReport:
    return judged(*real_histories(Random(6)))


# --- the real file ------------------------------------------------------------------------------


def test_v6_the_real_file_says_whom_to_send_where_first(real: FleetReport) -> None:
    order = [(machine.serial, machine.state) for machine in real.machines]

    assert order == [
        ("GM005", "out_of_service"),
        ("GM006", "degraded"),
        ("GM003", "degraded"),
        ("GM004", "degraded"),
        ("GM001", "healthy"),
        ("GM002", "healthy"),
    ]


def test_v7_the_real_file_has_2000_transactions_on_6_machines(real: FleetReport) -> None:
    assert real.totals.model_dump() == {
        "machines": 6,
        "transactions": 2_000,
        "gumballs": 1_685,
        "credits_cents": 50_000,
        "unserved_cents": 8_800,
        "given_away_cents": 925,
    }


def test_v6_the_verdicts_of_the_real_file(real: FleetReport) -> None:
    verdicts = [
        (machine.serial, verdict.kind, verdict.faults, verdict.rate, verdict.wilson_low)
        for machine in real.machines
        for verdict in machine.verdicts
    ]

    assert verdicts == [
        ("GM005", "under", 346, 1.0, 0.989019),
        ("GM006", "over", 19, 0.058642, 0.03786),
        ("GM003", "under", 6, 0.018927, 0.008703),
        ("GM003", "over", 10, 0.031546, 0.017224),
        ("GM004", "over", 8, 0.024845, 0.012642),
    ]


def test_v6_the_real_file_has_a_fleet_gap_and_a_doubled_row(real: FleetReport) -> None:
    doubled = {machine.serial: machine.suspected_duplicates for machine in real.machines}

    assert [gap.hours for gap in real.fleet_gaps] == [24.589]
    assert [gap.machines for gap in real.fleet_gaps] == [6]
    assert {serial for serial, rows in doubled.items() if rows} == {"GM005"}
    assert doubled["GM005"] == 1


def test_the_order_of_the_lines_never_matters(real: FleetReport) -> None:
    for seed in range(3):
        assert judged(*real_histories(Random(seed))) == real


def test_the_wire_form_is_the_one_of_the_routes(real: FleetReport) -> None:
    wire = json.loads(real.json_text())

    [gap] = wire["fleet_gaps"]
    assert gap["from"] == "2020-02-15T23:29:04Z"
    assert gap["to"] == "2020-02-17T00:04:26Z"
    assert wire["machines"][0]["verdicts"][0]["first_known_at"] == "2020-02-01T03:17:16Z"
    assert {"from", "to", "hours", "e"}.isdisjoint(wire["machines"][0]["verdicts"][0])
    assert "last_download_at" not in wire["machines"][0]


# --- one machine: counts and money --------------------------------------------------------------


@given(st.lists(st.integers(0, 9), max_size=60))
def test_v5_every_row_and_every_cent_is_accounted_for(gumballs: list[int]) -> None:
    machine = summarise(history(gumballs), Region(), USUAL)

    served = machine.transactions - machine.under
    assert machine.transactions == len(gumballs)
    assert machine.gumballs == sum(gumballs)
    assert machine.credits_cents == 25 * len(gumballs)
    assert machine.unserved_cents == 25 * machine.under == 25 * gumballs.count(0)
    assert machine.given_away_cents == 25 * (machine.gumballs - served)
    assert machine.over == sum(count > 1 for count in gumballs)


def test_a_row_that_comes_three_times_has_two_suspected_duplicates() -> None:
    own = History("GM001", keys_of([(60, 1), (60, 1), (60, 1), (60, 2), (90, 1)]))

    machine = summarise(own, Region(), USUAL)

    assert machine.transactions == 5
    assert machine.suspected_duplicates == 2


def test_a_machine_without_rows_still_has_a_report() -> None:
    machine = alone(History("GM001", Keys("Q"), corrupt_lines=3))

    assert machine.state == "needs_attention"
    assert [cause.kind for cause in machine.causes] == ["corrupt_data"]
    assert machine.transactions == machine.credits_cents == 0
    assert machine.corrupt_lines == 3
    assert machine.first_at is machine.last_at is machine.due_at is None
    assert not machine.overdue


def test_only_the_window_counts() -> None:
    machine = summarise(history([0] * 10 + [1] * 24 * 90), Region(), USUAL)

    assert machine.transactions == 24 * 90 + 1
    assert machine.under == 1


# --- one machine: reasons -----------------------------------------------------------------------


def test_a_verdict_says_the_rule_the_numbers_and_what_would_clear_it() -> None:
    [verdict] = summarise(history([0] * 9 + [1] * 308), Region(), USUAL).verdicts

    assert verdict.why == "9 of 317 credits gave no gumball; customers paid $2.25 for nothing."
    assert verdict.how_we_know is not None
    assert verdict.how_we_know.figures == "9 of 317 rows (2.8 %), cautiously 1.5 %"
    assert verdict.how_we_know.threshold == "0.5 % is tolerated"
    assert verdict.clears_when == (
        "no such fault in the first 105 credits after a visit shows (95 %) that it is mended"
    )
    assert verdict.parts == ("dispensing mechanism",)


def test_a_machine_that_never_serves_asks_for_both_parts() -> None:
    [verdict] = summarise(history([0] * 346), Region(), USUAL).verdicts

    assert verdict.level == "out_of_service"
    assert verdict.why.startswith("346 of 346 credits gave no gumball; customers paid $86.50")
    assert verdict.why.endswith("a dead mechanism or a stuck sensor, carry both.")
    assert verdict.clears_when.startswith("no such fault in the first credit after a visit")
    assert verdict.parts == ("dispensing mechanism", "dispense sensor")


def test_gumballs_given_away_ask_for_another_metering_wheel() -> None:
    [verdict] = summarise(history([2] * 19 + [1] * 305), Region(), USUAL).verdicts

    assert "19 of 324 credits gave more than one gumball" in verdict.why
    assert "metering wheel" in verdict.parts


def test_a_closed_visit_settles_the_faults_up_to_it() -> None:
    faulty_then_clean = history([0] * 20 + [1] * 20)
    last_fault_at = datetime.fromtimestamp(faulty_then_clean.keys[19] // 10, UTC)

    def after(visit: datetime) -> list[int | None]:
        own = history([0] * 20 + [1] * 20, settled_until=visit)
        return [verdict.faults for verdict in summarise(own, Region(), USUAL).verdicts]

    assert after(last_fault_at - timedelta(hours=5)) == [5]
    assert after(last_fault_at - timedelta(milliseconds=1)) == []
    assert after(last_fault_at) == []


def test_faults_after_a_visit_are_counted_from_it() -> None:
    machine = summarise(
        history([1] * 5 + [0] * 20, settled_until=MORNING - timedelta(hours=20.5)), Region(), USUAL
    )

    assert machine.under == 20
    assert machine.verdicts[0].why.startswith("20 of 20 credits since the last visit gave")
    assert machine.verdicts[0].how_we_know is not None
    assert "since the last visit" in machine.verdicts[0].how_we_know.method


# --- the fleet: lost logs -----------------------------------------------------------------------


def holed(serial: str = "GM007") -> History:
    """Return a machine with a row an hour and three days without any."""
    whole = history([1] * 400, serial)
    return History(serial, whole.keys[:200] + whole.keys[272:])


def test_v6_a_lost_log_is_a_verdict_of_its_machine() -> None:
    machine = alone(holed())

    [verdict] = machine.verdicts
    assert machine.state == "needs_attention"
    assert verdict.kind == "lost_log"
    assert verdict.hours == 73
    assert verdict.first_known_at == verdict.to
    assert verdict.why == (
        "Sells about 24 a day. Nothing from Fri 14 Feb 2020 23:00 UTC to Tue 18 Feb 2020 "
        "00:00 UTC; about 73 sales are missing, worth about $18.25."
    )
    assert "log memory" in verdict.parts
    assert {"level", "faults", "rate", "wilson_low"}.isdisjoint(json.loads(verdict.json_text()))


def test_no_sentence_holds_an_exponent() -> None:
    [verdict] = alone(holed()).verdicts

    assert verdict.e is not None
    assert verdict.e == float(f"{verdict.e:.6g}")
    assert verdict.how_we_know is not None
    told = [verdict.why, verdict.clears_when, *verdict.how_we_know.model_dump().values()]
    assert not any(re.search(r"\de[-+]\d", text) for text in told)
    assert "less than once in a million" in verdict.how_we_know.figures


def test_a_machine_that_fell_silent_long_ago_is_still_judged_in_its_own_window() -> None:
    today = history([1] * 24, "GM001")
    past = History("GM007", Keys("Q", (key - 200 * 24 * HOUR * 10 for key in holed().keys)))

    silent = {each.serial: [v.kind for v in each.verdicts] for each in judged(today, past).machines}

    assert silent == {"GM001": [], "GM007": ["lost_log"]}


def test_a_fleet_without_rows_has_no_findings() -> None:
    assert judged().totals.machines == 0


# --- the fleet: order and due dates -------------------------------------------------------------


def test_v8_a_machine_is_due_two_weeks_after_its_last_download_or_row() -> None:
    read = history([1] * 3, last_download_at=MORNING)
    unread = history([1] * 3)

    assert alone(read).due_at == MORNING + timedelta(days=14)
    assert alone(unread).due_at == MORNING + timedelta(days=14, hours=-1)


def test_v8_a_machine_that_nobody_has_read_is_due_from_its_registration() -> None:
    own = history([], registered_at=MORNING)

    assert alone(own).due_at == MORNING + timedelta(days=14)
    assert alone(own, now=MORNING + timedelta(days=15)).overdue


def test_v8_a_machine_is_overdue_only_after_its_due_time() -> None:
    own = history([1] * 3, last_download_at=MORNING)

    assert not alone(own, now=MORNING + timedelta(days=14)).overdue
    assert alone(own, now=MORNING + timedelta(days=14, seconds=1)).overdue


def test_v6_the_most_urgent_machine_comes_first() -> None:
    long_ago = Keys("Q", (key - 20 * 24 * HOUR * 10 for key in history([1] * 9).keys))
    fleet = [
        history([1] * 9, "GM001"),
        history([0] + [1] * 400, "GM002"),
        History("GM003", long_ago),
        holed("GM004"),
        history([0] * 5 + [1] * 100, "GM005"),
        history([2] * 9 + [1] * 100, "GM006"),
        history([9] * 4 + [1] * 100, "GM007"),
        history([0] * 9, "GM008"),
    ]

    order = [machine.serial for machine in judged(*fleet).machines]

    assert order == ["GM008", "GM007", "GM006", "GM005", "GM004", "GM003", "GM002", "GM001"]


@given(st.permutations(range(8)))
def test_the_order_of_the_machines_never_matters(order: list[int]) -> None:
    fleet = [history([number % 3] * 9, f"GM{number:03d}") for number in order]

    assert judged(*fleet) == judged(*sorted(fleet, key=lambda own: own.serial))

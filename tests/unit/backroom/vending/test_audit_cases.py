"""Logs at which earlier rules went wrong, through ``backroom audit``; R13, and R1 to R12 in small.

The files are generated; tests/data/vending holds them gzipped.
"""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from backroom.core.session import Session
from tests.support.backroom.desk import run, words

CASES = Path(__file__).parents[3] / "data" / "vending"
SAMPLE = CASES.parent / "transactions.txt"
Report = dict[str, Any]


def run_audit(*args: str) -> Result:
    """Run the audit on a day after the newest row of all cases."""
    nowhere = httpx.MockTransport(lambda request: httpx.Response(500, request=request))
    later = Session(transport=nowhere, now=lambda: datetime(2026, 12, 1, tzinfo=UTC))
    return run("audit", *args, session=later)


@pytest.fixture
def judged(tmp_path: Path) -> Any:
    """Return the report of a case by its name."""

    def audit(name: str, *options: str, suffix: str = "") -> Report:
        path = tmp_path / f"{name}.txt"
        path.write_bytes(gzip.decompress((CASES / f"{name}.gz").read_bytes()) + suffix.encode())
        result = run_audit(str(path), "--json", *options)
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout))

    return audit


def machines(report: Report) -> dict[str, Report]:
    return {machine["serial"]: machine for machine in report["machines"]}


def kinds(report: Report) -> dict[str, list[str]]:
    found = {
        serial: [verdict["kind"] for verdict in machine["verdicts"]]
        for serial, machine in machines(report).items()
    }
    return {serial: kinds for serial, kinds in found.items() if kinds}


def lost(report: Report, serial: str = "GM001") -> Report:
    [verdict] = machines(report)[serial]["verdicts"]
    assert verdict["kind"] == "lost_log"
    return dict(verdict)


# --- nights and silences ------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--time-zone", "America/Los_Angeles"), ("--sensitive",)])
def test_r13_three_machines_in_a_mall_have_nothing(judged: Any, options: tuple[str, ...]) -> None:
    report = judged("three_machines_in_a_mall", *options)

    assert (report["fleet_gaps"], report["partial_silences"], kinds(report)) == ([], [], {})


def test_r13_a_lost_log_is_not_hidden_by_a_fleet_gap(judged: Any) -> None:
    report = judged("lost_log_hidden_by_fleet_gap")

    verdict = lost(report)
    assert (verdict["from"][:10], verdict["to"][:10]) == ("2026-03-09", "2026-03-20")
    assert kinds(report) == {"GM001": ["lost_log"]}
    [gap] = report["fleet_gaps"]
    assert gap["from"] == "2026-03-14T23:41:47Z"
    # The day that everybody was silent is not blamed on the machine.
    assert 140 < verdict["expected"] < 175


def test_r13_a_lost_log_without_a_fleet_gap_is_found_as_before(judged: Any) -> None:
    report = judged("lost_log_without_fleet_gap")

    assert lost(report)["from"][:10] == "2026-03-09"
    assert (kinds(report), report["fleet_gaps"]) == ({"GM001": ["lost_log"]}, [])


def test_r13_five_of_six_silent_are_one_case(judged: Any) -> None:
    report = judged("five_of_six_silent")

    [case] = report["partial_silences"]
    assert (case["silent"], case["of"]) == (5, 6)
    assert case["machines"] == ["GM001", "GM002", "GM003", "GM004", "GM005"]
    assert case["why"].startswith("5 of 6 machines were silent for 49 hours")
    assert (kinds(report), report["fleet_gaps"]) == ({}, [])
    notes = [note["kind"] for note in machines(report)["GM001"]["notes"]]
    assert notes == ["partial_silence"]


def test_r13_only_machines_that_cover_both_ends_count_for_a_fleet_gap(judged: Any) -> None:
    report = judged("one_machine_read_later")

    verdict = lost(report)
    assert (verdict["from"][:10], verdict["to"][:10]) == ("2026-04-13", "2026-04-19")
    assert (kinds(report), report["fleet_gaps"]) == ({"GM001": ["lost_log"]}, [])


def test_r13_a_silence_reaches_up_to_the_download(tmp_path: Path) -> None:
    name = "T0001.GM001.2026-04-21_120000"
    path = tmp_path / f"{name}.txt"
    path.write_bytes(gzip.decompress((CASES / f"{name}.gz").read_bytes()))

    report = json.loads(run_audit(str(path), "--json", "--time-zone", "UTC").stdout)

    verdict = lost(report)
    assert (verdict["from"], verdict["to"]) == ("2026-03-31T23:12:33Z", "2026-04-21T12:00:00Z")
    assert verdict["why"].startswith("Sells about 16 a day. Nothing since Tue 31 Mar 2026 23:12")


def test_r13_a_silence_reaches_up_to_a_download_that_is_told(judged: Any) -> None:
    name = "T0001.GM001.2026-04-21_120000"

    report = judged(name, "--downloaded-at", "2026-04-11T12:00:00", suffix="")

    # The name of a technician's file says it better.
    assert lost(report)["to"][:10] in {"2026-04-20", "2026-04-21"}


def test_r13_a_slow_machine_that_was_silent_for_a_month_stays_found(judged: Any) -> None:
    verdict = lost(judged("slow_machine_silent_a_month"))

    assert (verdict["from"][:10], verdict["to"][:10]) == ("2026-01-31", "2026-03-03")
    assert verdict["why"].startswith("Sells about 3 a week.")


def test_closed_days_are_no_silence(judged: Any) -> None:
    days = [f"2026-03-{day:02d}" for day in range(10, 20)]
    closed = [part for day in days for part in ("--closed", day)]

    report = judged("lost_log_without_fleet_gap", *closed)

    assert kinds(report) == {}


@pytest.mark.parametrize(
    ("day", "why"),
    [("someday", "must be a day, such as 2026-11-21"), ("2026-02-30", "is not a day that exists")],
)
def test_a_day_that_is_none_is_a_mistake_in_the_usage(day: str, why: str) -> None:
    result = run_audit(str(SAMPLE), "--closed", day)

    assert result.exit_code == 2
    said = words(result, "stderr")
    assert f"Invalid value for --closed: '{day}': {why}; a weekday, such as sunday, may" in said


# --- faults -------------------------------------------------------------------------------------


def test_r13_dead_since_ten_days_is_out_of_service(judged: Any) -> None:
    [machine] = judged("dead_since_ten_days")["machines"]

    [verdict] = machine["verdicts"]
    assert (machine["state"], verdict["level"]) == ("out_of_service", "out_of_service")
    assert verdict["parts"] == ["dispensing mechanism", "dispense sensor"]
    assert "since Sun 22 Mar 2026 00:17 UTC" in verdict["why"]


def test_r13_a_burst_that_is_over_is_a_note(judged: Any) -> None:
    [machine] = judged("burst")["machines"]

    [note] = machine["notes"]
    assert machine["verdicts"] == []
    assert note["kind"] == "burst"
    assert note["from"].startswith("2026-03-03T")
    assert "the 459 credits since were clean" in note["why"]


def test_r13_three_faults_at_the_start_are_nothing(judged: Any) -> None:
    [machine] = judged("three_faults_at_the_start")["machines"]

    assert (machine["verdicts"], machine["notes"]) == ([], [])


# --- clocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        ("one_row_in_the_future_none", []),
        ("one_row_in_the_future", ["clock"]),
        ("one_row_in_1970", []),
    ],
)
def test_r13_a_lone_row_hides_nothing(judged: Any, name: str, clock: list[str]) -> None:
    [machine] = judged(name)["machines"]

    assert (machine["state"], machine["transactions"]) == ("degraded", 480)
    assert [verdict["kind"] for verdict in machine["verdicts"]] == ["under", *clock]
    assert machine["due_at"] == "2026-04-14T23:15:10Z"


def test_r13_a_row_of_today_does_not_raise_the_dead(judged: Any) -> None:
    report = judged("sample_plus_one_row_of_today")

    first = report["machines"][0]
    assert (first["serial"], first["state"]) == ("GM005", "out_of_service")
    assert [verdict["kind"] for verdict in first["verdicts"]] == ["under", "clock"]
    assert [gap["machines"] for gap in report["fleet_gaps"]] == [6]


def test_r13_newer_rows_of_one_machine_leave_the_others_alone(judged: Any) -> None:
    report = judged("sample_one_machine_newer")

    states = {serial: each["state"] for serial, each in machines(report).items()}
    assert states["GM005"] == "out_of_service"
    assert {states[serial] for serial in ("GM003", "GM004", "GM006")} == {"degraded"}
    assert [gap["machines"] for gap in report["fleet_gaps"]] == [6]


@pytest.mark.parametrize(
    ("name", "serial"), [("clock_not_set_1970", "GM005"), ("clock_one_year_back", "GM004")]
)
def test_r13_a_clock_that_is_wrong_is_named(judged: Any, name: str, serial: str) -> None:
    report = judged(name)

    assert kinds(report) == {serial: ["clock"]}
    assert machines(report)[serial]["state"] == "needs_attention"
    assert machines(report)[serial]["verdicts"][0]["why"].endswith("its clock is wrong.")


# --- as ever ------------------------------------------------------------------------------------


def test_r11_the_sample_is_judged_as_ever() -> None:
    report = json.loads(run_audit(str(SAMPLE), "--json").stdout)

    states = {serial: each["state"] for serial, each in machines(report).items()}
    assert states["GM005"] == "out_of_service"
    assert {states[serial] for serial in ("GM003", "GM004", "GM006")} == {"degraded"}
    assert [(gap["from"], gap["to"]) for gap in report["fleet_gaps"]] == [
        ("2020-02-15T23:29:04Z", "2020-02-17T00:04:26Z")
    ]
    assert "lost_log" not in {kind for each in kinds(report).values() for kind in each}


def test_a_machine_with_an_open_cause_is_never_healthy(judged: Any) -> None:
    for name in ("lost_log_without_fleet_gap", "clock_one_year_back", "five_of_six_silent"):
        for machine in judged(name)["machines"]:
            assert (machine["state"] == "healthy") is (machine["causes"] == []), machine["serial"]


def test_more_rows_than_a_machine_can_make_are_a_stuck_sensor(tmp_path: Path) -> None:
    stuck = "".join(
        f"GM001|2026-03-0{1 + row // 6_000}T{row % 6_000 // 300:02d}:{row % 300 // 5:02d}:"
        f"{row % 5:02d}Z|1\n"
        for row in range(12_000)
    )
    path = tmp_path / "stuck.txt"
    path.write_text(stuck)

    [machine] = json.loads(run_audit(str(path), "--json").stdout)["machines"]

    assert machine["transactions"] == 10_000
    assert [verdict["kind"] for verdict in machine["verdicts"]] == ["stuck_sensor"] * 2
    [stuck_cause] = [each for each in machine["causes"] if each["kind"] == "stuck_sensor"]
    assert stuck_cause["count"] == 2

"""`backroom simulate`: what it writes can be audited, and finds what was planted."""

import json
from pathlib import Path

import pytest

from backroom.vending.simulation import ALL_PLANTS
from chalicelib.vending.names import StoredName
from tests.support.backroom.desk import run, words

ENDING = ("--ending", "2026-11-20T09:00:00")


def test_it_writes_a_technicians_file_a_machine_and_a_mixed_one(tmp_path: Path) -> None:
    result = run("simulate", tmp_path / "new" / "logs", "--machines", 4, *ENDING)

    names = sorted(path.name for path in (tmp_path / "new" / "logs").iterdir())
    assert result.exit_code == 0
    assert [StoredName.parse(name).machine for name in names[:4]] == [
        "GM001",
        "GM002",
        "GM003",
        "GM004",
    ]
    assert names[4:] == ["fleet.2026-11-20_090000.txt"]


def test_it_tells_what_is_planted_and_what_to_try_next(tmp_path: Path) -> None:
    told = words(run("simulate", tmp_path, *ENDING, width=200))

    assert "all machines the whole fleet is silent" in told
    assert "never gives a gumball" in told
    assert f"Next: backroom audit {tmp_path}/fleet.2026-11-20_090000.txt" in told


def test_what_is_planted_is_what_an_audit_finds(tmp_path: Path) -> None:
    planted = json.loads(run("simulate", tmp_path, "--seed", 5, *ENDING, "--json").stdout)[
        "planted"
    ]

    report = json.loads(run("audit", *sorted(tmp_path.iterdir()), "--json").stdout)

    kinds = {"dead": "under", "under": "under", "over": "over", "lost_log": "lost_log"}
    assert {
        (machine["serial"], verdict["kind"])
        for machine in report["machines"]
        for verdict in machine["verdicts"]
    } == {(each["machine"], kinds[each["kind"]]) for each in planted if each["kind"] in kinds}
    assert len(report["fleet_gaps"]) == 1


def test_the_same_seed_and_ending_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        run("simulate", tmp_path / folder, "--seed", 7, *ENDING)

    first, second = ([path.read_bytes() for path in sorted((tmp_path / f).iterdir())] for f in "ab")
    assert first == second


@pytest.mark.parametrize(
    ("faults", "kinds"),
    [("none", []), ("under, dead", ["under", "dead"]), ("all", list(ALL_PLANTS))],
)
def test_faults_are_chosen(tmp_path: Path, faults: str, kinds: list[str]) -> None:
    result = run("simulate", tmp_path, "--faults", faults, *ENDING, "--json")

    assert {each["kind"] for each in json.loads(result.stdout)["planted"]} == set(kinds)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--machines", "3"], "needs its own machine: take more machines"),
        (["--days", "3"], "days must be at least 14"),
        (["--faults", "gremlins"], "use one of fleet_gap, lost_log"),
        (["--ending", "soon"], "must be a day or a time"),
        (["--ending", "0001-01-05"], "ending must be 28 days after 1970-01-01 or later"),
    ],
)
def test_what_cannot_be_simulated_ends_with_2_and_the_reason(
    tmp_path: Path, options: list[str], why: str
) -> None:
    result = run("simulate", tmp_path, *options, width=200)

    assert result.exit_code == 2
    assert why in words(result, "stderr")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = run("simulate", tmp_path / "file" / "logs", *ENDING, width=200)

    assert result.exit_code == 1
    assert f"{tmp_path / 'file' / 'logs'}: Not a directory." in words(result, "stderr")
    assert "Traceback" not in result.stderr

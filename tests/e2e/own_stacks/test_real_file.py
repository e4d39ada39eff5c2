"""The sample file, end to end, on a stack of its own: what the fleet says is about it alone."""

import gzip
import io
import zipfile
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.vending import parsing, reports, rows
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.history import History
from tests.support.deployed import Deployed, deploy_again, deployed
from tests.support.patience import eventually
from tests.support.vending.crew import drop, dropped, get, settled, transactions

REAL_FILE = Path(__file__).parents[2] / "data" / "transactions.txt"
ROWS = {"GM001": 345, "GM002": 346, "GM003": 317, "GM004": 322, "GM005": 346, "GM006": 324}


@pytest.fixture(scope="module")
def office(request: pytest.FixtureRequest) -> Deployed:
    return deployed(request, "real")


@pytest.fixture(scope="module")
def imported(office: Deployed) -> dict[str, Any]:
    """The sample file, imported by the dispatcher over HTTP, and every verdict given."""
    answer = office.api.post(
        "/imports?filename=transactions.txt",
        content=REAL_FILE.read_bytes(),
        headers={"Content-Type": "text/plain"},
    )
    assert answer.is_success, answer.text
    file = settled(office, answer.json()["id"])
    eventually(lambda: fleet(office)["totals"]["transactions"] == 2000)
    eventually(lambda: (report := fleet(office))["fleet_gaps"] and report["up_to_date"])
    return file


def fleet(office: Deployed) -> dict[str, Any]:
    found: dict[str, Any] = get(office, "/fleet")
    return found


def machines(office: Deployed) -> dict[str, dict[str, Any]]:
    return {machine["serial"]: machine for machine in fleet(office)["machines"]}


def faults(machine: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {v["kind"]: (v["faults"], v["level"]) for v in machine["verdicts"]}


def test_v7_the_real_file_is_2000_transactions_on_6_machines(
    office: Deployed, imported: dict[str, Any]
) -> None:
    report = fleet(office)

    assert imported["state"] == "processed"
    assert (imported["rows_kept"], imported["rows_known"], imported["rows_refused"]) == (2000, 0, 0)
    assert {m["serial"]: m["transactions"] for m in report["machines"]} == ROWS
    assert report["totals"]["machines"] == 6
    assert report["totals"]["transactions"] == 2000


def test_v5_every_credit_is_25_cents(office: Deployed, imported: dict[str, Any]) -> None:
    report = fleet(office)

    assert report["totals"]["credits_cents"] == 2000 * 25
    for machine in report["machines"]:
        assert machine["credits_cents"] == machine["transactions"] * 25
        assert machine["unserved_cents"] == machine["under"] * 25
    assert machines(office)["GM005"]["unserved_cents"] == 346 * 25


def test_v6_the_dispatcher_sees_each_sick_machine_with_its_evidence(
    office: Deployed, imported: dict[str, Any]
) -> None:
    found = machines(office)

    assert faults(found["GM001"]) == faults(found["GM002"]) == {}
    assert faults(found["GM003"]) == {"under": (6, "degraded"), "over": (10, "degraded")}
    assert faults(found["GM004"]) == {"over": (8, "degraded")}
    assert faults(found["GM005"]) == {"under": (346, "out_of_service")}
    assert faults(found["GM006"]) == {"over": (19, "degraded")}
    assert found["GM005"]["suspected_duplicates"] == 1
    assert next(iter(found)) == "GM005"
    for machine in found.values():
        for verdict in machine["verdicts"]:
            assert verdict["why"]
            assert verdict["clears_when"]
            assert verdict["first_known_at"]


def test_v6_one_fleet_gap_is_one_case_and_no_log_was_lost(
    office: Deployed, imported: dict[str, Any]
) -> None:
    report = fleet(office)

    [gap] = report["fleet_gaps"]
    assert gap["from"] == "2020-02-15T23:29:04Z"
    assert gap["hours"] == pytest.approx(24.589, abs=0.001)
    kinds = {verdict["kind"] for m in report["machines"] for verdict in m["verdicts"]}
    assert "lost_log" not in kinds


def test_the_fleet_is_exactly_what_the_rules_say_of_the_file(
    office: Deployed, imported: dict[str, Any]
) -> None:
    audited = reports.audit(_histories(), now=datetime.now(UTC), thresholds=Thresholds())

    expected = audited.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert fleet(office) == {**expected, "up_to_date": True}


def _histories() -> Iterator[History]:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    [batch] = parsing.parse([REAL_FILE.read_bytes()], machine=None, not_after=tomorrow)
    for serial in ROWS:
        keys = sorted(
            key
            for (owner, day), packed in batch.rows.items()
            if owner == serial
            for key in rows.keys(day, packed)
        )
        yield History(serial, array("Q", keys))


def test_v7_ids_count_up_per_machine_in_time_order(
    office: Deployed, imported: dict[str, Any]
) -> None:
    for serial, count in ROWS.items():
        found = transactions(office, serial)

        assert [row["id"] for row in found] == list(range(1, count + 1))
        assert [row["at"] for row in found] == sorted(row["at"] for row in found)
        assert {row["machine"] for row in found} == {serial}
        assert {row["credit_cents"] for row in found} == {25}


def test_v7_pages_and_csv_hold_the_same_rows(office: Deployed, imported: dict[str, Any]) -> None:
    whole = transactions(office, "GM005")

    paged, path = [], "/machines/GM005/transactions?limit=100"
    while path:
        answer = office.api.get(path)
        paged += answer.json()
        path = answer.links.get("next", {}).get("url", "")
    table = office.api.get("/machines/GM005/transactions?format=csv")

    assert paged == whole
    assert table.headers["Content-Type"].startswith("text/csv")
    header, *lines = table.content.decode("utf-8-sig").splitlines()
    assert header.startswith("id,machine,at,gumballs")
    assert [line.split(",")[:2] for line in lines] == [[str(r["id"]), "GM005"] for r in whole]


@pytest.mark.parametrize("kind", ["txt", "gz", "zip"])
def test_the_same_file_dropped_into_the_share_adds_nothing(
    office: Deployed, imported: dict[str, Any], kind: str
) -> None:
    before = fleet(office)["totals"]

    key = drop(office, f"imports/the month again.{kind}", _as(kind))
    file = settled(office, dropped(office, key)["id"])

    assert file["state"] == "processed"
    assert (file["rows_kept"], file["rows_known"]) == (2000, 2000)
    assert fleet(office)["totals"] == before


def _as(kind: str) -> bytes:
    content = REAL_FILE.read_bytes()
    if kind == "gz":
        return gzip.compress(content)
    if kind == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("transactions.txt", content)
        return packed.getvalue()
    return content


def test_a_restart_keeps_everything_and_work_goes_on(
    office: Deployed, imported: dict[str, Any]
) -> None:
    eventually(office.calm)
    before = fleet(office), get(office, "/imports"), transactions(office, "GM003")

    office.stop()
    office.start()
    eventually(office.healthy, within_s=60)

    assert (fleet(office), get(office, "/imports"), transactions(office, "GM003")) == before
    key = drop(office, "imports/after the restart.txt", "GM001|2020-02-22T23:59:59Z|1\n")
    assert settled(office, dropped(office, key)["id"])["rows_kept"] == 1
    eventually(lambda: machines(office)["GM001"]["transactions"] == ROWS["GM001"] + 1)


def test_deploying_again_changes_nothing(
    office: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = deploy_again(office, tmp_path)

    assert outputs == office.outputs
    assert "Nothing has changed" in capsys.readouterr().out


def test_v4_rows_go_with_the_last_file_that_holds_them(
    office: Deployed, imported: dict[str, Any]
) -> None:
    files = get(office, "/imports")
    last = next(file for file in files if file["name"] == "after the restart.txt")
    whole = [file for file in files if file["rows_kept"] == 2000]

    for file in [last, *whole[1:]]:
        assert office.api.delete(f"/imports/{file['id']}").status_code == 200
    eventually(lambda: fleet(office)["totals"]["transactions"] == 2000)
    [gap] = eventually(lambda: fleet(office)["fleet_gaps"])
    assert gap["from"] == "2020-02-15T23:29:04Z"

    assert office.api.delete(f"/imports/{whole[0]['id']}").status_code == 200
    eventually(lambda: fleet(office)["totals"]["transactions"] == 0)
    eventually(lambda: not fleet(office)["fleet_gaps"])
    assert get(office, "/imports") == []
    assert not [o for o in office.objects() if o.startswith("imports/")]
    eventually(lambda: not left_behind(office))


def left_behind(office: Deployed) -> set[str]:
    """Return the kinds of items that only files which are here have in the table."""
    pages = office.client("dynamodb").get_paginator("scan")
    found = pages.paginate(TableName=office.outputs["VendingTable"], ConsistentRead=True)
    items = [item for page in found for item in page["Items"]]
    rows = {"ROWS" for item in items if "#rows#" in item["sk"]["S"]}
    kinds = {item["pk"]["S"].partition("#")[0] for item in items}
    return rows | (kinds & {"KEY", "WORK"})

"""The command against the app's own routes, in memory: whole stories, and the demo."""

import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backroom import demo
from backroom.core.errors import ClientError
from backroom.core.session import Session
from backroom.demo import vending_cast
from backroom.demo.story import Story
from chalicelib.vending.models import Dispatch, MachineView
from tests.support.backroom.desk import NOW, SAMPLE, machine, words
from tests.support.backroom.office import Office

ROWS = "".join(f"GM001|2018-09-20T{hour:02}:29:44Z|1\n" for hour in range(20))


@pytest.fixture
def employed(office: Office) -> Office:
    """An office with technician T0001, who looks after GM001."""
    assert office.run("technicians", "put", "#001", "--name", "Ann").exit_code == 0
    assert office.run("machines", "put", "GM001", "--technician", "1").exit_code == 0
    return office


def uploading(path: Path) -> tuple[object, ...]:
    said = ("--technician", "#001", "--machine", "GM001")
    return "files", "upload", path, *said, "--downloaded-at", "9/21/2018 9:34:48 AM"


def test_v2_to_v4_a_file_is_sent_listed_and_taken_back(employed: Office, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(ROWS)

    sent = employed.run(*uploading(path), "--json")
    number = json.loads(sent.stdout)["id"]
    listed = employed.run("files", "list", "--technician", "#001")
    share = employed.share()
    deleted = employed.run("files", "delete", number, "--technician", "#001", "--yes")

    assert share == {"incoming/T0001.GM001.2018-09-21_093448.zip"}
    assert "T0001.GM001.2018-09-21_093448.zip" in listed.stdout
    assert deleted.exit_code == 0
    assert employed.share() == set()
    assert "has sent no file yet" in employed.run("files", "list", "--technician", "1").stdout


def test_v9_the_same_rows_again_are_known(employed: Office, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(ROWS)
    employed.run(*uploading(path))
    later = tmp_path / "T0001.GM001.2018-09-22_100000.txt"
    later.write_text(f"{ROWS}GM001|2018-09-21T10:00:00Z|1\nGM002|2018-09-21T10:00:00Z|1\n")

    told = words(employed.run("files", "upload", later))

    assert "21 rows stored, 20 of them known before; 1 line refused" in told
    assert "line 22 wrong machine GM002, this file is for GM001" in told
    assert "GM001 needs attention: its log was due 2018-10-06" in told


def test_the_same_name_with_other_bytes_says_how_to_go_on(employed: Office, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(ROWS)
    employed.run(*uploading(path))
    path.write_text(ROWS[: len(ROWS) // 2])

    result = employed.run(*uploading(path))

    assert result.exit_code == 1
    assert "with other bytes" in result.stderr
    assert "Next: backroom files show 1" in result.stderr


def test_a_machine_of_another_technician_is_refused_with_those_that_are_theirs(
    employed: Office, tmp_path: Path
) -> None:
    employed.run("machines", "put", "GM002")
    path = tmp_path / "log.txt"
    path.write_text(ROWS)

    result = employed.run(*uploading(path), "--machine", "GM002")

    assert result.exit_code == 1
    assert "GM002 is not assigned to T0001." in result.stderr
    assert "Theirs are: GM001" in result.stderr


@pytest.mark.parametrize("width", [80, 120])
def test_v7_the_real_file_is_imported_and_shown(office: Office, width: int) -> None:
    imported = office.run("import", SAMPLE)
    fleet = office.run("fleet", width=width)

    assert "2,000 rows stored, 0 of them known before; 0 lines refused" in imported.stdout
    assert "GM005    out of service" in fleet.stdout.replace("GM005   out", "GM005    out")
    assert "The whole fleet was silent" in fleet.stdout
    assert max(map(len, fleet.stdout.splitlines())) <= width


def test_v9_the_fleet_and_an_audit_of_its_files_say_the_same(office: Office) -> None:
    office.run("import", SAMPLE)

    fleet, audit = (
        json.loads(office.run(*args, "--json").stdout)
        for args in (
            ("fleet",),
            ("audit", SAMPLE),
        )
    )

    assert fleet == audit


def test_a_visit_is_opened_shown_in_the_worklist_and_closed(office: Office) -> None:
    office.run("import", SAMPLE)
    office.run("technicians", "put", "1", "--name", "Ann")
    office.run("machines", "put", "GM005", "--technician", "1")

    opened = office.run("dispatch", "open", "GM005", "--note", "carry both parts")
    other = office.run("dispatch", "open", "GM005", "--note", "another note")
    work = words(office.run("worklist"))
    closed = office.run("dispatch", "close", 1, "--note", "mended")

    assert opened.exit_code == 0
    assert "Next: backroom dispatch close 1" in other.stderr
    assert "on the way dispatch 1" in work
    assert "by dispatcher: mended" in words(closed)


def test_v7_transactions_of_all_pages_are_numbered_in_time_order(office: Office) -> None:
    office.run("import", SAMPLE)

    rows = json.loads(office.run("machines", "transactions", "GM003", "--json").stdout)
    lines = office.run("machines", "transactions", "GM003", "--csv").stdout.splitlines()

    assert [row["id"] for row in rows] == list(range(1, 318))
    assert len(lines) == 318


# --- the demo -----------------------------------------------------------------------------------


def test_the_demo_tells_the_whole_story(office: Office) -> None:
    result = office.run("demo", "vending")

    told = words(result)
    assert result.exit_code == 0, result.stderr
    assert "6 machines: 1 out of service, 2 degraded" in told
    assert "the dispatcher sends T9001" in told
    assert "The whole fleet was silent" in told
    assert "nights of about 13 hours, and no technician is sent for that" in told
    assert "312 rows stored, 307 of them known before" in told
    assert "closed today by file 7: the rows since the visit are clean" in told
    assert "GM902 is healthy" in told


def test_the_demos_dates_are_those_of_this_month_whenever_it_runs(office: Office) -> None:
    office.world.clock.at = datetime(2031, 7, 20, 12, tzinfo=UTC)

    told = office.run("--utc", "demo", "vending", "packages", "ledger").stdout

    days = [date.fromisoformat(each) for each in re.findall(r"\d{4}-\d\d-\d\d", told)]
    assert date(2031, 7, 20) in days
    assert [each for each in days if abs(each - date(2031, 7, 20)) > timedelta(days=31)] == []


def test_the_demo_ends_with_where_the_page_shows_what_it_made(office: Office) -> None:
    told = words(office.run("demo", "vending", "ledger", width=200))

    machine_page, account_page = told.partition("On the page ")[2].split()
    assert machine_page == "http://localhost:8000/#/fleet/machine/GM902"
    assert account_page.startswith("http://localhost:8000/#/ledger/account/")


@pytest.mark.parametrize(
    ("terminal", "person", "wanted", "opened"),
    [
        (True, True, True, ["http://here/#/fleet/machine/GM902"]),
        (True, True, False, []),
        (True, False, True, []),
        (False, True, True, []),
    ],
)
def test_the_demo_opens_the_page_where_somebody_looks(
    *, terminal: bool, person: bool, wanted: bool, opened: list[str]
) -> None:
    browsed: list[str] = []

    def browse(address: str) -> bool:
        browsed.append(address)
        return True

    here = Session(ask=str if person else None, browse=browse)
    story = Story(here, Console(force_terminal=terminal, file=io.StringIO()))
    story.made += [("machines", "GM902"), ("accounts", "a")]

    demo.show_page(story, "http://here", wanted=wanted)

    assert browsed == opened


def test_the_demo_can_be_repeated_and_leaves_other_machines_alone(office: Office) -> None:
    office.run("import", SAMPLE)
    before = office.run("machines", "transactions", "GM005", "--json").stdout
    stories = []
    for _ in range(4):
        stories.append(words(office.run("demo", "vending")))
        office.world.clock.forward(minutes=3)

    for story in stories:
        assert "1 out of service, 2 degraded" in story
        assert "by file" in story
        assert "credits, no fault since the last visit" in story
    assert office.run("machines", "transactions", "GM005", "--json").stdout == before
    assert len(office.share()) == 7


def test_the_demo_takes_its_files_back(office: Office) -> None:
    office.run("demo", "vending")

    result = office.run("demo", "--clean")

    assert result.exit_code == 0
    assert office.share() == set()


def test_v9_the_demos_json_is_the_fleet_and_nothing_else(office: Office) -> None:
    result = office.run("demo", "vending", "--json")

    assert json.loads(result.stdout) == {
        "vending": json.loads(office.run("fleet", "--json").stdout)
    }
    assert "closes by itself" in words(result, "stderr")


def test_the_demo_does_not_play_with_a_real_technicians_files(office: Office) -> None:
    office.run("technicians", "put", "T9001", "--name", "Nina")

    result = office.run("demo", "vending")

    assert result.exit_code == 1
    assert "T9001 is Nina" in result.stderr
    assert office.share() == set()


def test_the_demo_shows_that_packages_come_once_and_wishes_hold(office: Office) -> None:
    result = office.run("demo", "packages", "--json")

    told = words(result, "stderr")
    assert result.exit_code == 0, result.stderr
    assert "is delivered; it was sent before" in told
    assert "declined marketing" in told
    found = json.loads(result.stdout)["packages"]
    assert (found["packages_delivered"], found["packages_dropped"]) == (1, 1)


def test_the_demo_shows_that_the_ledger_adds_up(office: Office) -> None:
    result = office.run("demo", "ledger", "--json")

    told = words(result, "stderr")
    assert result.exit_code == 0, result.stderr
    assert "+4 already posted: the balance is 4, entry 1" in told
    assert "under the floor of 0" in told
    assert "2 entries of 1 account add up" in told
    assert json.loads(result.stdout)["ledger"]["balance"] == 1


def test_the_demo_of_warranties_gives_one_price_and_says_why(office: Office) -> None:
    result = office.run("demo", "warranties", "--json", width=200)

    told = words(result, "stderr")
    assert result.exit_code == 0, result.stderr
    assert "20.00 for 12 months (repeated request)" in told
    assert "No plan matches: cost below 10.00." in told
    assert "because 5.00 + 10 % of the cost (150.00)" in told
    assert json.loads(result.stdout)["warranties"]["warranty_price"] == 20


def known(serial: str, technician: str | None, **told: Any) -> MachineView:
    return MachineView.model_validate(machine(serial, technician=technician, **told))


def visit(serial: str, days_ago: float) -> Dispatch:
    at = NOW - timedelta(days=days_ago)
    return Dispatch(id=1, machine=serial, state="closed", opened_at=at, closed_at=at)


def test_machines_that_were_visited_lately_play_healthy_ones() -> None:
    machines = [known("GM900", "T9001"), known("GM901", "T9002")]

    cast = vending_cast.cast(machines, [visit("GM900", 1), visit("GM901", 40)], NOW)

    ill = [serial for serial, text in cast.logs.items() if b"|0\n" in text or b"|2\n" in text]
    assert "GM900" in cast.logs
    assert "GM900" not in ill
    assert "GM901" in ill


def test_machines_of_others_are_no_part_of_the_play() -> None:
    cast = vending_cast.cast([known("GM900", "T0001"), known("GM901", None)], [], NOW)

    assert sorted(cast.logs) == [f"GM{number}" for number in range(902, 908)]
    assert all(text.startswith(serial.encode()) for serial, text in cast.logs.items())


def test_a_demo_that_has_used_up_its_machines_says_so() -> None:
    visits = [visit(serial, 1) for serial in vending_cast.SERIALS]

    with pytest.raises(ClientError, match="each of its machines") as worn_out:
        vending_cast.cast([], visits, NOW)

    assert "make reset" in worn_out.value.next_step


def test_a_fleet_that_others_belong_to_is_not_silenced() -> None:
    def lines(machines: list[MachineView]) -> int:
        return sum(text.count(b"\n") for text in vending_cast.cast(machines, [], NOW).logs.values())

    busy = [known("GM001", "T0001", last_at=NOW - timedelta(days=1))]
    idle = [known("GM001", "T0001", last_at=NOW - timedelta(days=99))]

    assert lines(busy) > lines(idle) == lines([])

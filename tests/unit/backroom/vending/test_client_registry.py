"""Sites, technicians, and where machines stand."""

import json

import pytest

from tests.support.backroom.desk import Desk, machine, problem, words

MALL = {"site_id": "mall", "name": "Mall", "time_zone": "America/Chicago", "address": "1 Main"}


def sent(desk: Desk, path: str) -> dict[str, str]:
    (request,) = desk.sent("PUT", path)
    return dict(json.loads(request.content))


def test_v1_what_is_not_said_of_a_machine_stays_as_it_is(desk: Desk) -> None:
    desk.on("GET", "/machines/GM001", machine(site="mall", technician="T0001"))
    desk.on("PUT", "/machines/GM001", machine(site="mall", technician="T0002"))

    result = desk.run("machines", "put", "GM001", "--technician", "#2")

    assert sent(desk, "/machines/GM001") == {
        "site": "mall",
        "technician": "T0002",
        "retired": None,
        "capacity": None,
    }
    assert result.stdout == "GM001: site mall, technician T0002.\n"


def test_v1_a_machine_can_be_taken_off_its_site(desk: Desk) -> None:
    desk.on("GET", "/machines/GM001", machine(site="mall", technician="T0001"))
    desk.on("PUT", "/machines/GM001", machine(technician="T0001"))

    result = desk.run("machines", "put", "GM001", "--site", "")

    assert sent(desk, "/machines/GM001") == {
        "site": None,
        "technician": "T0001",
        "retired": None,
        "capacity": None,
    }
    assert "site none" in result.stdout


def test_v1_a_new_machine_needs_neither_site_nor_technician(desk: Desk) -> None:
    desk.on("PUT", "/machines/GM001", machine(), status=201)

    result = desk.run("machines", "put", "GM001")

    assert sent(desk, "/machines/GM001") == {
        "site": None,
        "technician": None,
        "retired": None,
        "capacity": None,
    }
    assert result.stdout == "GM001: site none, technician none.\n"


def test_a_machine_at_an_unknown_site_says_how_to_create_it(desk: Desk) -> None:
    desk.on("PUT", "/machines/GM001", problem(422, "There is no site mall; create it first."))

    result = desk.run("machines", "put", "GM001", "--site", "mall")

    assert result.exit_code == 1
    assert "Next: backroom sites put mall --name NAME" in result.stderr


def test_a_new_site_is_created_with_its_zone(desk: Desk) -> None:
    desk.on("PUT", "/sites/mall", MALL, status=201)

    result = desk.run("sites", "put", "mall", "--name", "Mall", "--time-zone", "America/Chicago")

    assert sent(desk, "/sites/mall") == {
        "name": "Mall",
        "time_zone": "America/Chicago",
        "address": "",
        "closed": [],
        "closed_weekly": [],
    }
    assert result.stdout == "mall is Mall, on the clock of America/Chicago.\n"


def test_what_is_not_said_of_a_site_stays_as_it_is(desk: Desk) -> None:
    closed = {"closed": ["2026-12-25"], "closed_weekly": ["sunday"]}
    desk.on("GET", "/sites/mall", MALL | closed).on("PUT", "/sites/mall", MALL)

    desk.run("sites", "put", "mall", "--address", "2 Main")

    assert sent(desk, "/sites/mall") == {
        "name": "Mall",
        "time_zone": "America/Chicago",
        "address": "2 Main",
        "closed": ["2026-12-25"],
        "closed_weekly": ["sunday"],
    }


def test_closing_days_of_a_site_are_dates_and_weekdays(desk: Desk) -> None:
    desk.on("GET", "/sites/mall", MALL).on("PUT", "/sites/mall", MALL)

    desk.run("sites", "put", "mall", "--closed", "Sunday", "--closed", "2026-12-25")

    put = sent(desk, "/sites/mall")
    assert (put["closed"], put["closed_weekly"]) == (["2026-12-25"], ["sunday"])


def test_the_closing_days_of_a_site_can_be_taken_back(desk: Desk) -> None:
    desk.on("GET", "/sites/mall", MALL | {"closed": ["2026-12-25"]}).on("PUT", "/sites/mall", MALL)

    desk.run("sites", "put", "mall", "--closed", "none")

    assert sent(desk, "/sites/mall")["closed"] == []


def test_a_day_that_is_none_is_refused_before_anything_is_sent(desk: Desk) -> None:
    desk.on("GET", "/sites/mall", MALL)

    result = desk.run("sites", "put", "mall", "--closed", "someday")

    assert result.exit_code == 2
    assert not desk.sent("PUT", "/sites/mall")


@pytest.mark.parametrize(("told", "day"), [("2026-06-30", "2026-06-30"), ("", None)])
def test_a_machine_is_retired_and_taken_back_into_service(
    desk: Desk, told: str, day: str | None
) -> None:
    desk.on("GET", "/machines/GM001", machine(technician="T0001", retired="2026-01-31"))
    desk.on("PUT", "/machines/GM001", machine(technician="T0001", retired=day))

    result = desk.run("machines", "put", "GM001", "--retired", told)

    assert sent(desk, "/machines/GM001") == {
        "site": None,
        "technician": "T0001",
        "retired": day,
        "capacity": None,
    }
    assert ("retired after 2026-06-30" in result.stdout) is (day is not None)


@pytest.mark.parametrize(
    ("options", "hint"),
    [(["--address", "1 Main"], "--name"), (["--name", "two\nlines"], "--name")],
)
def test_a_site_without_a_proper_name_is_not_sent(
    desk: Desk, options: list[str], hint: str
) -> None:
    result = desk.run("sites", "put", "mall", *options)

    assert result.exit_code == 2
    assert hint in result.stderr
    assert desk.sent("PUT", "/sites/mall") == []


def test_an_odd_site_id_stays_one_part_of_the_path(desk: Desk) -> None:
    desk.run("sites", "put", "a/../b", "--name", "x")

    assert {each.url.raw_path for each in desk.requests} == {b"/sites/a%2F..%2Fb"}


def test_v1_technicians_are_listed_with_their_machines(desk: Desk) -> None:
    ann = {"technician_id": "T0001", "name": "Ann", "machines": ["GM001", "GM002"]}
    desk.on("GET", "/technicians", [ann])

    assert "T0001 Ann GM001, GM002" in words(desk.run("technicians", "list"))


def test_a_new_technician_is_told_how_to_get_a_machine(desk: Desk) -> None:
    ann = {"technician_id": "T0001", "name": "Ann"}
    desk.on("PUT", "/technicians/T0001", ann, status=201)

    told = words(desk.run("technicians", "put", "1", "--name", "Ann"))

    assert told == "T0001 is Ann. Next: backroom machines put GM001 --technician T0001"


def test_sites_are_listed(desk: Desk) -> None:
    desk.on("GET", "/sites", [MALL])

    assert "mall Mall America/Chicago 1 Main" in words(desk.run("sites", "list"))


@pytest.mark.parametrize(
    ("command", "path", "step"),
    [
        ("sites list", "/sites", "backroom sites put mall"),
        ("technicians list", "/technicians", "backroom technicians put T0001"),
        ("machines list", "/machines", "backroom machines put GM001"),
    ],
)
def test_an_empty_registry_says_what_to_do_next(
    desk: Desk, command: str, path: str, step: str
) -> None:
    desk.on("GET", path, [])

    result = desk.run(*command.split())

    assert result.exit_code == 0
    assert f"Next: {step}" in result.stdout


def test_the_machines_are_listed_with_who_looks_after_them(desk: Desk) -> None:
    desk.on("GET", "/machines", [machine(site="mall", technician="T0001", state="out_of_service")])

    assert "GM001 out of service mall T0001 345" in words(desk.run("machines", "list"))

"""`backroom open`: the page at a thing, at an address that the page knows."""

import json
import re
from pathlib import Path

import pytest

from backroom.core import page
from tests.support.backroom.desk import Desk, problem, run

STATIC = Path("chalicelib/web/static")
UUID = "123e4567-e89b-12d3-a456-426614174000"
HERE = "http://localhost:8000/#"
GONE = problem(404, "There is no such thing.", "Not found")


# --- the page's own addresses ---------------------------------------------------------------------


def tabs() -> dict[str, tuple[str, bool]]:
    """Return the page's screens: the function that shows each, and whether it is of one thing."""
    areas = re.findall(r'{ name: "(\w+)", title', (STATIC / "app.js").read_text())
    return {
        f"{area}/{name}": (shown or "show", "hidden: true" in rest)
        for area in areas
        for name, rest, shown in re.findall(
            r'^ *(?:export const tabs = \[)?{ name: "(\w+)", (title:.*?)\bshow(?:: (\w+))? }',
            (STATIC / f"{area}.js").read_text(),
            re.MULTILINE,
        )
    }


def test_the_pages_screens_are_found() -> None:
    assert tabs()["bakery/order"] == ("order", True)
    assert tabs()["start/now"] == ("show", False)


def test_every_screen_of_the_page_can_be_opened_and_no_other() -> None:
    shown = {name for name, (_, of_one_thing) in tabs().items() if not of_one_thing}

    assert set(page.SCREENS.values()) == shown


def test_every_thing_of_the_page_can_be_opened_at_a_screen_that_takes_its_name() -> None:
    scripts = "".join(path.read_text() for path in STATIC.glob("*.js"))
    of_one_thing = {name for name, (_, hidden) in tabs().items() if hidden}
    of_one_thing -= {"fleet/route", "files/import"}  # of a technician's machines; of a file, too
    functions = {tabs()[path][0] for path in page.THINGS.values()}

    assert of_one_thing <= set(page.THINGS.values()) <= set(tabs())
    assert [each for each in functions if f"function {each}([" not in scripts] == []


# --- what is meant --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "asked", "shown"),
    [
        ("GM005", "/machines/GM005", "/fleet/machine/GM005"),
        ("gm005", "/machines/GM005", "/fleet/machine/GM005"),
        ("T0001", "/technicians/T0001", "/fleet/worklist/T0001"),
        ("12", "/orders/12", "/bakery/order/12"),
        ("#12", "/orders/12", "/bakery/order/12"),
        ("2026-11-21", "/batches/2026-11-21", "/bakery/batches/2026-11-21"),
        ("jira#batch#1", "/outbox/effect", "/operations/effect/jira%23batch%231"),
        (UUID, f"/accounts/{UUID}", f"/ledger/account/{UUID}"),
        ("box/7 of Ann", "/packages", "/deliveries/package/box%2F7%20of%20Ann"),
        ("worklist", "/health", "/fleet/worklist"),
        ("Overview", "/health", "/start/now"),
    ],
)
def test_a_thing_is_known_by_its_form_or_by_the_api(
    desk: Desk, named: str, asked: str, shown: str
) -> None:
    desk.on("GET", asked, {"status": "ok"})

    result = desk.run("open", named)

    assert (result.exit_code, result.stdout) == (0, f"{HERE}{shown}\n"), result.stderr
    assert desk.browsed == [f"{HERE}{shown}"]
    assert desk.requests[-1].url.path == asked


def test_a_uuid_that_is_no_account_may_be_a_transaction(desk: Desk) -> None:
    desk.on("GET", f"/accounts/{UUID}", GONE).on("GET", f"/transactions/{UUID}", {})

    assert desk.run("open", UUID).stdout == f"{HERE}/ledger/transaction/{UUID}\n"


@pytest.mark.parametrize("number", ["FNVV-0BDY-A999-24", "fnvv-0bdy-a999-24", f"{UUID}-12"])
def test_a_warranty_is_known_by_its_number(desk: Desk, number: str) -> None:
    desk.on("GET", "/warranties", [{"id": f"{UUID}-12"}])

    assert desk.run("open", number).stdout == f"{HERE}/warranties/warranty/{UUID}-12\n"
    assert desk.requests[0].url.params["number"] == number


def test_a_kind_before_the_name_needs_no_guess(desk: Desk) -> None:
    assert desk.run("open", "packages/12").stdout == f"{HERE}/deliveries/package/12\n"
    assert desk.requests == []


def test_the_effects_id_is_requested_whole(desk: Desk) -> None:
    desk.on("GET", "/outbox/effect", {})

    desk.run("open", "jira#batch#1&id=2")

    assert desk.requests[0].url.params["id"] == "jira#batch#1&id=2"


def test_without_a_thing_the_overview_is_opened(desk: Desk) -> None:
    desk.on("GET", "/health", {"status": "ok"})

    assert desk.run("open").stdout == f"{HERE}/start/now\n"


@pytest.mark.parametrize(
    ("named", "step"),
    [("worklst", "backroom open worklist"), ("qqq", "name its kind, such as packages/qqq")],
)
def test_what_is_nothing_is_refused_with_a_way_on(desk: Desk, named: str, step: str) -> None:
    desk.on("GET", "/packages", GONE)

    result = desk.run("open", named)

    assert (result.exit_code, result.stdout, desk.browsed) == (1, "", [])
    assert f"Nothing here is called {named}." in result.stderr
    assert f"Next: {step}" in result.stderr


def test_a_machine_that_is_not_there_is_not_opened(desk: Desk) -> None:
    desk.on("GET", "/machines/GM050", problem(404, "There is no machine GM050.", "Not found"))
    desk.on("GET", "/machines", [{"serial": "GM005"}])

    result = desk.run("open", "GM050")

    assert (result.exit_code, desk.browsed) == (1, [])
    assert "Did you mean GM005?" in result.stderr


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_look_here_may_sign_in_on_the_page(desk: Desk, status: int) -> None:
    desk.on("GET", "/machines/GM005", problem(status, "This takes a token.", "Refused"))

    assert desk.run("open", "GM005").exit_code == 0
    assert desk.browsed == [f"{HERE}/fleet/machine/GM005"]


def test_an_order_that_one_may_not_read_is_no_package(desk: Desk) -> None:
    desk.on("GET", f"/accounts/{UUID}", problem(403, "This takes a scope.", "Forbidden"))
    desk.on("GET", f"/transactions/{UUID}", problem(403, "This takes a scope.", "Forbidden"))
    desk.on("GET", "/packages", GONE)

    assert desk.run("open", UUID).exit_code == 1


# --- opening --------------------------------------------------------------------------------------


def test_printing_opens_nothing(desk: Desk) -> None:
    desk.on("GET", "/prod/health", {"status": "ok"})

    result = desk.run("--api", "https://back.example/prod/", "open", "fleet", "--print")

    assert result.stdout == "https://back.example/prod/#/fleet/machines\n"
    assert desk.browsed == []


def test_where_no_browser_opens_the_address_is_there(desk: Desk) -> None:
    desk.on("GET", "/orders/12", {})

    result = desk.run("open", "12", browser=False)

    assert (result.exit_code, result.stdout) == (0, f"{HERE}/bakery/order/12\n")
    assert "No browser can be opened here." in result.stderr


def test_json_has_the_address_and_whether_it_opened(desk: Desk) -> None:
    desk.on("GET", "/orders/12", {})

    result = desk.run("open", "12", "--json")

    assert json.loads(result.stdout) == {"url": f"{HERE}/bakery/order/12", "opened": True}


@pytest.mark.parametrize("named", ["overview", "GM005", "12", UUID, "box-7"])
def test_without_a_response_nothing_is_opened(named: str) -> None:
    result = run("open", named)

    assert (result.exit_code, result.stdout) == (3, "")


def test_every_screen_has_one_word(desk: Desk) -> None:
    desk.on("GET", "/health", {"status": "ok"})

    for name in page.SCREENS:
        assert desk.run("open", name, "--print").exit_code == 0

"""Every screen fits and is accessible: on a desk, zoomed in, and on a phone, by day and by night.

``make pictures`` looks at the stack that runs here instead, with whatever is in it (much, after
``python -m tests.support.crowd``), and keeps the pictures that the documents show.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect

from monitoring.grafana.drawing import shrink
from tests.browser.screens import LISTS, THINGS, Screens, tabs
from tests.support.crowd import ACCOUNT, Crowd, crowd
from tests.support.deployed import Deployed, deployed
from tests.support.patience import eventually

API, INTO = os.environ.get("PICTURES_OF"), Path("docs/images")
# A desk by day and by night, the same desk at 200 %, a phone by day and by night.
WINDOWS: Mapping[str, tuple[int, int, str]] = {
    "wide": (1280, 900, "light"),
    "dark": (1280, 900, "dark"),
    "zoomed": (640, 450, "light"),
    "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
    "narrow": (360, 740, "dark"),
}
READ = {"wide", "narrow"}
"""Those that axe-core looks at: one by day, one by night."""
TABLES = 640
"""From this width on lists are tables, whose columns begin at the same place in each row."""
UNEVEN = """[...document.querySelectorAll("table.brief:not(.lines) tbody")].some((body) => new Set(
  [...body.rows].map((row) => [...row.cells].map((each) => each.offsetLeft).join())).size > 1)"""
A_LITTLE = Crowd(machines=12, days=14, files=4, orders=24, packages=24, entries=66, warranties=8)
KEPT = {
    *("board-wide", "board-phone", "machine-wide", "machine-phone-dark", "machines-dark"),
    *("orders-wide", "orders-phone-dark", "order-wide", "account-wide", "packages-zoomed"),
    *("operations-dark", "overview-phone", "imports-wide"),
}


def test_every_tab_of_every_area_is_looked_at() -> None:
    looked_at = {*LISTS.values(), *THINGS.values()}

    assert not set(tabs()) - looked_at


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Deployed:
    """A stack that has nothing, until a test fills it."""
    return deployed(request, "pictures")


_of_its_own = pytest.mark.skipif(bool(API), reason="the stack that runs here is looked at")


@_of_its_own
@pytest.mark.parametrize("name", LISTS)
def test_s9_every_screen_fits_and_is_accessible_with_nothing_in_it(
    stage: Deployed, opened: Callable[[str], Screens], name: str
) -> None:
    assert_fits(opened(stage.aws.api), {name: LISTS[name]})


@pytest.fixture(scope="module")
def filled(stage: Deployed) -> Deployed:
    """The stack with a little of everything in it."""
    crowd(stage.api, A_LITTLE)
    eventually(stage.calm, within_s=120)
    return stage


@_of_its_own
@pytest.mark.parametrize("name", LISTS)
def test_s9_every_list_fits_and_is_accessible_with_a_little_of_everything(
    filled: Deployed, opened: Callable[[str], Screens], name: str
) -> None:
    assert_fits(opened(filled.aws.api), {name: LISTS[name]})


@pytest.fixture(scope="module")
def addresses(filled: Deployed) -> Mapping[str, str]:
    """The address of each screen about one thing."""
    return things(filled.api)


@_of_its_own
@pytest.mark.parametrize("name", THINGS)
def test_s9_every_screen_about_one_thing_fits_and_is_accessible(
    filled: Deployed, opened: Callable[[str], Screens], addresses: Mapping[str, str], name: str
) -> None:
    assert_fits(opened(filled.aws.api), {name: addresses[name]})


@pytest.mark.skipif(not API, reason="make pictures names a stack that runs")
def test_every_screen_fits_with_what_a_stack_has_and_is_pictured(
    opened: Callable[[str], Screens], tmp_path: Path
) -> None:
    with httpx.Client(base_url=API or "", timeout=60) as api:
        routes = {**LISTS, **things(api)}

    assert_fits(opened(API or ""), routes, tmp_path)

    for name in KEPT:
        kept = INTO / f"{name}.png"
        kept.write_bytes((tmp_path / f"{name}.png").read_bytes())
        shrink(kept)


def things(api: httpx.Client) -> Mapping[str, str]:
    """Return the addresses of one thing of each kind: the first that the API lists."""

    def first(path: str, field: str, **query: str) -> str:
        found = api.get(path, params={"limit": "1", **query}).raise_for_status().json()
        return quote(str(found[0][field]), safe="")

    ids = {
        "machine": "GM003",
        "route": first("/worklist", "technician"),
        "file": first("/imports", "id"),
        "import": first("/imports", "id"),
        "package": first("/packages", "package_id", outcome="dropped"),
        "wishes": first("/packages", "recipient_id", outcome="dropped"),
        "account": ACCOUNT,
        "transaction": first("/transactions", "transaction_id"),
        "transfer": transfer(api),
        "warranty": first("/warranties", "id"),
        "order": "2",
        "found": first("/orders", "customer"),
        "ticket": first("/batches", "date"),
        "effect": first("/outbox", "id"),
        "section": "dead-effects",
    }
    return {name: f"{THINGS[name]}/{identity}" for name, identity in ids.items()}


def transfer(api: httpx.Client) -> str:
    """Move one unit between the first two accounts; return the transfer's id."""
    one, other = (each["account_id"] for each in api.get("/accounts", params={"limit": 2}).json())
    moved = {"from_account_id": one, "to_account_id": other, "amount": 1}
    done = api.post("/transfers", json=moved, headers={"Idempotency-Key": str(uuid4())})
    identity: str = done.raise_for_status().json()["transfer_id"]
    return identity


def assert_fits(screens: Screens, routes: Mapping[str, str], into: Path | None = None) -> None:
    """Find nothing wrong with screens; take a picture of each in each window if told to.

    They must not have to be moved sideways, and columns must not jump from row to row; axe-core
    looks at some of the windows.
    """
    found = []
    for name, route in routes.items():
        screens.page.set_viewport_size({"width": 1280, "height": 900})
        screens.show(route)
        for window, (width, height, scheme) in WINDOWS.items():
            screens.page.set_viewport_size({"width": width, "height": height})
            screens.page.emulate_media(
                color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
            )
            expect(screens.page.get_by_role("heading", level=1)).to_be_visible()
            if into:
                screens.page.screenshot(path=into / f"{name}-{window}.png")
            if screens.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{name}-{window} is too wide")
            if width >= TABLES and screens.evaluate(UNEVEN):
                found.append(f"{name}-{window} has uneven columns")
            if window in READ:
                found += [f"{name}-{window}: {each}" for each in screens.violations()]
    assert not found, "\n".join(found)

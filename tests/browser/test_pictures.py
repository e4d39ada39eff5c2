"""Every screen fits with nothing in it: on a desk, zoomed in, and on a phone, by day and by night.

``make pictures`` looks at the stack that runs here instead, with whatever is in it (much, after
``python -m tests.support.crowd``), and keeps the pictures that the documents show.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import expect

from monitoring.grafana.drawing import shrink
from tests.browser.screens import Screens
from tests.support.crowd import ACCOUNT
from tests.support.deployed import deployed

API, INTO = os.environ.get("PICTURES_OF"), Path("docs/images")
# A desk by day and by night, the same desk at 200 %, a phone by day and by night.
WINDOWS: Mapping[str, tuple[int, int, str]] = {
    "wide": (1280, 900, "light"),
    "dark": (1280, 900, "dark"),
    "zoomed": (640, 450, "light"),
    "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}
SCREENS = {
    "overview": "start",
    "board": "fleet",
    "machines": "fleet/machines",
    "machine": "fleet/machine/GM003",
    "visits": "fleet/visits",
    "people": "fleet/people",
    "imports": "files/imports",
    "packages": "deliveries/packages",
    "statistics": "deliveries/statistics",
    "transactions": "ledger",
    "accounts": "ledger/accounts",
    "account": f"ledger/account/{ACCOUNT}",
    "warranties": "warranties/list",
    "orders": "bakery",
    "order": "bakery/order/2",
    "shopping": "bakery/batches",
    "team": "bakery/team",
    "operations": "operations",
    "effects": "operations/effects",
}
# Those about one thing say that it is not there.
ONE_THING = {"machine", "account", "order"}
KEPT = {
    *("board-wide", "board-phone", "machine-wide", "machine-phone-dark", "machines-dark"),
    *("orders-wide", "orders-phone-dark", "order-wide", "account-wide", "packages-zoomed"),
    *("operations-dark", "overview-phone", "imports-wide"),
}


@pytest.mark.skipif(bool(API), reason="the stack that runs here is looked at")
def test_every_screen_fits_with_nothing_in_it(
    request: pytest.FixtureRequest, opened: Callable[[str], Screens], tmp_path: Path
) -> None:
    stage = deployed(request, "pictures")
    names = [each for each in SCREENS if each not in ONE_THING]

    assert not too_wide(opened(stage.aws.api), names, tmp_path)


@pytest.mark.skipif(not API, reason="make pictures names a stack that runs")
def test_every_screen_fits_with_what_a_stack_has_and_is_pictured(
    opened: Callable[[str], Screens], tmp_path: Path
) -> None:
    assert not too_wide(opened(API or ""), list(SCREENS), tmp_path)
    for name in KEPT:
        kept = INTO / f"{name}.png"
        kept.write_bytes((tmp_path / f"{name}.png").read_bytes())
        shrink(kept)


def too_wide(screens: Screens, names: Sequence[str], into: Path) -> list[str]:
    """Return the screens that have to be moved sideways, having taken a picture of each."""
    found = []
    for name in names:
        screens.page.set_viewport_size({"width": 1280, "height": 900})
        screens.show(SCREENS[name])
        for window, (width, height, scheme) in WINDOWS.items():
            screens.page.set_viewport_size({"width": width, "height": height})
            screens.page.emulate_media(
                color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
            )
            expect(screens.page.get_by_role("heading", level=1)).to_be_visible()
            screens.page.screenshot(path=into / f"{name}-{window}.png")
            if screens.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{name}-{window}")
    return found

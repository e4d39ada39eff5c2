"""The page as a person uses it: by headings, labels and buttons."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.support.deployed import Deployed

LISTS: Mapping[str, str] = {
    "overview": "start/now",
    "board": "fleet/worklist",
    "machines": "fleet/machines",
    "visits": "fleet/visits",
    "people": "fleet/people",
    "files": "files/mine",
    "imports": "files/imports",
    "send": "deliveries/send",
    "packages": "deliveries/packages",
    "preferences": "deliveries/preferences",
    "statistics": "deliveries/statistics",
    "transactions": "ledger/post",
    "transferring": "ledger/transfer",
    "accounts": "ledger/accounts",
    "sell": "warranties/sell",
    "warranties": "warranties/list",
    "prices": "warranties/plans",
    "orders": "bakery/orders",
    "cancelled": "bakery/orders/cancelled",
    "cakes": "bakery/cakes",
    "shopping": "bakery/batches",
    "team": "bakery/team",
    "operations": "operations/status",
    "effects": "operations/effects",
    "audit": "operations/audit",
    "runbook": "operations/runbook",
    "nowhere": "nowhere",
}
"""The screens of the areas' tabs by name, each with its address."""
THINGS: Mapping[str, str] = {
    "machine": "fleet/machine",
    "route": "fleet/route",
    "file": "files/file",
    "import": "files/import",
    "package": "deliveries/package",
    "wishes": "deliveries/preferences",
    "account": "ledger/account",
    "transaction": "ledger/transaction",
    "transfer": "ledger/transfer",
    "warranty": "warranties/warranty",
    "order": "bakery/order",
    "found": "bakery/orders/find",
    "ticket": "bakery/batches",
    "effect": "operations/effect",
    "section": "operations/runbook",
}
"""The screens about one thing, each with its address before the thing's id."""
_STATIC = Path(__file__).parents[2] / "chalicelib" / "web" / "static"
_AREA = re.compile(r'^  \{ name: "(\w+)", title: ', re.MULTILINE)
_TABS = re.compile(r"^export const tabs = \[(.*?)\];$", re.MULTILINE | re.DOTALL)
_TAB = re.compile(r'\{ name: "(\w+)"')


def tabs() -> Iterator[str]:
    """Yield the addresses of all tabs, hidden ones too, as the scripts have them."""
    for area in _AREA.findall((_STATIC / "app.js").read_text()):
        listed = _TABS.search((_STATIC / f"{area}.js").read_text())
        assert listed, area
        yield from (f"{area}/{tab}" for tab in _TAB.findall(listed[1]))


def needed(stack: Deployed, route: str) -> None:
    """Skip the test where the API has not the route that an area stands on."""
    if route not in stack.api.get("/openapi.json").json()["paths"]:
        pytest.skip(f"this API has no {route}")


@dataclass(frozen=True)
class Screens:
    """A browser's tab with the page that the API at ``api`` serves."""

    page: Page
    api: str

    def show(self, route: str) -> "Screens":
        """Open a screen by its address and wait until it has loaded."""
        self.page.goto("about:blank")  # else only the address's end would change
        self.page.goto(f"{self.api}/#/{route}")
        return self.settled()

    def settled(self) -> "Screens":
        """Wait until nothing is loading."""
        expect(self.page.locator("h1")).to_have_count(1)
        expect(self.page.locator(".loading, [aria-busy]")).to_have_count(0)
        return self

    def fill(self, **texts: str) -> None:
        """Type into the fields of these names."""
        for name, text in texts.items():
            self.field(name).fill(text)

    def field(self, name: str) -> Locator:
        """Return the field of this name."""
        return self.page.locator(f'main [name="{name}"]')

    def press(self, button: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def confirm(self, button: str) -> None:
        """Say yes in the dialog that asks."""
        self.page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()

    def sees(self, text: str) -> None:
        """Wait until a text is to be seen on the screen."""
        expect(self.page.locator("main")).to_contain_text(text)

    def fault(self, name: str) -> Locator:
        """Return what is said at a field, and only there."""
        field = self.field(name)
        expect(field).to_have_attribute("aria-invalid", "true")
        ids = (field.get_attribute("aria-describedby") or "").split()
        return self.page.locator(f"#{ids[-1]}")

    def row(self, text: str) -> Locator:
        """Return the row of a table that holds a text."""
        return self.page.get_by_role("row").filter(has_text=text)

    def violations(self) -> list[str]:
        """Return what axe-core finds (WCAG 2.2 AA and best practices)."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {node['html']}"
            for each in found
            for node in each["nodes"]
        ]

    def evaluate(self, script: str) -> Any:
        """Return what a script in the page finds."""
        return self.page.evaluate(script)

"""The page as a person uses it: by headings, labels and buttons."""

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.deployed import Deployed


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

    def evaluate(self, script: str) -> Any:
        """Return what a script in the page finds."""
        return self.page.evaluate(script)

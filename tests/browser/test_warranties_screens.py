"""Warranties in the browser, where the API has them."""

import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.screens import Screens, needed
from tests.support.deployed import Deployed

SOFA = "Amy's <i>Sectional</i> Sofa"


@pytest.fixture(autouse=True)
def _there(stack: Deployed) -> None:
    needed(stack, "/warranties")


@pytest.fixture
def sku() -> str:
    return f"sku-{uuid.uuid4().hex[:12]}"


def sell(screens: Screens, sku: str, **other: str) -> None:
    screens.show("warranties")
    sofa = {"item_title": SOFA, "item_type": "furniture", "item_cost": "150.00"}
    screens.fill(item_sku=sku, store_uuid="b21ad0676f26439", **(sofa | other))
    screens.press("Sell")


def test_w4_a_sofa_gets_two_warranties_and_each_explains_its_price(
    stack: Deployed, screens: Screens, sku: str
) -> None:
    sell(screens, sku)
    expect(screens.page.get_by_role("dialog")).to_contain_text(f"{SOFA}, 150.00")
    screens.confirm("Sell")
    screens.sees("2 warranties")
    screens.sees("20.00 for 12 months")
    screens.sees("27.00 for 24 months")

    screens.page.locator(".result a").first.click()
    screens.settled()

    expect(screens.page.get_by_role("heading", name=SOFA)).to_be_visible()
    screens.sees("Price rule")


def test_a_title_cannot_turn_the_letters_behind_it_about(screens: Screens, sku: str) -> None:
    sell(screens, sku, item_title="Sofa \u202egnp.\u2069exe")
    screens.confirm("Sell")
    screens.sees("2 warranties")

    screens.page.locator(".result a").first.click()
    screens.settled()

    heading = screens.page.get_by_role("heading", name=r"Sofa \u202egnp.\u2069exe")
    expect(heading).to_be_visible()


def test_w4_a_cost_that_no_plan_fits_is_answered_with_the_reason(
    screens: Screens, sku: str
) -> None:
    sell(screens, sku, item_cost="1.00")
    screens.confirm("Sell")

    screens.sees("No warranty: Cost below 10.00.")


def test_s1_a_cost_with_three_decimals_is_refused_at_its_field(screens: Screens, sku: str) -> None:
    sell(screens, sku, item_cost="150.000")
    screens.confirm("Sell")

    expect(screens.fault("item_cost")).to_have_text("Must have at most two decimals.")


def test_w7_warranties_are_found_by_any_mix_of_what_is_known(screens: Screens, sku: str) -> None:
    sell(screens, sku)
    screens.confirm("Sell")
    screens.sees("2 warranties")

    screens.show("warranties/list")
    screens.fill(sku=sku)
    screens.press("Find")

    expect(screens.row(sku)).to_have_count(2)
    number = screens.row(sku).first.get_by_role("cell").nth(1).inner_text()
    screens.fill(sku="", number=number.lower().replace("-", " "))
    screens.press("Find")
    expect(screens.row(sku)).to_have_count(1)

    screens.page.get_by_role("link", name=SOFA).click()
    screens.sees("Refund today: ")
    screens.fill(reason="sent back")
    screens.press("Cancel warranty")
    screens.confirm("Cancel warranty")
    screens.sees("Reasonsent back")
    expect(screens.page.get_by_role("button", name="Cancel warranty")).to_have_count(0)


def test_w4_the_prices_can_be_read_and_checked_without_a_sale(screens: Screens) -> None:
    screens.show("warranties/plans")

    furniture = screens.row("Furniture").filter(has_text="100.00 to 499.99")
    expect(furniture).to_have_count(1)
    expect(furniture).to_contain_text("5.00 + 10 %")
    expect(screens.row("500.00 to 1,499.99")).not_to_have_count(0)
    screens.fill(item_type="furniture", item_cost="150.00")
    screens.press("Check price")
    expect(screens.row("5.00 + 10 % of 150.00 = 20.00")).to_have_count(1)

"""Packages and preferences in the browser."""

import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.screens import Screens
from tests.support.deployed import Deployed

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
def package() -> str:
    return f"p-{uuid.uuid4().hex[:12]}"


def send(screens: Screens, package: str, recipient: str, kind: str = "personal") -> None:
    screens.show("deliveries")
    screens.fill(package_id=package, sender_id="earth", recipient_id=recipient)
    screens.field("package_type").select_option(kind)
    screens.press("Send")


def test_d5_a_package_is_sent_once_and_the_screen_says_so(screens: Screens, package: str) -> None:
    send(screens, package, "mars")
    screens.sees(f"Package {package} Delivered")

    send(screens, package, "mars")

    screens.sees("Sent before")
    screens.show(f"deliveries/package/{package}")
    screens.sees("Sent again: same answer")


def test_d5_an_id_that_identifies_another_package_is_refused_with_what_differs(
    screens: Screens, package: str
) -> None:
    send(screens, package, "mars")
    screens.sees("Delivered")

    send(screens, package, "venus")

    expect(screens.page.get_by_role("alert")).to_contain_text("recipient_id")
    expect(screens.field("recipient_id")).to_have_value("venus")


def test_d6_what_somebody_declines_by_a_switch_does_not_come_and_the_screen_says_why(
    screens: Screens, package: str
) -> None:
    screens.show("deliveries/preferences")
    screens.fill(recipient_id=f"of-{package}")
    screens.press("Show")
    switch = screens.page.get_by_role("switch", name="Marketing")
    expect(switch).to_be_checked()
    switch.uncheck()
    screens.press("Save")
    screens.sees("Saved.")
    expect(screens.page.get_by_role("switch", name="Personal")).to_be_checked()
    expect(screens.row("Marketing: no, Personal: yes")).to_have_count(1)

    send(screens, package, f"of-{package}", "marketing")
    screens.sees("Dropped")
    screens.show(f"deliveries/package/{package}")

    screens.sees("The recipient opted out of marketing packages on ")
    screens.sees("Decided")

    screens.show("deliveries/packages")
    screens.fill(recipient=f"of-{package}")
    screens.field("outcome").select_option("Dropped")
    screens.press("Find")
    expect(screens.row("Opted out")).to_have_count(1)
    screens.field("outcome").select_option("Delivered")
    screens.press("Find")
    screens.sees("No package matches.")


def test_d3_the_counts_agree_with_the_api(stack: Deployed, screens: Screens, package: str) -> None:
    send(screens, package, "mars")
    screens.sees("Delivered")

    screens.show("deliveries/statistics")

    counts = stack.api.get("/statistics").json()
    screens.sees(f"Delivered{counts['packages_delivered']:,}")
    personal = screens.row("Personal").get_by_role("cell")
    expect(personal.nth(1)).to_have_text(f"{counts['by_type']['personal']['delivered']:,}")


def test_2d_markup_in_names_is_shown_and_not_run(screens: Screens, package: str) -> None:
    send(screens, f"{package}{HOSTILE[:100]}", HOSTILE[:128])
    screens.sees("Delivered")

    screens.sees(HOSTILE[:100])
    assert screens.page.title() != "owned"
    assert screens.page.locator("main script, main img").count() == 0


def test_s1_an_unknown_package_is_said_to_be_unknown(screens: Screens, package: str) -> None:
    screens.show(f"deliveries/package/{package}")

    expect(screens.page.get_by_role("alert")).to_contain_text("Not found")

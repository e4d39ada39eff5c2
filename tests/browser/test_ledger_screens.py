"""The ledger in the browser (L13)."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.screens import Screens
from tests.support.deployed import Deployed

LARGEST = 2**53 - 1


@pytest.fixture
def account() -> str:
    return str(uuid.uuid4())


def test_l13_posted_amounts_are_on_top_with_the_balance_and_the_fields_are_empty_again(
    screens: Screens, account: str
) -> None:
    screens.show("ledger")
    for amount in ("4", "-3"):
        screens.page.locator("[data-type=account-id]").fill(account)
        screens.page.locator("[data-type=amount]").fill(amount)
        screens.page.locator("[data-type=transaction-submit]").click()
        expect(screens.page.locator("[data-type=account-id]")).to_have_value("")
        expect(screens.page.locator("[data-type=amount]")).to_have_value("")

    top = screens.page.locator("[data-type=transaction]").first
    expect(top).to_have_attribute("data-account-id", account)
    expect(top).to_have_attribute("data-amount", "-3")
    expect(top).to_have_attribute("data-balance", "1")
    second = screens.page.locator("[data-type=transaction]").nth(1)
    expect(second).to_have_attribute("data-amount", "4")
    assert second.get_attribute("data-balance") is None
    screens.sees("The balance is 1.")


@pytest.mark.parametrize("amount", ["seven", "7.5", "9007199254740992"])
def test_s1_a_wrong_amount_is_refused_at_its_field(
    screens: Screens, account: str, amount: str
) -> None:
    screens.show("ledger")
    screens.fill(account_id=account, amount=amount)

    screens.press("Post")

    expect(screens.fault("amount")).not_to_be_empty()
    expect(screens.field("amount")).to_be_focused()
    expect(screens.field("amount")).to_have_value(amount)


def test_s1_all_faults_are_shown_at_once_and_what_is_missing_before_anything_is_sent(
    screens: Screens,
) -> None:
    screens.show("ledger")
    screens.press("Post")
    expect(screens.fault("account_id")).to_have_text("Required.")
    expect(screens.fault("amount")).to_have_text("Required.")

    screens.fill(account_id="10", amount="x")
    screens.press("Post")

    expect(screens.fault("account_id")).to_contain_text("Must be a UUID such as")
    expect(screens.fault("amount")).to_contain_text("whole number")


def test_l6_balances_that_no_javascript_number_holds_keep_their_digits(
    stack: Deployed, screens: Screens, account: str
) -> None:
    for _ in range(3):
        stack.api.post("/transactions", json={"account_id": account, "amount": LARGEST})
    exact = f"{3 * LARGEST:,}"

    screens.show(f"ledger/account/{account}")

    screens.sees(exact)
    expect(screens.page.get_by_role("row").nth(1)).to_contain_text(exact)


def test_l6_a_statement_has_a_name_a_span_and_the_line_of_its_balance(
    stack: Deployed, screens: Screens, account: str
) -> None:
    for amount in (12_345, -345):
        stack.api.post("/transactions", json={"account_id": account, "amount": amount})
    screens.show(f"ledger/account/{account}")
    screens.page.get_by_text("Name, unit and decimals").click()
    screens.fill(name="Petty cash", unit="USD", decimals="2")
    screens.press("Save")

    expect(screens.page.get_by_role("heading", name="Petty cash")).to_be_visible()
    line = "Balance from .*: between 0.00 USD and 123.45 USD"
    expect(screens.page.get_by_role("img", name=re.compile(line))).to_be_visible()
    expect(screens.page.get_by_role("row").nth(1)).to_contain_text("-3.45 USD120.00 USD")
    screens.page.get_by_text("Balance on a date").click()
    screens.fill(day="2020-01-01")
    screens.page.locator("details[open]").get_by_role("button", name="Show").click()
    screens.sees("At the end of 1 Jan 2020: 0.00 USD")
    with screens.page.expect_download() as saved:
        screens.press("Download CSV")
    assert saved.value.path().read_text("utf-8-sig").count("Petty cash") == 4

    screens.field("to").fill("2020-01-01")
    screens.field("to").press("Enter")
    screens.sees("No entries in this span.")


def test_a_transfer_moves_an_amount_and_is_taken_back_as_a_whole(
    stack: Deployed, screens: Screens, account: str
) -> None:
    other = str(uuid.uuid4())
    stack.api.post("/transactions", json={"account_id": account, "amount": 10})
    screens.show("ledger/transfer")
    screens.fill(from_account_id=account, to_account_id=other, amount="11")
    screens.field("covered").check()
    screens.press("Transfer")
    screens.sees("under the floor of 0")
    screens.fill(amount="4")
    screens.press("Transfer")
    screens.sees(f"Transferred 4 from {account} (balance 6) to {other} (balance 4)")

    screens.page.get_by_role("link", name="Show the transfer").click()
    screens.press("Reverse")
    screens.confirm("Reverse")

    screens.sees("Reversed by")
    assert stack.api.get(f"/accounts/{account}").json()["balance"] == 10


def test_l5_a_transaction_is_taken_back_after_a_question_and_only_once(
    stack: Deployed, screens: Screens, account: str
) -> None:
    posted = stack.api.post("/transactions", json={"account_id": account, "amount": 12}).json()
    screens.show(f"ledger/transaction/{posted['transaction_id']}")

    screens.press("Reverse")
    screens.confirm("Go back")
    assert stack.api.get(f"/accounts/{account}").json()["balance"] == 12
    screens.press("Reverse")
    screens.confirm("Reverse")

    screens.sees("Reversed")
    expect(screens.page.get_by_role("button", name="Reverse")).to_have_count(0)
    assert stack.api.get(f"/accounts/{account}").json()["balance"] == 0


def test_s9_times_are_the_viewers_and_tell_utc(
    stack: Deployed, screens: Screens, account: str
) -> None:
    posted = stack.api.post("/transactions", json={"account_id": account, "amount": 1}).json()

    screens.show(f"ledger/transaction/{posted['transaction_id']}")

    utc = posted["created_at"][:19].replace("T", " ")
    expect(screens.page.locator("dd time")).to_have_attribute("title", f"{utc} UTC")


def test_l6_an_unknown_account_is_said_to_be_unknown(screens: Screens, account: str) -> None:
    screens.show("ledger/accounts")
    screens.fill(account_id=account)

    screens.press("Show")

    expect(screens.page.get_by_role("alert")).to_contain_text("Not found")


def test_16_7_a_list_says_how_many_of_how_many_it_shows_and_keeps_it_right(
    stack: Deployed, screens: Screens, account: str
) -> None:
    def post(amounts: int) -> None:
        entries = [{"account_id": account, "amount": 1}] * amounts
        stack.api.post("/transactions/batch", json={"transactions": entries}).raise_for_status()

    def total() -> int:
        answer = stack.api.get("/transactions", params={"limit": "1", "count": "true"})
        return int(answer.headers["Total-Count"])

    for _ in range(4):
        post(33)
    screens.show(f"ledger/account/{account}")
    screens.sees("100 of 132")
    screens.press("Show more")
    screens.sees("All 132 shown.")

    screens.show("ledger")
    screens.sees(f"50 of {total():,}")
    screens.press("Show more")
    screens.sees(f"100 of {total():,}")
    post(1)
    screens.sees("1 transaction new")
    screens.press("Show")
    screens.sees(f"100 of {total():,}")  # as long as it was

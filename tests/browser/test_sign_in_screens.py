"""The page of a stage where people sign in: who comes in, what they see, how they leave."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from infra.standins.people import PEOPLE
from infra.standins.server import Standins
from tests.browser.screens import Screens
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S
from tests.support.plain import NO_TLS
from tests.support.signed import signed_stage
from tests.support.vending.crew import log

ACCOUNT = "5f0c3a52-0000-4000-8000-0000000000aa"


@pytest.fixture(scope="module")
def signed(browser: Browser, request: pytest.FixtureRequest) -> Deployed:
    """A stage where people sign in at the stand-in, with two technicians and their machines."""
    stack = signed_stage(request)
    with httpx.Client(
        base_url=stack.aws.api, timeout=CLIENT_S, trust_env=False, verify=NO_TLS
    ) as api:
        api.headers["Authorization"] = f"Bearer {token(stack.standins, 'vending:dispatch')}"
        for number, serial in (("T0001", "GM001"), ("T0002", "GM002")):
            api.put(f"/technicians/{number}", json={"name": number}).raise_for_status()
            api.put(f"/machines/{serial}", json={"technician": number}).raise_for_status()
    return stack


@pytest.fixture
def provider(signed: Deployed) -> Standins:
    return signed.standins


@pytest.fixture(name="page")
def _page(signed: Deployed, opened: Callable[[str], Screens]) -> Screens:
    return opened(signed.aws.api)


def token(provider: Standins, scope: str) -> str:
    """Return a program's token."""
    answer = httpx.post(
        f"{provider.url}/identity/token",
        data={"grant_type": "client_credentials", "scope": scope},
        auth=("backroom-machine", "standin-machine-secret"),
        trust_env=False,
        timeout=CLIENT_S,
        verify=NO_TLS,
    )
    found: str = answer.json()["access_token"]
    return found


def sign_in(page: Screens, who: str, route: str = "start") -> Screens:
    """Come in as somebody, on the way to a screen."""
    page.show(route)
    page.press("Sign in")
    page.page.get_by_role("button", name=PEOPLE[who].name).click()
    page.page.wait_for_url(f"{page.api}/**")
    expect(page.page.locator("#who")).to_contain_text(who)
    return page.settled()


def areas(page: Screens) -> list[str]:
    return page.page.get_by_role("navigation", name="Areas").get_by_role("link").all_inner_texts()


def kept(page: Screens, change: str = "") -> Any:
    """Return what the tab keeps of its sign-in, after a change to it."""
    return page.evaluate(
        "() => { const kept = JSON.parse(sessionStorage.getItem('backroom.session'));"
        f"{change}; if (kept) sessionStorage.setItem('backroom.session', JSON.stringify(kept));"
        "return kept; }"
    )


def test_who_is_not_signed_in_is_asked_to_and_sees_nothing_else(page: Screens) -> None:
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))

    page.show("ledger")

    page.sees("Sign in")
    assert areas(page) == []
    assert not [url for url in asked if "/accounts" in url or "/transactions" in url]
    assert not page.violations()


def test_one_signs_in_and_comes_back_to_where_one_was(page: Screens) -> None:
    sign_in(page, "cleo", "ledger/accounts")

    assert page.page.url == f"{page.api}/#/ledger/accounts"
    expect(page.page.get_by_role("heading", level=1)).to_have_text("Ledger")
    assert page.evaluate("localStorage.length") == 0
    assert "eyJ" not in page.evaluate("document.cookie + location.href + document.title")
    page.page.reload()
    page.settled()
    expect(page.page.locator("#who")).to_contain_text("cleo")
    assert not page.violations()


def test_an_area_is_there_for_whom_it_is_and_the_start_says_what_is_not(page: Screens) -> None:
    sign_in(page, "cleo")

    assert areas(page) == ["Overview", "Ledger"]
    page.sees("No access")
    page.sees("Bakery: requires bakery:read.")
    page.show("fleet")
    expect(page.page.get_by_role("heading", level=1)).to_have_text("No access")


def test_a_bookkeeper_posts(page: Screens) -> None:
    sign_in(page, "cleo", "ledger")
    page.fill(account_id=ACCOUNT, amount="7")

    page.press("Post")

    page.sees("Posted +7")


def test_a_technician_uploads_and_sees_their_own(page: Screens, tmp_path: Any) -> None:
    (tmp_path / "log.txt").write_text(log("GM001"))
    sign_in(page, "tess", "files")

    tabs = page.page.get_by_role("navigation", name="Files")
    expect(tabs).to_have_count(0)  # imports are the dispatcher's
    page.field("file").set_input_files(tmp_path / "log.txt")
    page.fill(downloaded_at="2020-04-01T12:00:00")
    page.press("Upload")
    expect(page.row("log.txt")).to_be_visible()
    page.show("fleet/machines")
    page.sees("Your machines")
    expect(page.row("GM001")).to_have_count(1)
    expect(page.row("GM002")).to_have_count(0)
    page.show("fleet/machine/GM001")
    page.sees("Transactions")
    expect(page.page.get_by_text("Assignment")).to_have_count(0)
    page.show("fleet/machine/GM002")
    page.sees("There is no machine GM002.")


def test_a_table_is_saved_by_the_signed_in_user(page: Screens) -> None:
    sign_in(page, "dora", "fleet/machine/GM001")
    page.page.get_by_text("Show transactions").click()

    with page.page.expect_download() as saving:
        page.page.get_by_role("link", name="Download as CSV").click()

    assert saving.value.suggested_filename == "GM001.csv"
    assert saving.value.path().read_text("utf-8-sig").startswith("id,machine,at")


def test_who_picks_nobody_is_told_that_nobody_was_signed_in(page: Screens) -> None:
    page.show("start")
    page.press("Sign in")
    page.page.get_by_role("button", name="Nobody").click()

    page.sees("Sign-in failed: access_denied.")
    assert page.page.url == f"{page.api}/#/start"
    assert kept(page) is None


def test_an_answer_to_a_sign_in_that_was_not_begun_here_is_refused(page: Screens) -> None:
    page.page.goto(f"{page.api}/?code=stolen&state=made-up")
    page.settled()

    page.sees("This sign-in was not started in this tab")
    assert kept(page) is None
    assert "stolen" not in page.page.url


def test_one_signs_out_here_and_at_the_provider(page: Screens, provider: Standins) -> None:
    sign_in(page, "otto")
    refresh = kept(page)["refresh"]

    page.press("Sign out")

    page.sees("Sign in")
    assert kept(page) is None
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": "backroom-people"}
    answer = httpx.post(
        f"{provider.url}/identity/token",
        data=form,
        trust_env=False,
        timeout=CLIENT_S,
        verify=NO_TLS,
    )
    assert answer.json()["error"] == "invalid_grant"


def test_a_token_that_is_about_to_end_is_renewed_and_nobody_notices(page: Screens) -> None:
    sign_in(page, "cleo", "ledger/accounts")
    before = kept(page, "kept.until = 0")

    page.page.reload()
    page.settled()

    assert kept(page)["access"] != before["access"]
    expect(page.page.get_by_role("alert")).to_have_count(0)


def test_a_sign_in_that_has_ended_says_so_and_what_was_typed_stays(
    page: Screens, provider: Standins
) -> None:
    sign_in(page, "cleo", "ledger")
    kept(page, "kept.until = 0; kept.access = kept.access.replace(/.{9}$/, 'AAAAAAAAA')")
    provider.office.identity.reset()
    page.page.reload()
    page.settled()

    expect(page.page.locator("#who")).to_contain_text("Your session has expired.")
    page.fill(account_id=ACCOUNT, amount="7")
    page.press("Post")
    page.sees("The bearer token was refused")
    expect(page.field("account_id")).to_have_value(ACCOUNT)
    page.press("Sign in again")
    page.page.get_by_role("button", name="Cleo").click()
    expect(page.page.locator("#who")).to_contain_text("cleo")


def test_the_page_may_talk_to_its_api_and_the_issuer_only(
    signed: Deployed, provider: Standins
) -> None:
    answer = httpx.get(
        signed.aws.api,
        headers={"Accept": "text/html"},
        trust_env=False,
        timeout=CLIENT_S,
        verify=NO_TLS,
    )

    policy = answer.headers["Content-Security-Policy"]
    issuer = f"http://localhost:{provider.http_port}"
    assert f"; connect-src 'self' {issuer} " in policy


def test_the_audit_trail_leads_to_what_was_changed(page: Screens) -> None:
    sign_in(page, "ada", "operations/audit")
    changed = page.page.get_by_role("link", name="machines/GM001").first
    expect(changed).to_be_visible()
    assert not page.violations()

    changed.click()

    expect(page.page.get_by_role("heading", level=2).first).to_contain_text("GM001")


def test_who_may_not_send_technicians_is_led_to_the_worklist(
    signed: Deployed, page: Screens
) -> None:
    with httpx.Client(
        base_url=signed.aws.api, timeout=CLIENT_S, trust_env=False, verify=NO_TLS
    ) as api:
        api.headers["Authorization"] = f"Bearer {token(signed.standins, 'vending:dispatch')}"
        faulty = log("GM001", rows=200, faulty=150)
        headers = {"Content-Type": "text/plain"}
        api.post("/imports", content=faulty, headers=headers).raise_for_status()

    sign_in(page, "tess")

    page.sees("GM001 needs a visit.")
    expect(page.page.get_by_role("main").get_by_role("link", name="Worklist")).to_be_visible()

"""What holds on every screen (S9): it can be read, reached and used, and says what goes wrong."""

import json
from collections.abc import Callable
from http import HTTPStatus

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.screens import Screens, needed
from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import hired, log

ACCOUNT = "5f0c3a52-0000-4000-8000-0000000000f1"
MOST_REQUESTS, MOST_BYTES = 6, 60_000
NO_ENTRIES = "No transactions yet."


@pytest.fixture(scope="module")
def furnished(stack: Deployed) -> Deployed:
    """The stack with a little of everything in it."""
    crew = hired(stack)
    crew.upload(log(crew.machine, rows=200, faulty=20))
    eventually(stack.calm, within_s=60)
    stack.api.post("/transactions", json={"account_id": ACCOUNT, "amount": 7})
    stack.api.put(
        "/recipients/7/preferences", json={"timestamp": 1, "preferences": {"personal": False}}
    )
    return stack


def test_s9_the_start_says_how_things_are_and_leads_to_every_area(
    furnished: Deployed, screens: Screens
) -> None:
    screens.show("start")

    screens.sees("Everything works")
    for area in ("Fleet", "Files", "Deliveries", "Ledger"):
        screens.page.get_by_role("navigation", name="Areas").get_by_role("link", name=area).click()
        expect(screens.page.get_by_role("heading", level=1)).to_have_text(area)
        expect(screens.page.get_by_role("heading", level=1)).to_be_focused()
        screens.settled()
    screens.page.go_back()
    expect(screens.page.get_by_role("heading", level=1)).to_have_text("Deliveries")


def test_b16_a_posting_takes_no_mouse(furnished: Deployed, screens: Screens) -> None:
    screens.show("ledger")
    press = screens.page.keyboard.press

    press("Tab")
    expect(screens.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    press("Enter")
    expect(screens.page.locator("main")).to_be_focused()
    for _ in range(len(["Transactions", "Transfer", "Accounts"]) + 1):
        press("Tab")
    expect(screens.field("account_id")).to_be_focused()
    screens.page.keyboard.type(ACCOUNT)
    press("Tab")
    screens.page.keyboard.type("-12")
    press("Enter")

    screens.sees("Posted -12")
    expect(screens.field("account_id")).to_be_focused()


def test_s9_a_screen_says_that_it_is_loading_then_that_nothing_is_there(
    stack: Deployed, screens: Screens
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    screens.page.route("**/transactions?*", hold)

    screens.page.goto(f"{stack.aws.api}/#/ledger")
    section = screens.page.locator("section").filter(has_text="Transactions")
    expect(section.get_by_role("status").first).to_have_text("Loading …")
    held[0].fulfill(json=[])

    screens.sees(NO_ENTRIES)


def test_an_address_that_leads_nowhere_says_so_and_back_leads_to_where_one_was(
    stack: Deployed, screens: Screens
) -> None:
    screens.page.set_viewport_size({"width": 360, "height": 400})
    screens.show("start")
    screens.evaluate("window.scrollTo(0, 150)")
    for wrong in ("nowhere", "fleet/nowhere"):
        screens.evaluate(f"location.hash = '#/{wrong}'")
        expect(screens.page.get_by_role("heading", level=1)).to_have_text("Page not found")
        screens.sees(f"There is no page at #/{wrong}.")

    screens.page.go_back()
    screens.page.go_back()

    expect(screens.page.get_by_role("heading", level=1)).to_have_text("Overview")
    eventually(lambda: screens.evaluate("Math.round(window.scrollY)") == 150, within_s=10)


def test_offline_is_called_offline(stack: Deployed, screens: Screens) -> None:
    screens.show("ledger")

    screens.page.context.set_offline(True)
    expect(screens.page.get_by_role("alert")).to_contain_text("You are offline")
    screens.page.get_by_role("link", name="Bakery").click()
    screens.sees("This device has no connection.")

    screens.page.context.set_offline(False)
    screens.press("Try again")
    expect(screens.page.get_by_role("heading", level=1)).to_have_text("Bakery")


def test_s9_without_a_connection_it_says_so_and_tries_again(
    stack: Deployed, screens: Screens
) -> None:
    screens.page.route("**/transactions?*", lambda route: route.abort())
    screens.show("ledger")
    expect(screens.page.get_by_role("alert")).to_contain_text("the service is unreachable")

    screens.page.unroute("**/transactions?*")
    screens.page.route("**/transactions?*", lambda route: route.fulfill(json=[]))
    screens.press("Try again")

    screens.sees(NO_ENTRIES)


def test_an_empty_page_that_has_a_next_one_is_not_the_end(screens: Screens) -> None:
    link = {"Link": '</packages?cursor=next>; rel="next"'}
    first = screens.page.expect_request("**/packages?recipient=*")
    screens.page.route(
        "**/packages?*",
        lambda route: route.fulfill(json=[], headers={} if "cursor" in route.request.url else link),
    )
    with first:
        screens.show("deliveries/packages/recipient=mars%26sender=moon")

    expect(screens.page.get_by_text("No package matches.")).to_have_count(0)
    screens.press("Show more")
    screens.sees("None found.")


def test_who_comes_back_finds_a_list_as_long_as_it_was(screens: Screens) -> None:
    link = {"Link": '</transactions?cursor=next>; rel="next"'}
    asked: list[str] = []

    def page(route: Route) -> None:
        asked.append(route.request.url)
        first = "cursor" not in route.request.url
        entries = [
            {
                "transaction_id": f"00000000-0000-4000-8000-{number:012d}",
                "account_id": ACCOUNT,
                "amount": number,
                "created_at": "2026-01-02T03:04:05Z",
            }
            for number in (range(50) if first else range(50, 100))
        ]
        route.fulfill(json=entries, headers=link if first else {})

    screens.page.route("**/transactions?*", page)
    screens.show("ledger")
    rows = screens.page.locator("tr[data-type=transaction]")
    expect(rows).to_have_count(50)
    screens.press("Show more")
    expect(rows).to_have_count(100)
    screens.evaluate("window.scrollTo(0, 3000)")

    screens.evaluate("location.hash = '#/ledger/transfer'")
    expect(screens.field("from_account_id")).to_be_visible()
    screens.page.go_back()

    expect(rows).to_have_count(100)
    eventually(lambda: screens.evaluate("Math.round(window.scrollY)") == 3000, within_s=10)
    screens.evaluate("location.hash = '#/ledger/transfer'")
    expect(screens.field("from_account_id")).to_be_visible()
    screens.evaluate("location.hash = '#/ledger'")
    expect(rows).to_have_count(50)  # another visit, not the way back


def test_the_machines_say_that_there_is_a_new_one(furnished: Deployed, screens: Screens) -> None:
    more: list[str] = []

    def fleet(route: Route) -> None:
        answer = route.fetch(headers={"Accept": "application/json"})
        found = answer.json()
        found["machines"] += [{**found["machines"][0], "serial": serial} for serial in more]
        route.fulfill(json=found, headers={"ETag": f'"{len(more)}"'})

    screens.page.route("**/fleet?*", fleet)
    screens.show("fleet/machines")
    screens.press("Machine")
    expect(screens.page.get_by_role("columnheader", name="Machine")).to_have_attribute(
        "aria-sort", "ascending"
    )
    more.append("GM9999")
    screens.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    # Whoever is in the table is asked first.
    screens.sees("1 machine new.")
    screens.press("Show")
    expect(screens.row("GM9999")).to_be_visible()


def test_s1_while_the_service_is_busy_the_same_request_goes_again_under_the_same_key(
    stack: Deployed, screens: Screens
) -> None:
    keys: list[str | None] = []

    def busy_once(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) > 1:
            route.continue_()
            return
        problem = {"title": "Temporarily unavailable", "status": 503, "detail": "Too busy."}
        route.fulfill(
            status=503,
            headers={"Retry-After": "1", "Content-Type": "application/problem+json"},
            body=json.dumps(problem),
        )

    screens.show("ledger")
    screens.page.route("**/transactions", busy_once)
    screens.fill(account_id="5f0c3a52-0000-4000-8000-0000000000f2", amount="5")
    screens.press("Post")

    screens.sees("Posted +5")
    assert len(keys) == 2
    assert keys[0]
    assert keys[0] == keys[1]


def test_s1_a_lost_answer_and_a_second_press_post_once(stack: Deployed, screens: Screens) -> None:
    account = "5f0c3a52-0000-4000-8000-0000000000f3"
    screens.show("ledger")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    screens.page.route("**/transactions", lose)
    screens.fill(account_id=account, amount="5")
    screens.press("Post")
    screens.sees("the service is unreachable")
    screens.page.unroute("**/transactions")
    screens.press("Post")

    screens.sees("Posted +5")
    assert stack.api.get(f"/accounts/{account}").json()["balance"] == 5


def test_s1_nothing_goes_twice_however_often_one_presses(stack: Deployed, screens: Screens) -> None:
    sent: list[Route] = []

    def hold(route: Route) -> None:
        sent.append(route)

    screens.show("ledger")
    screens.page.route("**/transactions", hold)
    screens.fill(account_id="5f0c3a52-0000-4000-8000-0000000000f4", amount="5")
    button = screens.page.get_by_role("button", name="Post", exact=True)

    button.dblclick()
    expect(button).to_be_disabled()
    screens.evaluate("document.querySelector('form').requestSubmit()")
    assert len(sent) == 1
    sent[0].continue_()

    screens.sees("Posted +5")
    assert len(sent) == 1


def test_the_overview_says_what_does_not_work_and_operations_what_to_do(
    stack: Deployed, opened: Callable[[str], Screens]
) -> None:
    checks = [
        {"integration": "jira", "state": "unreachable", "detail": "Jira does not answer."},
        {"integration": "slack", "state": "denied", "detail": "Slack refuses the token."},
        {"integration": "mail", "state": "ok", "detail": "Mail answers."},
        {"integration": "github", "state": "off", "detail": "GitHub is not configured."},
    ]
    effect = {"id": "jira#order#7", "kind": "jira", "state": "unsure", "attempts": 1}
    effect |= {"asked_at": "2026-01-02T14:16:00Z", "last_error": "Jira: timed out"}
    schedules = [
        {"name": "outbox_sweeper", "every_s": 300, "overdue": True, "ran_at": effect["asked_at"]},
        {"name": "bakery_daily_batch", "every_s": 86_400, "overdue": False},
    ]
    retried: list[str] = []

    def retry(route: Route) -> None:
        retried.append(json.loads(route.request.post_data or "{}")["id"])
        route.fulfill(json=effect)

    screens = opened(stack.aws.api)
    screens.page.route("**/integrations", lambda route: route.fulfill(json=checks))
    screens.page.route("**/outbox?state=unsure*", lambda route: route.fulfill(json=[effect]))
    screens.page.route("**/outbox/retry", retry)
    screens.page.route("**/schedules", lambda route: route.fulfill(json=schedules))

    screens.show("start")

    screens.sees("2 problems")
    screens.sees("Jira unreachable since 2 Jan 2026, 15:16; 1 ticket waits: Jira does not answer.")
    screens.sees("Slack refuses the credentials: Slack refuses the token.")
    expect(screens.page.locator("main")).not_to_contain_text("Everything works")

    screens.page.get_by_role("main").get_by_role("link", name="Operations").first.click()
    screens.settled()
    screens.sees("Outbox sweeper has not run since 2 Jan 2026, 15:16")
    expect(screens.page.get_by_role("row", name="Bakery daily batch")).to_contain_text("Not run")
    screens.page.get_by_role("button", name="Retry: Jira").click()
    expect(screens.page.get_by_text("1 effect will be tried now.")).to_be_visible()
    assert retried == [effect["id"]]
    screens.page.get_by_role("link", name="Runbook").nth(1).click()
    expect(screens.page.get_by_role("heading", name="Kinds that stand still")).to_be_visible()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": "empty", "orders": []}, "No orders are waiting, so no ticket was created."),
        ({"status": "sealed", "orders": [7, 8]}, "The ticket is created with 2 orders."),
    ],
)
def test_a_batch_that_has_not_run_is_created_from_operations(
    stack: Deployed, opened: Callable[[str], Screens], answer: dict[str, object], said: str
) -> None:
    needed(stack, "/cakes")
    schedule: dict[str, object] = {"name": "bakery_daily_batch", "every_s": 86_400}
    schedule |= {"overdue": True, "ran_at": "2026-01-02T06:00:00Z"}
    requested: list[str] = []

    def create(route: Route) -> None:
        requested.append(route.request.method)
        schedule["overdue"] = False
        route.fulfill(json=answer)

    screens = opened(stack.aws.api)
    screens.page.route("**/schedules", lambda route: route.fulfill(json=[schedule]))
    screens.page.route("**/batches", create)

    screens.show("operations")
    retry = screens.page.get_by_role("button", name="Retry: Bakery daily batch")
    retry.click()

    expect(screens.page.get_by_text(said)).to_be_visible()
    assert requested == ["POST"]
    expect(retry).to_have_count(0)


@pytest.mark.parametrize("state", ["unsure", "dead"])
def test_an_effect_that_was_not_executed_is_retried_from_its_screen(
    stack: Deployed, opened: Callable[[str], Screens], state: str
) -> None:
    effect: dict[str, object] = {"id": "jira#order#7", "kind": "jira", "state": state}
    effect |= {"attempts": 3, "asked_at": "2026-01-02T14:16:00Z", "payload": {"order": 7}}
    effect |= {"last_error": "Jira: timed out"}
    retried: list[object] = []

    def retry(route: Route) -> None:
        retried.append(json.loads(route.request.post_data or "{}"))
        effect.update(state="done", reference="ING-7")
        route.fulfill(json=effect)

    screens = opened(stack.aws.api)
    screens.page.route("**/outbox/effect?*", lambda route: route.fulfill(json=effect))
    screens.page.route("**/outbox/retry", retry)

    screens.show("operations/effect/jira%23order%237")
    screens.sees("Jira: timed out")
    button = screens.page.get_by_role("button", name="Retry", exact=True)
    button.click()

    expect(screens.page.get_by_text("1 ticket will be tried now.")).to_be_visible()
    assert retried == [{"id": "jira#order#7"}]
    screens.sees("ING-7")
    expect(button).to_have_count(0)


def test_everything_is_found_from_everywhere(
    furnished: Deployed, opened: Callable[[str], Screens]
) -> None:
    api, screens = furnished.api, opened(furnished.aws.api)
    api.post("/cakes", json={"name": "Search Cake", "ingredients": {"eggs": 1}})
    order = {"customer": "Wilhelmina Zander", "recipe": "search_cake", "persons": 1, "quantity": 1}
    assert api.post("/orders", json=order).status_code == 201
    screens.show("start")
    screens.sees("Orders waiting for ingredients: ")
    screens.page.keyboard.press("Control+k")
    box = screens.page.get_by_role("combobox", name="Search")
    expect(box).to_be_focused()

    box.fill("Ledg")
    expect(screens.page.get_by_role("option")).to_have_text(["AreaLedger"])
    box.fill("mina zan")
    expect(screens.page.get_by_role("option", name="Order")).to_contain_text("Wilhelmina Zander")
    box.fill(ACCOUNT)
    expect(screens.page.get_by_role("option", name=ACCOUNT)).to_be_visible()
    expect(screens.page.get_by_text("1 result")).to_be_visible()
    assert not screens.violations()
    screens.page.keyboard.press("Enter")

    screens.sees("Statement")
    expect(screens.page.get_by_role("dialog")).to_have_count(0)


def test_s9_behind_a_gateway_with_a_stage_in_its_addresses_the_page_finds_its_api(
    furnished: Deployed, opened: Callable[[str], Screens]
) -> None:
    gateway = f"{furnished.aws.endpoint}/_aws/execute-api/{furnished.outputs['RestAPIId']}/api"
    screens = opened(gateway)

    screens.show("start")
    screens.sees("Everything works")
    screens.show(f"ledger/account/{ACCOUNT}")

    screens.sees("Balance")


def test_the_reference_shows_the_document_s_examples_and_tries_them(
    stack: Deployed, opened: Callable[[str], Screens]
) -> None:
    """It is RapiDoc, alone with the API: whatever else it asked for would break its policy."""
    screens = opened(stack.aws.api)
    screens.show("start")
    page = screens.page
    page.get_by_role("link", name="API reference").click()
    expect(page).to_have_url(f"{stack.aws.api}/docs")
    page.goto(f"{stack.aws.api}/docs#put-/recipients/-recipient_id-/preferences")
    body = page.get_by_role("textbox").filter(has_text='"marketing": false')
    expect(body).to_be_visible()

    page.locator("input[data-pname=recipient_id]").fill("reference-1")
    page.get_by_role("button", name="TRY").click()

    expect(page.get_by_text("Response Status: OK:200")).to_be_visible()
    assert not stack.api.get("/recipients/reference-1/preferences").json()["marketing"]


def test_s9_the_focus_is_not_lost_when_what_had_it_is_gone(
    furnished: Deployed, screens: Screens
) -> None:
    account = "5f0c3a52-0000-4000-8000-0000000000f5"
    posted = furnished.api.post("/transactions", json={"account_id": account, "amount": 1}).json()
    screens.show(f"ledger/transaction/{posted['transaction_id']}")

    screens.press("Reverse")
    screens.confirm("Reverse")
    screens.sees("Reversed by")

    expect(screens.page.locator("main")).to_be_focused()


def test_s9_what_the_api_does_not_know_is_not_shown(
    stack: Deployed, opened: Callable[[str], Screens]
) -> None:
    def without_ledger(route: Route) -> None:
        page = route.fetch()
        route.fulfill(response=page, body=page.text().replace('"/transactions":', '"/other":'))

    screens = opened(stack.aws.api)
    screens.page.route(f"{stack.aws.api}/", without_ledger)

    screens.show("start")

    areas = screens.page.get_by_role("navigation", name="Areas").get_by_role("link")
    assert "Ledger" not in areas.all_inner_texts()
    assert "Deliveries" in areas.all_inner_texts()


def test_the_first_view_is_small_and_the_second_one_is_a_question(
    stack: Deployed, opened: Callable[[str], Screens]
) -> None:
    screens = opened(stack.aws.api)
    sent: dict[str, int] = {}

    def note(request: Request) -> None:
        response = request.response()
        ours = request.url == f"{stack.aws.api}/" or "/web/" in request.url
        if ours and response and response.status == HTTPStatus.OK:
            sent[request.url] = len(response.body())

    screens.page.on("requestfinished", note)
    screens.show("start")
    assert len(sent) <= MOST_REQUESTS, sent
    assert sum(sent.values()) <= MOST_BYTES, sent

    screens.page.reload()
    screens.settled()
    cached = screens.evaluate(
        "performance.getEntriesByType('resource').filter((e) => e.name.includes('/web/'))"
        ".map((e) => e.transferSize)"
    )
    assert cached
    assert set(cached) == {0}

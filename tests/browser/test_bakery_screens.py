"""The bakery in the browser, where the API has one."""

import json
import uuid

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.screens import Screens, needed
from tests.support.deployed import Deployed


@pytest.fixture(autouse=True)
def _there(stack: Deployed) -> None:
    needed(stack, "/cakes")


@pytest.fixture
def cake(stack: Deployed) -> str:
    """A cake that nobody else orders."""
    name = f"Cake {uuid.uuid4().hex[:8]}"
    grams, pieces = {"amount": 33, "unit": "g"}, {"amount": 2, "unit": "unit"}
    recipe = {"name": name, "ingredients": {"flour": grams, "eggs": pieces}}
    assert stack.api.post("/cakes", json=recipe).status_code == 201
    return name


def add_ingredient(screens: Screens, place: int, name: str, amount: str, unit: str) -> None:
    if place:
        screens.press("Add ingredient")
    screens.page.get_by_label("Ingredient", exact=True).nth(place).fill(name)
    screens.page.get_by_label("Amount").nth(place).fill(amount)
    screens.page.get_by_label("Unit").nth(place).select_option(unit)


def place_order(screens: Screens, cake: str, customer: str) -> None:
    screens.show("bakery")
    screens.press("New order")
    screens.fill(customer=customer, persons="2", quantity="3")
    screens.field("recipe").select_option(label=cake)
    screens.press("Place order")
    screens.sees(f"for {customer} has been placed")


def test_b2_a_cake_is_added_with_amounts_whose_units_nobody_guesses(screens: Screens) -> None:
    sent: list[Request] = []

    def note(request: Request) -> None:
        sent.append(request)

    name = f"Torte {uuid.uuid4().hex[:8]}"
    screens.show("bakery/cakes")
    screens.page.on("request", note)
    screens.fill(name=name)
    add_ingredient(screens, 0, "flour", "33", "g")
    add_ingredient(screens, 1, "eggs", "3", "unit")

    screens.press("Add cake")

    card = screens.page.get_by_role("listitem").filter(has_text=name)
    expect(card).to_contain_text("flour 33 g")
    expect(card).to_contain_text("eggs 3")
    [post] = [each for each in sent if each.method == "POST"]
    assert json.loads(post.post_data or "")["ingredients"] == {
        "flour": {"amount": 33, "unit": "g"},
        "eggs": {"amount": 3, "unit": "unit"},
    }


def test_s1_a_wrong_amount_is_named_with_its_ingredient(screens: Screens) -> None:
    screens.show("bakery/cakes")
    screens.fill(name="Nothing")
    add_ingredient(screens, 0, "flour", "-1", "g")

    screens.press("Add cake")

    expect(screens.page.locator(".ingredients .error")).to_contain_text("Flour")
    expect(screens.page.get_by_label("Ingredient", exact=True)).to_have_attribute(
        "aria-invalid", "true"
    )


def test_b7_an_order_shows_what_it_needs_and_becomes_ready_once(
    screens: Screens, cake: str
) -> None:
    place_order(screens, cake, "Mr Cakelover")
    screens.page.get_by_role("status").get_by_role("link").click()
    screens.settled()
    expect(screens.row("flour")).to_contain_text("198 g")
    expect(screens.row("eggs")).to_contain_text("12")

    # Before it is sent: to whom, how, and the words.
    screens.sees("By Slack to Mr Cakelover")
    screens.page.get_by_text("Message", exact=True).click()
    screens.sees("is ready. Come and get it while it is fresh!")
    screens.page.get_by_role("button", name="as ready").click()

    screens.sees("Ready now. Mr Cakelover will be notified shortly")
    expect(screens.page.get_by_role("button", name="Cancel order")).to_have_count(0)


def test_b7_the_board_finds_an_order_and_has_it_ready_or_not(
    stack: Deployed, screens: Screens, cake: str
) -> None:
    customer = f"Keisha {cake.split()[1]}"
    place_order(screens, cake, customer)
    [order] = stack.api.get("/orders", params={"customer": customer}).json()
    to_do, _, ready = (
        screens.page.locator("section").filter(has=screens.page.get_by_role("heading", name=name))
        for name in ("To do", "Ordered", "Ready")
    )

    screens.field("search").fill(customer[:-1].lower())
    expect(to_do.get_by_role("listitem")).to_have_count(1)
    expect(to_do).to_contain_text(f"{cake}, 2 servings")
    button = screens.page.get_by_role("button", name=f"order #{order['id']} as ready")
    button.hover()
    expect(to_do.get_by_role("listitem")).to_contain_text("By email to keisha_")
    expect(to_do.get_by_role("listitem")).to_contain_text("Guessed address: check")
    button.click()
    expect(ready).to_contain_text(f"{customer} will be notified shortly")
    expect(to_do.get_by_role("listitem")).to_have_count(0)

    # The undo itself is a race against the notice, which the API's tests decide.
    undone: list[str] = []

    def undo(route: Route) -> None:
        undone.append(f"{route.request.method} {route.request.url.removeprefix(stack.aws.api)}")
        route.fulfill(json=order)

    screens.page.route("**/orders/*/ready", undo)
    screens.page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(screens.page.get_by_text("nobody has been notified")).to_be_visible()
    assert undone == [f"DELETE /orders/{order['id']}/ready"]

    screens.field("search").fill(f"#{order['id']}")
    screens.field("search").press("Enter")
    screens.sees(f"Order #{order['id']} for {customer}")
    screens.sees("Guessed address: check")


def test_a_column_of_the_board_loads_older_orders_page_by_page(
    stack: Deployed, screens: Screens, cake: str
) -> None:
    placed = {"recipe": cake.lower().replace(" ", "_"), "persons": 1, "quantity": 1}
    for name in ("Old", "New"):
        stack.api.post("/orders", json={"customer": f"{name} {cake}", **placed})
    new, old = stack.api.get("/orders", params={"limit": 2}).json()

    def page(route: Route) -> None:
        further = "cursor" in route.request.url
        link = {} if further else {"Link": '</orders?cursor=next>; rel="next"'}
        total = {"Total-Count": "2"} if "count=true" in route.request.url else {}
        route.fulfill(json=[old if further else new], headers={**link, **total})

    for pattern in ("**/orders?status=open*", "**/orders?cursor=*"):
        screens.page.route(pattern, page)
    screens.show("bakery")
    to_do = screens.page.locator("section").filter(
        has=screens.page.get_by_role("heading", name="To do")
    )
    expect(to_do.get_by_role("listitem")).to_have_count(1)
    expect(to_do).to_contain_text("The newest 1 of 2 are here.")

    screens.press("Load older orders")

    expect(to_do.get_by_role("listitem")).to_have_count(2)
    expect(to_do.get_by_role("button", name="Load older orders")).to_have_count(0)


def test_a_question_ends_with_the_screen_that_asked_it(screens: Screens, cake: str) -> None:
    place_order(screens, cake, "Mx Undecided")
    screens.page.get_by_role("status").get_by_role("link").click()
    screens.settled()
    order = screens.page.url
    screens.press("Cancel order")
    expect(screens.page.get_by_role("dialog")).to_have_count(1)

    screens.page.go_back()

    expect(screens.page.get_by_role("dialog")).to_have_count(0)
    screens.page.goto("about:blank")
    screens.page.goto(order)
    screens.settled()
    expect(screens.page.get_by_role("button", name="Cancel order")).to_have_count(1)


def test_b13_an_order_is_cancelled_after_a_question_and_can_still_be_seen(
    screens: Screens, cake: str
) -> None:
    place_order(screens, cake, "Ms Cakehater")
    screens.page.get_by_role("status").get_by_role("link").click()
    screens.press("Cancel order")
    screens.confirm("Cancel order")
    screens.sees("Cancelled")

    screens.show("bakery/orders/cancelled")

    screens.sees("Ms Cakehater")


def test_b14_who_is_let_go_is_warned_about_their_forks(screens: Screens) -> None:
    name = uuid.uuid4().hex[:8]
    screens.show("bakery/team")
    screens.fill(firstName="Ada", lastName=name)
    screens.page.get_by_label("Developer: repository access").check()
    screens.press("Add employee")
    screens.sees(f"Ada {name} has been added.")
    card = screens.page.get_by_role("listitem").filter(has_text=name)
    expect(card).to_contain_text("Waiting for GitHub username")

    screens.press(f"Remove Ada {name}")
    expect(screens.page.get_by_role("dialog")).to_contain_text("forks of a private repository")
    screens.confirm("Remove")

    expect(card).to_have_count(0)


def test_b9_what_to_buy_is_written_for_all_waiting_orders(screens: Screens, cake: str) -> None:
    place_order(screens, cake, "Mr Morning")
    screens.show("bakery/batches")
    expect(screens.row("flour").first).to_contain_text("g")
    screens.press("Create ticket now")
    screens.confirm("Create ticket")

    screens.sees("Ticket for")
    expect(screens.row("flour").first).to_contain_text("g")

"""The bakery end to end: the deployed functions, and stand-ins for all five vendors.

The schedule's time says which day's batch is run, so each test that runs one takes a day of its
own, far ahead; a run takes whatever is open, so tests look at their own orders alone. What becomes
of faults of the vendors' is in `test_failing_vendors`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from random import Random
from uuid import uuid4

import httpx
import pytest

from chalicelib.bakery.ports import MOST_JOINING
from tests.support.bakery.deployed import DeployedBakery, somebody, together
from tests.support.bakery.house import GOLDEN
from tests.support.dynamodb import items
from tests.support.patience import CLIENT_S, eventually
from tests.support.size import grows, size


@pytest.fixture(autouse=True)
def _nothing_twice_and_nothing_against_a_contract(house: DeployedBakery) -> Iterator[None]:
    yield
    shown = house.standins.office.shown()
    assert not [each for found in shown["doubles"].values() for each in found]
    assert shown["violations"] == []


# --- the story ------------------------------------------------------------------------------------


def test_b7_the_brief_s_order_through_the_gateway(house: DeployedBakery) -> None:
    extras = {"sugar": 10, "peanuts": 10}
    answer = house.stack.api.post(
        "/orders",
        json={
            **{"customer": "Mr. Cakelover", "recipe": "chocolate_cake"},
            **{"persons": 4, "quantity": 1, "extra_ingredients": extras},
        },
    )

    for name, (number, unit) in GOLDEN.items():
        assert f'{{"name":"{name}","amount":{number},"unit":"{unit}"}}' in answer.text
    house.cancel(answer.json()["id"])


def test_from_the_order_to_the_provider_s_answer(house: DeployedBakery, day: date) -> None:
    guest, vegan = somebody(), somebody()
    with_eggs, without = house.order(guest), house.order(vegan, "apple_pie")
    house.run(day)
    key = house.ticket(with_eggs)
    [issue] = house.issues(f"order-batch-{day}")
    assert issue["key"] == key
    assert issue["fields"]["duedate"] == (day + timedelta(days=1)).isoformat()
    assert set(issue["properties"]["backroom.batch"]["orders"]) >= {str(with_eggs), str(without)}
    for order in (with_eggs, without):
        link = f"{house.stack.aws.api}/orders/{order}"
        assert f'"{link}"' in json.dumps(issue["fields"]["description"])
        assert httpx.get(link, timeout=CLIENT_S).json()["ticket"]["key"] == key

    assert house.provider(key, labels=["missing-ingredients", "missing-eggs"], status="done") == [
        [200],
        [200],
    ]

    eventually(lambda: house.get(f"/orders/{with_eggs}")["status"] == "cancelled")
    order = house.get(f"/orders/{with_eggs}")
    assert order["reason"] == "missing eggs"
    assert order["history"][-1]["by"] == f"provider, {key}"
    assert house.get(f"/orders/{without}")["status"] == "ticketed"
    eventually(lambda: house.get(f"/orders/{with_eggs}")["filed"])
    eventually(lambda: house.get(f"/orders/{with_eggs}")["notice"]["state"] == "sent")
    [letter] = [each for each in house.held("mail", "letters") if guest in each["text"]]
    assert "We could bake Apple Pie for you instead" in letter["text"]
    eventually(lambda: house.issues(f"order-batch-{day}")[0]["comments"])


def test_5d_tampered_repeated_and_old_webhooks(house: DeployedBakery, day: date) -> None:
    order = house.order(somebody(), "apple_pie")
    house.run(day)
    key = house.ticket(order)

    assert house.provider(key, labels=["nonsense"], deliver={"tamper": True}) == [[401]]
    assert house.provider(key, labels=["nonsense2"], deliver={"signed": False}) == [[401]]
    assert house.provider(key, labels=["nonsense3"], deliver={"age_s": 7200}) == [[401]]
    told = house.provider(
        key,
        edits=["status", "labels"],
        order=[1, 0],
        labels=["missing-ingredients"],
        status="done",
        deliver={"copies": 3},
    )

    assert told == [[200, 200, 200], [200, 200, 200]]
    eventually(lambda: house.get(f"/orders/{order}")["status"] == "cancelled")
    eventually(lambda: house.get(f"/orders/{order}")["filed"])


def test_5c12_the_hourly_check_finds_what_no_webhook_told(house: DeployedBakery, day: date) -> None:
    order = house.order(somebody(), "apple_pie")
    house.run(day)
    key = house.ticket(order)
    url, house.standins.office.webhooks.url = house.standins.office.webhooks.url, ""
    house.provider(key, labels=["missing-ingredients"], status="done")
    house.standins.office.webhooks.url = url

    house.check()

    assert house.get(f"/orders/{order}")["status"] == "cancelled"


# --- one ticket -----------------------------------------------------------------------------------


def totals(house: DeployedBakery, orders: list[int]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for order in orders:
        for need in house.get(f"/orders/{order}")["ingredients"]:
            found[need["name"], need["unit"]] += round(need["amount"] * 10)
    return found


def check_the_batch(house: DeployedBakery, day: date, mine: list[int]) -> None:
    """Each order is on one ticket or none, and the lines add up."""
    batch = house.get(f"/batches/{day}")
    joined = set(batch["orders"])
    for each in mine:
        order = house.get(f"/orders/{each}")
        steps = [change["status"] for change in order["history"]]
        assert steps.count("ticketed") == (each in joined), order
        assert (order.get("batch") == day.isoformat()) == (each in joined)
    lines = {(line["name"], line["unit"]): line for line in batch["lines"]}
    summed = Counter({key: round(line["amount"] * 10) for key, line in lines.items()})
    assert summed == totals(house, batch["orders"])
    for line in lines.values():
        shared = sum(round(share["amount"] * 10) for share in line["orders"])
        assert shared == round(line["amount"] * 10)


def test_b9_four_runs_at_once_make_one_ticket(house: DeployedBakery, day: date) -> None:
    orders = [house.order(somebody(), persons=n % 5 + 1) for n in range(40)]

    together(*[partial(house.run, day)] * 4)

    house.ticket(orders[0])
    check_the_batch(house, day, orders)
    assert set(orders) <= set(house.get(f"/batches/{day}")["orders"])
    assert len(house.issues(f"order-batch-{day}")) == 1


@grows
@pytest.mark.parametrize("seed", range(size(1, fuzz=3)))
def test_5c8_cancelling_and_joining_cannot_both_win(
    house: DeployedBakery, day: date, seed: int
) -> None:
    orders = [house.order(somebody()) for _ in range(40)]
    leaving = Random(seed).sample(orders, 25)
    with ThreadPoolExecutor(6) as pool:
        runs = [pool.submit(house.run, day) for _ in range(2)]
        cancelled = list(pool.map(house.cancel, leaving))
        for each in runs:
            each.result()
    house.run(day)

    assert set(cancelled) == {204}
    check_the_batch(house, day, orders)
    joined = set(house.get(f"/batches/{day}")["orders"])
    assert {each for each in orders if each not in leaving} <= joined
    for order in leaving:
        assert house.get(f"/orders/{order}")["status"] == "cancelled"
    commented = {f"comment#{order}" for order in leaving if order in joined}
    asked = {f"comment#{order}" for order in leaving if house.effect(f"comment#{order}")}
    assert asked == commented


def test_a_batch_whose_function_is_killed_is_finished_by_the_next(
    house: DeployedBakery, day: date
) -> None:
    orders = [house.order(somebody())]
    house.run(day - timedelta(days=400))  # so that its processes are known
    more = [house.order(somebody()) for _ in range(2 * MOST_JOINING + 1)]  # three transactions

    def run() -> None:
        with suppress(AssertionError):
            house.run(day)

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            running = pool.submit(run)
            pool.submit(house.stack.kill_all, "bakery-daily-batch")
            running.result()
    eventually(partial(ran, house, day), within_s=60)

    check_the_batch(house, day, more)
    assert set(more) <= set(house.get(f"/batches/{day}")["orders"])
    assert not set(orders) & set(house.get(f"/batches/{day}")["orders"])


def ran(house: DeployedBakery, day: date) -> bool:
    with suppress(AssertionError):
        house.run(day)
    return house.stack.api.get(f"/batches/{day}").status_code == 200


@pytest.mark.parametrize("kind", ["drop_after", "status_after", "drop", "limit"])
def test_5c9_whatever_becomes_of_jira_s_answer_there_is_one_ticket(
    house: DeployedBakery, day: date, kind: str
) -> None:
    told = {"retry_after_s": 1} if kind == "limit" else {}
    house.fail("jira", kind, method="POST", path="/issue$", **told)
    order = house.order(somebody())

    house.run(day)

    house.ticket(order)
    assert len(house.issues(f"order-batch-{day}")) == 1


def test_5c7_an_urgent_order_has_its_ticket_at_once(house: DeployedBakery) -> None:
    order = house.order(somebody(), urgent=True)

    key = house.ticket(order)

    [issue] = house.issues(f"order-{order}")
    assert (issue["key"], issue["fields"]["summary"]) == (key, f"Order #{order}")
    assert house.cancel(order) == 204
    eventually(lambda: house.issues(f"order-{order}")[0]["comments"])


# --- notices --------------------------------------------------------------------------------------


def test_b11_b12_one_notice_however_often_it_is_requested(house: DeployedBakery) -> None:
    known, double, stranger, irish = somebody(), somebody(), "O'Hara 🎂", somebody()
    people = [
        {"user_id": "U1", "real_name": known.upper()},
        {"user_id": "U2", "real_name": double},
        {"user_id": "U3", "real_name": "Somebody Else", "display_name": double.lower()},
        {"user_id": "U4", "real_name": irish, "is_bot": True},
    ]
    house.control("slack/people", people=people)
    guests = [known, double, stranger, irish]
    orders = [house.order(guest) for guest in guests]

    for order in orders:
        ready = partial(house.stack.api.post, f"/orders/{order}/ready")
        assert {each.status_code for each in together(*[ready] * 3)} == {200}

    def sent(order: int) -> bool:
        return bool(house.get(f"/orders/{order}")["notice"]["state"] == "sent")

    for order in orders:
        eventually(partial(sent, order))

    channels = [house.get(f"/orders/{order}")["notice"]["channel"] for order in orders]
    assert channels == ["slack", "mail", "mail", "mail"]
    [message] = [m for m in house.held("slack", "messages") if f"order {orders[0]} " in m["text"]]
    assert message["name"] == known.upper()
    letters = house.held("mail", "letters")
    for order in orders[1:]:
        assert len([each for each in letters if f"order {order} " in each["text"]]) == 1
    assert house.get(f"/orders/{orders[2]}")["notice"]["to"] == "o_hara@gmail.com"


def test_ready_is_taken_back_before_the_customer_is_told(house: DeployedBakery) -> None:
    def taken_back() -> tuple[str, int]:
        """On a slow machine the worker may be first; then another order is."""
        guest = somebody()
        order = house.order(guest)
        house.post(f"/orders/{order}/ready", status=200)
        undone = house.stack.api.delete(f"/orders/{order}/ready")
        assert undone.status_code == 200, undone.text
        assert (undone.json()["status"], undone.json().get("notice")) == ("open", None)
        return guest, order

    guest, order = eventually(taken_back)
    assert house.effect(f"ready#{order}")["answer"] == "withdrawn before it began"
    house.post(f"/orders/{order}/ready", status=200)

    eventually(lambda: house.get(f"/orders/{order}")["notice"]["state"] == "sent")
    [letter] = [each for each in house.held("mail", "letters") if guest in each["text"]]
    assert f"order {order} " in letter["text"]
    assert house.effect(f"ready#{order}#2")["state"] == "done"
    assert house.stack.api.delete(f"/orders/{order}/ready").status_code == 409


def test_four_who_want_an_extra_ticket_at_once_get_one(house: DeployedBakery) -> None:
    house.order(somebody())
    house.stack.api.post("/batches").raise_for_status()
    orders = [house.order(somebody(), due_at="2142-12-24T09:00:00Z", note="x") for _ in range(3)]
    assert {*orders} <= {*house.get("/batches/next")["orders"]}
    assert {*orders} <= {each["id"] for each in house.get("/orders?due=2142-12-24&status=open")}
    told = house.post("/batches", status=200)
    assert "wait for tomorrow" in told["message"]
    number, day = told["next_ticket"], told["date"]

    ask = partial(house.stack.api.post, "/batches", params={"ticket": number})
    answers = together(*[ask] * 4)

    assert {each.status_code for each in answers} <= {200, 201}
    batch = house.get(f"/batches/{day}?ticket={number}")
    assert {*orders} <= {*batch["orders"]}
    assert house.ticket(orders[0])
    assert len(house.issues(f"order-batch-{day}-{number:02d}")) == 1


# --- records, access ------------------------------------------------------------------------------


def test_b13_cancelled_orders_of_one_customer_are_in_one_document(house: DeployedBakery) -> None:
    guest = f"Mr. {uuid4().hex[:8]}"
    orders = [house.order(name) for name in (guest, guest.replace(".", "")) for _ in range(4)]

    together(*[partial(house.cancel, order) for order in orders])

    def filed(order: int) -> bool:
        return bool(house.get(f"/orders/{order}")["filed"])

    for order in orders:
        eventually(partial(filed, order), within_s=120)
    name = guest.lower().replace(". ", "_")
    [document] = [each for each in house.held("google", "files") if each["name"] == name]
    lines = document["text"].splitlines()
    assert lines[0].endswith("cancelled orders")
    assert sorted(document["lines"]) == sorted(["title", *(f"order-{each}" for each in orders)])


def test_who_was_erased_is_in_no_table_nor_at_any_vendor(house: DeployedBakery) -> None:
    """With the rights of the deployed functions, and events as the real stream tells them."""
    name = f"Zelda {uuid4().hex[:12]}"
    house.control("slack/people", people=[{"user_id": "U9", "real_name": name}])
    filed, told = house.order(name, phone="+49 5550123"), house.order(name, urgent=True)
    house.cancel(filed)
    eventually(lambda: house.get(f"/orders/{filed}")["filed"], within_s=120)
    house.post(f"/orders/{told}/ready", status=200)
    eventually(lambda: house.get(f"/orders/{told}")["notice"]["state"] == "sent", within_s=120)
    assert _traces(house, name)

    erased = house.post("/erasures", {"customer": name}, status=200)

    assert (erased["orders"], erased["waiting"]) == ([told, filed], [])
    assert (erased["documents"], erased["messages"]) == (1, 1)
    eventually(lambda: _traces(house, name) == [], within_s=120)


def _traces(house: DeployedBakery, name: str) -> list[str]:
    """Return where a name is still found: tables, and vendors but for whom they know themselves."""
    dynamodb = house.stack.client("dynamodb")
    kept = {table: items(dynamodb, table) for table in dynamodb.list_tables()["TableNames"]}
    shown = house.standins.office.shown()
    kept |= {vendor: shown[vendor] for vendor in ("jira", "google", "github")}
    kept["slack"] = shown["slack"]["messages"]
    word = name.partition(" ")[2]
    return [where for where, found in kept.items() if word in json.dumps(found, default=str)]


def test_b15_fired_while_invited_is_out(house: DeployedBakery) -> None:
    login = f"ada{uuid4().hex[:8]}"
    logins = [login, f"{login}-2"]
    house.control("github/logins", logins=logins)
    ada = {"firstName": "Ada", "lastName": "Lovelace", "permissions": {"developer": True}}
    kept = house.post("/employees", {**ada, "githubUsername": login})["id"]
    fired = house.post("/employees", {**ada, "githubUsername": f"{login}-2"})["id"]
    assert house.stack.api.delete(f"/employees/{fired}").status_code == 204
    unknown = house.post("/employees", {**ada, "githubUsername": f"{login}-3"})["id"]

    eventually(lambda: house.get(f"/employees/{kept}")["access"] == "invited")
    eventually(lambda: house.get(f"/employees/{unknown}")["access"] == "failed")

    def gone() -> bool:
        states = [house.effect(f"access#{fired}#{what}") for what in ("grant#v1", "remove#v2")]
        return all(state and state["state"] == "done" for state in states)

    eventually(gone)
    invited = [each["invitee"]["login"] for each in house.held("github", "invitations")]
    assert login in invited
    assert f"{login}-2" not in invited


def test_s6_nothing_of_the_bakery_is_dead_or_lost(house: DeployedBakery) -> None:
    """What the tests before asked for has ended well, but for a user whom GitHub does not know."""

    def settled() -> bool:
        for kind in ("jira", "notify", "google", "github"):
            waiting = house.get(f"/outbox?kind={kind}&state=pending")
            assert not waiting, [each["id"] for each in waiting]
        return True

    eventually(settled, within_s=150)
    assert len(house.get("/outbox?state=dead&kind=github")) == 1
    for kind in ("jira", "notify", "google"):
        assert house.get(f"/outbox?state=dead&kind={kind}") == []

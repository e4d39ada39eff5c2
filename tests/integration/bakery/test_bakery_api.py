"""The bakery over HTTP: every status, every body (5r, 5c, 5d)."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

from chalicelib.bakery.records import Ticket
from chalicelib.bakery.wiring import bakery
from chalicelib.core.outbox.store import EffectStore
from chalicelib.integrations import wiring as vendors
from tests.support.bakery.house import SECRET
from tests.support.bakery.table import Stores

JSON = {"Content-Type": "application/json"}
CAKE = (
    '{"name": "Chocolate Cake", "ingredients":'
    ' {"chocolate": 67.0, "butter": 33.0, "flour": 17.0, "sugar": 30.5, "eggs": 2}}'
)
ORDER = {"customer": "Mr. Cakelover", "recipe": "chocolate_cake", "persons": 4, "quantity": 1}
GOLDEN = {"sugar": 10, "peanuts": 10}


def post(client: Client, path: str, body: object = None, **headers: str) -> HTTPResponse:
    raw = body if isinstance(body, str) else json.dumps(body)
    return client.http.post(path, headers={**JSON, **headers}, body=raw.encode())


def get(client: Client, path: str, status: int = 200) -> Any:
    answer = client.http.get(path)
    assert answer.status_code == status, answer.body
    return answer.json_body


def refused(answer: HTTPResponse, status: int) -> Any:
    assert answer.status_code == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json_body


def faults(answer: HTTPResponse, status: int = 400) -> set[str]:
    return {error["field"] for error in refused(answer, status)["errors"]}


@pytest.fixture
def recipes(client: Client) -> Client:
    """The API, with the brief's cake."""
    assert post(client, "/cakes", CAKE).status_code == 201
    return client


# --- cakes ----------------------------------------------------------------------------------------


def test_b1_to_b4_a_cake_comes_is_shown_and_goes(client: Client) -> None:
    assert get(client, "/cakes") == []

    answer = post(client, "/cakes", CAKE)

    assert (answer.status_code, answer.headers["Location"]) == (201, "/cakes/chocolate_cake")
    created_at = answer.json_body["created_at"]
    assert answer.json_body == {
        "id": "chocolate_cake",
        "created_at": created_at,
        **json.loads(CAKE),
    }
    assert get(client, "/cakes") == [get(client, "/cakes/chocolate_cake")]
    gone = client.http.delete("/cakes/chocolate_cake")
    assert (gone.status_code, gone.body) == (204, b"")
    refused(client.http.delete("/cakes/chocolate_cake"), 404)
    refused(client.http.get("/cakes/chocolate_cake"), 404)


@pytest.mark.parametrize("name", ["Chocolate%20Cake", "chocolate-cake", "ChocolateCake", "x%00y"])
def test_a_cake_in_a_path_is_named_by_its_id_and_by_nothing_like_it(
    client: Client, name: str
) -> None:
    post(client, "/cakes", CAKE)

    for method in ("GET", "DELETE"):
        assert faults(client.http.request(method, f"/cakes/{name}")) == {"cake_id"}
    assert len(get(client, "/cakes")) == 1


def test_b5_5c2_grams_come_back_with_a_point_and_units_without(recipes: Client) -> None:
    text = recipes.http.get("/cakes/chocolate_cake").body.decode()

    assert '"chocolate":67.0,"butter":33.0,"flour":17.0,"sugar":30.5,"eggs":2}' in text


def test_5c2_the_form_that_needs_no_point(client: Client) -> None:
    amounts = {"flour": {"amount": 33, "unit": "g"}, "eggs": {"amount": 2, "unit": "unit"}}

    answer = post(client, "/cakes", {"name": "X", "ingredients": amounts})

    assert '"flour":33.0,"eggs":2}' in answer.body.decode()


def test_5c1_a_cake_of_the_same_id_is_409(recipes: Client) -> None:
    answer = post(recipes, "/cakes", CAKE.replace("Chocolate Cake", "chocolate-cake"))

    assert refused(answer, 409)["type"] == "/problems/cake-exists"


BAD_INGREDIENTS = [
    *("{}", "[]", "null", '"flour"', '{"flour": 0}', '{"flour": -1}', '{"flour": "1"}'),
    *('{"flour": true}', '{"flour": 100000.5}', '{"eggs": 10001}', '{"": 1}', '{"粉": 1}'),
    *('{"eggs": 1, "Eggs": 2}', '{"flour": null}', '{"flour": {"amount": 1, "unit": "kg"}}'),
    json.dumps({f"i{n}": 1 for n in range(100)}),
]


@pytest.mark.parametrize("ingredients", BAD_INGREDIENTS)
def test_5d_bad_ingredients_are_400_and_nothing_is_stored(client: Client, ingredients: str) -> None:
    answer = post(client, "/cakes", f'{{"name": "X", "ingredients": {ingredients}}}')

    assert {name.partition(".")[0] for name in faults(answer)} == {"ingredients"}
    assert get(client, "/cakes") == []


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e400", "1, 'x': 1", "1}, {"])
def test_s4_what_is_not_json_is_400(client: Client, amount: str) -> None:
    assert faults(post(client, "/cakes", f'{{"name": "X", "ingredients": {{"a": {amount}}}}}')) == {
        "(body)"
    }


def test_5d_every_fault_is_named(client: Client) -> None:
    body = {
        "name": "蛋糕",
        "ingredients": {"flour": 0, "eggs": True, "sugar": 1.5, "Sugar": 2, "粉": 3},
    }

    answer = post(client, "/cakes", body)

    assert faults(answer) == {
        *("name", "ingredients.flour", "ingredients.eggs"),
        *("ingredients.Sugar", "ingredients.粉"),
    }


def test_5d_too_many_units_in_a_recipe_are_named_too(client: Client) -> None:
    answer = post(client, "/cakes", {"name": "X", "ingredients": {"eggs": 10_001, "flour": 1.5}})

    assert faults(answer) == {"ingredients.eggs"}


@pytest.mark.parametrize("cake_id", ["42", "%20", "---"])
def test_what_is_no_id_of_a_cake_is_400(client: Client, cake_id: str) -> None:
    for answer in (client.http.get(f"/cakes/{cake_id}"), client.http.delete(f"/cakes/{cake_id}")):
        assert faults(answer) == {"cake_id"}


def test_s3_a_body_of_another_kind_is_415(client: Client) -> None:
    answer = client.http.post("/cakes", headers={"Content-Type": "text/plain"}, body=b"{}")

    refused(answer, 415)


# --- orders ---------------------------------------------------------------------------------------


def test_b7_the_brief_s_order(recipes: Client) -> None:
    answer = post(recipes, "/orders", {**ORDER, "extra_ingredients": GOLDEN})

    assert (answer.status_code, answer.headers["Location"]) == (201, "/orders/1")
    order = answer.json_body
    assert {**order, **ORDER} == order
    assert order["ingredients"] == [
        {"name": "chocolate", "amount": 268.0, "unit": "g"},
        {"name": "butter", "amount": 132.0, "unit": "g"},
        {"name": "flour", "amount": 68.0, "unit": "g"},
        {"name": "sugar", "amount": 132.0, "unit": "g"},
        {"name": "eggs", "amount": 8, "unit": "unit"},
        {"name": "peanuts", "amount": 10, "unit": "unit"},
    ]
    text = answer.body.decode()
    assert '"amount":268.0,"unit":"g"' in text
    assert '"amount":8,"unit":"unit"' in text
    assert '"extra_ingredients":{"sugar":10.0,"peanuts":10}' in text
    assert (order["status"], order["urgent"]) == ("open", False)
    assert get(recipes, "/orders/1") == order
    assert get(recipes, "/orders") == [order]


NOTHING: tuple[object, ...] = ([], None)
BAD_ORDERS: list[tuple[str, object]] = [
    *[(name, bad) for name in ("persons", "quantity") for bad in (0, -1, 2.5, "2", True, 10_001)],
    *[(name, 2.5) for name in ("persons", "quantity")],
    *[("customer", bad) for bad in ("", " ", "a\nb", "x" * 101, 7, None)],
    *[("recipe", bad) for bad in ("", "蛋糕", 7)],
    *[("extra_ingredients", bad) for bad in (*NOTHING, {"peanuts": 0}, {"peanuts": "1"})],
    *[("email", bad) for bad in ("", "me", "a@b", "a@b.c\n", "a b@c.de", "a@-b.de", 7)],
    ("urgent", "yes"),
]


@pytest.mark.parametrize(("field", "value"), BAD_ORDERS)
def test_5d_a_bad_field_is_400_and_named(recipes: Client, field: str, value: object) -> None:
    answer = post(recipes, "/orders", {**ORDER, field: value})

    assert {name.partition(".")[0] for name in faults(answer)} == {field}
    assert get(recipes, "/orders") == []


@pytest.mark.parametrize("field", ORDER)
def test_5d_a_missing_field_is_400_and_named(recipes: Client, field: str) -> None:
    body = {name: value for name, value in ORDER.items() if name != field}

    assert faults(post(recipes, "/orders", body)) == {field}


def test_s8_the_same_key_is_the_same_order(recipes: Client) -> None:
    first = post(recipes, "/orders", ORDER, **{"Idempotency-Key": "k"})
    again = post(recipes, "/orders", ORDER, **{"Idempotency-Key": "k"})
    other = post(recipes, "/orders", {**ORDER, "persons": 5}, **{"Idempotency-Key": "k"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json_body == first.json_body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert refused(other, 422)["type"] == "/problems/idempotency-key-reused"
    assert len(get(recipes, "/orders")) == 1


def test_s8_keys_that_the_first_versions_stored_still_stand_for_their_orders(
    recipes: Client, stores: Stores
) -> None:
    """They were stored with a digest of what Python called the request, and its class Wish."""
    told = {**ORDER, "extra_ingredients": {"nuts": 3}}
    first = post(recipes, "/orders", told, **{"Idempotency-Key": "k"})
    wish = (
        "Wish(customer='Mr. Cakelover', recipe='chocolate_cake', persons=4, quantity=1, "
        "extras={'nuts': Given(number=Decimal('3'), pointed=False, unit=None)}, urgent=False, "
        "email=None)"
    )
    digest = hashlib.sha256(wish.encode()).hexdigest()
    body = json.dumps({"order": first.json_body["id"], "wish": digest})
    stores.table.put({"pk": {"S": "KEY#k"}, "sk": {"S": "ORDER"}, "body": {"S": body}})

    again = post(recipes, "/orders", told, **{"Idempotency-Key": "k"})
    other = post(recipes, "/orders", ORDER, **{"Idempotency-Key": "k"})

    assert (again.status_code, again.json_body) == (201, first.json_body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "another extra_ingredients" in refused(other, 422)["detail"]


def test_5c6_an_unknown_recipe_is_422(recipes: Client) -> None:
    assert refused(post(recipes, "/orders", {**ORDER, "recipe": "mud"}), 422)["type"] == (
        "/problems/unknown-recipe"
    )


def test_5c3_a_unit_clash_is_422(recipes: Client) -> None:
    body = {**ORDER, "extra_ingredients": {"eggs": 1.5}}

    assert refused(post(recipes, "/orders", body), 422)["type"] == "/problems/unit-clash"


@pytest.mark.parametrize("order_id", ["abc", "1.0", "-1", "01", "9" * 16, "%31x"])
@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("GET", "/notice"), ("DELETE", ""), ("POST", "/ready")]
)
def test_5c5_an_id_that_is_no_integer_is_400(
    client: Client, order_id: str, method: str, rest: str
) -> None:
    answer = client.http.request(method, f"/orders/{order_id}{rest}")

    assert faults(answer) == {"order_id"}


@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("GET", "/notice"), ("DELETE", ""), ("POST", "/ready")]
)
def test_5d_an_unknown_order_is_404(client: Client, method: str, rest: str) -> None:
    refused(client.http.request(method, f"/orders/7{rest}"), 404)


def test_5c11_cancelling_is_204_however_often_it_is_requested(
    recipes: Client, stores: Stores
) -> None:
    post(recipes, "/orders", ORDER)

    answers = [
        recipes.http.delete("/orders/1?by=Ann&reason=no%20guests"),
        recipes.http.delete("/orders/1"),
    ]

    assert [(answer.status_code, answer.body) for answer in answers] == [(204, b"")] * 2
    order = get(recipes, "/orders/1")
    assert (order["status"], order["reason"], order["filed"]) == ("cancelled", "no guests", False)
    assert order["history"][-1]["by"] == "Ann"
    assert order["cancelled_at"] == order["history"][-1]["at"]
    assert get(recipes, "/orders") == []
    assert get(recipes, "/orders?status=cancelled") == get(recipes, "/orders?status=all") == [order]
    assert stores.requested() == {"cancelled#1"}
    refused(recipes.http.post("/orders/1/ready"), 409)


def test_5c15_ready_is_200_twice_and_one_notice(recipes: Client, stores: Stores) -> None:
    post(recipes, "/orders", ORDER)

    answers = [recipes.http.post("/orders/1/ready"), post(recipes, "/orders/1/ready", {})]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json_body == answers[1].json_body
    assert answers[0].json_body["status"] == "ready"
    assert answers[0].json_body["notice"] == {"state": "asked"}
    assert stores.requested() == {"ready#1"}
    refused(recipes.http.delete("/orders/1"), 409)


def test_how_a_customer_would_be_notified_is_read_without_notifying(
    recipes: Client, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendors, "mail_domain", lambda: "gmail.com")
    post(recipes, "/orders", ORDER)

    shown = get(recipes, "/orders/1/notice")

    assert (shown["channel"], shown["to"]) == ("mail", "mr_cakelover@gmail.com")
    assert (shown["guessed"], shown["reason"]) == (True, "Slack is off")
    assert "is ready" in shown["text"]
    assert get(recipes, "/orders/1")["status"] == "open"
    assert stores.requested() == set()
    recipes.http.delete("/orders/1")
    assert "not notified" in refused(recipes.http.get("/orders/1/notice"), 409)["detail"]


def test_ready_is_taken_back_before_anybody_is_told(recipes: Client, stores: Stores) -> None:
    post(recipes, "/orders", ORDER)
    recipes.http.post("/orders/1/ready")

    answers = [recipes.http.delete("/orders/1/ready?reason=burnt") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json_body == answers[1].json_body
    told = answers[0].json_body
    assert (told["status"], told["reason"]) == ("open", "burnt")
    assert "notice" not in told
    assert "ready_at" not in told
    assert [step["status"] for step in told["history"]] == ["open", "ready", "open"]
    assert recipes.http.post("/orders/1/ready").json_body["ready_at"]
    assert stores.requested() == {"ready#1", "ready#1#2"}
    assert recipes.http.delete("/orders/1/ready").status_code == 200


def test_what_is_not_ready_or_told_already_cannot_be_taken_back(
    recipes: Client, stores: Stores
) -> None:
    post(recipes, "/orders", ORDER)

    assert "open, not ready" in refused(recipes.http.delete("/orders/1/ready"), 409)["detail"]
    refused(recipes.http.delete("/orders/7/ready"), 404)
    recipes.http.post("/orders/1/ready")
    rows = EffectStore(stores.effects)
    row = rows.get("ready#1")
    assert row is not None
    rows.change(row, replace(row, state="sending", token="t", attempts=1))
    problem = refused(recipes.http.delete("/orders/1/ready"), 409)
    assert problem["type"] == "/problems/too-late"
    assert get(recipes, "/orders/1")["status"] == "ready"


# --- when, whom to call, what else ----------------------------------------------------------------

TOLD = {
    "due_at": "2142-12-24T09:00:00+01:00",
    "phone": "+43 (1) 234-5",
    "note": " no nuts\r\nring ",
}


def test_an_order_carries_when_it_is_due_a_phone_and_a_note(recipes: Client) -> None:
    first = post(recipes, "/orders", {**ORDER, **TOLD}, **{"Idempotency-Key": "k"})
    again = post(
        recipes,
        "/orders",
        {**ORDER, **TOLD, "due_at": "2142-12-24T08:00:00Z"},
        **{"Idempotency-Key": "k"},
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    shown = get(recipes, "/orders/1")
    assert (shown["due_at"], shown["phone"]) == ("2142-12-24T08:00:00Z", "+43 (1) 234-5")
    assert shown["note"] == "no nuts\nring"
    other = {**ORDER, **TOLD, "note": "nuts"}
    refused(post(recipes, "/orders", other, **{"Idempotency-Key": "k"}), 422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("due_at", "2142-12-24"), ("due_at", "2142-12-24T09:00:00"), ("due_at", 7)),
        *(("due_at", "2020-01-01T00:00:00Z"), ("phone", "call me"), ("phone", "--"), ("phone", 7)),
        *(("note", ""), ("note", " \n "), ("note", "x" * 501), ("note", "a\u0000b"), ("note", 7)),
    ],
)
def test_a_due_time_a_phone_or_a_note_that_is_none_is_400(
    recipes: Client, field: str, value: object
) -> None:
    assert faults(post(recipes, "/orders", {**ORDER, field: value})) == {field}
    assert get(recipes, "/orders") == []


def test_the_list_is_filtered_and_pages_on(recipes: Client) -> None:
    for number in range(9):
        due = {"due_at": f"2142-12-2{number % 2}T12:00:00Z"} if number % 3 else {}
        post(recipes, "/orders", {**ORDER, "customer": f"Guest {number % 2}", **due})
    recipes.http.delete("/orders/8")

    def ids(query: str) -> list[int]:
        found, path = [], f"/orders?limit=2&{query}"
        while path:
            answer = recipes.http.get(path)
            found += [order["id"] for order in answer.json_body]
            path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        return found

    assert ids("customer=guest.1") == [6, 4, 2]
    assert ids("customer=guest.1&status=all") == [8, 6, 4, 2]
    assert ids("due=2142-12-20") == [9, 5, 3]
    assert ids("due=2142-12-21&status=cancelled") == [8]
    assert ids("due=2142-12-21&customer=Guest+1&status=open") == [6, 2]
    assert ids("customer=nobody") == ids("due=2142-01-01") == []


# --- grams or units -------------------------------------------------------------------------------


def test_a_bare_number_of_what_is_known_in_grams_is_refused_with_a_question(
    recipes: Client,
) -> None:
    answer = post(recipes, "/cakes", {"name": "Bread", "ingredients": {"flour": 17, "salt": 1}})

    problem = refused(answer, 422)
    assert problem["type"] == "/problems/ambiguous-amount"
    assert "flour: 17 can mean 17 g or 17 units" in problem["detail"]
    assert problem["readings"] == {
        "ingredients.flour": [{"amount": 17, "unit": "g"}, {"amount": 17, "unit": "unit"}]
    }
    assert len(get(recipes, "/cakes")) == 1
    taken = {"flour": problem["readings"]["ingredients.flour"][0], "salt": 1}
    assert post(recipes, "/cakes", {"name": "Bread", "ingredients": taken}).status_code == 201


def test_a_bare_extra_of_what_another_recipe_has_in_grams_is_refused_with_a_question(
    recipes: Client,
) -> None:
    post(recipes, "/cakes", '{"name": "Nut Cake", "ingredients": {"peanuts": 50.0}}')

    problem = refused(post(recipes, "/orders", {**ORDER, "extra_ingredients": GOLDEN}), 422)

    assert list(problem["readings"]) == ["extra_ingredients.peanuts"]
    assert get(recipes, "/orders") == []


def test_5c7_an_urgent_order_is_ticketed_at_once(recipes: Client, stores: Stores) -> None:
    order = post(recipes, "/orders", {**ORDER, "urgent": True}).json_body

    assert (order["status"], order["ticket"]) == ("ticketed", {"state": "asked"})
    assert stores.requested() == {"jira#order#1"}


def test_s7_the_list_comes_in_pages(recipes: Client) -> None:
    for _ in range(5):
        post(recipes, "/orders", ORDER)
    found, path = [], "/orders?limit=2&status=open"
    while path:
        answer = recipes.http.get(path)
        found += [order["id"] for order in answer.json_body]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].lstrip("<")

    assert found == [5, 4, 3, 2, 1]


def test_s7_a_page_of_large_orders_holds_fewer_and_loses_none(
    recipes: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.bakery.routes._MOST_BYTES", 2_000)
    for _ in range(5):
        post(recipes, "/orders", ORDER)
    pages, path = [], "/orders"
    while path:
        answer = recipes.http.get(path)
        pages.append([order["id"] for order in answer.json_body])
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")

    assert [each for page in pages for each in page] == [5, 4, 3, 2, 1]
    assert 1 < len(pages) <= 5


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *(("status=gone", "status"), ("limit=0", "limit"), ("limit=501", "limit")),
        *(("before=x", "before"), ("limit=1&limit=2", "limit")),
        *(("customer=", "customer"), ("due=tomorrow", "due"), ("due=2142-13-01", "due")),
    ],
)
def test_s5_a_wrong_query_is_400(client: Client, query: str, name: str) -> None:
    assert faults(client.http.get(f"/orders?{query}")) == {name}


# --- batches --------------------------------------------------------------------------------------


def test_b9_a_batch_by_hand_and_the_same_again(recipes: Client, stores: Stores) -> None:
    post(recipes, "/orders", {**ORDER, "extra_ingredients": GOLDEN})
    post(recipes, "/orders", {**ORDER, "persons": 1})
    today = datetime.now(UTC).date().isoformat()

    answer = recipes.http.post("/batches")
    again = recipes.http.post("/batches")

    assert (answer.status_code, again.status_code) == (201, 200)
    assert answer.headers["Location"] == f"/batches/{today}"
    batch = get(recipes, f"/batches/{today}")
    repeated = again.json_body
    assert repeated.pop("message").endswith("; no orders are waiting")
    assert answer.json_body == repeated == batch
    assert (batch["date"], batch["status"], batch["orders"]) == (today, "sealed", [1, 2])
    lines = {line["name"]: line for line in batch["lines"]}
    assert lines["chocolate"] == {
        "name": "chocolate",
        "amount": 335.0,
        "unit": "g",
        "orders": [{"order": 1, "amount": 268.0}, {"order": 2, "amount": 67.0}],
    }
    assert '"amount":335.0' in answer.body.decode()
    assert lines["peanuts"]["orders"] == [{"order": 1, "amount": 10}]
    assert stores.requested() == {f"jira#batch#{today}"}
    order = get(recipes, "/orders/1")
    assert (order["status"], order["batch"], order["ticket"]) == (
        *("ticketed", today),
        {"state": "asked"},
    )
    [listed] = get(recipes, "/batches")
    assert (listed["date"], listed["orders"]) == (today, 2)


def test_a_repeated_run_says_how_many_orders_wait_for_tomorrow(recipes: Client) -> None:
    post(recipes, "/orders", ORDER)
    batch = recipes.http.post("/batches").json_body
    for _ in range(2):
        post(recipes, "/orders", ORDER)

    again = recipes.http.post("/batches").json_body
    sealed_at = f"{datetime.fromisoformat(batch['sealed_at']):%H:%M}"
    assert again.pop("message") == f"already sealed at {sealed_at} UTC; 2 orders wait for tomorrow"
    assert again == {**batch, "waiting": 2, "next_ticket": 2}
    assert get(recipes, f"/batches/{batch['date']}") == batch


def test_an_extra_ticket_is_made_on_request_and_once(recipes: Client, stores: Stores) -> None:
    post(recipes, "/orders", ORDER)
    refused(recipes.http.post("/batches?ticket=2"), 409)
    today = recipes.http.post("/batches").json_body["date"]
    post(recipes, "/orders", ORDER)
    number = recipes.http.post("/batches").json_body["next_ticket"]

    made = recipes.http.post(f"/batches?ticket={number}")
    again = recipes.http.post(f"/batches?ticket={number}")

    assert (number, made.status_code, again.status_code) == (2, 201, 200)
    assert made.headers["Location"] == f"/batches/{today}?ticket=2"
    shown = get(recipes, f"/batches/{today}?ticket=2")
    assert (shown["number"], shown["orders"]) == (2, [2])
    assert made.json_body == shown
    assert get(recipes, f"/batches/{today}")["orders"] == [1]
    assert stores.requested() == {f"jira#batch#{today}", f"jira#batch#{today}#02"}
    order = get(recipes, "/orders/2")
    assert (order["batch"], order["batch_number"]) == (today, 2)
    assert order["reason"] == f"joined ticket 2 of {today}"
    page = recipes.http.get("/batches?limit=1")
    rest = recipes.http.get(page.headers["Link"].partition(">")[0].lstrip("<"))
    assert [page.json_body[0]["number"], rest.json_body[0]["number"]] == [2, 1]
    refused(recipes.http.get(f"/batches/{today}?ticket=3"), 404)
    for wrong in ("0", "100", "x", "2.0"):
        assert faults(recipes.http.post(f"/batches?ticket={wrong}")) == {"ticket"}


def test_what_the_waiting_orders_need_is_shown_before_their_ticket_goes(recipes: Client) -> None:
    for persons in (1, 2):
        post(recipes, "/orders", {**ORDER, "persons": persons})
    post(recipes, "/orders", {**ORDER, "urgent": True})

    shown = get(recipes, "/batches/next")
    sealed = recipes.http.post("/batches").json_body

    assert shown["orders"] == sealed["orders"] == [1, 2]
    assert shown["lines"] == sealed["lines"]
    assert shown["cutoff"] == f"{shown['date']}T06:00:00Z"
    assert shown["waiting"] == 2
    after = get(recipes, "/batches/next")
    assert (after["orders"], after["lines"]) == ([], [])


def test_b9_without_orders_there_is_nothing_to_order(client: Client, stores: Stores) -> None:
    answer = post(client, "/batches", {})

    assert (answer.status_code, answer.json_body["status"]) == (200, "empty")
    assert get(client, "/batches") == []
    refused(client.http.get(f"/batches/{answer.json_body['date']}"), 404)
    assert stores.requested() == set()


@pytest.mark.parametrize("day", ["x", "2026-02-30", "20261121", "2026-11-21T06", "2026-W01-1"])
def test_what_is_no_day_is_400(client: Client, day: str) -> None:
    assert faults(client.http.get(f"/batches/{day}")) == {"day"}


# --- the webhook ----------------------------------------------------------------------------------


def hear(client: Client, event: object, signature: str | None = None) -> HTTPResponse:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    signed = f"sha256={hmac.new(SECRET, raw, hashlib.sha256).hexdigest()}"
    headers = {**JSON, "X-Hub-Signature": signature or signed}
    return client.http.post("/webhooks/jira", headers=headers, body=raw)


def event(key: str = "ING-1", *, done: bool = True, **told: object) -> dict[str, object]:
    labels = ["backroom", "missing-ingredients"]
    status = {"name": "Done", "statusCategory": {"key": "done" if done else "new"}}
    issue = {"id": "1", "key": key, "fields": {"labels": labels, "status": status}}
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return {"timestamp": now_ms, "webhookEvent": "jira:issue_updated", "issue": issue, **told}


@pytest.fixture
def ticketed(recipes: Client) -> Client:
    """The API, with an order whose ticket is ING-1."""
    post(recipes, "/orders", ORDER)
    run = bakery().batching.run_by_hand()
    bakery().shortages.tickets.know("ING-1", run.day)
    bakery().shortages.tickets.settle(run.day, Ticket(state="created", key="ING-1"))
    return recipes


def test_b10_a_ticket_that_is_short_is_checked_once(ticketed: Client, stores: Stores) -> None:
    short = event()

    answers = [hear(ticketed, short), hear(ticketed, short)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json_body["verdict"] for answer in answers] == ["taken", "repeated"]
    looked = [each for each in stores.requested() if each.startswith("jira#inspect#ING-1#")]
    assert len(looked) == 1
    assert get(ticketed, "/orders/1")["ticket"] == {"state": "created", "key": "ING-1"}


def test_b10_the_same_report_written_otherwise_is_the_same(
    ticketed: Client, stores: Stores
) -> None:
    """The order of members, blanks, the form of a number: none of it makes another report."""
    said = event()
    ways = [
        json.dumps(said),
        json.dumps(dict(reversed(said.items())), indent=2),
        json.dumps(said, ensure_ascii=False).replace(
            str(said["timestamp"]), f"{said['timestamp']}.0"
        ),
    ]

    verdicts = [hear(ticketed, way.encode()).json_body["verdict"] for way in ways]

    assert verdicts == ["taken", "repeated", "repeated"]


@pytest.mark.parametrize("issue_id", ["10012", 10012, None, [], {"a": 1}, True])
def test_b10_whatever_id_an_issue_has_its_key_is_read(ticketed: Client, issue_id: object) -> None:
    said = event()
    issue = said["issue"]
    assert isinstance(issue, dict)

    answer = hear(ticketed, {**said, "issue": {**issue, "id": issue_id}})

    assert answer.json_body["verdict"] == "taken"


def test_5d_what_is_not_ours_is_202(ticketed: Client) -> None:
    for told in (event("ING-99"), {"timestamp": 1, "webhookEvent": "comment_created"}):
        answer = hear(ticketed, told)
        assert (answer.status_code, answer.json_body["verdict"]) == (202, "not ours")


def test_5c12_half_of_it_is_nothing_to_do(ticketed: Client) -> None:
    assert hear(ticketed, event(done=False)).json_body["verdict"] == "nothing to do"


def test_5d_a_bad_signature_is_401_before_anything_is_read(ticketed: Client) -> None:
    for answer in (
        hear(ticketed, event(), signature="sha256=00"),
        hear(ticketed, b"this is no JSON", signature="sha256=00"),
        post(ticketed, "/webhooks/jira", event()),
    ):
        refused(answer, 401)


def test_5d_an_old_timestamp_is_401(ticketed: Client) -> None:
    refused(hear(ticketed, event(timestamp=1_000_000_000_000)), 401)


@pytest.mark.parametrize("raw", [b"no JSON", b"[]", b"{}", b'{"timestamp": "x"}'])
def test_signed_nonsense_is_400(ticketed: Client, raw: bytes) -> None:
    assert faults(hear(ticketed, raw))


# --- employees ------------------------------------------------------------------------------------

ADA = {"firstName": "Ada", "lastName": "Lovelace", "permissions": {"developer": True}}


def patch(client: Client, body: object) -> HTTPResponse:
    return client.http.patch("/employees/1", headers=JSON, body=json.dumps(body).encode())


def test_b14_an_employee_comes_is_changed_and_goes(client: Client, stores: Stores) -> None:
    answer = post(client, "/employees", ADA)

    assert (answer.status_code, answer.headers["Location"]) == (201, "/employees/1")
    created_at = answer.json_body["createdAt"]
    told = {"id": 1, "access": "needs_username", "createdAt": created_at}
    assert answer.json_body == {**ADA, **told}
    assert get(client, "/employees") == [get(client, "/employees/1")]

    named = patch(client, {"githubUsername": "octocat"})
    assert (named.status_code, named.json_body["access"]) == (200, "pending")
    assert named.json_body["githubUsername"] == "octocat"
    assert client.http.delete("/employees/1").status_code == 204
    refused(client.http.delete("/employees/1"), 404)
    refused(client.http.get("/employees/1"), 404)
    refused(patch(client, {}), 404)
    assert stores.requested() == {"access#1#grant#v2", "access#1#remove#v3"}


def test_a_patch_changes_what_it_says_and_null_takes_the_user_name_away(client: Client) -> None:
    post(client, "/employees", {**ADA, "githubUsername": "octocat"})

    changed = patch(client, {"lastName": "King", "permissions": {"developer": False}}).json_body
    assert (changed["firstName"], changed["lastName"]) == ("Ada", "King")
    assert (changed["githubUsername"], changed["access"]) == ("octocat", "removing")
    assert "githubUsername" not in patch(client, {"githubUsername": None}).json_body


def test_two_employees_cannot_be_one_github_user(client: Client) -> None:
    post(client, "/employees", {**ADA, "githubUsername": "octocat"})

    refused(post(client, "/employees", {**ADA, "githubUsername": "OctoCat"}), 409)


BAD_EMPLOYEES: list[tuple[str, object, str]] = [
    *[(name, bad, name) for name in ("firstName", "lastName") for bad in ("", 7, None, "a\nb")],
    *[("permissions", bad, "permissions") for bad in (*NOTHING, "x", True)],
    *[("permissions", {"developer": bad}, "permissions.developer") for bad in ("yes", 1, None)],
    ("permissions", {}, "permissions.developer"),
    *[("githubUsername", bad, "githubUsername") for bad in ("-a", "a.b", "ä", "x" * 40, 7, "")],
]


@pytest.mark.parametrize("login", ["octocat_acme", "trailing-", "a--b", "x" * 39])
def test_5c17_names_that_managed_and_old_accounts_have_are_taken(
    client: Client, login: str
) -> None:
    hired = post(client, "/employees", {**ADA, "githubUsername": login})

    assert hired.json_body["githubUsername"] == login


@pytest.mark.parametrize(("field", "value", "named"), BAD_EMPLOYEES)
def test_5d_a_bad_employee_is_400_and_named(
    client: Client, field: str, value: object, named: str
) -> None:
    assert faults(post(client, "/employees", {**ADA, field: value})) == {named}
    assert get(client, "/employees") == []


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"githubUserName": "octocat"}, {"githubUserName"}),
        ({"permissions": {"developer": True, "admin": True}}, {"permissions.admin"}),
    ],
)
def test_a_field_of_an_employee_that_is_unknown_is_named(
    client: Client, more: dict[str, object], named: set[str]
) -> None:
    assert faults(post(client, "/employees", {**ADA, **more})) == named
    post(client, "/employees", ADA)
    assert faults(patch(client, more)) == named


def test_5d_missing_names_are_all_named(client: Client) -> None:
    assert faults(post(client, "/employees", {})) == {"firstName", "lastName", "permissions"}


# --- verbs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/cakes", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/cakes/x", "DELETE, GET, HEAD, OPTIONS"),
        ("GET", "/orders/1/ready", "DELETE, OPTIONS, POST"),
        ("POST", "/batches/next", "GET, HEAD, OPTIONS"),
        ("PATCH", "/orders/1", "DELETE, GET, HEAD, OPTIONS"),
        ("DELETE", "/batches", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/webhooks/jira", "OPTIONS, POST"),
        ("PUT", "/employees/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ],
)
def test_s2_another_verb_is_405(client: Client, method: str, path: str, allow: str) -> None:
    answer = client.http.request(method, path)

    refused(answer, 405)
    assert answer.headers["Allow"] == allow

"""Transfers, batches, names and statements over HTTP, beside the contract's own routes."""

import json
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

from tests.support.ids import uuid
from tests.support.ledger.fakes import NINE

ANN, BOB = uuid(0xA), uuid(0xB)
JSON = {"Content-Type": "application/json"}
MOVE = {"from_account_id": ANN, "to_account_id": BOB, "amount": 4}


class Caller:
    """Asks the API with JSON."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> HTTPResponse:
        sent = json.dumps(body).encode() if body is not None else b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.http.request(method, path, headers={**JSON, **named}, body=sent)

    def post(self, amount: int, account: str = ANN) -> HTTPResponse:
        return self.ask("POST", "/transactions", {"account_id": account, "amount": amount})

    def batch(self, *posts: dict[str, Any], **headers: str) -> HTTPResponse:
        return self.ask("POST", "/transactions/batch", {"transactions": list(posts)}, **headers)


@pytest.fixture
def caller(client: Client) -> Caller:
    return Caller(client)


def faulty(answer: HTTPResponse) -> set[str]:
    """Return the names of the fields that were refused."""
    assert answer.status_code == 400, answer.body
    return {fault["field"] for fault in answer.json_body["errors"]}


# --- transfers ------------------------------------------------------------------------------------


def test_a_transfer_is_answered_with_both_halves(caller: Caller) -> None:
    answer = caller.ask("POST", "/transfers", {**MOVE, "transfer_id": NINE})

    assert answer.status_code == 201
    made = answer.json_body
    assert answer.headers["Location"] == f"/transfers/{NINE}"
    assert {name: made[name] for name in MOVE} == MOVE
    assert (made["transfer_id"], made["debit"]["transaction_id"]) == (NINE, NINE)
    assert (made["debit"]["balance"], made["credit"]["balance"]) == (-4, 4)
    assert caller.ask("GET", f"/transfers/{NINE}").json_body == made
    for half, amount in ((made["debit"], -4), (made["credit"], 4)):
        transaction = caller.ask("GET", f"/transactions/{half['transaction_id']}")
        assert transaction.json_body["amount"] == amount
        assert list(transaction.json_body) == [
            *("transaction_id", "account_id", "amount", "created_at"),
        ]
        assert transaction.headers["Ledger-Transfer"] == NINE
        assert transaction.headers["Ledger-Hash"] == half["hash"]
    listed = caller.ask("GET", "/transactions").json_body
    assert {row["transaction_id"] for row in listed} == {NINE, made["credit"]["transaction_id"]}


def test_a_repeated_transfer_is_answered_the_same_and_another_one_is_refused(
    caller: Caller,
) -> None:
    first, again = [caller.ask("POST", "/transfers", MOVE, Idempotency_Key="k") for _ in range(2)]
    other = caller.ask("POST", "/transfers", {**MOVE, "amount": 5}, Idempotency_Key="k")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.body == again.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.json_body["type"] == "/problems/idempotency-key-reused"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": "4"}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"to_account_id": ANN.upper()}, "to_account_id"),
        ({"to_account_id": "bob"}, "to_account_id"),
        ({"from_account_id": 7}, "from_account_id"),
        ({"transfer_id": "x"}, "transfer_id"),
        ({"from_balance_floor": 0.5}, "from_balance_floor"),
        ({"floor": 0}, "floor"),
    ],
    ids=str,
)
def test_a_faulty_transfer_is_refused(caller: Caller, change: dict[str, Any], field: str) -> None:
    assert faulty(caller.ask("POST", "/transfers", {**MOVE, **change})) == {field}
    assert caller.ask("GET", f"/accounts/{BOB}").status_code == 404


def test_a_transfer_is_reversed_as_a_whole(caller: Caller) -> None:
    sent = caller.ask("POST", "/transfers", {**MOVE, "transfer_id": NINE}).json_body

    alone = caller.ask("POST", f"/transactions/{NINE}/reversal")
    low = caller.ask("POST", f"/transfers/{NINE}/reversal", {"from_balance_floor": 1})
    made, same = [caller.ask("POST", f"/transfers/{NINE}/reversal") for _ in range(2)]

    assert (alone.status_code, low.status_code) == (422, 422)
    assert f"/transfers/{NINE}/reversal" in alone.json_body["detail"]
    assert (made.status_code, same.status_code) == (201, 200)
    assert made.body == same.body
    assert made.json_body["reverses"] == NINE
    shown = caller.ask("GET", f"/transfers/{NINE}").json_body
    assert shown == {**sent, "reversed_by": made.json_body["transfer_id"]}
    again = caller.ask("POST", f"/transfers/{made.json_body['transfer_id']}/reversal")
    assert again.status_code == 422


# --- batches --------------------------------------------------------------------------------------


def test_33_posts_to_33_accounts_with_a_key_are_one_transaction(caller: Caller) -> None:
    """The most that fits: 100 actions of DynamoDB."""
    posts = [{"account_id": uuid(0x100 + number), "amount": number} for number in range(33)]

    first, again = [caller.batch(*posts, Idempotency_Key="k") for _ in range(2)]

    assert (first.status_code, again.status_code) == (201, 201)
    made = first.json_body["transactions"]
    assert [each["amount"] for each in made] == list(range(33))
    assert {each["replayed"] for each in made} == {False}
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [{**each, "replayed": False} for each in again.json_body["transactions"]] == made
    listed = caller.ask("GET", "/transactions").json_body
    assert sorted(row["amount"] for row in listed) == list(range(33))


@pytest.mark.parametrize("accounts", [1, 2, 17])
def test_33_posts_to_fewer_accounts_are_one_transaction(caller: Caller, accounts: int) -> None:
    posts = [{"account_id": uuid(0x100 + n % accounts), "amount": 1} for n in range(33)]

    assert caller.batch(*posts).status_code == 201

    states = caller.ask("GET", "/accounts").json_body
    assert sum(each["balance"] for each in states) == 33


def test_a_list_that_is_cut_within_a_batch_goes_on_after_the_cut(caller: Caller) -> None:
    for _ in range(2):
        caller.batch(*[{"account_id": uuid(0x100 + n), "amount": n} for n in range(7)])
        caller.post(100)

    found, path = [], "/transactions?limit=3"
    while path:
        page = caller.ask("GET", path)
        found += page.json_body
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert found == caller.ask("GET", "/transactions").json_body
    assert len({row["transaction_id"] for row in found}) == len(found) == 16


def test_a_batch_is_refused_as_a_whole(caller: Caller) -> None:
    good = {"account_id": ANN, "amount": 4}
    below = {"account_id": BOB, "amount": -1, "balance_floor": 0}

    assert caller.batch(good, below).status_code == 422
    assert faulty(caller.batch()) == {"transactions"}
    assert faulty(caller.batch(*[good] * 34)) == {"transactions"}
    assert faulty(caller.batch({**good, "transaction_id": NINE}, {**good, "transaction_id": NINE}))
    assert faulty(caller.batch(good, {**good, "amount": 0.5})) == {"transactions.1.amount"}
    assert faulty(caller.batch(good, {**good, "floor": 1})) == {"transactions.1.floor"}
    assert faulty(caller.ask("POST", "/transactions/batch", {"transactions": good}))
    assert caller.ask("GET", "/transactions").json_body == []


# --- names ----------------------------------------------------------------------------------------


def test_what_an_account_is_called_is_shown_and_survives_posts(caller: Caller) -> None:
    caller.post(4)
    plain = caller.ask("GET", f"/accounts/{ANN}").json_body

    put = caller.ask(
        "PUT", f"/accounts/{ANN}", {"name": "Petty cash", "unit": "EUR", "decimals": 2}
    )
    caller.post(5)

    told = {"name": "Petty cash", "unit": "EUR", "decimals": 2}
    assert plain == {"account_id": ANN, "balance": 4}
    assert put.json_body == {**plain, **told}
    assert put.headers["Ledger-Sequence"] == "1"
    assert caller.ask("GET", f"/accounts/{ANN}").json_body == {**plain, "balance": 9, **told}
    (listed,) = caller.ask("GET", "/accounts").json_body
    assert {name: listed[name] for name in told} == told
    at = caller.ask("GET", f"/accounts/{ANN}?at=9999-01-01T00:00:00Z").json_body
    assert at["name"] == "Petty cash"


def test_what_is_left_out_stays_and_null_takes_it_back(caller: Caller) -> None:
    caller.post(4)
    caller.ask("PUT", f"/accounts/{ANN}", {"name": "Till", "unit": "EUR", "decimals": 0})

    for body, told in (
        ({}, {"name": "Till", "unit": "EUR", "decimals": 0}),
        ({"unit": "kg"}, {"name": "Till", "unit": "kg", "decimals": 0}),
        ({"name": None, "decimals": 3}, {"unit": "kg", "decimals": 3}),
        ({"unit": None, "decimals": None}, {}),
    ):
        shown = caller.ask("PUT", f"/accounts/{ANN}", body).json_body
        assert shown == {"account_id": ANN, "balance": 4, **told}


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "\u200b"},
        {"name": "two\nlines"},
        {"unit": 7},
        {"unit": "x" * 17},
        {"decimals": -1},
        {"decimals": 19},
        {"decimals": "2"},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_name_that_cannot_be_one_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    caller.post(4)

    assert faulty(caller.ask("PUT", f"/accounts/{ANN}", body)) == set(body)
    assert caller.ask("GET", f"/accounts/{ANN}").json_body == {"account_id": ANN, "balance": 4}


def test_an_account_that_does_not_exist_has_no_name(caller: Caller) -> None:
    for body in ({}, {"name": "Till"}):
        assert caller.ask("PUT", f"/accounts/{ANN}", body).status_code == 404
    assert caller.ask("GET", f"/accounts/{ANN}").status_code == 404
    assert caller.ask("GET", "/accounts").json_body == []


# --- statements -----------------------------------------------------------------------------------


def test_a_statement_as_json_and_as_csv(caller: Caller) -> None:
    caller.post(10)
    caller.ask("PUT", f"/accounts/{ANN}", {"name": "=Till", "decimals": 2})
    sent = caller.ask("POST", "/transfers", MOVE).json_body

    shown = caller.ask("GET", f"/accounts/{ANN}/statement").json_body
    table = caller.ask("GET", f"/accounts/{ANN}/statement?format=csv")

    assert (shown["opening_balance"], shown["closing_balance"]) == (0, 6)
    assert shown["name"] == "=Till"
    assert [entry["amount"] for entry in shown["entries"]] == [-4, 10]
    assert shown["entries"][0]["counterpart_account_id"] == BOB
    assert shown["entries"][0]["counterpart_id"] == sent["credit"]["transaction_id"]
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = table.body.decode().splitlines()
    assert lines[0].startswith("\ufeffline,created_at,transaction_id,amount,balance,sequence,")
    assert lines[1].startswith("closing_balance,,,,6,")
    assert lines[-1] == f"opening_balance,,,,0,,,,{ANN},'=Till,,2"


def test_a_statement_goes_on_where_a_page_ended(caller: Caller) -> None:
    for amount in range(1, 6):
        caller.post(amount)

    found, path = [], f"/accounts/{ANN}/statement?limit=2"
    while path:
        page = caller.ask("GET", path)
        assert page.json_body["closing_balance"] == 15
        found += [entry["amount"] for entry in page.json_body["entries"]]
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert found == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("from=yesterday", "from"),
        ("to=2026-02-30T00:00:00Z", "to"),
        ("format=xml", "format"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
    ],
)
def test_a_statement_that_cannot_be_meant_is_refused(
    caller: Caller, query: str, field: str
) -> None:
    caller.post(1)

    assert faulty(caller.ask("GET", f"/accounts/{ANN}/statement?{query}")) == {field}


def test_an_unknown_account_has_no_statement(caller: Caller) -> None:
    assert caller.ask("GET", f"/accounts/{ANN}/statement").status_code == 404

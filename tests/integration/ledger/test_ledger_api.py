"""The contract of the Transaction Management API over HTTP, with all that goes beyond it."""

import json
import re
import time
from typing import Any
from urllib.parse import quote

import pytest
from chalice.test import Client, HTTPResponse

from chalicelib.core import log
from chalicelib.core.table import Table
from chalicelib.ledger.chain import Chain, following
from chalicelib.ledger.models import Entry
from chalicelib.ledger.store import LedgerStore
from tests.support.dynamodb import answering
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, NINE

ANN, BOB = uuid(0xA), uuid(0xB)
JSON = {"Content-Type": "application/json"}
FIELDS = ["transaction_id", "account_id", "amount", "created_at"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Caller:
    """Asks the API."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        return self._client.http.request(method, path, headers=headers or {}, body=body)

    def post(self, amount: object = 4, account: object = ANN, **more: Any) -> HTTPResponse:
        headers = {name.replace("_", "-"): more.pop(name) for name in list(more) if name[0] < "a"}
        body = json.dumps({"account_id": account, "amount": amount, **more}).encode()
        return self.ask("POST", "/transactions", body, {**JSON, **headers})

    def get(self, path: str) -> HTTPResponse:
        return self.ask("GET", path)


@pytest.fixture
def caller(client: Client) -> Caller:
    return Caller(client)


def problem(answer: HTTPResponse, status: int) -> dict[str, Any]:
    """Return the problem document that was answered."""
    assert answer.status_code == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.body)
    assert document["status"] == status
    return document


def faulty(answer: HTTPResponse) -> set[str]:
    """Return the names of the fields that were refused."""
    return {fault["field"] for fault in problem(answer, 400)["errors"]}


# --- L1, L2, L7: what the contract shows ----------------------------------------------------------


def test_l1_ping(caller: Caller) -> None:
    assert caller.get("/ping").status_code == 200


def test_l2_a_transaction_is_answered_exactly_as_the_contract_shows_it(caller: Caller) -> None:
    answer = caller.post(-7)

    assert answer.status_code == 201
    assert list(answer.json_body) == FIELDS
    assert answer.json_body["account_id"] == ANN
    assert answer.json_body["amount"] == -7
    assert TIME.fullmatch(answer.json_body["created_at"])
    assert answer.headers["Location"] == f"/transactions/{answer.json_body['transaction_id']}"
    assert answer.headers["Content-Type"] == "application/json"


def test_l7_balance_and_sequence_come_as_headers(caller: Caller) -> None:
    answers = [caller.post(amount) for amount in (4, -3, -2)]

    assert [answer.headers["Ledger-Balance"] for answer in answers] == ["4", "1", "-1"]
    assert [answer.headers["Ledger-Sequence"] for answer in answers] == ["1", "2", "3"]
    account = caller.get(f"/accounts/{ANN}")
    assert account.json_body == {"account_id": ANN, "balance": -1}
    assert account.headers["Ledger-Sequence"] == "3"
    assert account.headers["Ledger-Hash"] == answers[-1].headers["Ledger-Hash"]
    assert account.headers["Ledger-Transaction"] == answers[-1].json_body["transaction_id"]


@pytest.mark.parametrize("amount", [0, 2**53 - 1, -(2**53) + 1])
def test_amounts_that_every_client_can_read_are_accepted(caller: Caller, amount: int) -> None:
    assert caller.post(amount).json_body["amount"] == amount


def test_a_balance_may_have_more_digits_than_an_amount_and_stays_exact(caller: Caller) -> None:
    for _ in range(3):
        caller.post(2**53 - 1)

    assert caller.get(f"/accounts/{ANN}").body == (
        b'{"account_id":"%s","balance":27021597764222973}' % ANN.encode()
    )


def test_the_clients_id_is_stored_in_lower_case(caller: Caller) -> None:
    mixed = "ABCDEFAB-cdef-1ABC-8def-ABCDEFABCDEF"

    posted = caller.post(1, mixed, transaction_id=mixed.upper())

    assert posted.json_body["transaction_id"] == posted.json_body["account_id"] == mixed.lower()
    assert caller.get(f"/transactions/{mixed}").json_body == posted.json_body
    assert caller.get(f"/accounts/{mixed}/").json_body["balance"] == 1


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_is_json_whatever_its_parameters(caller: Caller, media_type: str) -> None:
    body = json.dumps({"account_id": ANN, "amount": 1, "note": "ignored"}).encode()

    answer = caller.ask("POST", "/transactions", body, {"Content-Type": media_type})

    assert answer.status_code == 201
    assert list(answer.json_body) == FIELDS


# --- L3 and 3d: what is refused -------------------------------------------------------------------


@pytest.mark.parametrize("text", ["7.5", '"7"', "true", "null", "1e-2", "[]", "{}", "NaN", "1e400"])
def test_an_amount_is_the_text_of_a_json_integer(caller: Caller, text: str) -> None:
    body = f'{{"account_id": "{ANN}", "amount": {text}}}'.encode()

    answer = caller.ask("POST", "/transactions", body, JSON)

    assert faulty(answer) <= {"amount", "(body)"}


@pytest.mark.parametrize("amount", [2**53, -(2**53), 10**300])
def test_an_amount_that_some_client_would_misread_is_refused(caller: Caller, amount: int) -> None:
    assert faulty(caller.post(amount)) == {"amount"}


@pytest.mark.parametrize(
    "account",
    [10, None, "", "abc", f"{{{ANN}}}", f"urn:uuid:{ANN}", ANN.replace("-", ""), f"{ANN}\n", [ANN]],
)
def test_an_account_id_is_a_canonical_uuid(caller: Caller, account: object) -> None:
    assert faulty(caller.post(4, account)) == {"account_id"}


@pytest.mark.parametrize("transaction_id", ["", "abc", 7, False, f"{{{NINE}}}"])
def test_so_is_a_transaction_id(caller: Caller, transaction_id: object) -> None:
    assert faulty(caller.post(transaction_id=transaction_id)) == {"transaction_id"}


def test_a_transaction_id_of_null_is_none(caller: Caller) -> None:
    assert caller.post(transaction_id=None).status_code == 201


def test_all_faults_are_named_at_once(caller: Caller) -> None:
    answer = caller.ask("POST", "/transactions", b'{"account_id": 10, "transaction_id": 1}', JSON)

    assert faulty(answer) == {"account_id", "amount", "transaction_id"}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b"null", b"{", b'{"amount": 1', b"\xff", b'{"amount": 1, "amount": 2}'],
)
def test_a_body_is_a_json_object(caller: Caller, body: bytes) -> None:
    assert faulty(caller.ask("POST", "/transactions", body, JSON)) == {"(body)"}


def test_a_body_over_4_kb_is_too_large(caller: Caller) -> None:
    padded = json.dumps({"account_id": ANN, "amount": 1, "note": ""})
    just_fits = padded.replace('""', f'"{"x" * (4096 - len(padded))}"').encode()

    assert caller.ask("POST", "/transactions", just_fits, JSON).status_code == 201
    problem(caller.ask("POST", "/transactions", just_fits + b" ", JSON), 413)


@pytest.mark.parametrize("media_type", ["", "application/xml", "text/plain", "application/jsonp"])
def test_another_media_type_is_refused_before_the_body_is_read(
    caller: Caller, media_type: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}

    problem(caller.ask("POST", "/transactions", b"nonsense", headers), 415)


PATHS = {
    "/ping": "GET, HEAD, OPTIONS",
    "/transactions": "GET, HEAD, OPTIONS, POST",
    f"/transactions/{NINE}": "GET, HEAD, OPTIONS",
    f"/transactions/{NINE}/reversal": "OPTIONS, POST",
    "/accounts": "GET, HEAD, OPTIONS",
    f"/accounts/{ANN}": "GET, HEAD, OPTIONS, PUT",
    f"/accounts/{ANN}/entries": "GET, HEAD, OPTIONS",
    f"/accounts/{ANN}/statement": "GET, HEAD, OPTIONS",
    "/transactions/batch": "OPTIONS, POST",
    "/transfers": "OPTIONS, POST",
    f"/transfers/{NINE}": "GET, HEAD, OPTIONS",
    f"/transfers/{NINE}/reversal": "OPTIONS, POST",
}
CLOSED = [
    (method, path)
    for path, allowed in PATHS.items()
    for method in ("PUT", "PATCH", "DELETE")
    if method not in allowed
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_another_verb_is_refused_first(caller: Caller, method: str, path: str) -> None:
    answer = caller.ask(method, path, b"nonsense", {"Content-Type": "application/xml"})

    problem(answer, 405)
    assert answer.headers["Allow"] == PATHS[path]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/transactions/{}", "transaction_id"),
        ("/accounts/{}", "account_id"),
        ("/accounts/{}/entries", "account_id"),
    ],
)
@pytest.mark.parametrize("junk", ["abc", "%20", "%7B%7D", "1%00", "%ff%fe", "7", f"{NINE}x"])
def test_an_id_in_a_path_is_a_uuid(caller: Caller, path: str, name: str, junk: str) -> None:
    assert faulty(caller.get(path.format(junk))) == {name}


@pytest.mark.parametrize(
    "path", [f"/transactions/{NINE}", f"/accounts/{NINE}", f"/accounts/{NINE}/entries"]
)
def test_what_was_never_posted_is_not_found(caller: Caller, path: str) -> None:
    problem(caller.get(path), 404)
    problem(caller.get(path + "/"), 404)


# --- L4: the list ---------------------------------------------------------------------------------


def test_l4_an_empty_ledger_lists_nothing(caller: Caller) -> None:
    assert caller.get("/transactions").json_body == []
    assert caller.get("/accounts").json_body == []
    assert caller.get(f"/transactions?account_id={ANN}").json_body == []


def test_l4_what_was_just_posted_is_in_the_list_newest_first(caller: Caller) -> None:
    posted = [caller.post(n, account).json_body for n, account in enumerate((ANN, BOB, ANN))]

    everything = caller.get("/transactions/")

    assert everything.json_body == posted[::-1]
    assert "Link" not in everything.headers
    assert "X-Truncated" not in everything.headers
    assert caller.get(f"/transactions?account_id={ANN.upper()}").json_body == posted[::-2]


@pytest.mark.parametrize(
    "path", ["/transactions?limit=2", f"/transactions?limit=2&account_id={ANN}"]
)
def test_a_list_that_is_cut_says_so_and_where_it_goes_on(caller: Caller, path: str) -> None:
    posted = [caller.post(amount).json_body for amount in range(5)]

    pages = all_pages(caller, path)

    assert pages == [posted[:2:-1], posted[2:0:-1], posted[:1]]


def all_pages(caller: Caller, path: str) -> list[Any]:
    pages = []
    while path:
        answer = caller.get(path)
        pages.append(answer.json_body)
        link = re.fullmatch('<(.*)>; rel="next"', answer.headers.get("Link", ""))
        assert answer.headers.get("X-Truncated") == ("true" if link else None)
        path = link[1] if link else ""
    return pages


def test_a_row_that_comes_between_two_pages_is_neither_doubled_nor_in_the_way(
    caller: Caller,
) -> None:
    old = [caller.post(amount).json_body for amount in range(4)]
    first = caller.get("/transactions?limit=2")
    caller.post(99)

    second = caller.get(first.headers["Link"][1:].partition(">")[0])

    assert first.json_body + second.json_body == old[::-1]


def test_all_rows_up_to_10_000_come_in_one_answer(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen through a smaller limit, as the answer's own."""
    for amount in range(4):
        caller.post(amount)
    asked = []
    real = LedgerStore.transactions

    def listed(self: LedgerStore, **page: Any) -> Any:
        asked.append(page["limit"])
        return real(self, **{**page, "limit": 4})

    monkeypatch.setattr(LedgerStore, "transactions", listed)

    assert len(caller.get("/transactions").json_body) == 4
    assert asked == [10_001]


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "10001", "", "7.0", "+7", "1_0", "٣", " 5"])
def test_a_limit_is_a_whole_number_up_to_10_000(caller: Caller, limit: str) -> None:
    for path in ("/transactions", "/accounts", f"/accounts/{ANN}/entries"):
        assert faulty(caller.get(f"{path}?limit={quote(limit)}")) == {"limit"}


def test_a_cursor_is_good_for_its_own_list_only(caller: Caller) -> None:
    for account in (ANN, BOB, ANN, BOB):
        caller.post(1, account)
    paths = [
        "/transactions",
        f"/transactions?account_id={ANN}",
        f"/transactions?account_id={BOB}",
        "/accounts",
        f"/accounts/{ANN}/entries",
        f"/accounts/{BOB}/entries",
    ]
    cursors = {path: _cursor_of(caller, path) for path in paths}

    for path in paths:
        for origin, cursor in cursors.items():
            joint = "&" if "?" in path else "?"
            answer = caller.get(f"{path}{joint}cursor={cursor}")
            assert answer.status_code == (200 if path == origin else 400), (path, origin)


def _cursor_of(caller: Caller, path: str) -> str:
    link = caller.get(f"{path}{'&' if '?' in path else '?'}limit=1").headers["Link"]
    found = re.search("cursor=([^&>]*)", link)
    assert found
    return found[1]


@pytest.mark.parametrize(
    "cursor", ["", "abc", "%00", "W10", "e30", "WyJ0cmFuc2FjdGlvbnMiXQ", "bnVsbA", "x" * 999]
)
def test_a_foreign_cursor_is_refused(caller: Caller, cursor: str) -> None:
    assert faulty(caller.get(f"/transactions?cursor={cursor}")) == {"cursor"}


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "cursor=a&cursor=a", "account_id=&account_id="]
)
def test_a_query_value_is_given_once(caller: Caller, query: str) -> None:
    problem(caller.get(f"/transactions?{query}"), 400)


def test_unknown_query_values_are_ignored(caller: Caller) -> None:
    assert caller.get("/transactions?utm=1&utm=2").status_code == 200


# --- 3b: retries ----------------------------------------------------------------------------------


def test_the_same_again_is_answered_word_for_word(caller: Caller) -> None:
    for more in ({"transaction_id": NINE}, {"Idempotency_Key": "a key: 7"}):
        first, again = caller.post(**more), caller.post(**more)

        assert (first.status_code, again.status_code) == (201, 201)
        assert again.body == first.body
        assert first.headers.get("Idempotent-Replayed") is None
        told = {name: again.headers[name] for name in first.headers}
        assert told == first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
    assert caller.get(f"/accounts/{ANN}").json_body["balance"] == 8


def test_an_id_with_another_body_is_409_and_a_key_422(caller: Caller) -> None:
    caller.post(4, transaction_id=NINE, Idempotency_Key="k")

    taken = problem(caller.post(5, transaction_id=NINE), 409)
    reused = problem(caller.post(5, Idempotency_Key="k"), 422)
    both = problem(caller.post(5, transaction_id=NINE, Idempotency_Key="k"), 422)

    assert taken["type"] == "/problems/transaction-id-taken"
    assert reused["type"] == both["type"] == "/problems/idempotency-key-reused"
    assert "another amount" in reused["detail"]


@pytest.mark.parametrize("key", ["", "x" * 256, "\u00e9", "tab\there"])
def test_a_key_is_1_to_255_printable_characters(caller: Caller, key: str) -> None:
    assert faulty(caller.post(Idempotency_Key=key)) == {"Idempotency-Key"}
    assert caller.post(Idempotency_Key="x" * 255).status_code == 201


# --- 3b: the floor --------------------------------------------------------------------------------


def test_a_floor_is_enforced_and_off_by_default(caller: Caller) -> None:
    caller.post(10)

    refused = problem(caller.post(-11, Balance_Floor="0"), 422)

    assert refused["type"] == "/problems/below-floor"
    assert caller.post(-11, Balance_Floor="-1").headers["Ledger-Balance"] == "-1"
    assert caller.post(-100).headers["Ledger-Balance"] == "-101"
    assert caller.post(50, Balance_Floor="0").status_code == 422  # it still would be under it


@pytest.mark.parametrize("floor", ["", "abc", "1.5", "0x1", "1e3", "+1", "9" * 31])
def test_a_floor_is_a_whole_number(caller: Caller, floor: str) -> None:
    assert faulty(caller.post(Balance_Floor=floor)) == {"Balance-Floor"}


# --- 3b: reversals --------------------------------------------------------------------------------


def test_a_reversal_is_a_transaction_linked_both_ways(caller: Caller) -> None:
    original = caller.post(4).json_body["transaction_id"]

    made = caller.ask("POST", f"/transactions/{original.upper()}/reversal/")

    assert made.status_code == 201
    assert list(made.json_body) == FIELDS
    assert made.json_body["amount"] == -4
    assert made.headers["Ledger-Reverses"] == original
    assert made.headers["Ledger-Balance"] == "0"
    reversal = made.json_body["transaction_id"]
    assert made.headers["Location"] == f"/transactions/{reversal}"
    shown = caller.get(f"/transactions/{original}")
    assert shown.headers["Ledger-Reversed-By"] == reversal
    assert shown.json_body["amount"] == 4
    assert caller.get(f"/transactions/{reversal}").headers["Ledger-Reverses"] == original


def test_a_second_reversal_answers_the_first(caller: Caller) -> None:
    path = f"/transactions/{caller.post(4).json_body['transaction_id']}/reversal"
    first = caller.ask("POST", path)

    again = caller.ask("POST", path, b"{}", JSON)

    assert (again.status_code, again.body) == (200, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert caller.get(f"/accounts/{ANN}").json_body["balance"] == 0


def test_what_cannot_be_reversed_is_refused_with_the_reason(caller: Caller) -> None:
    original = caller.post(4).json_body["transaction_id"]
    reversal = caller.ask("POST", f"/transactions/{original}/reversal").json_body["transaction_id"]

    assert problem(caller.ask("POST", f"/transactions/{reversal}/reversal"), 422)["type"] == (
        "/problems/not-reversible"
    )
    problem(caller.ask("POST", f"/transactions/{NINE}/reversal"), 404)
    assert faulty(caller.ask("POST", "/transactions/abc/reversal")) == {"transaction_id"}


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"hello", "text/plain"),
        (b"<a/>", "application/xml"),
        (b"null", "application/json"),
        (b"[", "application/json"),
        (b"x" * 20_000, "application/json"),
        (b"\xff", ""),
    ],
)
def test_the_body_of_a_reversal_is_not_read(caller: Caller, body: bytes, media_type: str) -> None:
    path = f"/transactions/{caller.post(4).json_body['transaction_id']}/reversal"

    answer = caller.ask("POST", path, body, {"Content-Type": media_type} if media_type else {})

    assert answer.status_code == 201


def test_a_reversal_keeps_to_a_floor(caller: Caller) -> None:
    original = caller.post(4).json_body["transaction_id"]
    caller.post(-4)

    answer = caller.ask("POST", f"/transactions/{original}/reversal", b"", {"Balance-Floor": "0"})

    problem(answer, 422)


# --- 3b: balances at an instant, audit ------------------------------------------------------------


def test_a_balance_at_an_instant_comes_with_its_proof(caller: Caller) -> None:
    posted = [caller.post(amount) for amount in (1, 10, 100)]
    times = [answer.json_body["created_at"] for answer in posted]

    # A plus sign that was not encoded is understood, too.
    for at in (times[1], times[1].replace("Z", "%2B00:00"), times[1].replace("Z", "+00:00")):
        answer = caller.get(f"/accounts/{ANN}?at={at}")
        assert answer.json_body == {
            "account_id": ANN,
            "balance": 11,
            "at": times[1],
            "proof": {
                "sequence": 2,
                "transaction_id": posted[1].json_body["transaction_id"],
                "created_at": times[1],
                "hash": posted[1].headers["Ledger-Hash"],
            },
        }
    assert caller.get(f"/accounts/{ANN}?at=9999-12-31T00:00:00Z").json_body["balance"] == 111
    problem(caller.get(f"/accounts/{ANN}?at=2000-01-01T00:00:00Z"), 404)


@pytest.mark.parametrize(
    "at",
    [
        "",
        "yesterday",
        "2020-01-01T00:00:00",
        "2020-02-30T00:00:00Z",
        "0001-01-01T00:00:00%2B14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_an_instant_has_an_offset_and_exists(caller: Caller, at: str) -> None:
    assert faulty(caller.get(f"/accounts/{ANN}?at={at}")) == {"at"}


def test_an_accounts_entries_prove_themselves(caller: Caller) -> None:
    original = caller.post(5).json_body["transaction_id"]
    caller.post(-2)
    caller.ask("POST", f"/transactions/{original}/reversal")

    pages = all_pages(caller, f"/accounts/{ANN}/entries?limit=2")

    entries = [Entry.model_validate(row) for page in pages for row in page]
    chain = Chain(ANN)
    assert [chain.misfit(entry) for entry in entries] == [None] * 3
    assert entries[2].reverses == original
    (state,) = caller.get("/accounts").json_body
    last = json.loads(entries[2].json_text())
    assert state == {name: last[name] for name in state}


def test_accounts_are_listed_page_by_page(caller: Caller) -> None:
    ids = sorted(uuid(number) for number in range(1, 6))
    for account in ids:
        caller.post(7, account)

    pages = all_pages(caller, "/accounts?limit=2")

    assert [[each["account_id"] for each in page] for page in pages] == [ids[:2], ids[2:4], ids[4:]]


# --- trouble --------------------------------------------------------------------------------------


def test_an_account_with_too_many_writers_answers_503(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LedgerStore, "append", lambda *_, **__: False)
    monkeypatch.setenv("LEDGER_PATIENCE_S", "0")

    answer = caller.post()

    problem(answer, 503)
    assert answer.headers["Retry-After"].isdigit()


def test_lost_races_are_counted(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, float]] = []
    monkeypatch.setattr(log, "count", lambda name, by=1: counted.append((name, by)))
    real, losses = LedgerStore.append, [1, 2]
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def append(self: LedgerStore, entry: Entry, **more: Any) -> bool:
        return real(self, entry, **more) if not losses else bool(losses.clear())

    monkeypatch.setattr(LedgerStore, "append", append)

    assert caller.post().status_code == 201
    assert ("LedgerLostRaces", 1) in counted


@pytest.mark.parametrize("code", ["TransactionConflict", "ConditionalCheckFailed"])
def test_a_conflict_is_a_lost_race_and_not_requested_again(
    dynamodb: Any, table_name: str, code: str
) -> None:
    """The account has moved on: the same entry could not be stored any more."""
    store = LedgerStore(Table(dynamodb, table_name))
    entry = following(None, account_id=ANN, amount=1, transaction_id=NINE, now=MORNING)
    reasons = [{"Code": code}, *[{"Code": "None"}] * 3]
    cancelled = {"__type": "x#TransactionCanceledException", "CancellationReasons": reasons}

    with answering(dynamodb, "TransactWriteItems", (400, cancelled)) as asked:
        assert not store.append(entry)

    assert len(asked) == 1


def test_a_throttled_table_answers_503(caller: Caller, dynamodb: Any) -> None:
    throttled = (400, {"__type": "x#ThrottlingException", "message": "slow down"})

    with answering(dynamodb, "GetItem", *[throttled] * 9):
        problem(caller.get(f"/accounts/{ANN}"), 503)

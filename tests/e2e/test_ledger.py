"""The ledger end to end (L8): each status code of its contract, races, deaths, and what calls cost.

Each test uses accounts of its own; the list of all transactions is everybody's.
"""

import json
import time
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chalicelib.core.table import Table
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.heads import Heads
from chalicelib.ledger.models import (
    AccountBody,
    BatchPost,
    Entry,
    TransactionBody,
    TransferBody,
    TransferFloors,
)
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.store import ACCOUNT_SHARDS, LIST_SHARDS, LedgerStore
from tests.support.clock import Clock
from tests.support.deployed import Deployed
from tests.support.dynamodb import Line
from tests.support.ledger.fakes import MORNING
from tests.support.ledger.kills import DEEDS, check_that_a_retry_finishes_what_death_left, scene
from tests.support.patience import Deadline

FIELDS = ["transaction_id", "account_id", "amount", "created_at"]
FLOOR: dict[str, Any] = {"Balance-Floor": "0"}
BUSY = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT}
# A killed function is a 500 of the gateway's, which says nothing of what was done.
BROKEN = BUSY | {httpx.codes.INTERNAL_SERVER_ERROR}


class Bank:
    """A client of the ledger who tries again as long as it makes sense."""

    def __init__(self, stack: Deployed) -> None:
        self.api = stack.api

    def post(
        self,
        account: str,
        amount: int = 1,
        *,
        again: Container[int] = BUSY,
        within_s: float = 90,
        **headers: Any,
    ) -> httpx.Response:
        """Post a transaction; broken off or answered so, post it ``again`` under the same key."""
        named = {"Idempotency-Key": str(uuid4()), **headers}
        deadline = Deadline(within_s)
        while True:
            with suppress(httpx.TransportError):
                body = {"account_id": account, "amount": amount}
                answer = self.api.post("/transactions", json=body, headers=named)
                if answer.status_code not in again or deadline.passed():
                    return answer
            assert not deadline.passed()
            time.sleep(0.2)

    def reverse(self, transaction_id: str) -> httpx.Response:
        while (
            answer := self.api.post(f"/transactions/{transaction_id}/reversal")
        ).status_code in BUSY:
            time.sleep(0.2)
        return answer

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        again: Container[int] = BUSY,
    ) -> httpx.Response:
        """Ask; broken off or answered so, ask ``again`` under the same key."""
        deadline = Deadline(90)
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            with suppress(httpx.TransportError):
                answer = self.api.request(method, path, json=body, headers=headers)
                if answer.status_code not in again or deadline.passed():
                    return answer
            assert not deadline.passed()
            time.sleep(0.2)

    def transfer(
        self,
        accounts: tuple[str, str],
        amount: int,
        key: str | None = None,
        again: Container[int] = BUSY,
    ) -> httpx.Response:
        body = {"from_account_id": accounts[0], "to_account_id": accounts[1], "amount": amount}
        return self.ask("POST", "/transfers", body, key=key or str(uuid4()), again=again)

    def balance(self, account: str) -> int:
        balance: int = self.api.get(f"/accounts/{account}").json()["balance"]
        return balance

    def proven(self, account: str) -> list[Entry]:
        """Return the account's entries, which are in order and are what its balance says."""
        answer = self.api.get(f"/accounts/{account}/entries")
        entries = [Entry.model_validate(each) for each in answer.json()]
        chain = Chain(account)
        assert [chain.misfit(entry) for entry in entries] == [None] * len(entries)
        assert entries[-1].balance == self.balance(account)
        listed = self.api.get("/transactions", params={"account_id": account}).json()
        ids = [entry.transaction_id for entry in entries]
        assert [row["transaction_id"] for row in listed] == ids[::-1]
        return entries


@pytest.fixture
def bank(stack: Deployed) -> Bank:
    return Bank(stack)


@pytest.fixture
def account() -> str:
    return str(uuid4())


# --- L8: the contract, code by code ---------------------------------------------------------------


def test_l1_to_l7_what_the_contract_promises(bank: Bank, account: str) -> None:
    assert bank.api.get("/ping").status_code == 200

    four, minus_three = bank.post(account, 4), bank.post(account.upper(), -3)

    assert (four.status_code, minus_three.status_code) == (201, 201)
    assert list(four.json()) == FIELDS
    assert [a.headers["Ledger-Balance"] for a in (four, minus_three)] == ["4", "1"]
    listed = bank.api.get("/transactions").json()
    assert listed.index(minus_three.json()) < listed.index(four.json())
    known = four.json()["transaction_id"]
    for path in (
        f"/transactions/{known}",
        f"/transactions/{known}/",
        f"/transactions/{known.upper()}",
    ):
        assert bank.api.get(path).json() == four.json()
    for path in (f"/accounts/{account}", f"/accounts/{account}/", f"/accounts/{account.upper()}"):
        assert bank.api.get(path).json() == {"account_id": account, "balance": 1}


REFUSALS: list[tuple[int, str, str, str | None, str]] = [
    (400, "POST", "/transactions", "application/json", '{"amount": 7}'),
    (400, "POST", "/transactions", "application/json", '{"account_id": 10, "amount": 7}'),
    (400, "POST", "/transactions", "application/json", '{"account_id": "{a}", "amount": "7"}'),
    (400, "POST", "/transactions", "application/json", '{"account_id": "{a}", "amount": 7.5}'),
    (400, "POST", "/transactions", "application/json", '{"account_id": "{a}", "amount": true}'),
    (400, "POST", "/transactions", "application/json", '{"account_id": "{a}", "amount": 1e400}'),
    (400, "POST", "/transactions", "application/json", '{"account_id": "{a}", "amount": '),
    (400, "POST", "/transactions", "application/json", "[]"),
    (400, "POST", "/transactions", "application/json", ""),
    (413, "POST", "/transactions", "application/json", '{"note": "' + "x" * 4096 + '"}'),
    (415, "POST", "/transactions", "application/xml", '{"account_id": "{a}", "amount": 7}'),
    (415, "POST", "/transactions", "text/plain", '{"account_id": "{a}", "amount": 7}'),
    (415, "POST", "/transactions", None, '{"account_id": "{a}", "amount": 7}'),
    (405, "PUT", "/transactions", "application/xml", "<a/>"),
    (405, "DELETE", "/transactions/{a}", None, ""),
    (405, "PATCH", "/accounts/{a}", None, ""),
    (405, "GET", "/transactions/{a}/reversal", None, ""),
    (405, "POST", "/ping", None, ""),
    (400, "GET", "/transactions/abc", None, ""),
    (400, "GET", "/transactions/%7B{a}%7D", None, ""),
    (400, "GET", "/transactions/%00%ff", None, ""),
    (404, "GET", "/transactions/{a}", None, ""),
    (404, "POST", "/transactions/{a}/reversal", None, ""),
    (400, "POST", "/transactions/abc/reversal", None, ""),
    (400, "GET", "/accounts/abc", None, ""),
    (404, "GET", "/accounts/{a}", None, ""),
    (404, "GET", "/accounts/{a}/entries", None, ""),
    (404, "GET", "/accounts/{a}?at=2020-01-01T00:00:00%2B00:00", None, ""),
    (400, "GET", "/accounts/{a}?at=yesterday", None, ""),
    (400, "GET", "/transactions?limit=0", None, ""),
    (400, "GET", "/transactions?limit=-1", None, ""),
    (400, "GET", "/transactions?limit=abc", None, ""),
    (400, "GET", "/transactions?limit=10001", None, ""),
    (400, "GET", "/transactions?cursor=abc", None, ""),
    (400, "GET", "/transactions?limit=1&limit=2", None, ""),
]


@pytest.mark.parametrize(("status", "method", "path", "media_type", "body"), REFUSALS)
def test_l3_l5_l6_what_the_contract_refuses(
    bank: Bank, account: str, status: int, method: str, path: str, media_type: str | None, body: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    content = body.replace("{a}", account).encode()

    answer = bank.api.request(
        method, path.replace("{a}", account), content=content, headers=headers
    )

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert ("Allow" in answer.headers) == (status == 405)
    assert bank.api.get(f"/accounts/{account}").status_code == 404


def test_retries_clashes_floors_and_reversals_through_the_gateway(bank: Bank, account: str) -> None:
    named = {"transaction_id": str(uuid4()), "account_id": account, "amount": 5}
    first, again = [bank.api.post("/transactions", json=named) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.text == first.text
    assert again.headers["Idempotent-Replayed"] == "true"
    other = {**named, "amount": 6}
    assert bank.api.post("/transactions", json=other).status_code == 409
    key: dict[str, Any] = {"Idempotency-Key": account}
    assert bank.post(account, 1, **key).text == bank.post(account, 1, **key).text
    assert bank.post(account, 2, **key).status_code == 422
    assert bank.post(account, -7, **FLOOR).status_code == 422

    posted = str(named["transaction_id"])
    made, same = bank.reverse(posted), bank.reverse(posted)

    assert (made.status_code, same.status_code) == (201, 200)
    assert made.text == same.text
    assert bank.reverse(made.json()["transaction_id"]).status_code == 422
    assert [entry.amount for entry in bank.proven(account)] == [5, 1, -5]


def test_a_balance_at_an_instant_through_the_gateway(bank: Bank, account: str) -> None:
    first = bank.post(account, 4).json()
    bank.post(account, 40)

    answer = bank.api.get(f"/accounts/{account}", params={"at": first["created_at"]}).json()

    assert answer["balance"] == 4
    assert answer["proof"]["transaction_id"] == first["transaction_id"]


def test_a_cut_list_goes_on_through_the_gateway(bank: Bank, account: str) -> None:
    posted = [bank.post(account, amount).json() for amount in range(5)]

    found, path = [], f"/transactions?account_id={account}&limit=2"
    while path:
        page = bank.api.get(path)
        found += page.json()
        assert page.headers.get("X-Truncated") == ("true" if "next" in page.links else None)
        path = page.links.get("next", {}).get("url", "")

    assert found == posted[::-1]


# --- races ----------------------------------------------------------------------------------------


def at_once(calls: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def test_l7_64_parallel_posts_to_one_account_add_up_without_a_gap(bank: Bank, account: str) -> None:
    amounts = [Random(7).randint(-1_000, 1_000) for _ in range(64)]

    answers = at_once([lambda a=a: bank.post(account, a) for a in amounts])  # type: ignore[misc]

    assert {answer.status_code for answer in answers} == {201}
    assert bank.balance(account) == sum(amounts)
    entries = bank.proven(account)
    assert [entry.sequence for entry in entries] == list(range(1, 65))
    assert sorted(entry.amount for entry in entries) == sorted(amounts)
    told = {answer.json()["transaction_id"]: answer.headers for answer in answers}
    for entry in entries:
        assert told[entry.transaction_id]["Ledger-Balance"] == str(entry.balance)
        assert told[entry.transaction_id]["Ledger-Sequence"] == str(entry.sequence)


def test_one_post_sent_16_times_at_once_is_posted_once(bank: Bank, account: str) -> None:
    key: dict[str, Any] = {"Idempotency-Key": str(uuid4())}

    answers = at_once([lambda: bank.post(account, 7, **key)] * 16)

    assert {answer.text for answer in answers} == {answers[0].text}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len(bank.proven(account)) == 1


def test_16_withdrawals_at_once_do_not_break_the_floor(bank: Bank, account: str) -> None:
    bank.post(account, 5)

    answers = at_once([lambda: bank.post(account, -1, **FLOOR)] * 16)

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 11
    assert min(entry.balance for entry in bank.proven(account)) == 0


def test_16_reversals_at_once_are_one(bank: Bank, account: str) -> None:
    original = bank.post(account, 7).json()["transaction_id"]

    answers = at_once([lambda: bank.reverse(original)] * 16)

    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert [entry.amount for entry in bank.proven(account)] == [7, -7]


def test_transfers_in_both_directions_at_once_keep_the_sum_and_the_chains(
    bank: Bank, account: str
) -> None:
    other = str(uuid4())
    bank.post(account, 100)
    ways = [(account, other), (other, account)] * 12

    answers = at_once(
        [lambda pair=pair, n=n: bank.transfer(pair, 1 + n % 5) for n, pair in enumerate(ways)]  # type: ignore[misc]
    )

    assert {answer.status_code for answer in answers} == {201}
    assert bank.balance(account) + bank.balance(other) == 100
    there, here = bank.proven(other), bank.proven(account)
    assert (len(here), len(there)) == (25, 24)
    halves = {entry.transaction_id: entry for entry in here}
    for entry in there:
        half = halves[entry.counterpart_id or ""]
        assert (half.amount, half.created_at) == (-entry.amount, entry.created_at)
        assert half.counterpart_id == entry.transaction_id


def test_one_transfer_sent_and_reversed_16_times_at_once_is_done_once(
    bank: Bank, account: str
) -> None:
    other, key = str(uuid4()), str(uuid4())

    sent = at_once([lambda: bank.transfer((account, other), 7, key=key)] * 16)
    transfer_id = sent[0].json()["transfer_id"]
    back = at_once([lambda: bank.ask("POST", f"/transfers/{transfer_id}/reversal")] * 16)

    assert len({answer.text for answer in sent}) == 1
    assert sorted(answer.status_code for answer in back) == [200] * 15 + [201]
    assert [entry.amount for entry in bank.proven(account)] == [-7, 7]
    assert [entry.amount for entry in bank.proven(other)] == [7, -7]


def test_batches_at_once_are_posted_whole(bank: Bank, account: str) -> None:
    others = [str(uuid4()) for _ in range(32)]
    posts = [{"account_id": each, "amount": 1} for each in (account, *others)]
    body = {"transactions": posts}
    keys = [str(uuid4()) for _ in range(4)] * 2

    answers = at_once(
        [lambda key=key: bank.ask("POST", "/transactions/batch", body, key=key) for key in keys]  # type: ignore[misc]
    )

    assert {answer.status_code for answer in answers} == {201}
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 4
    for each in (account, others[0], others[-1]):
        assert [entry.balance for entry in bank.proven(each)] == [1, 2, 3, 4]
    assert bank.api.get("/transactions/batch").status_code == 405


# --- deaths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEEDS)
def test_a_post_can_be_retried_after_a_crash_between_two_steps(stack: Deployed, name: str) -> None:
    client, table = stack.client("dynamodb"), stack.outputs["LedgerTable"]

    assert check_that_a_retry_finishes_what_death_left(client, table, name) >= 4


def test_functions_killed_in_the_middle_of_posts_cost_nothing(
    stack: Deployed, bank: Bank, account: str
) -> None:
    """After every third post that is answered a process dies, in the middle of another one."""
    answered = count(1)

    def post(_: int) -> httpx.Response:
        answer = bank.post(account, 1, again=BROKEN)
        if next(answered) % 3 == 0:
            stack.kill_one("api")
        return answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, range(40)))

    assert {answer.status_code for answer in answers} == {201}
    assert bank.balance(account) == 40
    assert len(bank.proven(account)) == 40


def test_functions_killed_in_the_middle_of_transfers_lose_no_half(
    stack: Deployed, bank: Bank, account: str
) -> None:
    other, answered = str(uuid4()), count(1)

    def move(accounts: tuple[str, str]) -> httpx.Response:
        answer = bank.transfer(accounts, 3, again=BROKEN)
        if next(answered) % 3 == 0:
            stack.kill_one("api")
        return answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(move, [(account, other), (other, account)] * 12))

    assert {answer.status_code for answer in answers} == {201}
    assert bank.balance(account) == bank.balance(other) == 0
    assert len(bank.proven(account)) == len(bank.proven(other)) == 24


# --- what it costs --------------------------------------------------------------------------------


@pytest.fixture
def line(stack: Deployed) -> Line:
    return Line(stack.client("dynamodb"))


@pytest.fixture
def counted(stack: Deployed, line: Line) -> Ledger:
    client: Any = line
    ids = (str(uuid4()) for _ in count())
    store = LedgerStore(Table(client, stack.outputs["LedgerTable"]))
    return Ledger(store, now=Clock(MORNING), new_id=lambda: next(ids), tries=lambda **_: range(3))


@pytest.fixture
def costs(line: Line) -> Callable[[Callable[[], Any]], tuple[list[str], float]]:
    """Return the calls that something makes and the write units that they take."""

    def of(act: Callable[[], Any]) -> tuple[list[str], float]:
        line.calls, line.write_units = [], 0
        act()
        return line.calls, line.write_units

    return of


def test_round_trips_and_write_units_are_those_of_the_docs(
    stack: Deployed, account: str, counted: Ledger, costs: Any
) -> None:
    plain = TransactionBody(account_id=account, amount=7)
    named = TransactionBody(account_id=account, amount=7, transaction_id=str(uuid4()))
    read, batch, write = "get_item", "batch_get_item", "transact_write_items"

    def fresh() -> Ledger:
        return replace(counted, heads=Heads())

    assert costs(lambda: counted.post(plain)) == ([read, write], 8)
    assert costs(lambda: counted.post(plain)) == ([write], 8)
    assert costs(lambda: fresh().post(named)) == ([batch, write], 8)
    assert costs(lambda: fresh().post(named)) == ([batch], 0)
    assert costs(lambda: fresh().post(plain, key=account)) == ([batch, write], 10)
    assert costs(lambda: fresh().post(plain, key=account)) == ([batch], 0)
    original = named.transaction_id or ""
    assert costs(lambda: counted.reverse(original)) == ([read, read, write], 10)
    assert costs(lambda: counted.reverse(original)) == ([read, read], 0)
    assert costs(lambda: counted.transaction(original)) == ([read], 0)
    other, transfers = str(uuid4()), counted.transfers
    move = TransferBody(from_account_id=account, to_account_id=other, amount=7)
    assert costs(lambda: transfers.send(move)) == ([batch, write], 14)
    assert costs(lambda: transfers.send(move, key=other)) == ([batch, write], 16)
    assert costs(lambda: transfers.send(move, key=other)) == ([batch, read], 0)
    sent = transfers.send(move, key=other).transfer.transfer_id
    back = costs(lambda: transfers.reverse(sent, TransferFloors()))
    assert back == ([read, read, batch, write], 18)
    assert costs(lambda: transfers.reverse(sent, TransferFloors())) == ([read] * 4, 0)
    posts = [BatchPost(account_id=each, amount=1) for each in (account, account, other)]
    assert costs(lambda: counted.batches.post(posts)) == ([batch, write], 20)
    keyed = costs(lambda: counted.batches.post(posts, key=f"{other} batch"))
    assert keyed == (["put_item", batch, write], 21)
    named_now = AccountBody(name="Till", unit="EUR", decimals=2)
    assert costs(lambda: counted.describe(account, named_now)) == (["update_item"], 1)
    span: dict[str, Any] = {"until": None, "start": None, "limit": 100}
    whole = costs(lambda: counted.statements.page(account, since=None, **span))
    assert whole == ([read, "query"], 0)
    part = costs(lambda: counted.statements.page(account, since=MORNING, **span))
    assert part == ([read, "query", "query"], 0)
    assert costs(lambda: counted.account(account)) == ([read], 0)
    assert costs(lambda: counted.account_at(account, Clock(MORNING)())) == ([read, "query"], 0)
    assert costs(lambda: counted.entries(account, after=None, limit=100)) == (["query"], 0)
    page: dict[str, Any] = {"before": None, "limit": 100}
    ours = costs(lambda: counted.transactions(account_id=account, **page))
    assert ours == (["query"], 0)
    everybodys = costs(lambda: counted.transactions(account_id=None, **page))
    assert everybodys == (["query"] * LIST_SHARDS, 0)
    calls, units = costs(lambda: counted.accounts(after=None, limit=100))
    assert (set(calls), units) == ({"query"}, 0)
    assert len(calls) in range(ACCOUNT_SHARDS, ACCOUNT_SHARDS + 3)  # luck has its say


def test_a_lost_race_costs_another_read_and_another_transaction(
    stack: Deployed, account: str, counted: Ledger, costs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = scene(stack.client("dynamodb"), stack.outputs["LedgerTable"])
    body = TransactionBody(account_id=rival.account, amount=7)
    real, rivals = LedgerStore.append, [body]

    def append(self: LedgerStore, *entries: Entry, **more: Any) -> bool:
        if rivals:
            rival.ledger().post(rivals.pop())
        return real(self, *entries, **more)

    monkeypatch.setattr(LedgerStore, "append", append)

    calls, _ = costs(lambda: counted.post(body))

    assert calls == ["get_item", "transact_write_items"] * 2
    assert [entry.amount for entry in rival.entries()] == [1, -2, 7, 7]


# --- IAM ------------------------------------------------------------------------------------------


def test_the_functions_role_lets_the_ledger_work(guarded: Deployed, account: str) -> None:
    bank = Bank(guarded)

    original = bank.post(account, 7).json()["transaction_id"]

    assert bank.reverse(original).status_code == 201
    assert [entry.amount for entry in bank.proven(account)] == [7, -7]
    assert bank.transfer((account, str(uuid4())), 1).status_code == 201
    body = {"transactions": [{"account_id": account, "amount": 1}]}
    assert bank.ask("POST", "/transactions/batch", body, key=account).status_code == 201
    assert bank.api.put(f"/accounts/{account}", json={"name": "Till"}).status_code == 200
    assert bank.api.get(f"/accounts/{account}/statement").json()["closing_balance"] == 0
    assert bank.api.get("/accounts").status_code == 200
    assert json.loads(bank.api.get(f"/transactions/{original}").text)["amount"] == 7

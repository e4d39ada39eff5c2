"""Posting, looking, taking back; and the proof that everything adds up."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from chalice.test import Client
from typer.testing import Result

from app import app
from backroom.core.session import Session
from backroom.ledger.api import LedgerApi
from chalicelib.ledger.chain import digest
from chalicelib.ledger.models import (
    Entry,
    StoredAccount,
    StoredTransaction,
    TransactionBody,
    TransferBody,
    TransferFloors,
)
from chalicelib.ledger.service.posting import Ledger
from tests.support.backroom.desk import Desk, problem, run, words
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, NINE, MemoryStore, a_ledger

ANN, BOB = uuid(0xA), uuid(0xB)
MADE = {
    "transaction_id": NINE,
    "account_id": ANN,
    "amount": -250,
    "created_at": "2142-03-01T08:00:00.000000+00:00",
}
HALF = {"transaction_id": NINE, "sequence": 2, "balance": -250, "hash": "f" * 64}
MOVED = {
    "transfer_id": NINE,
    "from_account_id": ANN,
    "to_account_id": BOB,
    "amount": 250,
    "created_at": "2142-03-01T08:00:00.000000Z",
    "debit": HALF,
    "credit": {**HALF, "transaction_id": uuid(7), "balance": 250},
}
NAMED = {"account_id": ANN, "balance": -123456, "name": "Till", "unit": "EUR", "decimals": 2}
STATEMENT = {
    "account_id": ANN,
    "name": "Till",
    "unit": "EUR",
    "decimals": 2,
    "opening_balance": 100,
    "closing_balance": -123356,
    "entries": [
        {
            "created_at": "2142-03-01T08:00:00.000000Z",
            "transaction_id": NINE,
            "amount": -123456,
            "balance": -123356,
            "sequence": 2,
        }
    ],
}
TOLD: dict[str, Any] = {"Ledger-Balance": "150", "Ledger-Sequence": "2"}
COMMANDS: list[tuple[str, str, str, Any]] = [
    (f"ledger post {ANN} -250", "POST", "/transactions", MADE),
    (f"ledger show {NINE}", "GET", f"/transactions/{NINE}", MADE),
    (f"ledger account {ANN}", "GET", f"/accounts/{ANN}", {"account_id": ANN, "balance": 7}),
    ("ledger list", "GET", "/transactions", [MADE]),
    (f"ledger reverse {NINE}", "POST", f"/transactions/{NINE}/reversal", MADE),
    (f"ledger reverse {NINE} --transfer", "POST", f"/transfers/{NINE}/reversal", MOVED),
    (f"ledger transfer {ANN} {BOB} 250 --floor 0", "POST", "/transfers", MOVED),
    (f"ledger describe {ANN} --name Till", "PUT", f"/accounts/{ANN}", NAMED),
    (f"ledger statement {ANN}", "GET", f"/accounts/{ANN}/statement", STATEMENT),
]


# --- what holds for every command -----------------------------------------------------------------


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_json_is_the_apis_own_word_for_word(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    said = json.dumps(answer, indent=3)
    desk.on(method, path, said)

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (0, f"{said}\n")


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_a_person_reads_words(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    desk.on(method, path, answer, **TOLD)

    result = desk.run(*command.split())

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert "{" not in result.stdout


@pytest.mark.parametrize(("command", "method", "path", "_"), COMMANDS)
def test_a_refusal_ends_with_1_and_says_what_to_do(
    desk: Desk, command: str, method: str, path: str, _: Any
) -> None:
    desk.on(method, path, problem(404, f"There is no account {ANN}.", "Not found"))

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Next: backroom ledger list shows the newest" in result.stderr


@pytest.mark.parametrize("command", [*(command for command, *_ in COMMANDS), "ledger verify"])
def test_without_a_response_every_command_ends_with_3(command: str) -> None:
    result = run(*command.split())

    assert (result.exit_code, result.stdout) == (3, "")
    assert "Nothing answers" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "ledger post abc 7",
        f"ledger post {ANN}",
        f"ledger post {ANN} 7.0",
        f"ledger post {ANN} 1e3",
        f"ledger post {ANN} {2**53}",
        f"ledger post {ANN} 7 --id abc",
        f"ledger post {ANN} 7 --floor low",
        f"ledger post {ANN} 7 --nonsense",
        "ledger show abc",
        f"ledger account {ANN} --at yesterday",
        "ledger list --limit 0",
        "ledger list --limit 10001",
        "ledger verify --account abc",
        f"ledger transfer {ANN} {BOB} 0",
        f"ledger transfer {ANN} {BOB} -1",
        f"ledger transfer {ANN} abc 1",
        f"ledger describe {ANN} --decimals 19",
        f"ledger statement {ANN} --from yesterday",
    ],
)
def test_what_cannot_be_meant_ends_with_2_before_anything_is_sent(desk: Desk, command: str) -> None:
    result = desk.run(*command.split())

    assert (result.exit_code, result.stdout) == (2, "")
    assert not desk.requests


@pytest.mark.parametrize(
    "command",
    [
        *("post", "show", "account", "list", "reverse", "verify"),
        *("transfer", "describe", "statement", "import"),
    ],
)
def test_help_has_an_example(command: str) -> None:
    assert f"Example: backroom ledger {command}" in words(run("ledger", command, "--help"))


# --- posting --------------------------------------------------------------------------------------


def test_every_post_has_an_id_so_that_a_repeat_of_it_is_safe(desk: Desk) -> None:
    busy = httpx.Response(503, json={}, headers={"Retry-After": "1"})
    desk.on("POST", "/transactions", busy, busy, httpx.Response(201, json=MADE, headers=TOLD))

    result = desk.run("ledger", "post", ANN.upper(), "-250")

    bodies = [json.loads(request.content) for request in desk.sent("POST", "/transactions")]
    assert len(bodies) == 3
    assert bodies == [bodies[0]] * 3
    assert bodies[0]["account_id"] == ANN
    assert re.fullmatch("[0-9a-f-]{36}", bodies[0]["transaction_id"])
    assert "Posted: -250" in result.stdout
    assert "balance 150" in words(result)


def test_what_is_said_about_a_post_is_sent(desk: Desk) -> None:
    desk.on("POST", "/transactions", MADE, **{**TOLD, "Idempotent-Replayed": "true"})

    result = desk.run(*f"ledger post {ANN} 7 --id {NINE.upper()} --key order-7 --floor -5".split())

    (request,) = desk.requests
    assert json.loads(request.content)["transaction_id"] == NINE
    assert request.headers["Idempotency-Key"] == "order-7"
    assert request.headers["Balance-Floor"] == "-5"
    assert "Already posted" in result.stdout


def test_a_post_whose_answer_was_lost_says_how_to_ask_again(desk: Desk) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    desk.on("POST", "/transactions", lost)

    result = desk.run("ledger", "post", ANN, "7")

    sent = json.loads(desk.requests[0].content)["transaction_id"]
    assert result.exit_code == 3
    assert f"Next: backroom ledger post {ANN} 7 --id {sent}: it is posted once" in result.stderr


@pytest.mark.parametrize(
    ("status", "detail", "step"),
    [
        (422, "The balance would be -1, under the floor of 0.", "backroom ledger account ID"),
        (422, "This key ... A new transaction needs a new key.", "run it with another --key"),
        (409, "The transaction ... needs a new id.", "run it with another --id"),
    ],
)
def test_a_refused_post_says_what_to_do(desk: Desk, status: int, detail: str, step: str) -> None:
    desk.on("POST", "/transactions", problem(status, detail))

    assert f"Next: {step}" in desk.run("ledger", "post", ANN, "7").stderr


# --- looking --------------------------------------------------------------------------------------


def test_a_transaction_shows_its_links(desk: Desk) -> None:
    links: dict[str, Any] = {"Ledger-Reverses": uuid(1), "Ledger-Reversed-By": uuid(2)}
    desk.on("GET", f"/transactions/{NINE}", MADE, **TOLD, **links)

    said = words(desk.run("ledger", "show", NINE))

    assert f"Reverses {uuid(1)}" in said
    assert f"Reversed by {uuid(2)}" in said


def test_an_account_at_an_instant_is_requested_with_its_offset(desk: Desk) -> None:
    there = {"account_id": ANN, "balance": 2**60, "at": "2026-01-01T00:00:00.000000+00:00"}
    desk.on("GET", f"/accounts/{ANN}", there, **TOLD)

    result = desk.run("ledger", "account", ANN, "--at", "2026-01-01")

    assert desk.requests[0].url.params["at"] == "2026-01-01T00:00:00+00:00"
    assert "1,152,921,504,606,846,976" in result.stdout


def test_an_empty_ledger_says_how_to_begin(desk: Desk) -> None:
    desk.on("GET", "/transactions", [])

    assert "No transactions yet." in desk.run("ledger", "list").stdout


def test_a_list_that_is_cut_says_so(desk: Desk) -> None:
    link: dict[str, Any] = {
        "Link": '</transactions?limit=1&cursor=x>; rel="next"',
        "Total-Count": "511",
    }
    desk.on("GET", "/transactions", [MADE], **link)

    result = desk.run("ledger", "list", "--limit", "1", "--account", ANN)

    asked = dict(desk.requests[0].url.params)
    assert asked == {"account_id": ANN, "limit": "1", "count": "true"}
    assert "1 of 511. For more: --limit 10" in result.stdout


# --- transfers, names, statements -----------------------------------------------------------------


def test_a_transfer_has_an_id_so_that_a_repeat_of_it_is_safe(desk: Desk) -> None:
    busy = httpx.Response(503, json={}, headers={"Retry-After": "1"})
    desk.on("POST", "/transfers", busy, httpx.Response(201, json=MOVED))

    result = desk.run("ledger", "transfer", ANN, BOB, "250", "--floor", "0")

    bodies = [json.loads(request.content) for request in desk.sent("POST", "/transfers")]
    assert bodies == [bodies[0]] * 2
    assert re.fullmatch("[0-9a-f-]{36}", bodies[0].pop("transfer_id"))
    assert bodies[0] == {
        "from_account_id": ANN,
        "to_account_id": BOB,
        "amount": 250,
        "from_balance_floor": 0,
    }
    assert "Transferred: 250" in result.stdout
    assert f"{BOB}: balance 250" in words(result)


def test_a_transfer_whose_answer_was_lost_says_how_to_ask_again(desk: Desk) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    desk.on("POST", "/transfers", lost)

    result = desk.run("ledger", "transfer", ANN, BOB, "7")

    sent = json.loads(desk.requests[0].content)["transfer_id"]
    assert result.exit_code == 3
    again = f"backroom ledger transfer {ANN} {BOB} 7 --id {sent}: it is sent once"
    assert f"Next: {again}" in result.stderr


def test_a_half_that_is_reversed_alone_says_what_to_do(desk: Desk) -> None:
    detail = f"{NINE} is half of the transfer {NINE}, which is reversed as a whole"
    desk.on("POST", f"/transactions/{NINE}/reversal", problem(422, detail))

    result = desk.run("ledger", "reverse", NINE)

    assert f"Next: backroom ledger reverse {NINE} --transfer" in result.stderr


def test_an_empty_name_or_unit_takes_it_back_and_what_is_left_out_is_not_sent(desk: Desk) -> None:
    desk.on("PUT", f"/accounts/{ANN}", NAMED)

    desk.run("ledger", "describe", ANN, "--name", "", "--decimals", "0")

    assert json.loads(desk.requests[0].content) == {"name": None, "decimals": 0}


def test_amounts_read_as_the_account_says(desk: Desk) -> None:
    desk.on("GET", f"/accounts/{ANN}/statement", STATEMENT)

    result = desk.run("ledger", "statement", ANN, "--from", "2026-01-01", "--to", "2026-02-01")

    assert desk.requests[0].url.params["from"] == "2026-01-01T00:00:00+00:00"
    said = words(result)
    assert "Closing balance: -1,233.56 EUR" in said
    assert "Opening balance: 1.00 EUR" in said
    assert "-1,234.56 EUR" in said


def test_a_whole_statement_is_printed_as_csv_with_one_heading(desk: Desk) -> None:
    def paged(request: httpx.Request) -> httpx.Response:
        assert request.url.params["format"] == "csv"
        more = "cursor" not in request.url.params
        link = f'</accounts/{ANN}/statement?format=csv&cursor=x>; rel="next"'
        headers = {"Link": link} if more else {}
        text = f"line\r\n{'closing_balance' if more else 'opening_balance'}\r\n"
        return httpx.Response(200, text=text, headers=headers)

    desk.on("GET", f"/accounts/{ANN}/statement", paged)

    result = desk.run("ledger", "statement", ANN, "--csv")

    assert result.stdout.split() == ["line", "closing_balance", "opening_balance"]


# --- import ---------------------------------------------------------------------------------------


def posted(request: httpx.Request) -> httpx.Response:
    """Answer a batch as if all of it was new."""
    told = {
        "created_at": MADE["created_at"],
        "balance": 1,
        "sequence": 1,
        "hash": "",
        "replayed": False,
    }
    posts = json.loads(request.content)["transactions"]
    return httpx.Response(201, json={"transactions": [{**each, **told} for each in posts]})


def imported(desk: Desk, tmp_path: Path, text: str, *more: str) -> Result:
    file = tmp_path / "transactions.csv"
    file.write_bytes(text.encode())
    return desk.run("ledger", "import", str(file), *more)


def batches(desk: Desk) -> list[list[dict[str, Any]]]:
    return [json.loads(each.content)["transactions"] for each in desk.requests]


@pytest.mark.parametrize("names", ["", ",reference", ",transaction_id"])
def test_the_same_file_again_posts_with_the_same_ids(
    desk: Desk, tmp_path: Path, names: str
) -> None:
    cell = {"": "", ",reference": ",row {n}", ",transaction_id": ",{id}"}[names]
    rows = [f"{ANN},{-n}{cell.format(n=n, id=uuid(0x500 + n))}" for n in range(70)]
    text = "\r\n".join([f"\ufeffAccount_ID,amount{names}", *rows, ""])
    desk.on("POST", "/transactions/batch", posted)

    first = imported(desk, tmp_path, text)
    again = imported(desk, tmp_path, text, "--json")

    sent = batches(desk)
    assert [len(each) for each in sent] == [33, 33, 4] * 2
    assert sent[:3] == sent[3:]
    assert len({post["transaction_id"] for batch in sent for post in batch}) == 70
    assert [post["amount"] for post in sent[0][:3]] == [0, -1, -2]
    assert "70 transactions posted, 0 posted before." in first.stdout
    assert ("a changed copy would be another file" in first.stdout) == (names == "")
    assert json.loads(again.stdout) == {"posted": 70, "already_posted": 0}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has the columns none"),
        ("amount\n1\n", "has the columns amount"),
        ('account_id,"amount', "line 1: unexpected end of data"),
        ("account_id,amount,note\n", "account_id, amount, note"),
        (f"account_id,amount\n{ANN},1.5\n{ANN},x\n", "line 3: amount 'x'"),
        (f"account_id,amount\n{ANN},{2**53}\n", "line 2: amount"),
        ("account_id,amount\nann,1\n", "line 2: account_id 'ann' is no UUID"),
        (f"account_id,amount\n{ANN}\n", "line 2: has more or fewer cells"),
        (f"account_id,amount\n{ANN},1,2\n", "line 2: has more or fewer cells"),
        (f"account_id,amount,reference\n{ANN},1,\n", "neither a transaction_id nor a reference"),
        (f"account_id,amount,reference\n{ANN},1,a\n{ANN},2,a\n", "in the file twice"),
        (f'account_id,amount\n{ANN},"1\n', "line 2: "),
    ],
)
def test_a_file_with_a_fault_is_not_posted_at_all(
    desk: Desk, tmp_path: Path, text: str, why: str
) -> None:
    result = imported(desk, tmp_path, text)

    assert (result.exit_code, result.stdout) == (1, "")
    assert why in result.stderr
    assert not desk.requests


def test_one_reference_may_stand_in_two_accounts(desk: Desk, tmp_path: Path) -> None:
    desk.on("POST", "/transactions/batch", posted)

    imported(desk, tmp_path, f"account_id,amount,reference\n{ANN},-5,r7\n{BOB},5,r7\n")

    ids = [post["transaction_id"] for post in batches(desk)[0]]
    assert len(set(ids)) == 2


def test_an_import_that_breaks_off_says_where_and_how_to_go_on(desk: Desk, tmp_path: Path) -> None:
    refused = problem(409, "The transaction x was posted with another amount.")
    desk.on("POST", "/transactions/batch", posted, refused)
    rows = [f"{ANN},{n},r{n}" for n in range(40)]

    result = imported(desk, tmp_path, "\n".join(["account_id,amount,reference", *rows]))

    assert result.exit_code == 1
    assert "Stopped at lines 35 to 41, of which none was posted" in result.stderr
    assert "Next: correct that and run it again" in result.stderr


def test_a_row_that_was_posted_otherwise_is_named_by_its_line(desk: Desk, tmp_path: Path) -> None:
    """Its id follows from its reference, so that no file has it."""

    def refused(request: httpx.Request) -> httpx.Response:
        third = json.loads(request.content)["transactions"][2]["transaction_id"]
        return problem(409, f"The transaction {third} was posted with another amount.")

    desk.on("POST", "/transactions/batch", refused)
    result = imported(
        desk,
        tmp_path,
        "account_id,amount,reference\n" + "".join(f"{ANN},1,r{n}\n" for n in range(4)),
    )

    assert "Stopped at lines 2 to 5, of which none was posted: line 4: The tran" in result.stderr


def test_a_file_that_is_not_there_is_said(desk: Desk, tmp_path: Path) -> None:
    result = desk.run("ledger", "import", str(tmp_path / "no.csv"))

    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


# --- the proof ------------------------------------------------------------------------------------


class Books:
    """The real routes over a ledger in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = Clock(MORNING)
        self.ledger: Ledger = a_ledger(self.store, self.clock)
        self._client = Client(app)
        self._one_at_a_time = Lock()
        self.meanwhile: list[Any] = []

    def post(self, account: str, *amounts: int) -> list[Entry]:
        made = []
        for amount in amounts:
            self.clock.forward(seconds=1)
            body = TransactionBody(account_id=account, amount=amount)
            made.append(self.ledger.post(body).entry)
        return made

    def forge(self, account: str, place: int, **change: Any) -> Entry:
        """Change an entry wherever it stands."""
        chain = self.store.chains[account]
        entry = chain[place].model_copy(update=change)
        chain[place] = entry
        self.store.rows[entry.transaction_id] = StoredTransaction(entry=entry)
        return entry

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._one_at_a_time:
            path = request.url.raw_path.decode()
            answered = self._client.http.get(path, headers=dict(request.headers))
            for deed in self.meanwhile:
                deed()
            return httpx.Response(
                answered.status_code, content=answered.body, headers=answered.headers
            )

    def run(self, *args: str) -> Result:
        session = Session(transport=httpx.MockTransport(self), sleep=lambda _: None)
        return run("ledger", "verify", *args, session=session)


@pytest.fixture
def books() -> Iterator[Books]:
    opened = Books()
    with (
        patch("chalicelib.ledger.routes.ledger", lambda: opened.ledger),
        patch("chalicelib.core.log.emit"),
        patch("chalicelib.core.log.count"),
        patch("chalicelib.core.log.logger"),
    ):
        yield opened


def test_an_empty_ledger_adds_up(books: Books) -> None:
    assert books.run().stdout == "Everything adds up: 0 entries of 0 accounts.\n"


def test_a_ledger_with_reversals_adds_up(books: Books) -> None:
    first, _ = books.post(ANN, 4, -3)
    books.post(BOB, 2**53 - 1, 2**53 - 1)
    books.ledger.reverse(first.transaction_id)

    assert books.run().stdout == "Everything adds up: 5 entries of 2 accounts.\n"
    assert books.run("--account", ANN).stdout == "Everything adds up: 3 entries of 1 account.\n"
    found = json.loads(books.run("--json").stdout)
    assert found == {"accounts": 2, "entries": 5, "misfits": []}


def moved(books: Books) -> Entry:
    """Make a transfer; return the entry that is paid."""
    sent = TransferBody(from_account_id=ANN, to_account_id=BOB, amount=3)
    made = books.ledger.transfers.send(sent).transfer
    return books.store.rows[made.credit.transaction_id].entry


def test_a_ledger_with_transfers_adds_up(books: Books) -> None:
    books.post(ANN, 10)
    moved(books)
    reversed_ = books.ledger.transfers
    reversed_.reverse(moved(books).counterpart_id or "", TransferFloors())

    assert books.run().stdout == "Everything adds up: 7 entries of 2 accounts.\n"


@pytest.mark.parametrize(
    "change",
    [{"counterpart_id": NINE}, {"counterpart_account_id": uuid(0xC)}, {"amount": 4, "balance": 4}],
    ids=str,
)
def test_halves_that_do_not_match_are_found_though_each_chain_holds(
    books: Books, change: dict[str, Any]
) -> None:
    books.post(ANN, 10)
    credit = moved(books)
    forged = credit.model_copy(update=change)
    books.forge(BOB, 0, **change, hash=digest(forged))

    result = books.run()

    assert result.exit_code == 1
    assert f"account {ANN}, entry 2" in words(result)
    assert f"whose other half is not in the account {BOB} as it should be" in words(result)


def test_transfers_meanwhile_do_no_harm(books: Books) -> None:
    books.post(ANN, 10)
    moved(books)
    books.meanwhile = [lambda: moved(books), lambda: books.clock.forward(seconds=1)]

    assert books.run().exit_code == 0


def test_posts_meanwhile_do_no_harm(books: Books) -> None:
    books.post(ANN, 1, 2, 3)
    books.post(BOB, 1)
    strangers = (uuid(number) for number in range(0x100, 0x200))
    books.meanwhile = [
        lambda: books.post(ANN, 5),
        lambda: books.post(next(strangers), 7),
        lambda: books.ledger.reverse(books.post(BOB, 9)[0].transaction_id),
    ]

    result = books.run()

    assert result.exit_code == 0, result.stdout
    assert result.stdout == "Everything adds up: 4 entries of 2 accounts.\n"


def test_every_page_is_checked(desk: Desk) -> None:
    def paged(request: httpx.Request) -> httpx.Response:
        if "cursor" in request.url.params:
            return httpx.Response(200, json=[{**MADE, "transaction_id": uuid(2)}])
        return httpx.Response(
            200, json=[MADE], headers={"Link": '</transactions?cursor=x>; rel="next"'}
        )

    desk.on("GET", "/transactions", paged)

    with Session(transport=httpx.MockTransport(desk)).api(LedgerApi) as api:
        pages = list(api.all_transactions())

    assert [row.transaction_id for page in pages for row in page] == [NINE, uuid(2)]


FORGERIES: list[tuple[dict[str, Any], int, str]] = [
    ({"amount": 999}, 2, "its balance is 6, but the amounts until here add up to 1003"),
    ({"amount": 999, "balance": 1003}, 2, "its hash is not that of its fields"),
    ({"balance": 7}, 2, "its balance is 7"),
    ({"hash": "0" * 64}, 2, "its hash is not that of its fields"),
    ({"sequence": 7}, 2, "its sequence is 7, but 2 comes next"),
    ({"reverses": uuid(1)}, 2, "its hash is not that of its fields"),
]


@pytest.mark.parametrize(("change", "place", "what"), FORGERIES)
def test_the_first_entry_that_does_not_fit_is_named(
    books: Books, change: dict[str, Any], place: int, what: str
) -> None:
    books.post(BOB, 1, 2)
    books.post(ANN, 4, 2, 3, 5)
    forged = books.forge(ANN, place - 1, **change)

    result = books.run()

    assert result.exit_code == 1
    said = words(result)
    where = f"account {ANN}, entry {forged.sequence} (transaction {forged.transaction_id})"
    assert f"{where}: {what}" in said
    assert BOB not in said
    assert "1 account does not add up." in result.stderr


def test_a_forged_hash_shows_at_the_entry_that_follows(books: Books) -> None:
    books.post(ANN, 4, 2, 3)
    entry = books.forge(ANN, 0, transaction_id=NINE)
    books.forge(ANN, 0, hash=digest(entry))

    assert "entry 2" in words(books.run())
    assert "does not hold the hash of the entry before" in words(books.run("--account", ANN))


def test_entries_that_are_gone_are_missed(books: Books) -> None:
    books.post(ANN, 4, 2, 3)
    state = books.store.chains[ANN][-1]
    del books.store.chains[ANN][-1]

    with patch.object(books.store, "accounts", lambda after, limit: [StoredAccount(last=state)]):
        result = books.run()

    assert result.exit_code == 1
    assert "it has 3 transactions, but only 2 entries are there" in words(result)


def test_an_account_that_says_otherwise_than_its_entries_is_found_out(books: Books) -> None:
    state = books.post(ANN, 4, 2)[-1].model_copy(update={"balance": 600})

    with patch.object(books.store, "accounts", lambda after, limit: [StoredAccount(last=state)]):
        result = books.run("--json")

    (misfit,) = json.loads(result.stdout)["misfits"]
    assert misfit["sequence"] == 2
    assert misfit["what"] == "the account's balance is 600, but its last entry's is 6"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda kept: kept.pop(uuid(1)), "shows 1 of 2 as they are"),
        (
            lambda kept: kept.update(
                {
                    uuid(1): StoredTransaction(
                        entry=kept[uuid(1)].entry.model_copy(update={"amount": 5})
                    )
                }
            ),
            "shows other transactions than the entries",
        ),
    ],
)
def test_a_list_that_shows_something_else_is_found_out(
    books: Books, change: Any, what: str
) -> None:
    books.post(ANN, 4, 2)
    change(books.store.rows)

    result = books.run()

    assert result.exit_code == 1
    assert f"account {ANN}: the list of transactions {what}" in words(result)


def test_of_many_misfits_the_first_twenty_are_shown(books: Books) -> None:
    for number in range(25):
        books.post(uuid(number), 1)
        books.forge(uuid(number), 0, balance=2)

    result = books.run()

    assert result.stdout.count("entry 1") == 20
    assert "... and 5 accounts more" in result.stdout
    assert "25 accounts do not add up." in result.stderr
    assert len(json.loads(books.run("--json").stdout)["misfits"]) == 25

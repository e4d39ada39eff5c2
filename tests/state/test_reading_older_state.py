"""State of older versions is read by this one: by every route and by every command.

Each JSON file beside this one holds the items and objects that a version wrote, and what it
answered of them (`story.py` made them). A change that fails here cannot read what is stored: it has
to read the old form, too, or to come with a step of the upgrade that docs/operations.md names.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import typer.main

from app import app
from backroom.cli import app as client
from backroom.core.session import Session
from tests.state import story
from tests.state.upgraded import STATES, state, upgraded
from tests.support.api import Api
from tests.support.backroom.desk import run

# What says nothing of what is stored.
_STATELESS = {"/", "/auth", "/health", "/openapi.json", "/ping", "/web/{file}"}
_STATELESS |= {"/web/{version}/{file}"}
_STATELESS |= {"/dlq", "/integrations", "/schedules"}
# What no state has: a transfer, a package whose id is batch, events and who subscribes to them.
_STATELESS |= {"/packages/batch", "/transfers/{transfer_id}", "/events/{event_id}"}
_STATELESS |= {"/subscriptions/{subscription_id}"}
_STATELESS |= {"/subscriptions/{subscription_id}/deliveries/{event_id}"}
# Lists that show more than the one chapter that was told, the queues of the stack, and the rate
# card of the day.
_OF_THE_STACK = {"/outbox", "/outbox/kinds", "/plans"}
# What is said in words, what hangs on the time of asking, and links that are made for each answer.
_FREE = {
    "why",
    "clears_when",
    "reason",
    "price_rule",
    "stands_still",
    "last_error",
    "url",
    "access",
}
_FREE |= {"overdue", "since", "causes", "parts", "verdicts"}
_NAMES = ("serial", "machine", "id", "transaction_id", "request_id", "kind", "date", "name")


@pytest.fixture(scope="module", params=STATES)
def read(request: pytest.FixtureRequest) -> Iterator[tuple[str, Api]]:
    """A state that is only read."""
    with upgraded(request.param) as api:
        yield request.param, api


# --- reading --------------------------------------------------------------------------------------


def test_every_route_answers_of_older_state_what_it_answered_then(read: tuple[str, Api]) -> None:
    name, api = read
    answers = {k: v for said in state(name)["answers"].values() for k, v in said.items()}
    wrong: dict[str, str] = {}
    for path in story.looks(state(name)["tables"]):
        answer = api.get(path)
        if answer.status != 200:
            wrong[path] = f"{answer.status} {answer.body[:300]!r}"
        elif path in answers and path not in _OF_THE_STACK:
            wrong[path] = _differs(answers[path], answer.json)

    assert {path: what for path, what in wrong.items() if what} == {}


def test_every_route_that_shows_what_is_stored_is_checked(read: tuple[str, Api]) -> None:
    """Whoever adds one adds an address of it to `story.looks`."""
    shown = {path.partition("?")[0] for path in story.looks(state(read[0])["tables"])}
    patterns = {
        each.path: re.compile(re.sub(r"\\{[^/]*?\\}", "[^/]+", re.escape(each.path)))
        for each in app.contracts()
        if each.method == "GET" and each.path not in _STATELESS
    }

    assert [p for p, pattern in patterns.items() if not any(map(pattern.fullmatch, shown))] == []


def _differs(old: Any, new: Any, place: str = "") -> str:
    """Return where an answer says otherwise than an older version did; fields may be added."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            if name in _FREE:
                continue
            if name not in new:
                return f"{place}.{name} is missing"
            if differs := _differs(value, new[name], f"{place}.{name}"):
                return differs
        return ""
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return f"{place} has {len(new)} instead of {len(old)}"
        pairs = zip(sorted(old, key=_name), sorted(new, key=_name), strict=True)
        return next(filter(None, (_differs(a, b, f"{place}[]") for a, b in pairs)), "")
    # A machine with an open cause is not called healthy any more.
    same = (old, new) == ("healthy", "needs_attention") or _instant(old) == _instant(new)
    return "" if same else f"{place} is {new!r} instead of {old!r}"


def _name(row: Any) -> str:
    return (
        next((str(row[name]) for name in _NAMES if name in row), "")
        if isinstance(row, dict)
        else ""
    )


def _instant(value: Any) -> Any:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at
    return value


# --- commands -------------------------------------------------------------------------------------

_READING = (
    *("fleet", "worklist", "dispatch list", "dispatch show 1", "imports list", "imports show 3"),
    *("files list --technician T0001", "files show 1", "machines list", "machines show GM001"),
    *("machines transactions GM001", "sites list", "technicians list"),
    *("packages list", f"ledger statement {story.ACCOUNT}"),
    *("packages show box-1", "packages verdict message-1", "preferences show mars"),
    *("stats --recount", "warranties list", "warranties show WARRANTY", "warranties plans"),
    *("warranties find WARRANTY", "warranties quote --type furniture --cost 150.00"),
    *(f"warranties export {story.ITEM['store_uuid']}", f"ledger account {story.ACCOUNT}"),
    *("ledger list", "ledger show TRANSACTION", "ledger verify", "cakes list"),
    *(
        "cakes show chocolate_cake",
        "orders list",
        "orders show 2",
        "orders notice 2",
        "batches list",
    ),
    *("batches next", "batches show BATCH", "employees list", "employees show 1", "outbox list"),
    *("outbox show jira#order#3", "outbox kinds", "status", "doctor", "dlq list"),
    *("trail list", "trail verify", "events list", "webhooks list", "open GM001 --print"),
)
# What changes something, runs without a server, is about the caller, or about what no state has.
_OTHERS = re.compile(
    ".* (open|close|upload|delete|put|send|set|create|seed|post|reverse|add|remove|place|cancel"
    "|ready|undo-ready|rebuild|run|hire|change|fire|retry|redrive|visit|send-batch|fill-list"
    "|transfer|describe|import|rotate|test|replay)|audit|simulate|demo|import|erase|login|logout|whoami"
    "|events (show|listen)|webhooks (show|delivery)"
)


@pytest.mark.parametrize("as_json", [False, True])
def test_every_command_that_reads_shows_older_state(read: tuple[str, Api], as_json: bool) -> None:
    tables = state(read[0])["tables"]
    real = {
        "WARRANTY": f"{_part(tables['warranties'], 'LIST#', 'sk', chr(31))}-12",
        "TRANSACTION": _part(tables["ledger"], "TRANSACTION#", "pk", "#"),
        "BATCH": _part(tables["bakery"], "BATCHES", "sk", "#"),
    }
    session = Session(url="http://api", transport=_InProcess(read[1]))
    failed = {}
    for line in _READING:
        words = [real.get(word, word) for word in line.split()]
        given = [*words, "--json"] if as_json and words[0] != "status" else words
        if words[:2] == ["warranties", "export"]:
            given = words
        done = run(*given, session=session)
        # The doctor ends with 1 where something needs action, and says what.
        advised = line == "doctor" and "Needs action: " in done.output
        if done.exit_code and not advised:
            failed[line] = f"{done.exit_code} {done.output[-400:]} {done.exception!r}"

    assert failed == {}


def test_every_command_that_reads_is_tried() -> None:
    """Whoever adds one adds it to `_READING`, or says why not."""
    tried = {" ".join(line.split()[:2]) for line in _READING} | {
        line.split()[0] for line in _READING
    }

    assert [line for line in _commands() if line not in tried and not _OTHERS.fullmatch(line)] == []


def _commands() -> Iterator[str]:
    def below(command: Any, words: list[str]) -> Iterator[str]:
        if not hasattr(command, "commands"):
            yield " ".join(words)
            return
        for name in command.list_commands(None):
            yield from below(command.get_command(None, name), [*words, name])

    yield from below(typer.main.get_command(client), [])


def _part(items: list[dict[str, Any]], kind: str, key: str, sign: str) -> str:
    found: list[str] = [each[key]["S"] for each in items if each["pk"]["S"].startswith(kind)]
    return found[0].rpartition(sign)[2]


class _InProcess(httpx.BaseTransport):
    """Has requests of the client answered by the app in this process."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        answer = self._api.raw(request.method, target, dict(request.headers), request.read())
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

"""`backroom outbox` and `backroom dlq`: what an operator sees and does."""

import json
from typing import Any

import httpx
import pytest

from tests.support.backroom.desk import Desk, problem, run, words

EFFECT = {
    "id": "jira#batch#1",
    "kind": "jira",
    "state": "dead",
    "attempts": 3,
    "asked_at": "2026-11-21T06:00:00Z",
    "answer": "400: no such project",
}
WHOLE = {**EFFECT, "payload": {"day": "2026-11-21"}}
STOPPED = {
    "kind": "jira",
    "state": "paused",
    "since": "2026-11-21T06:00:00Z",
    "reason": "401: token expired",
    "probe_at": "2026-11-21T06:15:00Z",
}
LETTER = {"message_id": "m1", "sent_at": "2026-11-21T06:00:00Z", "body": "{\x1b[31m"}
DEAD = {"queue": "vending-uploads", "depth": 2, "redrivable": True, "letters": [LETTER]}
REDRIVE = "/dlq/vending-uploads/redrive"
MOVED = {"queue": "vending-uploads", "moved": 2, "left": 0}

COMMANDS: list[tuple[str, str, str, Any]] = [
    ("outbox list", "GET", "/outbox", [EFFECT]),
    ("outbox list --state dead --kind jira --limit 7", "GET", "/outbox", []),
    ("outbox show jira#batch#1", "GET", "/outbox/effect", WHOLE),
    ("outbox kinds", "GET", "/outbox/kinds", [STOPPED, {"kind": "archive", "state": "working"}]),
    ("dlq list", "GET", "/dlq", [DEAD, {**DEAD, "depth": 0, "letters": []}]),
]
ALL = [*COMMANDS, ("outbox retry jira#batch#1", "POST", "/outbox/retry", WHOLE)]
ALL += [("dlq redrive vending-uploads", "POST", REDRIVE, MOVED)]


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_json_is_the_apis_own_word_for_word(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    said = json.dumps(answer, indent=3)
    desk.on(method, path, said)

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (0, f"{said}\n")


@pytest.mark.parametrize(("command", "method", "path", "answer"), ALL)
def test_a_person_reads_words(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    desk.on(method, path, answer)

    result = desk.run(*command.split(), width=160)

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(("command", "method", "path", "_"), ALL)
def test_a_refusal_ends_with_1_and_leaves_stdout_to_answers(
    desk: Desk, command: str, method: str, path: str, _: Any
) -> None:
    desk.on(method, path, problem(404, "There is no effect jira#batch#1.", "Not found"))

    result = desk.run(*command.split(), "--json")

    assert result.exit_code == 1
    assert result.stdout in ("", "[]\n")
    assert "Next: backroom outbox list" in result.stderr


@pytest.mark.parametrize("command", [command for command, *_ in ALL])
def test_without_a_response_every_command_ends_with_3(command: str) -> None:
    result = run(*command.split())

    assert (result.exit_code, result.stdout) == (3, "")


@pytest.mark.parametrize(
    "command",
    [
        "outbox list --state odd",
        "outbox list --limit 0",
        "outbox list --limit 201",
        "outbox show",
        "outbox retry",
        "outbox retry --dead",
        "outbox retry --kind jira",
        "outbox retry a --dead --kind jira",
        "dlq redrive",
    ],
)
def test_what_cannot_be_meant_ends_with_2_before_anything_is_sent(desk: Desk, command: str) -> None:
    result = desk.run(*command.split())

    assert (result.exit_code, result.stdout) == (2, "")
    assert not desk.requests


@pytest.mark.parametrize("command", [" ".join(command.split()[:2]) for command, *_ in ALL])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: backroom {command}" in words(run(*command.split(), "--help"))


def test_what_is_requested_is_sent(desk: Desk) -> None:
    desk.on("GET", "/outbox", [EFFECT])

    desk.run(*["outbox", "list", "--state", "dead", "--kind", "jira", "--limit", "7"])

    [request] = desk.requests
    asked = dict(request.url.params)
    assert asked == {"state": "dead", "kind": "jira", "limit": "7", "count": "true"}


def test_an_id_with_any_character_is_sent_whole(desk: Desk) -> None:
    desk.on("GET", "/outbox/effect", WHOLE)

    desk.run("outbox", "show", "a#b/c?d&e%20")

    assert desk.requests[0].url.params["id"] == "a#b/c?d&e%20"


@pytest.mark.parametrize("width", [80, 200])
def test_an_id_in_a_list_can_be_copied(desk: Desk, width: int) -> None:
    desk.on("GET", "/outbox", [{**EFFECT, "id": "jira#batch#2026-11-21", "answer": "no " * 99}])

    shown = desk.run("outbox", "list", width=width).stdout

    assert "jira#batch#2026-11-21 " in shown
    assert "no no" in shown


def test_a_list_says_when_there_is_more(desk: Desk) -> None:
    desk.on("GET", "/outbox", [EFFECT], Link='</outbox?cursor=x>; rel="next"')

    assert "1 shown; there may be more. For more: --limit 200" in desk.run("outbox", "list").stdout


def test_an_effect_is_shown_with_all_that_is_known(desk: Desk) -> None:
    desk.on("GET", "/outbox/effect", {**WHOLE, "stands_still": "paused: 401"})

    shown = desk.run("outbox", "show", "jira#batch#1").stdout

    for fact in ("jira#batch#1", "400: no such project", "paused: 401", "today 06:00"):
        assert fact in shown


def test_one_effect_that_is_refused_does_not_keep_the_others(desk: Desk) -> None:
    gone = problem(409, "b is done, and nothing is done twice.", "Conflict")
    pending = {**WHOLE, "state": "pending"}
    desk.on("POST", "/outbox/retry", pending, gone, pending)

    result = desk.run("outbox", "retry", "a", "b", "c")

    assert result.exit_code == 1
    bodies = [json.loads(request.content) for request in desk.requests]
    assert bodies == [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    assert "1 effect was not tried" in result.stderr
    assert result.stdout.count("is pending") == 2


def test_all_dead_effects_of_a_kind_are_tried_page_by_page_when_the_person_says_yes(
    desk: Desk,
) -> None:
    first = httpx.Response(
        200, json=[{**EFFECT, "id": "a"}], headers={"Link": '</outbox?cursor=x>; rel="next"'}
    )
    desk.on("GET", "/outbox", first, [{**EFFECT, "id": "b"}])
    desk.on("POST", "/outbox/retry", WHOLE)

    no = desk.run("outbox", "retry", "--dead", "--kind", "jira", says=["n"])
    assert (no.exit_code, desk.sent("POST", "/outbox/retry")) == (1, [])
    desk.on("GET", "/outbox", [EFFECT])
    yes = desk.run("outbox", "retry", "--dead", "--kind", "jira", "--yes", "--json")

    assert yes.exit_code == 0, yes.stderr
    assert "tried again?" in desk.questions[0]
    assert json.loads(yes.stdout)[0]["id"] == "jira#batch#1"


def test_where_nothing_is_dead_nothing_is_asked(desk: Desk) -> None:
    desk.on("GET", "/outbox", [])

    result = desk.run("outbox", "retry", "--dead", "--kind", "jira")

    assert (result.exit_code, result.stdout) == (0, "Nothing was tried.\n")


def test_a_redrive_goes_on_until_nothing_is_left(desk: Desk) -> None:
    desk.on("POST", REDRIVE, {**MOVED, "moved": 1000, "left": 5}, {**MOVED, "moved": 5})

    result = desk.run("dlq", "redrive", "vending-uploads", "--json")

    assert json.loads(result.stdout) == {"queue": "vending-uploads", "moved": 1005, "left": 0}


def test_a_redrive_that_moves_nothing_ends_and_says_so(desk: Desk) -> None:
    desk.on("POST", REDRIVE, {**MOVED, "moved": 0, "left": 5})

    result = desk.run("dlq", "redrive", "vending-uploads")

    assert len(desk.requests) == 1
    assert "0 dead letters" in result.stdout
    assert "5 are left" in result.stdout


def test_dead_letters_are_listed_with_what_to_do(desk: Desk) -> None:
    desk.on("GET", "/dlq", [DEAD])

    shown = desk.run("dlq", "list").stdout

    assert "Next: fix the cause, then: backroom dlq redrive vending-uploads" in shown

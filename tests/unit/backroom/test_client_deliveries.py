"""Packages, preferences, counts; and the proof that counters equal records."""

import json
from typing import Any

import httpx
import pytest

from tests.support.backroom.desk import Desk, problem, words

SENT = {
    "package_id": "box",
    "status": "delivered",
    "reason": "The recipient had said nothing about personal, and so takes it.",
    "duplicate": False,
    "sender_id": "earth",
    "recipient_id": "mars",
    "package_type": "personal",
    "timestamp": "2142-05-01T10:00:00Z",
    "decided_at": "2142-05-01T10:00:01Z",
}
ATTEMPT = {"timestamp": "2142-05-01T10:00:00Z", "received_at": "2142-05-01T10:00:01Z"}
REFUSED = {**ATTEMPT, "outcome": "refused", "differs": {"sender_id": "moon\x1b[2J"}}
SHOWN = {**SENT, "attempts": [{**ATTEMPT, "outcome": "decided"}, REFUSED]}
SAID = {
    "recipient_id": "mars",
    "timestamps": {"marketing": "2142-05-01T10:00:00Z"},
    "marketing": False,
    "personal": True,
}
VERDICT = {
    "message_id": "m1",
    "verdict": "malformed",
    "reason": "1 fault",
    "errors": [{"field": "sender_id", "detail": "is required"}],
    "judged_at": "2142-05-01T10:00:01Z",
}


def counts(delivered: int, dropped: int = 0) -> dict[str, Any]:
    return {
        "packages_delivered": delivered,
        "packages_dropped": dropped,
        "requests_malformed": 1,
        "by_type": {"personal": {"delivered": delivered, "dropped": dropped}},
    }


def page(delivered: int, **told: str) -> dict[str, Any]:
    by_type = {"personal": {"delivered": delivered, "dropped": 0}}
    return {"packages": delivered, "by_type": by_type, **told}


COMMANDS: list[tuple[str, str, str, Any]] = [
    ("packages send box --from earth --to mars", "POST", "/packages", SENT),
    ("packages show box", "GET", "/packages", SHOWN),
    ("packages verdict m1", "GET", "/messages/m1", VERDICT),
    ("preferences show mars", "GET", "/preferences", {**SAID, "history": []}),
    ("preferences set mars --declines marketing", "PUT", "/preferences", SAID),
    ("stats", "GET", "/statistics", counts(2)),
]


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_json_is_the_apis_own_word_for_word(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    said = httpx.Response(200, json=answer).text.replace('":', '" : ')
    desk.on(method, path, said)

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (0, f"{said}\n")


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_every_answer_can_be_read_by_a_person(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    desk.on(method, path, answer)

    result = desk.run(*command.split())

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert "{" not in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(("command", "method", "path", "_"), COMMANDS)
def test_a_refusal_ends_with_1_and_leaves_stdout_empty(
    desk: Desk, command: str, method: str, path: str, _: Any
) -> None:
    desk.on(method, path, problem(400, "No."))

    result = desk.run(*command.split())

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Next:" in result.stderr


def test_d1_a_package_is_sent_as_of_now_or_of_the_time_that_is_named(desk: Desk) -> None:
    desk.on("POST", "/packages", SENT, status=201)

    said = desk.run("packages", "send", "box", "--from", "earth", "--to", "mars")
    desk.run(
        *("packages", "send", "7", "--from", "earth", "--to", "mars"),
        *("--type", "marketing", "--at", "2142-05-01T10:00:00+02:00"),
    )

    first, second = (json.loads(request.content) for request in desk.asked)
    assert first == {
        "timestamp": "2026-11-21T12:00:00+00:00",
        "sender_id": "earth",
        "recipient_id": "mars",
        "package_id": "box",
        "package_type": "personal",
    }
    assert (second["package_type"], second["package_id"]) == ("marketing", "7")
    assert second["timestamp"] == "2142-05-01T10:00:00+02:00"
    assert "box is delivered." in said.stdout


def test_d5_a_retry_says_that_it_is_one(desk: Desk) -> None:
    desk.on("POST", "/packages", {**SENT, "duplicate": True})

    result = desk.run("packages", "send", "box", "--from", "earth", "--to", "mars")

    assert "it was sent before" in result.stdout


def test_another_package_under_that_id_leads_to_the_first(desk: Desk) -> None:
    desk.on("POST", "/packages", problem(409, "Package box was sent before with another sender."))

    result = desk.run("packages", "send", "box", "--from", "moon", "--to", "mars")

    assert "Next: backroom packages show box" in result.stderr


@pytest.mark.parametrize("package_id", ["a/b c", "..", "50%25", "é"])
def test_a_package_is_asked_for_whatever_its_id(desk: Desk, package_id: str) -> None:
    desk.on("GET", "/packages", SHOWN)

    desk.run("packages", "show", package_id)

    assert desk.asked[0].url.params["package_id"] == package_id


def test_an_unknown_type_is_a_mistake_in_the_usage(desk: Desk) -> None:
    sent = desk.run("packages", "send", "box", "--from", "a", "--to", "b", "--type", "Personal")
    said = desk.run("preferences", "set", "mars", "--wants", "freight")

    assert (sent.exit_code, said.exit_code) == (2, 2)
    assert "there are marketing, personal" in words(sent, "stderr")
    assert desk.asked == []


def test_d7_only_the_types_that_are_named_are_sent(desk: Desk) -> None:
    desk.on("PUT", "/preferences", {**SAID, "applied": True})

    desk.run("preferences", "set", "mars", "--declines", "marketing")
    desk.run("preferences", "set", "mars", "--wants", "marketing", "--wants", "personal")

    first, second = (json.loads(request.content)["preferences"] for request in desk.asked)
    assert first == {"marketing": False}
    assert second == {"marketing": True, "personal": True}


@pytest.mark.parametrize("said", [(), ("--wants", "personal", "--declines", "personal")])
def test_nothing_or_both_is_a_mistake_in_the_usage(desk: Desk, said: tuple[str, ...]) -> None:
    assert desk.run("preferences", "set", "mars", *said).exit_code == 2
    assert desk.asked == []


def test_a_word_that_came_too_late_says_so(desk: Desk) -> None:
    desk.on("PUT", "/preferences", {**SAID, "applied": False, "overruled": ["marketing"]})

    result = desk.run("preferences", "set", "mars", "--wants", "marketing", "--at", "2020-01-01")

    assert "Not applied to marketing" in result.stdout


# --- the recount --------------------------------------------------------------------------------


def test_d10_counters_that_equal_the_records_are_said_to(desk: Desk) -> None:
    desk.on("GET", "/statistics", counts(3))
    desk.on("GET", "/statistics/recount", page(2, cursor="next"), page(1))

    result = desk.run("stats", "--recount")

    assert result.exit_code == 0, result.stderr
    assert "The counters equal the records." in result.stdout
    assert desk.asked[2].url.params["cursor"] == "next"


def test_d10_packages_that_come_while_the_records_are_counted_disturb_nobody(desk: Desk) -> None:
    desk.on("GET", "/statistics", counts(3), counts(5))
    desk.on("GET", "/statistics/recount", page(4))

    result = desk.run("stats", "--recount")

    assert result.exit_code == 0, result.stderr
    assert "3 to 5" in result.stdout


@pytest.mark.parametrize("found", [2, 6])
def test_d10_a_counter_that_is_wrong_is_named_and_ends_with_1(desk: Desk, found: int) -> None:
    desk.on("GET", "/statistics", counts(3), counts(5))
    desk.on("GET", "/statistics/recount", page(found))

    result = desk.run("stats", "--recount")

    assert result.exit_code == 1
    assert f"{found} personal packages are on record as delivered" in words(result, "stderr")


def test_the_recount_as_json_tells_both_sides(desk: Desk) -> None:
    desk.on("GET", "/statistics", counts(3))
    desk.on("GET", "/statistics/recount", page(3))

    told = json.loads(desk.run("stats", "--recount", "--json").stdout)

    assert told["agree"] is True
    assert told["records"] == {"personal": {"delivered": 3, "dropped": 0}}
    assert told["counters"]["before"] == told["counters"]["after"] == told["records"]

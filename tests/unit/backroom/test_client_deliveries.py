"""Packages, preferences, counts; and the proof that counters equal records."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

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


LISTED = {name: value for name, value in SENT.items() if name != "duplicate"}
COMMANDS: list[tuple[str, str, str, Any]] = [
    ("packages send box --from earth --to mars", "POST", "/packages", SENT),
    ("packages show box", "GET", "/packages", SHOWN),
    ("packages list --recipient mars --outcome delivered", "GET", "/packages", [LISTED]),
    ("packages list", "GET", "/packages", []),
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

    first, second = (json.loads(request.content) for request in desk.requests)
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
def test_a_package_is_requested_whatever_its_id(desk: Desk, package_id: str) -> None:
    desk.on("GET", "/packages", SHOWN)

    desk.run("packages", "show", package_id)

    assert desk.requests[0].url.params["package_id"] == package_id


def test_an_unknown_type_is_a_mistake_in_the_usage(desk: Desk) -> None:
    sent = desk.run("packages", "send", "box", "--from", "a", "--to", "b", "--type", "Personal")
    said = desk.run("preferences", "set", "mars", "--wants", "freight")

    assert (sent.exit_code, said.exit_code) == (2, 2)
    assert "did you mean personal? Use one of marketing, personal" in words(sent, "stderr")
    assert desk.requests == []


def test_d7_only_the_types_that_are_named_are_sent(desk: Desk) -> None:
    desk.on("PUT", "/preferences", {**SAID, "applied": True})

    desk.run("preferences", "set", "mars", "--declines", "marketing")
    desk.run("preferences", "set", "mars", "--wants", "marketing", "--wants", "personal")

    first, second = (json.loads(request.content)["preferences"] for request in desk.requests)
    assert first == {"marketing": False}
    assert second == {"marketing": True, "personal": True}


@pytest.mark.parametrize("said", [(), ("--wants", "personal", "--declines", "personal")])
def test_nothing_or_both_is_a_mistake_in_the_usage(desk: Desk, said: tuple[str, ...]) -> None:
    assert desk.run("preferences", "set", "mars", *said).exit_code == 2
    assert desk.requests == []


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
    assert desk.requests[2].url.params["cursor"] == "next"


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


# --- lists and batches ----------------------------------------------------------------------------


def test_a_list_is_requested_by_what_is_known(desk: Desk) -> None:
    link: dict[str, Any] = {
        "Link": '</packages?cursor=x>; rel="next"',
        "Total-Count-At-Least": "1000",
    }
    desk.on("GET", "/packages", [LISTED], **link)

    result = desk.run(
        *("packages", "list", "--recipient", "mars", "--sender", "earth", "--type", "personal"),
        *("--outcome", "dropped", "--from", "2026-01-01", "--limit", "5"),
    )

    assert dict(desk.requests[0].url.params) == {
        "recipient": "mars",
        "sender": "earth",
        "type": "personal",
        "outcome": "dropped",
        "from": "2026-01-01T00:00:00+00:00",
        "limit": "5",
        "count": "true",
    }
    assert "box" in result.stdout
    assert "1 of at least 1,000. For more: --limit 50" in result.stdout


def test_a_list_is_printed_as_csv_with_one_heading(desk: Desk) -> None:
    def paged(request: httpx.Request) -> httpx.Response:
        more = "cursor" not in request.url.params
        headers = {"Link": '</packages?format=csv&cursor=x>; rel="next"'} if more else {}
        return httpx.Response(
            200, text=f"package_id\r\n{'a' if more else 'b'}\r\n", headers=headers
        )

    desk.on("GET", "/packages", paged)

    assert desk.run("packages", "list", "--csv").stdout.split() == ["package_id", "a", "b"]


@pytest.mark.parametrize(
    "command", ["--outcome lost", "--type freight", "--limit 0", "--from yesterday"]
)
def test_a_list_that_cannot_be_meant_is_not_requested(desk: Desk, command: str) -> None:
    assert desk.run("packages", "list", *command.split()).exit_code == 2
    assert not desk.requests


NAMES = "sender_id,recipient_id,package_id,package_type"


def judged(request: httpx.Request, **verdicts: str) -> httpx.Response:
    """Answer a batch: delivered, but for the packages named."""
    members = json.loads(request.content)["packages"]
    told = [
        {
            "package_id": each["package_id"],
            "verdict": verdicts.get(each["package_id"], "delivered"),
            "reason": "Because.",
        }
        for each in members
    ]
    names = ("delivered", "dropped", "conflict", "malformed", "undecided")
    counts = {name: sum(each["verdict"] == name for each in told) for name in names}
    return httpx.Response(200, json={**counts, "duplicates": 0, "packages": told})


def sent_file(desk: Desk, tmp_path: Path, text: str, *more: str) -> Result:
    file = tmp_path / "packages.csv"
    file.write_bytes(text.encode())
    return desk.run("packages", "send-batch", str(file), *more)


def test_a_file_is_sent_500_at_a_time(desk: Desk, tmp_path: Path) -> None:
    desk.on("POST", "/packages/batch", judged)
    rows = [f"earth,mars,p{number},personal" for number in range(1_100)]

    result = sent_file(desk, tmp_path, "\n".join([NAMES, *rows]))

    batches = [json.loads(request.content)["packages"] for request in desk.requests]
    assert [len(batch) for batch in batches] == [500, 500, 100]
    assert batches[0][0]["timestamp"].startswith("2026-11-21T12:00")
    assert result.stdout == "1,100 packages: 1,100 delivered.\n"


def test_what_was_not_sent_is_named_and_ends_with_1(desk: Desk, tmp_path: Path) -> None:
    desk.on("POST", "/packages/batch", lambda request: judged(request, b="conflict"))
    text = f"{NAMES},timestamp\ne,m,a,personal,7\ne,m,b,personal,\n"

    result = sent_file(desk, tmp_path, text)
    as_json = sent_file(desk, tmp_path, text, "--json")

    assert result.exit_code == as_json.exit_code == 1
    assert json.loads(desk.requests[0].content)["packages"][0]["timestamp"] == "7"
    assert "row 2: conflict, Because." in result.stdout
    assert "1 package was not sent." in result.stderr
    assert [each["verdict"] for each in json.loads(as_json.stdout)] == ["delivered", "conflict"]


def test_what_stayed_undecided_is_sent_again_while_that_helps(desk: Desk, tmp_path: Path) -> None:
    desk.on(
        "POST",
        "/packages/batch",
        lambda request: judged(request, b="undecided", c="undecided"),
        lambda request: judged(request, c="undecided"),
        lambda request: judged(request, c="undecided"),
    )

    result = sent_file(desk, tmp_path, f"{NAMES}\n" + "".join(f"e,m,{n},personal\n" for n in "abc"))

    sizes = [len(json.loads(request.content)["packages"]) for request in desk.requests]
    assert sizes == [3, 2, 1]
    assert result.exit_code == 1
    assert "3 packages: 2 delivered, 1 undecided." in result.stdout


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has the columns none"),
        ("package_id\n", "has the columns package_id"),
        (f"{NAMES},note\n", "note"),
        (f"{NAMES},package_id\n", "package_id"),
        (f"{NAMES}\ne,m,a\n", "line 2 has more or fewer cells"),
        (f'{NAMES}\n"e,m,a,personal\n', "line"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_sent(
    desk: Desk, tmp_path: Path, text: str, why: str
) -> None:
    result = sent_file(desk, tmp_path, text)

    assert (result.exit_code, result.stdout) == (1, "")
    assert why in result.stderr
    assert not desk.requests


def test_the_list_is_filled_page_by_page(desk: Desk) -> None:
    desk.on("POST", "/package-list", {"packages": 100, "cursor": "x"}, {"packages": 7})

    result = desk.run("packages", "fill-list")

    assert [dict(request.url.params) for request in desk.requests] == [{}, {"cursor": "x"}]
    assert result.stdout == "107 packages listed.\n"

"""`backroom events` and `backroom webhooks`: what happened, and who is told."""

import json
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from backroom.core.session import Session
from chalicelib.core.instants import now
from tests.support.backroom.desk import Desk, problem, run

SUB = f"sub_{'0' * 32}"
SECRET = "whsec_" + "QUFB" * 11


def event(number: int, **told: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{number:016}",
        "type": "package.decided",
        "timestamp": "2026-11-29T08:00:00Z",
        "subject": "packages/box-7",
        "data": {"amount": 1.10},
        **told,
    }


SUBSCRIPTION = {
    "id": SUB,
    "url": "https://example.com/hooks",
    "kinds": ["package.decided"],
    "active": True,
    "created_at": "2026-11-29T08:00:00Z",
    "health": {
        "state": "failing",
        "failures": 2,
        "since": "2026-11-29T08:00:00Z",
        "next_try_at": "2026-11-29T08:01:00Z",
        "last_error": "500",
    },
}
NEW = {**SUBSCRIPTION, "secret": SECRET}
DELIVERY = {
    "event_id": event(1)["id"],
    "state": "done",
    "attempts": 1,
    "asked_at": "2026-11-29T08:00:00Z",
    "answer": "204",
}
PATH = f"/subscriptions/{SUB}"
EVENT = event(1)["id"]

COMMANDS: list[tuple[str, str, str, Any]] = [
    ("events list --kind package.decided", "GET", "/events", [event(1)]),
    (f"events show {EVENT}", "GET", f"/events/{EVENT}", event(1)),
    ("webhooks list", "GET", "/subscriptions", [SUBSCRIPTION]),
    (f"webhooks show {SUB}", "GET", PATH, SUBSCRIPTION),
    ("webhooks create https://example.com/hooks", "POST", "/subscriptions", NEW),
    (f"webhooks change {SUB} --inactive", "PATCH", PATH, SUBSCRIPTION),
    (f"webhooks rotate {SUB}", "POST", f"{PATH}/secret", NEW),
    (f"webhooks delivery {SUB} {EVENT}", "GET", f"{PATH}/deliveries/{EVENT}", DELIVERY),
]


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_json_is_the_apis_own_and_a_person_reads_words(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    said = json.dumps(answer, indent=3)
    desk.on(method, path, said)

    result, told = desk.run(*command.split(), "--json"), desk.run(*command.split(), width=200)

    assert (result.exit_code, result.stdout) == (0, f"{said}\n")
    assert told.exit_code == 0, told.stderr
    assert told.stdout.strip()


@pytest.mark.parametrize(("command", "method", "path", "_"), COMMANDS)
def test_a_refusal_names_the_command_that_helps(
    desk: Desk, command: str, method: str, path: str, _: Any
) -> None:
    desk.on(method, path, problem(404, f"There is no subscription {SUB}.", "Not found"))

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Next: backroom webhooks list" in result.stderr


def test_the_secret_is_shown_when_it_is_made(desk: Desk) -> None:
    desk.on("POST", "/subscriptions", NEW)

    result = desk.run("webhooks", "create", "https://example.com/hooks", "--kind", "entry.posted")

    assert SECRET in result.stdout
    body = {"url": "https://example.com/hooks", "kinds": ["entry.posted"]}
    assert json.loads(desk.requests[0].content) == body


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--kind", "all"], {"kinds": None}),
        (
            ["--url", "https://x.example/", "--active"],
            {"url": "https://x.example/", "active": True},
        ),
    ],
)
def test_only_what_is_named_is_changed(desk: Desk, options: list[str], body: Any) -> None:
    desk.on("PATCH", PATH, SUBSCRIPTION)

    desk.run("webhooks", "change", SUB, *options)

    assert json.loads(desk.requests[0].content) == body


@pytest.mark.parametrize(
    "command",
    [
        f"webhooks change {SUB}",
        f"webhooks replay {SUB}",
        f"webhooks replay {SUB} --event {EVENT} --since 2026-11-29",
        f"webhooks replay {SUB} --until 2026-11-29",
        "webhooks create https://example.com/ --kind gossip",
        "events list --kind gossip",
        "events listen",
        "events listen --forward-to http://localhost:1/ --secret hush",
    ],
)
def test_a_command_that_cannot_be_meant_sends_nothing(desk: Desk, command: str) -> None:
    result = desk.run(*command.split())

    assert (result.exit_code, desk.requests) == (2, [])


def test_a_subscription_is_deleted_when_the_person_says_so(desk: Desk) -> None:
    desk.on("DELETE", PATH, httpx.Response(204))

    assert desk.run("webhooks", "delete", SUB, says=["n"]).exit_code == 1
    assert desk.requests == []
    assert desk.run("webhooks", "delete", SUB, "--yes").exit_code == 0


def test_a_test_waits_for_what_the_receiver_answers(desk: Desk) -> None:
    waiting = {**DELIVERY, "state": "pending", "attempts": 0}
    desk.on("POST", f"{PATH}/test", {"event_id": EVENT}, status=202)
    desk.on("GET", f"{PATH}/deliveries/{EVENT}", waiting, DELIVERY)

    result = desk.run("webhooks", "test", SUB)

    assert (result.exit_code, desk.slept_s) == (0, [1.0])
    assert "204" in result.stdout


def test_a_test_that_fails_ends_with_1(desk: Desk) -> None:
    failed = {**DELIVERY, "state": "unsure", "last_error": "500", "answer": None}
    desk.on("POST", f"{PATH}/test", {"event_id": EVENT}, status=202)
    desk.on("GET", f"{PATH}/deliveries/{EVENT}", failed)

    result = desk.run("webhooks", "test", SUB)

    assert result.exit_code == 1
    assert "500" in result.stdout


def test_a_replay_goes_on_to_its_end_with_one_key(desk: Desk) -> None:
    desk.on("POST", f"{PATH}/replay", {"events": 100, "after": EVENT}, {"events": 3})

    result = desk.run("webhooks", "replay", SUB, "--since", "2026-11-29")

    assert "103 events are delivered again." in result.stdout
    first, second = desk.requests
    assert json.loads(first.content) == {"since": "2026-11-29T00:00:00+00:00"}
    assert json.loads(second.content)["after"] == EVENT
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


# --- listening ------------------------------------------------------------------------------------


def test_events_are_forwarded_in_their_order_and_signed_as_webhooks_are(desk: Desk) -> None:
    desk.on("GET", "/events", [event(1), event(2)], [event(3)], [])
    desk.on("POST", "/hooks", httpx.Response(204), httpx.Response(500), httpx.Response(204))
    here = Session(transport=httpx.MockTransport(desk), now=now, sleep=desk.slept_s.append)

    command = "events listen --forward-to http://localhost:3000/hooks --once"
    result = run(*command.split(), "--secret", SECRET, session=here, width=200)

    assert result.exit_code == 0, result.stderr
    sent = desk.sent("POST", "/hooks")
    told = [Webhook(SECRET).verify(each.content, dict(each.headers)) for each in sent]
    assert told == [event(1), event(2), event(3)]
    assert [each.url.params.get("after") for each in desk.sent("GET", "/events")] == [
        None,
        EVENT.replace("1", "2"),
        EVENT.replace("1", "3"),
    ]
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["204", "500", "204"]


def test_a_program_that_does_not_answer_is_told_and_the_next_event_goes_out(desk: Desk) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    desk.on("GET", "/events", [event(1), event(2)], [])
    desk.on("POST", "/hooks", gone)

    result = desk.run("events", "listen", "--forward-to", "http://localhost:1/hooks", "--once")

    assert (result.exit_code, result.stdout.count("Connection refused")) == (0, 2)
    assert "whsec_" in result.stderr


def test_it_waits_for_more_and_for_an_api_that_is_away_for_a_while(desk: Desk) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    def stop(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    desk.on("GET", "/events", [], *[gone] * 4, [event(1)], stop)  # as often as a call asks
    desk.on("POST", "/hooks", httpx.Response(204))

    result = desk.run("events", "listen", "--forward-to", "http://localhost:1/hooks", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, event(1))
    assert desk.slept_s.count(1.0) == 3


def test_where_no_api_was_ever_there_it_ends() -> None:
    command = "events listen --forward-to http://localhost:1/hooks"

    assert run(*command.split()).exit_code == 3

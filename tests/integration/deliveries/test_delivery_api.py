"""The routes of the deliveries context: every status, every body (1r, 1c, 1d)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from chalice.test import Client, HTTPResponse

from chalicelib.core import aws
from tests.support.deliveries.fakes import BOX

JSON = {"Content-Type": "application/json"}
SAID = {"timestamp": 100, "personal": True, "marketing": False}


def send(client: Client, **said: object) -> HTTPResponse:
    body = json.dumps({**BOX, **said}).encode()
    return client.http.post("/packages", headers=JSON, body=body)


def say(client: Client, recipient: str = "mars", **said: object) -> HTTPResponse:
    body = json.dumps({**SAID, **said}).encode()
    return client.http.put(f"/recipients/{recipient}/preferences", headers=JSON, body=body)


def get(client: Client, path: str, status: int = 200) -> Any:
    answer = client.http.get(path)
    assert answer.status_code == status, answer.body
    return answer.json_body


def statistics(client: Client) -> dict[str, int]:
    counts = get(client, "/statistics")
    return {name: value for name, value in counts.items() if name != "by_type"}


# --- packages -----------------------------------------------------------------------------------


def test_d1_a_package_is_sent_once_and_its_retry_is_a_duplicate(client: Client) -> None:
    first = send(client)
    again = send(client)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["Location"] == "/packages/box"
    decided_at = first.json_body["decided_at"]
    assert first.json_body == {
        **BOX,
        "status": "delivered",
        "reason": "The recipient had said nothing about personal, and so takes it.",
        "duplicate": False,
        "decided_at": decided_at,
    }
    assert again.json_body == {**first.json_body, "duplicate": True}
    assert statistics(client) == {
        "packages_delivered": 1,
        "packages_dropped": 0,
        "requests_malformed": 0,
    }


def test_d6_what_is_declined_is_dropped_and_shows_what_decided(client: Client) -> None:
    say(client, timestamp="2142-04-01T00:00:00+02:00")

    assert send(client, package_type="marketing").json_body["status"] == "dropped"

    shown = get(client, "/packages/box")
    assert shown["preference"] == {"wanted": False, "timestamp": "2142-03-31T22:00:00Z"}
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["decided"]
    assert get(client, "/statistics")["by_type"] == {
        "marketing": {"delivered": 0, "dropped": 1},
        "personal": {"delivered": 0, "dropped": 0},
    }


def test_another_package_under_the_same_id_is_a_conflict_that_names_the_difference(
    client: Client,
) -> None:
    send(client)

    refused = send(client, sender_id="moon", package_type="marketing")

    assert refused.status_code == 409
    assert refused.json_body["differs"] == ["sender_id", "package_type"]
    assert refused.json_body["package"] == "/packages/box"
    assert statistics(client)["packages_delivered"] == 1
    attempts = get(client, "/packages/box")["attempts"]
    assert attempts[1]["differs"] == {"sender_id": "moon", "package_type": "marketing"}


def test_seven_and_the_text_of_seven_are_one_package(client: Client) -> None:
    assert send(client, package_id=7).status_code == 201
    assert send(client, package_id="7").status_code == 200
    assert get(client, "/packages/7")["package_id"] == "7"


@pytest.mark.parametrize("package_id", ["a/b c", "a%20b", "..", "?&=#", "\x00", "\U0001f4e6" * 128])
def test_a_package_is_found_whatever_its_id(client: Client, package_id: str) -> None:
    where = send(client, package_id=package_id).headers["Location"]

    # The test client's gateway keeps a query as it is written, so it is asked as AWS asks us.
    assert where.startswith("/packages?package_id=")
    assert get(client, where)["package_id"] == package_id


def test_an_id_that_a_path_leaves_open_is_refused(client: Client) -> None:
    problem = get(client, "/packages/a%20b", status=400)

    assert "query" in problem["errors"][0]["detail"]


def test_what_was_never_sent_is_not_found(client: Client) -> None:
    assert get(client, "/packages/none", status=404)["type"] == "/problems/not-found"
    assert get(client, "/packages?package_id=none", status=404)
    assert get(client, "/messages/none", status=404)
    assert get(client, "/packages") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/packages"),
        ("POST", "/packages/box"),
        ("POST", "/preferences"),
        ("DELETE", "/recipients/mars/preferences"),
        ("POST", "/statistics"),
        ("POST", "/statistics/recount"),
        ("PUT", "/messages/m"),
    ],
)
def test_another_verb_is_not_allowed(client: Client, method: str, path: str) -> None:
    answer = client.http.request(method, path, headers=JSON, body=b"{}")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


# --- what is no package -------------------------------------------------------------------------

BROKEN = [
    b"",
    b"{",
    b"[]",
    b"7",
    b"null",
    b'"box"',
    b"\xff",
    b"{}",
    b'{"package_id": NaN}',
    json.dumps({**BOX, "sender_id": None}).encode(),
    json.dumps({**BOX, "sender_id": 1.5}).encode(),
    json.dumps({**BOX, "package_type": "freight"}).encode(),
    json.dumps(BOX).encode()[:-1] + b', "sender_id": "x"}',
    json.dumps(BOX).encode().replace(b'"box"', b'"\\ud800"'),
    json.dumps(BOX).encode().replace(b'"box"', b"1" * 5_000),
]


@pytest.mark.parametrize("body", BROKEN)
def test_d4_what_cannot_be_read_is_dropped_and_counted(client: Client, body: bytes) -> None:
    answer = client.http.post("/packages", headers=JSON, body=body)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json_body["errors"]
    assert statistics(client) == {
        "packages_delivered": 0,
        "packages_dropped": 0,
        "requests_malformed": 1,
    }


def test_all_faults_are_reported_at_once(client: Client) -> None:
    answer = send(client, sender_id=" ", timestamp="2142-05-01T10:00:00", package_type=" Personal ")

    told = {error["field"]: error["detail"] for error in answer.json_body["errors"]}
    assert set(told) == {"sender_id", "timestamp", "package_type"}
    assert told["package_type"] == "must be one of marketing, personal"


def test_a_large_body_and_another_media_type_are_malformed_too(client: Client) -> None:
    large = send(client, note="x" * 16_384)
    form = client.http.post("/packages", headers={"Content-Type": "text/plain"}, body=b"x")
    nothing = client.http.post("/packages", body=json.dumps(BOX).encode())

    assert [each.status_code for each in (large, form, nothing)] == [413, 415, 415]
    assert statistics(client)["requests_malformed"] == 3


def test_a_malformed_attempt_does_not_use_up_the_id(client: Client) -> None:
    send(client, sender_id=None)

    assert send(client).status_code == 201
    assert statistics(client) == {
        "packages_delivered": 1,
        "packages_dropped": 0,
        "requests_malformed": 1,
    }


def test_a_charset_is_fine(client: Client) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    body = json.dumps(BOX).encode()

    assert client.http.post("/packages", headers=headers, body=body).status_code == 201


# --- preferences --------------------------------------------------------------------------------


def test_d2_preferences_are_set_and_shown(client: Client) -> None:
    said = say(client)

    assert said.status_code == 200
    stands = {
        "recipient_id": "mars",
        "personal": True,
        "marketing": False,
        "timestamps": {"marketing": "1970-01-01T00:01:40Z", "personal": "1970-01-01T00:01:40Z"},
    }
    assert said.json_body == {**stands, "applied": True}
    shown = get(client, "/recipients/mars/preferences")
    assert len(shown.pop("history")) == 1
    assert shown == stands


def test_an_older_word_is_not_applied_and_told_what_stands(client: Client) -> None:
    say(client, timestamp=200)

    late = say(client, timestamp=100, marketing=True)

    assert late.status_code == 200
    assert late.json_body["applied"] is False
    assert late.json_body["overruled"] == ["marketing", "personal"]
    assert late.json_body["marketing"] is False


def test_the_same_with_the_recipient_in_the_body(client: Client) -> None:
    body = json.dumps({**SAID, "recipient_id": "a/b"}).encode()

    assert client.http.put("/preferences", headers=JSON, body=body).json_body["applied"] is True
    assert get(client, "/preferences?recipient_id=a%2Fb")["marketing"] is False


def test_who_set_no_preference_takes_everything(client: Client) -> None:
    shown = get(client, "/recipients/nobody/preferences")

    assert (shown["personal"], shown["marketing"], shown["history"]) == (True, True, [])


def test_the_recipient_of_the_body_must_be_the_one_of_the_path(client: Client) -> None:
    assert say(client, recipient_id="mars").status_code == 200
    assert say(client, recipient_id="venus").status_code == 400
    assert get(client, "/recipients/venus/preferences")["marketing"] is True


@pytest.mark.parametrize("value", ["true", 1, None])
def test_what_is_no_boolean_changes_nothing_and_is_no_malformed_package(
    client: Client, value: object
) -> None:
    say(client)
    before = get(client, "/recipients/mars/preferences")

    assert say(client, timestamp=200, marketing=value).status_code == 400
    assert get(client, "/recipients/mars/preferences") == before
    assert statistics(client)["requests_malformed"] == 0


# --- statistics ---------------------------------------------------------------------------------


def test_d3_statistics_ignore_what_is_asked_beside_them(client: Client) -> None:
    send(client)

    assert get(client, "/statistics?since=2142&x=1&x=2")["packages_delivered"] == 1


def test_d10_the_recount_finds_what_the_counters_say(client: Client) -> None:
    say(client)
    for number in range(7):
        send(client, package_id=number, package_type=("personal", "marketing")[number % 2])

    recount = get(client, "/statistics/recount")

    assert recount == {"packages": 7, "by_type": get(client, "/statistics")["by_type"]}


def test_the_recount_goes_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.deliveries.store.statistics._PAGE", 2)
    for number in range(5):
        send(client, package_id=number)

    packages, path = 0, "/statistics/recount"
    while path:
        page = get(client, path)
        packages += page["packages"]
        cursor = page.get("cursor")
        path = cursor and f"/statistics/recount?cursor={cursor}"

    assert packages == 5


@pytest.mark.parametrize("cursor", ["x", "W10", "WyIiLCIiXQ", "é", "bnVsbA"])
def test_a_foreign_cursor_is_refused(client: Client, cursor: str) -> None:
    answer = client.http.get(f"/statistics/recount?cursor={cursor}")

    assert answer.status_code == 400


# --- when the database does not answer ----------------------------------------------------------

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "any")


@contextmanager
def failing(client: Any, operation: str, error: Exception) -> Iterator[None]:
    """Have every call of an operation fail before it is sent."""

    def fail(**_: object) -> None:
        raise error

    event = f"before-call.dynamodb.{operation}"
    client.meta.events.register(event, fail)
    yield
    client.meta.events.unregister(event, fail)


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
def test_a_throttled_table_is_a_503_and_a_retry_is_safe(
    client: Client, table: Any, operation: str
) -> None:
    with failing(table, operation, THROTTLED):
        refused = send(client)

    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert send(client).status_code == 201


def test_a_refusal_leaves_even_when_it_cannot_be_counted(
    client: Client, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with failing(aws.fail_fast_dynamodb(), "UpdateItem", ReadTimeoutError(endpoint_url="x")):
        assert send(client, sender_id=None).status_code == 400

    assert statistics(client)["requests_malformed"] == 0
    assert "malformed request not counted" in caplog.text
    assert "MalformedNotCounted" in capsys.readouterr().out


def test_a_malformed_request_is_counted_by_a_client_that_tries_once_and_soon_gives_up() -> None:
    config: Any = aws.fail_fast_dynamodb().meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout <= 1

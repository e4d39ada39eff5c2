"""Jira's stand-in sends webhooks as Jira does: signed, identified, repeated, in any order."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from infra.standins.credentials import JIRA_WEBHOOK_SECRET
from infra.standins.server import Standins
from tests.support.integrations.vendors import Desk
from tests.support.patience import CLIENT_S


@dataclass
class Listener:
    """Takes webhooks, and answers them with ``statuses`` in turn, the last one again and again."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def signed(self) -> list[bool]:
        """Return of each whether its signature is right."""
        return [
            headers.get("X-Hub-Signature")
            == f"sha256={hmac.new(JIRA_WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()}"
            for headers, body in self.taken
        ]

    def states(self) -> list[tuple[bool, str]]:
        """Return of each whether the label is on the issue, and the issue's status."""
        fields = [json.loads(body)["issue"]["fields"] for _, body in self.taken]
        return [
            ("missing-ingredients" in each["labels"], each["status"]["statusCategory"]["key"])
            for each in fields
        ]

    def identifiers(self) -> list[str]:
        return [headers["X-Atlassian-Webhook-Identifier"] for headers, _ in self.taken]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.taken.append((dict(self.headers), body))
            statuses = found.statuses
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/jira"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def change(standins: Standins, desk: Desk, listener: Listener) -> Any:
    """Label and close a ticket as the provider would."""
    key = desk.ticket()

    def changed(**told: Any) -> Any:
        body = {"labels": ["missing-ingredients"], "status": "done", **told}
        body["deliver"] = {"pause_s": 0, **body.get("deliver", {})}
        answer = httpx.post(
            f"{standins.url}/control/jira/issues/{key}",
            json=body,
            trust_env=False,
            timeout=CLIENT_S,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["delivered"]

    httpx.post(
        f"{standins.url}/control/jira/webhook",
        json={"url": listener.url},
        trust_env=False,
        timeout=CLIENT_S,
    )
    return changed


def test_b10_label_and_close_are_two_events_each_with_the_whole_issue(
    change: Any, listener: Listener
) -> None:
    assert change() == [[200], [200]]

    assert listener.states() == [(True, "new"), (True, "done")]
    assert listener.signed() == [True, True]
    assert len(set(listener.identifiers())) == 2


def test_b10_the_provider_may_close_first(change: Any, listener: Listener) -> None:
    change(edits=["status", "labels"])

    assert listener.states() == [(False, "done"), (True, "done")]


def test_b10_the_events_may_arrive_in_the_other_order(change: Any, listener: Listener) -> None:
    change(order=[1, 0])

    assert listener.states() == [(True, "done"), (True, "new")]


def test_b10_copies_have_the_same_identifier(change: Any, listener: Listener) -> None:
    assert change(status=None, deliver={"copies": 3}) == [[200, 200, 200]]

    assert len(set(listener.identifiers())) == 1


def test_b10_what_was_not_taken_is_sent_again_with_the_same_identifier(
    change: Any, listener: Listener
) -> None:
    listener.statuses = [503, 429, 202]

    assert change(status=None) == [[202]]

    assert len(set(listener.identifiers())) == 1
    retries = [headers.get("X-Atlassian-Webhook-Retry") for headers, _ in listener.taken]
    assert retries == [None, "1", "2"]


def test_b10_what_was_refused_is_dropped_for_good(change: Any, listener: Listener) -> None:
    listener.statuses = [401]

    assert change(status=None) == [[401]]
    assert len(listener.taken) == 1


def test_b10_a_tampered_event_has_a_signature_that_does_not_fit(
    change: Any, listener: Listener
) -> None:
    change(status=None, deliver={"tamper": True})
    change(labels=["other"], status=None, deliver={"signed": False})

    assert listener.signed() == [False, False]
    assert "X-Hub-Signature" not in listener.taken[1][0]


def test_b10_an_event_may_be_old(change: Any, listener: Listener) -> None:
    change(status=None)
    change(labels=["x"], status=None, deliver={"age_s": 3600})

    fresh, old = [json.loads(body)["timestamp"] for _, body in listener.taken]
    assert old <= fresh - 3_500_000

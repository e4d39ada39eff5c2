"""Sends Jira's webhooks: signed, identified, repeated until they are taken.

As with an administrator's webhook in Jira Cloud, 408, 409, 425, 429, 5xx and silence are tried
again with the same identifier; any other refusal drops it for good.
"""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from itertools import count
from typing import Any

AGAIN = {408, 409, 425, 429}
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Delivery:
    """How an event is delivered.

    ``copies`` sends it so often, under one identifier; ``tamper`` changes a byte after signing;
    ``signed`` False leaves the signature out; ``age_s`` dates it back.
    """

    copies: int = 1
    tamper: bool = False
    signed: bool = True
    age_s: float = 0
    tries: int = 5
    pause_s: float = 1.0


@dataclass
class Webhooks:
    """Where Jira sends its events, and what came of it."""

    url: str = ""
    secret: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def deliver(self, event: dict[str, Any], how: Delivery) -> list[int]:
        """Send an event; return the last status of each copy, 0 without a response."""
        if not self.url:
            return []
        event = {**event, "timestamp": event["timestamp"] - int(how.age_s * 1000)}
        body = json.dumps(event, ensure_ascii=False).encode()
        identifier = f"standin-{next(self._numbers)}"
        return [self._insisted(body, identifier, how) for _ in range(how.copies)]

    def _insisted(self, body: bytes, identifier: str, how: Delivery) -> int:
        status = 0
        for attempt in range(how.tries):
            status = self._posted(body, identifier, attempt, how)
            self.sent.append({"identifier": identifier, "attempt": attempt, "status": status})
            if status and status < 500 and status not in AGAIN:
                break
            if attempt + 1 < how.tries:
                time.sleep(how.pause_s)
        return status

    def _posted(self, body: bytes, identifier: str, attempt: int, how: Delivery) -> int:
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "User-Agent": "Atlassian Webhook HTTP Client",
            "X-Atlassian-Webhook-Identifier": identifier,
        }
        if attempt:
            headers["X-Atlassian-Webhook-Retry"] = str(attempt)
        if how.signed:
            digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature"] = f"sha256={digest}"
        sent = body.replace(b'"issue"', b'"Issue"', 1) if how.tamper else body
        request = urllib.request.Request(self.url, data=sent, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

"""Secrets are replaced while work goes on: nothing is refused, waits, or comes twice."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from chalicelib.bakery.service.shortages import Shortages
from chalicelib.core.errors import UnauthorizedError
from chalicelib.core.outbox.effects import CredentialsError, Effect, Ending
from chalicelib.core.outbox.rules import Rules
from chalicelib.core.outbox.worker import Worker
from chalicelib.integrations import wiring
from chalicelib.integrations.settings import KEPT_S, RENEWED_S, Renewing, Settings
from chalicelib.integrations.slack import SlackSettings
from tests.support.clock import Clock
from tests.support.outbox.fakes import KIND, NOON, MemoryQueues, MemoryStore

BODY = b'{"timestamp": 1}'
CONTAINERS = 4


class Vault:
    """The secret, and how often it is read."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.read = 0

    def __call__(self, _: str) -> str:
        self.read += 1
        return json.dumps(self.values)


class Seconds:
    """The clock of one container."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Vendor:
    """Does what it is asked with the one token that it takes."""

    search_lag_s = 0.0

    def __init__(self) -> None:
        self.token = "old"
        self.done: Counter[str] = Counter()
        self.refused = 0

    def post(self, token: str, effect_id: str) -> None:
        if token != self.token:
            self.refused += 1
            raise CredentialsError("401: the token was revoked")
        self.done[effect_id] += 1


class Handler:
    """Calls the vendor with the token of its container's settings."""

    search_lag_s = 0.0

    def __init__(self, vendor: Vendor, settings: Settings) -> None:
        self._vendor = vendor
        self._settings = settings

    def handle(self, effect: Effect, /) -> None:
        token = self._settings.of(SlackSettings).slack_token.get_secret_value()
        self._vendor.post(token, effect.id)

    def find(self, effect: Effect, /) -> None:
        raise AssertionError("nothing is in doubt")

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        """Be told, and do nothing."""


class Shift:
    """Workers in several containers that have read the secret at different times."""

    def __init__(self) -> None:
        self.vault, self.vendor, self.clock = Vault(SLACK_TOKEN="old"), Vendor(), Clock(NOON)
        self.seconds = [Seconds(40.0 * number) for number in range(CONTAINERS)]
        self.settings = [
            Settings(self.vault, environment={"VENDORS_SECRET": "vendors"}, now=seconds)
            for seconds in self.seconds
        ]
        self.store = MemoryStore()
        store: Any = self.store
        queues: Any = MemoryQueues(self.clock)
        numbers = count(1)
        self.workers = [
            Worker(
                KIND,
                Renewing(Handler(self.vendor, settings), lambda settings=settings: settings),  # type: ignore[misc]
                store,
                queues,
                now=self.clock,
                new_id=lambda: f"token-{next(numbers)}",
                rules=Rules(),
            )
            for settings in self.settings
        ]

    def work(self, effects: range) -> Iterator[str]:
        """Perform effects, each in the next container; a tenth of a second passes with each."""
        for number in effects:
            effect = Effect(f"letter#{number}", KIND, {})
            self.store.add(effect, self.clock())
            for seconds in self.seconds:
                seconds.now += 0.1
            yield self.workers[number % CONTAINERS].work(effect.id)


def test_a_token_that_is_revoked_under_load_stops_nothing() -> None:
    shift = Shift()
    outcomes = Counter(shift.work(range(400)))

    shift.vault.values["SLACK_TOKEN"] = "new"
    shift.vendor.token = "new"
    outcomes += Counter(shift.work(range(400, 800)))

    assert outcomes == {"done": 800}
    assert set(shift.vendor.done.values()) == {1}
    assert shift.vendor.refused == CONTAINERS
    assert shift.store.stopped == {}
    assert shift.vault.read == 2 * CONTAINERS


def test_a_token_that_is_refused_and_not_replaced_stops_its_kind_and_is_not_read_all_the_time() -> (
    None
):
    shift = Shift()
    assert set(shift.work(range(40))) == {"done"}
    shift.vendor.token = "new"

    list(shift.work(range(40, 80)))

    assert KIND in shift.store.stopped
    assert shift.vault.read <= CONTAINERS + 40 * 0.1 / RENEWED_S * CONTAINERS + CONTAINERS
    assert set(shift.vendor.done.values()) == {1}


# --- the webhook ----------------------------------------------------------------------------------


def signed(secret: str) -> str:
    return f"sha256={hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()}"


def test_a_webhook_s_secret_is_replaced_in_three_steps_and_no_call_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As docs/integrations.md says: both here, the new one in Jira, the old one gone here."""
    vault = Vault(JIRA_WEBHOOK_SECRET="old")
    containers = []
    for number in range(CONTAINERS):
        seconds = Seconds(40.0 * number)
        settings = Settings(vault, environment={"WEBHOOK_SECRET": "webhook"}, now=seconds)
        containers.append((settings, seconds))

    def calls(secret: str, *, for_s: float) -> None:
        for number in range(100):
            settings, _ = containers[number % CONTAINERS]
            monkeypatch.setattr(wiring, "settings", lambda settings=settings: settings)
            shortages.verify(BODY, signed(secret))
            for _, seconds in containers:
                seconds.now += for_s / 100

    anything: Any = None
    shortages = Shortages(
        *(anything, anything, anything, anything),
        desk=anything,
        now=Clock(NOON),
        secrets=wiring.jira_webhook_secrets,
    )
    calls("old", for_s=60)
    vault.values = {"JIRA_WEBHOOK_SECRET": "new", "JIRA_WEBHOOK_SECRET_PREVIOUS": "old"}
    calls("old", for_s=KEPT_S)
    calls("new", for_s=60)
    calls("old", for_s=60)  # Jira repeats what it had signed before
    vault.values = {"JIRA_WEBHOOK_SECRET": "new"}
    calls("new", for_s=KEPT_S)

    refused = 0
    for settings, _ in containers:
        monkeypatch.setattr(wiring, "settings", lambda settings=settings: settings)
        with suppress(UnauthorizedError):
            shortages.verify(BODY, signed("old"))
            continue
        refused += 1
    assert refused == CONTAINERS

"""The handler of deliveries: one signed request to one receiver.

A receiver that fails is paused, a little longer each time, and so is one that is slow; after that
it gets one event at a time until it answers well. Its own deliveries wait meanwhile, and spend no
time of a worker: so no other receiver's do.
"""

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from chalicelib import __version__
from chalicelib.core import retry_after
from chalicelib.core.outbox.effects import (
    Effect,
    EffectError,
    Ending,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.values import dataclass
from chalicelib.webhooks import signing
from chalicelib.webhooks.models import Health, Subscription
from chalicelib.webhooks.ports import PREFIX, Log, Receivers, StaleSubscriptionError
from chalicelib.webhooks.receivers import Reply

FIRST_REST, LONGEST_REST = timedelta(seconds=1), timedelta(minutes=5)
LONGEST_ASKED_REST = timedelta(hours=1)
"""The most that a receiver gets of the rest that its ``Retry-After`` asks for."""
SLOW = timedelta(seconds=1)
"""Whoever takes longer to answer gets one event at a time."""
_CALL = timedelta(seconds=15)
"""Longer than a request can take, to the end of all that follows."""
_MOST_WORDS = 200


class Send(Protocol):
    """Sends a body to a URL, and returns the answer. Raises EffectError."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str], /) -> Reply: ...


@dataclass(frozen=True)
class DeliveryHandler:
    """Handles the effects of kind ``webhook``."""

    receivers: Receivers
    log: Log
    post: Send
    now: Callable[[], datetime]
    clock_s: Callable[[], float] = time.monotonic
    jitter: Callable[[float], float] = lambda most_s: random.uniform(0, most_s)  # noqa: S311 - as in the outbox
    search_lag_s: float = 0.0  # a receiver knows an event by its id: twice is as good as once

    def handle(self, effect: Effect) -> str | None:
        """Send the event. Raises EffectError, but never one that stops the deliveries of others."""
        subscription, health = self.receivers.get_with_health(effect.payload["subscription"])
        if subscription is None:
            return "not sent: the subscription was deleted"
        if not subscription.active:
            return "not sent: the subscription is not active"
        body = self._body(effect)
        if health:
            health = self._taken(subscription, health)
        return self._sent(subscription, health, effect.payload["event"], body)

    def find(self, effect: Effect) -> str | None:
        """Return nothing: receivers cannot be queried."""

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Keep nothing: the outbox shows how a delivery ended."""

    def _body(self, effect: Effect) -> bytes:
        if "body" in effect.payload:
            return str(effect.payload["body"]).encode()
        event = self.log.event(str(effect.payload["event"]).removeprefix(PREFIX))
        if event is None:
            raise RejectedError("the event is older than events are stored")
        return event.body.encode()

    def _taken(self, subscription: Subscription, health: Health) -> Health:
        """Return a receiver's health once it is ours to try. Raises NotExecutedError."""
        now = self.now()
        if health.rests_until > now:
            raise self._later("the receiver rests after a failure", health.rests_until - now)
        until = now + _CALL
        if not self.receivers.take(subscription.id, health, until):
            raise self._later("the receiver gets one event at a time", FIRST_REST)
        return health.model_copy(update={"rests_until": until})

    def _later(self, why: str, wait: timedelta) -> NotExecutedError:
        wait_s = wait.total_seconds()
        return NotExecutedError(why, retry_after_s=wait_s + self.jitter(max(1.0, wait_s)))

    def _sent(
        self, subscription: Subscription, health: Health | None, event_id: str, body: bytes
    ) -> str:
        now, begun_s, asked_s = self.now(), self.clock_s(), None
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"backroom-webhooks/{__version__}",
            **signing.headers(event_id, body, subscription.signing(now), now),
        }
        try:
            reply = self.post(subscription.url, body, headers)
            if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
                asked_s = retry_after.seconds(reply.retry_after, now.timestamp())
                raise _refused(reply.status)
        except _GoneError:
            self._deactivate(subscription)
            return "410: the receiver wants no more, and the subscription is not active any more"
        except EffectError as failed:
            self._rest(subscription, health, str(failed), asked_s)
            raise
        took = timedelta(seconds=self.clock_s() - begun_s)
        self._note(subscription, health, slow=took > SLOW)
        return str(reply.status)

    def _rest(
        self, subscription: Subscription, health: Health | None, why: str, asked_s: float | None
    ) -> None:
        failures = health.failures if health else 0
        now = self.now()
        rest = min(LONGEST_REST, FIRST_REST * 2 ** min(failures, 20))
        if asked_s is not None:
            rest = max(rest, min(LONGEST_ASKED_REST, timedelta(seconds=asked_s)))
        health = Health(
            failures=failures + 1,
            since=health.since if health and failures else now,
            rests_until=now + rest,
            last_error=why[:_MOST_WORDS],
        )
        self.receivers.put_health(subscription.id, health)

    def _note(self, subscription: Subscription, health: Health | None, *, slow: bool) -> None:
        if slow:
            now = self.now()
            since = health.since if health and not health.failures else now
            self.receivers.put_health(subscription.id, Health(since=since, rests_until=now))
        elif health:
            self.receivers.put_health(subscription.id, None)

    def _deactivate(self, subscription: Subscription) -> None:
        """Stop sending to a receiver that is gone, until the subscription is changed."""
        stopped = subscription.after(active=False, why_inactive="the receiver answered 410 Gone")
        try:
            self.receivers.replace(subscription, stopped)
        except StaleSubscriptionError as changed:
            raise OutcomeUnknownError("the subscription has changed meanwhile") from changed


class _GoneError(EffectError):
    """The receiver wants no more."""


def _refused(status: int) -> EffectError:
    if status == HTTPStatus.GONE:
        return _GoneError()
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return OutcomeUnknownError(f"{status}: redirects are not followed")
    return OutcomeUnknownError(f"{status}")

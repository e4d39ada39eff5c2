"""What an effect is, how handling it can end, and who handles it.

A handler is for one kind of effect and one vendor. It never retries by itself: it reports the
outcome of its one call by returning or raising, and the worker decides what comes next.

EffectError
├── NotExecutedError     certainly not done: refused connection, rate limit, 503 before any work
├── OutcomeUnknownError  may have been done: timeout, reset, 5xx; looked up before any second try
├── RejectedError        never done as it is: the vendor says the request itself is wrong
├── CredentialsError     nothing of this kind is done until the credentials are renewed
└── NotConfiguredError   this kind is switched off: no credentials are set
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, Protocol

from chalicelib.core.values import dataclass

EffectState = Literal["pending", "sending", "unsure", "done", "dead", "disabled"]


@dataclass(frozen=True)
class Effect:
    """Something to do outside, once.

    ``id`` is its permanent identity and names its purpose (``archive#<request id>``,
    ``jira#batch#2026-11-21``): the same id written twice is one effect. ``kind`` names its queue
    and its handler. ``payload`` is JSON: all that the handler needs, or the name of it. It is not
    executed within ``delay_s`` seconds of its request. Its row is deleted after ``retention``,
    which has to be longer than its identity matters; None is for ever.
    """

    id: str
    kind: str
    payload: Mapping[str, Any]
    delay_s: float = 0
    retention: timedelta | None = None


@dataclass(frozen=True)
class Ending:
    """How an effect ended: the vendor's ``reference``, or in ``answer`` why it is dead."""

    state: EffectState
    reference: str | None = None
    answer: str | None = None


class EffectError(Exception):
    """Executing an effect did not succeed."""


class NotExecutedError(EffectError):
    """Certainly not done; may be retried, after ``retry_after_s`` if the vendor gave one."""

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class OutcomeUnknownError(EffectError):
    """It is unknown whether it was done."""


class RejectedError(EffectError):
    """The vendor rejects the request itself, and would reject it again."""


class CredentialsError(EffectError):
    """The credentials are wrong or have expired: all effects of this kind wait."""


class NotConfiguredError(EffectError):
    """No credentials are set: effects of this kind wait, and nothing fails."""


class EffectHandler(Protocol):
    """Executes the effects of one kind; errors other than EffectError leave the outcome unknown."""

    @property
    def search_lag_s(self) -> float:
        """Return how long the vendor's search may miss the result of an attempt, in seconds.

        0 where repeating is harmless.
        """

    def handle(self, effect: Effect, /) -> str | None:
        """Execute it with one changing call; return the vendor's reference to the result."""

    def find(self, effect: Effect, /) -> str | None:
        """Return the vendor's reference if an earlier attempt did execute it.

        None means that certainly none did; raise where that is unknown.
        """

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        """Notify the context of the outcome: done or dead.

        Must be repeatable: it is called at least once, before the effect is closed. A dead effect
        that an operator retries may end otherwise; the later outcome counts.
        """

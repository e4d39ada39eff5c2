"""What an effect is, how handling it can end, and who handles it.

A handler knows one kind of effect and one vendor. It never retries by itself: it reports the
outcome of its one call by returning or raising, and the worker decides what comes next.

EffectError
├── NotExecutedError     certainly not done: refused connection, rate limit, 503 before any work
├── OutcomeUnknownError  may have been done: timeout, reset, 5xx; looked up before any second try
├── RejectedError        never done as it is: the vendor says the request itself is wrong
├── CredentialsError     nothing of this kind is done until somebody renews the credentials
└── NotConfiguredError   this kind is switched off: no credentials are set
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol

EffectState = Literal["pending", "sending", "unsure", "done", "dead", "disabled"]


@dataclass(frozen=True)
class Effect:
    """Something to do outside, once.

    ``id`` is its identity for ever and says what it is for (``archive#<request id>``,
    ``jira#batch#2026-11-21``): the same id written twice is one effect. ``kind`` names its queue
    and its handler. ``payload`` is JSON: all that the handler needs, or the name of it. It is not
    tried before ``delay_s`` are over since it was asked for. Its row goes once it has been ``kept``
    so long, which has to be longer than its identity matters; None is for ever.
    """

    id: str
    kind: str
    payload: Mapping[str, Any]
    delay_s: float = 0
    kept: timedelta | None = None


@dataclass(frozen=True)
class Ending:
    """How an effect ended: ``reference`` is what the vendor calls it, ``answer`` why it is dead."""

    state: EffectState
    reference: str | None = None
    answer: str | None = None


class EffectError(Exception):
    """Performing an effect did not succeed."""


class NotExecutedError(EffectError):
    """Certainly not done; may be tried again, ``retry_after_s`` from now if the vendor said so."""

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class OutcomeUnknownError(EffectError):
    """Done or not: nobody knows."""


class RejectedError(EffectError):
    """Refused for what it is; trying again would be refused again."""


class CredentialsError(EffectError):
    """The credentials are wrong or have expired: all effects of this kind wait."""


class NotConfiguredError(EffectError):
    """No credentials are set: effects of this kind wait, and nothing fails."""


class EffectHandler(Protocol):
    """Performs the effects of one kind; anything but an EffectError that it raises is as unsure."""

    @property
    def search_lag_s(self) -> float:
        """Return how long after an unsure try the vendor's own search shows what it did.

        0 where performing twice is as good as once.
        """

    def handle(self, effect: Effect, /) -> str | None:
        """Do it, with one call that changes anything; return what the vendor calls it."""

    def find(self, effect: Effect, /) -> str | None:
        """Return what the vendor calls the effect if an earlier try did it after all.

        None says for certain that none did; raise where that is not known.
        """

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        """Tell the context how it ended: done or dead.

        Safe to repeat, as it comes at least once, before the effect is closed. A dead effect that
        an operator has tried again may end otherwise: the later word counts.
        """

"""What an effect is, how performing it can end, and who performs it.

A performer knows one kind of effect and one vendor. It never tries twice by itself: it says what
became of its one call by returning or by raising, and the worker decides what comes next.

EffectError
├── NotDoneError   certainly not done: refused connection, rate limit, 503 before anything happened
├── UnsureError    may have been done: timeout, reset, 5xx; looked up before any second try
├── PoisonError    will never be done as it is: the vendor says the request itself is wrong
├── DeniedError    nothing of this kind is done until somebody mends the credentials
└── DisabledError  this kind is switched off: no credentials are set
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

EffectState = Literal["pending", "sending", "unsure", "done", "dead", "disabled"]


@dataclass(frozen=True)
class Effect:
    """Something to do outside, once.

    ``id`` is its identity for ever and says what it is for (``archive#<request id>``,
    ``jira#batch#2026-11-21``): the same id written twice is one effect. ``kind`` names its queue
    and its performer. ``payload`` is JSON: all that the performer needs, or the name of it.
    """

    id: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Conclusion:
    """How an effect ended: ``reference`` is what the vendor calls it, ``answer`` why it is dead."""

    state: EffectState
    reference: str | None = None
    answer: str | None = None


class EffectError(Exception):
    """Performing an effect did not succeed."""


class NotDoneError(EffectError):
    """Certainly not done; may be tried again, ``retry_after_s`` from now if the vendor said so."""

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class UnsureError(EffectError):
    """Done or not: nobody knows."""


class PoisonError(EffectError):
    """Refused for what it is; trying again would be refused again."""


class DeniedError(EffectError):
    """The credentials are wrong or have expired: all effects of this kind wait."""


class DisabledError(EffectError):
    """No credentials are set: effects of this kind wait, and nothing fails."""


class Performer(Protocol):
    """Performs the effects of one kind; anything but an EffectError that it raises is as unsure."""

    @property
    def settle_s(self) -> float:
        """Return how long after an unsure try the vendor's own search shows what it did.

        0 where performing twice is as good as once.
        """

    def perform(self, effect: Effect, /) -> str | None:
        """Do it, with one call that changes anything; return what the vendor calls it."""

    def find(self, effect: Effect, /) -> str | None:
        """Return what the vendor calls the effect if an earlier try did it after all.

        None says for certain that none did; raise where that is not known.
        """

    def conclude(self, effect: Effect, conclusion: Conclusion, /) -> None:
        """Tell the context how it ended: done or dead.

        Safe to repeat, as it comes at least once, before the effect is closed. A dead effect that
        an operator has tried again may end otherwise: the later word counts.
        """

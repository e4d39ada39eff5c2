"""How long things take, how often they are tried, and when they are given up."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.values import dataclass

_LONGEST_RETRY_AFTER_S = 86_400.0


def full_jitter(ceiling_s: float) -> float:
    """Return a random wait below a ceiling ("Exponential Backoff And Jitter", AWS)."""
    return random.uniform(0, ceiling_s)  # noqa: S311 - jitter is no secret


@dataclass(frozen=True)
class Rules:
    """What holds for every kind.

    A worker's function must end within ``lease_s``, or two may execute at once. An effect
    whose tries fail is given up when it is older than ``give_up_after`` and was tried
    ``enough_tries`` times. A paused kind is probed every ``probe_after``. An effect whose
    refusal paused its kind ``enough_denials`` times, while others succeeded, is dead.
    """

    lease_s: float = 60
    first_backoff_s: float = 5
    longest_backoff_s: float = 3_600
    give_up_after: timedelta = timedelta(days=3)
    enough_tries: int = 20
    enough_denials: int = 3
    probe_after: timedelta = timedelta(minutes=15)
    jitter: Callable[[float], float] = full_jitter

    @property
    def lease(self) -> timedelta:
        """Return how long a claim holds."""
        return timedelta(seconds=self.lease_s)

    def backoff(self, attempts: int) -> timedelta:
        """Return how long to wait after that many attempts: random, below a doubling ceiling."""
        doublings = min(max(attempts - 1, 0), 30)
        ceiling_s = min(self.longest_backoff_s, self.first_backoff_s * 2**doublings)
        return timedelta(seconds=self.jitter(ceiling_s))

    def given_up(self, row: EffectRow, now: datetime) -> bool:
        """Return whether an effect was tried long and often enough."""
        return now - row.since >= self.give_up_after and row.attempts >= self.enough_tries


def vendor_wait(retry_after_s: float | None) -> timedelta:
    """Return how long a vendor requires to wait, a day at most."""
    if retry_after_s is None or not retry_after_s > 0:
        return timedelta()
    return timedelta(seconds=min(retry_after_s, _LONGEST_RETRY_AFTER_S))

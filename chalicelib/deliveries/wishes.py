"""What recipients want, as a state that every order of arrival leads to.

A *wish* is what a recipient said about one package type, and when, by their own clock. Wishes have
a rank: the later one is higher, and of two said at the same time the refusal is. The highest wish
ever said is the one that stands, so order, repeats and delays of updates do not matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.deliveries.instants import from_micros, micros


@dataclass(frozen=True)
class Wish:
    """Whether a type is wanted, said at ``timestamp``."""

    wanted: bool
    timestamp: datetime

    @property
    def rank(self) -> int:
        """Return a number that is higher the more this wish counts."""
        return 2 * micros(self.timestamp) + (not self.wanted)


def of_rank(rank: int) -> Wish:
    """Return the wish that has this rank."""
    return Wish(wanted=rank % 2 == 0, timestamp=from_micros(rank // 2))


Wishes = Mapping[str, Wish]
"""Wishes by package type; a type without one is wanted."""


@dataclass(frozen=True)
class Change:
    """An update that came to stand when it arrived: the types it changed."""

    received_at: datetime
    wishes: Wishes


@dataclass(frozen=True)
class Preferences:
    """What stands for one recipient, and the latest changes that led there, newest first."""

    wishes: Wishes = field(default_factory=dict)
    history: tuple[Change, ...] = ()

    def wants(self, package_type: str) -> bool:
        """Return whether the recipient takes packages of this type."""
        wish = self.wishes.get(package_type)
        return wish is None or wish.wanted

    def outranked(self, wishes: Wishes) -> Wishes:
        """Return those of ``wishes`` that would change what stands."""
        return {
            name: wish
            for name, wish in wishes.items()
            if name not in self.wishes or self.wishes[name].rank < wish.rank
        }

    def overruling(self, wishes: Wishes) -> Iterable[str]:
        """Yield the types of ``wishes`` about which another wish stands."""
        return (name for name, wish in wishes.items() if self.wishes.get(name) != wish)

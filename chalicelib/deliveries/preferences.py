"""What recipients want, as a state that every order of arrival leads to.

A *preference* is a recipient's choice for one package type, with its time by their own clock.
Preferences have a rank: a later one is higher, and of two with the same time the opt-out is. The
preference with the highest rank is in force, so order, repeats and delays of updates do not matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime

from chalicelib.core.values import dataclass
from chalicelib.deliveries.instants import from_micros, micros


@dataclass(frozen=True)
class Preference:
    """Whether a type is wanted, as chosen at ``timestamp``."""

    wanted: bool
    timestamp: datetime

    @property
    def rank(self) -> int:
        """Return a number that is higher the more this preference counts."""
        return 2 * micros(self.timestamp) + (not self.wanted)


def of_rank(rank: int) -> Preference:
    """Return the preference that has this rank."""
    return Preference(wanted=rank % 2 == 0, timestamp=from_micros(rank // 2))


PreferencesByType = Mapping[str, Preference]
"""PreferencesByType by package type; a type without one is wanted."""


@dataclass(frozen=True)
class Change:
    """An update that took effect on arrival: the types it changed."""

    received_at: datetime
    preferences: PreferencesByType


@dataclass(frozen=True)
class Preferences:
    """One recipient's preferences in force, and their latest changes, newest first."""

    preferences: PreferencesByType = field(default_factory=dict)
    history: tuple[Change, ...] = ()

    def wants(self, package_type: str) -> bool:
        """Return whether the recipient takes packages of this type."""
        preference = self.preferences.get(package_type)
        return preference is None or preference.wanted

    def outranked(self, preferences: PreferencesByType) -> PreferencesByType:
        """Return those of ``preferences`` that would change a preference in force."""
        return {
            name: preference
            for name, preference in preferences.items()
            if name not in self.preferences or self.preferences[name].rank < preference.rank
        }

    def overruling(self, preferences: PreferencesByType) -> Iterable[str]:
        """Yield the types of ``preferences`` for which another preference is in force."""
        return (
            name
            for name, preference in preferences.items()
            if self.preferences.get(name) != preference
        )

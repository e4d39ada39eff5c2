"""A package once it is decided: stored permanently, changed only by later attempts."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from chalicelib.core.instants import iso
from chalicelib.core.values import dataclass
from chalicelib.deliveries.answers import (
    AttemptView,
    Decider,
    ListedPackage,
    PackageAnswer,
    PackageView,
)
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.preferences import Preference

CONSTANT = ("sender_id", "recipient_id", "package_type")
"""What every attempt to send a package has to say alike; its timestamp may differ."""

MOST_ATTEMPTS = 20
"""The most attempts after the first that a record has, so that it cannot grow without bound."""


@dataclass(frozen=True)
class Attempt:
    """A later attempt: ``differs`` has its values that differ from the first, by field."""

    timestamp: datetime
    received_at: datetime
    differs: Mapping[str, str] = field(default_factory=dict)

    def repeats(self, other: "Attempt") -> bool:
        """Return whether this attempt adds nothing to the other."""
        return (self.timestamp, self.differs) == (other.timestamp, other.differs)


@dataclass(frozen=True)
class Record:
    """The decision on a package: ``preference`` is the recipient's for its type at that time.

    ``message_id`` names the message of the queue that decided it, if one did.
    """

    package: Package
    status: Status
    preference: Preference | None
    decided_at: datetime
    message_id: str | None = None
    later: tuple[Attempt, ...] = ()

    @property
    def reason(self) -> str:
        """Return why, in plain words."""
        kind = self.package.package_type
        if self.preference is None:
            return f"The recipient had said nothing about {kind}, and so takes it."
        verb = "takes" if self.preference.wanted else "declined"
        return f"The recipient {verb} {kind}, as said at {iso(self.preference.timestamp)}."

    def differences(self, package: Package) -> dict[str, str]:
        """Return what ``package`` says otherwise where it must not, by field."""
        return {
            name: getattr(package, name)
            for name in CONSTANT
            if getattr(package, name) != getattr(self.package, name)
        }

    def has_room_for(self, attempt: Attempt) -> bool:
        """Return whether the attempt adds something, and can be stored."""
        first = Attempt(self.package.timestamp, self.decided_at)
        known = (first, *self.later)
        return len(known) <= MOST_ATTEMPTS and not any(map(attempt.repeats, known))

    def listed(self) -> ListedPackage:
        """Return the package as the list shows it."""
        return ListedPackage.model_validate(self._values())

    def answer(self, *, duplicate: bool) -> PackageAnswer:
        """Return the answer to a sender."""
        return PackageAnswer(duplicate=duplicate, **self._values())

    def view(self) -> PackageView:
        """Return all fields of the record."""
        first = AttemptView(
            timestamp=self.package.timestamp, received_at=self.decided_at, outcome="decided"
        )
        later = (
            AttemptView(
                timestamp=attempt.timestamp,
                received_at=attempt.received_at,
                outcome="refused" if attempt.differs else "duplicate",
                differs=dict(attempt.differs) or None,
            )
            for attempt in self.later
        )
        return PackageView(message_id=self.message_id, attempts=(first, *later), **self._values())

    def _values(self) -> dict[str, object]:
        preference = self.preference
        return {
            **dict(self.package),
            "status": self.status,
            "reason": self.reason,
            "decided_at": self.decided_at,
            "preference": Decider(wanted=preference.wanted, timestamp=preference.timestamp)
            if preference
            else None,
        }


def decided(
    package: Package, preference: Preference | None, *, at: datetime, message_id: str | None = None
) -> Record:
    """Decide a package by its recipient's latest preference for its type (D6)."""
    status: Status = "delivered" if preference is None or preference.wanted else "dropped"
    return Record(package, status, preference, at, message_id)

"""Sending a package: at most once, and never against its recipient's preference (D1, D5, D6)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from chalicelib.core.errors import ConflictError, NotFoundError, UnavailableError
from chalicelib.core.values import dataclass
from chalicelib.deliveries.fields import location
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.ports import (
    DecidedAlreadyError,
    Packages,
    PackageState,
    PreferenceChangedError,
)
from chalicelib.deliveries.preferences import Preference
from chalicelib.deliveries.records import Attempt, Record, decided

# Each needs a preference that changed in the milliseconds since the previous try.
_MOST_DECISIONS = 10


@dataclass(frozen=True)
class Sent:
    """The outcome of a package; ``duplicate`` when an earlier attempt had decided it."""

    record: Record
    duplicate: bool


Outcome = Sent | ConflictError | UnavailableError
"""The outcome of a package of several, or why nothing did."""


@dataclass(frozen=True)
class Sending:
    """Decides packages.

    The first attempt decides permanently, by the recipient's preference at the moment of writing.
    There is no state between undecided and decided, so a crash leaves nothing to clean up.
    """

    packages: Packages
    now: Callable[[], datetime]

    def send(self, package: Package, *, message_id: str | None = None) -> Sent:
        """Decide ``package``, or return what an earlier attempt has decided.

        A message of the queue that comes again is no duplicate of itself. Raises ConflictError
        when the id belongs to another package, UnavailableError when nothing could be decided.
        """
        return self._settle(package, self.packages.find(package), message_id)

    def send_all(self, packages: Sequence[Package], *, until: datetime) -> Iterator[Outcome]:
        """Yield the decision on each package, as `send` makes it: all are looked up at once.

        What came of one changes nothing for the others; those whose turn comes after ``until`` are
        not tried.
        """
        for package, known_state in zip(packages, self.packages.find_all(packages), strict=True):
            if self.now() > until:
                yield UnavailableError("There was no time left for this package; send it again.")
                continue
            try:
                sent = self._settle(package, known_state, None)
            except (ConflictError, UnavailableError) as refused:
                yield refused
            else:
                yield sent

    def _settle(self, package: Package, known_state: PackageState, message_id: str | None) -> Sent:
        known, preference = known_state
        if known is None:
            record, new = self._decide(package, preference, message_id)
            if new:
                return Sent(record, duplicate=False)
            known = record
        self._compare(known, package)
        return Sent(known, duplicate=message_id is None or known.message_id != message_id)

    def show(self, package_id: str) -> Record:
        """Return the outcome of a package. Raises NotFoundError."""
        record = self.packages.record(package_id)
        if record is None:
            raise NotFoundError(f"No package {package_id} was ever sent.")
        return record

    def _decide(
        self, package: Package, preference: Preference | None, message_id: str | None
    ) -> tuple[Record, bool]:
        """Return the package's record, and True when it is ours."""
        for _ in range(_MOST_DECISIONS):
            record = decided(package, preference, at=self.now(), message_id=message_id)
            try:
                self.packages.add(record)
            except DecidedAlreadyError as first:
                return first.record, False
            except PreferenceChangedError as newer:
                preference = newer.preference
            else:
                return record, True
        raise UnavailableError(
            "The preferences changed repeatedly while the package was being decided; try again."
        )

    def _compare(self, known: Record, package: Package) -> None:
        """Keep what this attempt adds to the story. Raises ConflictError."""
        differs = known.differences(package)
        attempt = Attempt(package.timestamp, self.now(), differs)
        if known.has_room_for(attempt):
            self.packages.note(known, attempt)
        if differs:
            names = ", ".join(differs)
            raise ConflictError(
                f"Package {package.package_id} was sent before with another {names}; what was "
                "decided then stands, and this attempt changes nothing.",
                differs=list(differs),
                package=location("packages", "package_id", package.package_id),
            )

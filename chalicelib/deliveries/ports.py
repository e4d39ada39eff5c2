"""What the services need from the outside; the stores implement it, tests do so in memory.

What a method promises is documented in the stores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from chalicelib.deliveries.answers import MessageVerdict
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.preferences import Preference, Preferences, PreferencesByType
from chalicelib.deliveries.records import Attempt, Record


class DecidedAlreadyError(Exception):
    """Another attempt has decided the package: ``record``."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.package.package_id)
        self.record = record


class PreferenceChangedError(Exception):
    """The recipient has said something else since they were asked: ``preference``."""

    def __init__(self, preference: Preference | None) -> None:
        super().__init__()
        self.preference = preference


@dataclass(frozen=True)
class Counts:
    """How many packages became what, by type and status; and how many requests were no packages."""

    packages: Mapping[tuple[str, Status], int] = field(default_factory=dict)
    malformed: int = 0


class ScanPosition(NamedTuple):
    """Where a page of the records ends."""

    pk: Annotated[str, Field(min_length=1)]
    sk: Annotated[str, Field(min_length=1)]


class Packages(Protocol):
    """Decided packages, and the counters that change with them."""

    def find(self, package: Package) -> tuple[Record | None, Preference | None]: ...
    def add(self, record: Record) -> None: ...
    def note(self, record: Record, attempt: Attempt) -> None: ...
    def record(self, package_id: str) -> Record | None: ...


class PreferenceBook(Protocol):
    """What recipients said."""

    def raise_to(
        self, recipient_id: str, preferences: PreferencesByType, *, at: datetime
    ) -> Preferences: ...
    def preferences(self, recipient_id: str) -> Preferences: ...


class Counters(Protocol):
    """The counters, and the records that they must agree with."""

    def counts(self) -> Counts: ...
    def count_malformed(self) -> bool: ...
    def recount(self, after: ScanPosition | None) -> tuple[Counts, ScanPosition | None]: ...


class Verdicts(Protocol):
    """What became of the messages of the queue."""

    def put(self, verdict: MessageVerdict) -> None: ...
    def put_malformed(self, verdict: MessageVerdict) -> None: ...
    def verdict(self, message_id: str) -> MessageVerdict | None: ...

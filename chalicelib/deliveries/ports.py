"""What the services need from the outside; the stores implement it, tests do so in memory.

What a method promises is documented in the stores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.deliveries.answers import MessageVerdict
from chalicelib.deliveries.fields import LONGEST_ID, Status
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.preferences import Preference, Preferences, PreferencesByType
from chalicelib.deliveries.records import Attempt, Record


class DecidedAlreadyError(Exception):
    """Another attempt has decided the package: ``record``."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.package.package_id)
        self.record = record


class PreferenceChangedError(Exception):
    """The recipient's preference has changed since it was read: ``preference``."""

    def __init__(self, preference: Preference | None) -> None:
        super().__init__()
        self.preference = preference


@dataclass(frozen=True)
class Counts:
    """How many packages have each status, by type; and how many requests were no packages."""

    packages: Mapping[tuple[str, Status], int] = field(default_factory=dict)
    malformed: int = 0


class ScanPosition(NamedTuple):
    """Where a page of the records ends."""

    pk: Annotated[str, Field(min_length=1)]
    sk: Annotated[str, Field(min_length=1)]


Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")]
"""An instant as keys have it."""


class ListPosition(NamedTuple):
    """A position in the list of packages: that of one of them."""

    decided_at: Time
    package_id: Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


@dataclass(frozen=True)
class Wanted:
    """Which packages a list has: all by default; ``since`` is included, ``until`` is not."""

    recipient: str | None = None
    sender: str | None = None
    outcome: Status | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def by_kind_alone(self) -> bool:
        """Return whether an outcome and a type, or nothing, say which packages are wanted."""
        return self == Wanted(outcome=self.outcome, type=self.type)

    def is_of(self, package_type: str, outcome: Status) -> bool:
        """Return whether packages of a type with an outcome may be wanted."""
        return self.type in {None, package_type} and self.outcome in {None, outcome}

    def has(self, record: Record) -> bool:
        """Return whether a package that `PackageList.listed` yields is wanted."""
        return self.sender in {None, record.package.sender_id}


PackageState = tuple[Record | None, Preference | None]
"""A package's record if it is decided, and its recipient's latest preference for its type."""


class Packages(Protocol):
    """Decided packages, and the counters that change with them."""

    def find(self, package: Package) -> PackageState: ...
    def find_all(self, packages: Sequence[Package]) -> Sequence[PackageState]: ...
    def add(self, record: Record) -> None: ...
    def note(self, record: Record, attempt: Attempt) -> None: ...
    def record(self, package_id: str) -> Record | None: ...


class PackageList(Protocol):
    """The list of decided packages."""

    def listed(
        self, wanted: Wanted, *, before: ListPosition | None, page_size: int
    ) -> Iterator[Record]: ...
    def count(self, wanted: Wanted) -> Total: ...
    def fill_list(self, after: ScanPosition | None) -> tuple[int, ScanPosition | None]: ...


class PreferenceBook(Protocol):
    """The preferences of recipients."""

    def raise_to(
        self, recipient_id: str, preferences: PreferencesByType, *, at: datetime
    ) -> Preferences: ...
    def preferences(self, recipient_id: str) -> Preferences: ...


class Counters(Protocol):
    """The counters, and the records that they must agree with."""

    def counts(self) -> Counts: ...
    def count_malformed(self, amount: int = 1) -> bool: ...
    def recount(self, after: ScanPosition | None) -> tuple[Counts, ScanPosition | None]: ...


class Verdicts(Protocol):
    """The outcome of the messages of the queue."""

    def put(self, verdict: MessageVerdict) -> None: ...
    def put_malformed(self, verdict: MessageVerdict) -> None: ...
    def verdict(self, message_id: str) -> MessageVerdict | None: ...

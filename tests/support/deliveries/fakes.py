"""The deliveries context in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib.core.instants import sortable
from chalicelib.core.totals import Total, count
from chalicelib.deliveries.answers import MessageVerdict
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.models import RECIPIENT_CHOICES, Package
from chalicelib.deliveries.ports import (
    Counters,
    Counts,
    DecidedAlreadyError,
    ListPosition,
    PackageList,
    Packages,
    PackageState,
    PreferenceBook,
    PreferenceChangedError,
    ScanPosition,
    Verdicts,
    Wanted,
)
from chalicelib.deliveries.preferences import Change, Preference, Preferences, PreferencesByType
from chalicelib.deliveries.records import Attempt, Record

NOON = datetime(2142, 5, 1, 12, tzinfo=UTC)
BOX: Mapping[str, Any] = {
    "timestamp": "2142-05-01T10:00:00Z",
    "sender_id": "earth",
    "recipient_id": "mars",
    "package_id": "box",
    "package_type": "personal",
}


def package(**fields: object) -> Package:
    """Return a package as a request would name it: the box to Mars, with ``fields`` replaced."""
    return Package.model_validate({**BOX, **fields}, strict=True)


def choices(timestamp: object = 100, **by_type: bool) -> Any:
    """Return preferences as a request would: about the types that are named."""
    body = {"timestamp": timestamp, "preferences": by_type}
    return RECIPIENT_CHOICES.model_validate(body, strict=True)


class Store(Packages, PackageList, PreferenceBook, Counters, Verdicts, Protocol):
    """Everything that the services need."""


class FakeStore:
    """All the ports, on dictionaries."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.book: dict[str, Preferences] = {}
        self.counted: Counter[tuple[str, Status]] = Counter()
        self.malformed = 0
        self.verdicts: dict[str, MessageVerdict] = {}
        self.notes = 0

    def find(self, package: Package) -> tuple[Record | None, Preference | None]:
        return self.records.get(package.package_id), self._wish(package)

    def find_all(self, packages: Sequence[Package]) -> Sequence[PackageState]:
        return [self.find(package) for package in packages]

    def listed(
        self, wanted: Wanted, *, before: ListPosition | None, page_size: int
    ) -> Iterator[Record]:
        places = {
            ListPosition(sortable(record.decided_at), package_id): record
            for package_id, record in self.records.items()
        }
        for place in sorted((p for p in places if before is None or p < before), reverse=True):
            record = places[place]
            package = record.package
            fits = (
                wanted.recipient in {None, package.recipient_id}
                and (wanted.recipient is not None or wanted.sender in {None, package.sender_id})
                and wanted.outcome in {None, record.status}
                and wanted.type in {None, package.package_type}
                and (wanted.since is None or record.decided_at >= wanted.since)
                and (wanted.until is None or record.decided_at < wanted.until)
            )
            if fits:
                yield replace(record, later=(), message_id=None)

    def count(self, wanted: Wanted) -> Total:
        return count(self.listed(wanted, before=None, page_size=1))

    def fill_list(self, after: ScanPosition | None) -> tuple[int, ScanPosition | None]:
        del after
        return len(self.records), None

    def add(self, record: Record) -> None:
        package = record.package
        if current := self.records.get(package.package_id):
            raise DecidedAlreadyError(current)
        if self._wish(package) != record.preference:
            raise PreferenceChangedError(self._wish(package))
        self.records[package.package_id] = record
        self.counted[package.package_type, record.status] += 1

    def note(self, record: Record, attempt: Attempt) -> None:
        self.notes += 1
        current = self.records[record.package.package_id]
        if current.has_room_for(attempt):
            later = replace(current, later=(*current.later, attempt))
            self.records[record.package.package_id] = later

    def record(self, package_id: str) -> Record | None:
        return self.records.get(package_id)

    def raise_to(
        self, recipient_id: str, preferences: PreferencesByType, *, at: datetime
    ) -> Preferences:
        current = self.preferences(recipient_id)
        todo = current.outranked(preferences)
        if todo:
            history = (Change(at, todo), *current.history)[:6]
            current = Preferences({**current.preferences, **todo}, history)
            self.book[recipient_id] = current
        return current

    def preferences(self, recipient_id: str) -> Preferences:
        return self.book.get(recipient_id, Preferences())

    def counts(self) -> Counts:
        return Counts(dict(self.counted), self.malformed)

    def count_malformed(self, amount: int = 1) -> bool:
        self.malformed += amount
        return True

    def recount(self, after: ScanPosition | None) -> tuple[Counts, ScanPosition | None]:
        del after
        tally = Counter((r.package.package_type, r.status) for r in self.records.values())
        return Counts(dict(tally)), None

    def put(self, verdict: MessageVerdict) -> None:
        self.verdicts[verdict.message_id] = verdict

    def put_malformed(self, verdict: MessageVerdict) -> None:
        if verdict.message_id not in self.verdicts:
            self.verdicts[verdict.message_id] = verdict
            self.malformed += 1

    def verdict(self, message_id: str) -> MessageVerdict | None:
        return self.verdicts.get(message_id)

    def _wish(self, package: Package) -> Preference | None:
        return self.preferences(package.recipient_id).preferences.get(package.package_type)

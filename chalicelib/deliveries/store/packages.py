"""Packages and what is decided about them.

``PACKAGE#<package_id>/RECORD``  the record: ``sender``, ``recipient``, ``type``, ``status``,
                                 ``said`` and ``decided`` (microseconds), ``wish`` (the
                                 preference's rank), ``message``, ``later`` (attempts, by
                                 a digest of what they say)
``RECEIVED#<status>#<type>#<recipient>/<decided>#<package_id>``
``SENT#<status>#<type>#<sender>/<decided>#<package_id>``
``DECIDED#<status>#<type>#<shard>/<decided>#<package_id>``
                                 the package's rows in the list, of its recipient, its sender and
                                 all: written with the record, never changed after that
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import cast, get_args

from chalicelib.core import canonical, shards, totals
from chalicelib.core.facts import ItemChange
from chalicelib.core.instants import sortable
from chalicelib.core.merging import merged
from chalicelib.core.table import ABSENT, HIGHEST, Condition, ConditionError, Item, Table, key
from chalicelib.core.totals import Total
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.instants import from_micros, micros
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.ports import (
    DecidedAlreadyError,
    ListPosition,
    PackageState,
    PreferenceChangedError,
    ScanPosition,
    Wanted,
)
from chalicelib.deliveries.preferences import of_rank
from chalicelib.deliveries.records import MOST_ATTEMPTS, Attempt, Record
from chalicelib.deliveries.registry import TYPES
from chalicelib.deliveries.store import preferences, statistics
from chalicelib.deliveries.store.statistics import RECORDS
from chalicelib.deliveries.store.tally import Tally

_RECORD = "RECORD"
# All packages of a type with an outcome are spread over so many partitions, of 500 a second each.
LIST_SHARDS = 2
# What the rows of the list do not repeat of a record.
_NOT_LISTED = {"pk", "sk", "later", "message"}
# Three rows a record, 25 of them in a write.
_FILLED_AT_ONCE = 100
# The attributes of what must be alike in all attempts.
_ATTRIBUTES = {"sender_id": "sender", "recipient_id": "recipient", "package_type": "type"}


class PackageStore:
    """Records, counted by a tally in the transactions that decide them."""

    def __init__(self, table: Table, tally: Tally) -> None:
        self._table = table
        self._tally = tally

    def find(self, package: Package) -> PackageState:
        """Return the package's record and its recipient's preference, in one read of both."""
        return self.find_all([package])[0]

    def find_all(self, packages: Sequence[Package]) -> list[PackageState]:
        """Return the same of each package; a read takes a hundred records and preferences."""
        wanted = {
            place: None
            for package in packages
            for place in (
                (RECORDS + package.package_id, _RECORD),
                preferences.key_of(package.recipient_id),
            )
        }
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._table.get_many(wanted)}
        return [_package_state(package, found) for package in packages]

    def add(self, record: Record) -> None:
        """Store, count and list ``record`` in one transaction.

        It holds the preference that decided: one that changed since it was read cancels the
        decision.
        """
        package = record.package
        kind = package.package_type
        try:
            self._tally.transact(
                statistics.package(package.package_id, kind, record.status),
                self._table.putting(_item(record), ABSENT),
                self._table.checking(
                    *preferences.key_of(package.recipient_id),
                    preferences.unchanged(kind, record.preference),
                ),
                *(self._table.putting(row) for row in rows(record)),
            )
        except ConditionError as failed:
            if first := failed.failed.get(0):
                raise DecidedAlreadyError(_record(first)) from failed
            raise PreferenceChangedError(
                preferences.preference(failed.failed.get(1), kind)
            ) from failed

    def note(self, record: Record, attempt: Attempt) -> None:
        """Store ``attempt``, unless it is stored already or there is no room."""
        content = {"timestamp": attempt.timestamp, "differs": attempt.differs}
        digest = canonical.digest(content)[:16]
        entry: Item = {
            "said": _number(micros(attempt.timestamp)),
            "received": _number(micros(attempt.received_at)),
            **{_ATTRIBUTES[name]: {"S": value} for name, value in attempt.differs.items()},
        }
        try:
            self._table.update(
                RECORDS + record.package.package_id,
                _RECORD,
                "SET #l.#d = :entry",
                values={":entry": {"M": entry}},
                names={"#l": "later", "#d": digest},
                condition=Condition(
                    "attribute_not_exists(#l.#d) AND size(#l) < :most",
                    {":most": _number(MOST_ATTEMPTS)},
                ),
            )
        except ConditionError:
            return

    def record(self, package_id: str) -> Record | None:
        """Return the outcome of a package."""
        item = self._table.get(RECORDS + package_id, _RECORD)
        return _record(item) if item else None

    def listed(
        self, wanted: Wanted, *, before: ListPosition | None, page_size: int
    ) -> Iterator[Record]:
        """Yield packages without their later attempts, newest first: a recipient's, or a sender's.

        Of a recipient and a sender they are the recipient's, of any sender.
        """
        first, last = _span(wanted)
        place = "#".join(before) if before else HIGHEST
        found = merged(
            self._table,
            list(_partitions(wanted)),
            first=first,
            last=min(last, place),
            newest_first=True,
            page_size=page_size,
        )
        return (_record(item) for item in found if _sort_key(item) < place)

    def count(self, wanted: Wanted) -> Total:
        """Count what `listed` yields."""
        first, last = _span(wanted)
        return totals.add(
            partial(self._table.count, pk, first=first, last=last) for pk in _partitions(wanted)
        )

    def fill_list(self, after: ScanPosition | None) -> tuple[int, ScanPosition | None]:
        """Write the rows of one page of records again; return how many, and where to continue.

        They follow from the records, so it changes nothing where they are there already.
        """
        items, following = self._table.scan(after=after, limit=_FILLED_AT_ONCE)
        records = [_record(item) for item in items if item["pk"]["S"].startswith(RECORDS)]
        self._table.put_many(row for record in records for row in rows(record))
        return len(records), ScanPosition(*following) if following else None


def decided_by(change: ItemChange) -> Record | None:
    """Return the package that a change of the table has decided, if it has."""
    if change.sk != _RECORD or change.new is None or change.old is not None:
        return None
    return _record(change.new)


def rows(record: Record) -> Iterator[Item]:
    """Yield the package's rows in the list."""
    package = record.package
    attributes = {name: value for name, value in _item(record).items() if name not in _NOT_LISTED}
    sk = f"{sortable(record.decided_at)}#{package.package_id}"
    for kind, whose in (
        ("RECEIVED", package.recipient_id),
        ("SENT", package.sender_id),
        ("DECIDED", str(shards.of(package.package_id, LIST_SHARDS))),
    ):
        pk = f"{kind}#{record.status}#{package.package_type}#{whose}"
        yield {**attributes, **key(pk, sk), "id": {"S": package.package_id}}


def _span(wanted: Wanted) -> tuple[str, str]:
    """Return the first and the last sort key of what is wanted."""
    first = sortable(wanted.since) if wanted.since else ""
    return first, sortable(wanted.until) if wanted.until else HIGHEST


def _partitions(wanted: Wanted) -> Iterator[str]:
    """Yield the partitions whose rows are wanted, or may be."""
    if wanted.recipient is not None:
        kind, owners = "RECEIVED", [wanted.recipient]
    elif wanted.sender is not None:
        kind, owners = "SENT", [wanted.sender]
    else:
        kind, owners = "DECIDED", [str(shard) for shard in range(LIST_SHARDS)]
    for status in [wanted.outcome] if wanted.outcome else get_args(Status):
        for package_type in [wanted.type] if wanted.type else sorted(TYPES):
            yield from (f"{kind}#{status}#{package_type}#{owner}" for owner in owners)


def _package_state(package: Package, found: Mapping[tuple[str, str], Item]) -> PackageState:
    record = found.get((RECORDS + package.package_id, _RECORD))
    row = found.get(preferences.key_of(package.recipient_id))
    return _record(record) if record else None, preferences.preference(row, package.package_type)


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key


def _item(record: Record) -> Item:
    package = record.package
    item = {
        **key(RECORDS + package.package_id, _RECORD),
        **{name: {"S": getattr(package, field)} for field, name in _ATTRIBUTES.items()},
        "status": {"S": record.status},
        "said": _number(micros(package.timestamp)),
        "decided": _number(micros(record.decided_at)),
        "later": {"M": {}},
    }
    if record.preference:
        item["wish"] = _number(record.preference.rank)
    if record.message_id:
        item["message"] = {"S": record.message_id}
    return item


def _record(item: Item) -> Record:
    package = Package.model_construct(
        package_id=item["id"]["S"] if "id" in item else item["pk"]["S"].removeprefix(RECORDS),
        package_type=item["type"]["S"],
        sender_id=item["sender"]["S"],
        recipient_id=item["recipient"]["S"],
        timestamp=_instant(item, "said"),
    )
    later = sorted(map(_attempt, _entries(item)), key=lambda attempt: attempt.received_at)
    return Record(
        package=package,
        status=cast("Status", item["status"]["S"]),
        preference=of_rank(int(item["wish"]["N"])) if "wish" in item else None,
        decided_at=_instant(item, "decided"),
        message_id=item["message"]["S"] if "message" in item else None,
        later=tuple(later),
    )


def _entries(item: Item) -> list[Item]:
    return [entry["M"] for entry in item.get("later", {"M": {}})["M"].values()]


def _attempt(entry: Item) -> Attempt:
    differs = {field: entry[name]["S"] for field, name in _ATTRIBUTES.items() if name in entry}
    return Attempt(_instant(entry, "said"), _instant(entry, "received"), differs)


def _instant(item: Item, name: str) -> datetime:
    return from_micros(int(item[name]["N"]))


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}

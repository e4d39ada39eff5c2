"""Packages and what is decided about them.

``PACKAGE#<package_id>/RECORD``  the record: ``sender``, ``recipient``, ``type``, ``status``,
                                 ``said`` and ``decided`` (microseconds), ``wish`` (the
                                 preference's rank), ``message``, ``later`` (attempts, by
                                 a digest of what they say)
"""

from datetime import datetime
from typing import cast

from chalicelib.core import canonical
from chalicelib.core.table import ABSENT, Condition, ConditionError, Item, Table, key
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.instants import from_micros, micros
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.ports import DecidedAlreadyError, PreferenceChangedError
from chalicelib.deliveries.preferences import Preference, of_rank
from chalicelib.deliveries.records import MOST_ATTEMPTS, Attempt, Record
from chalicelib.deliveries.store import preferences, statistics
from chalicelib.deliveries.store.statistics import RECORDS
from chalicelib.deliveries.store.tally import Tally

_RECORD = "RECORD"
# The attributes of what must be alike in all attempts.
_ATTRIBUTES = {"sender_id": "sender", "recipient_id": "recipient", "package_type": "type"}


class PackageStore:
    """Records, counted by a tally in the transactions that decide them."""

    def __init__(self, table: Table, tally: Tally) -> None:
        self._table = table
        self._tally = tally

    def find(self, package: Package) -> tuple[Record | None, Preference | None]:
        """Return the package's record and its recipient's preference, in one read of both."""
        record_key = (RECORDS + package.package_id, _RECORD)
        preferences_key = preferences.key_of(package.recipient_id)
        items = self._table.get_many([record_key, preferences_key])
        found = {item["sk"]["S"]: item for item in items}
        record, stored = found.get(_RECORD), found.get(preferences_key[1])
        preference = preferences.preference(stored, package.package_type)
        return _record(record) if record else None, preference

    def add(self, record: Record) -> None:
        """Store and count ``record`` in one transaction.

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
            )
        except ConditionError as failed:
            if first := failed.failed.get(0):
                raise DecidedAlreadyError(_record(first)) from failed
            raise PreferenceChangedError(
                preferences.preference(failed.failed.get(1), kind)
            ) from failed

    def note(self, record: Record, attempt: Attempt) -> None:
        """Keep ``attempt``, unless it is kept already or there is no room."""
        said = {"timestamp": attempt.timestamp, "differs": attempt.differs}
        digest = canonical.digest(said)[:16]
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
        """Return what became of a package."""
        item = self._table.get(RECORDS + package_id, _RECORD)
        return _record(item) if item else None


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
        package_id=item["pk"]["S"].removeprefix(RECORDS),
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
    return [entry["M"] for entry in item["later"]["M"].values()]


def _attempt(entry: Item) -> Attempt:
    differs = {field: entry[name]["S"] for field, name in _ATTRIBUTES.items() if name in entry}
    return Attempt(_instant(entry, "said"), _instant(entry, "received"), differs)


def _instant(item: Item, name: str) -> datetime:
    return from_micros(int(item[name]["N"]))


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}

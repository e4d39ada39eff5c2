"""Rollups of machines, and what they add up to in their regions.

``MACHINE#<serial>/MONTH#<yyyy-mm>``   the machine's rollups of a month; with ``zone``, ``version``
``COUNTS#<epoch>#<zone>#<shard>/<day>``  rows and covering machines by local hour; shards by serial
``REGION#<epoch>#<zone>/<yyyy-mm>``    the counters of a month summed over the shards, and what was
                                       found in them; with ``version``
``GAPS#<epoch>/<from>#<zone>``         a fleet gap, as it is shown
``SILENT#<epoch>#<zone>/<from>#<serial>``  a silence of one machine that its rhythm does not explain
``CASES#<epoch>/<zone>``               the silences that many machines of a region share
``STALE/<serial>#<zone>#<yyyy-mm>``    rollups of that machine and month have changed since their
                                       region was looked at
``STALE/<serial>#``                    the machine is to be judged again

``EPOCH/EPOCH``                        how often all was made anew; other epochs are ignored
``EPOCH/CLEARED``                      conclusions of epochs below this number are deleted
``OLD/<epoch>#<zone>``                 a machine's rollups have left that region of that epoch

A month's rollups, the differences that they make to the counters, and the notes that say so are
one transaction, guarded by the month's version: whatever happens, the counters are the sums of the
rollups. The version is read before the rows are, so rollups of older rows never replace newer ones.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any

from chalicelib.core import shards
from chalicelib.core.table import Condition, ConditionError, Item, Table, at_version, key
from chalicelib.vending.local_time import DAY_H
from chalicelib.vending.models import OwnSilence, PartialSilence
from chalicelib.vending.ports import (
    CASES,
    SHARDS,
    Month,
    RegionCases,
    RegionMonth,
    StaleMonthError,
    StaleNote,
    Stretch,
)
from chalicelib.vending.rollups import NO_SALES, RegionDay, Rollup

_NOTES = "STALE"
_MOST_SILENCES = 40
_MOST_NOTES = 90
_ROWS = tuple(f"r{hour:02d}" for hour in range(DAY_H))
_COVERED = tuple(f"c{hour:02d}" for hour in range(DAY_H))
_ACTIVE = "active"


class RollupStore:
    """Rollups, counters and regions in DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # --- machines ---

    def months(self, serial: str, *, first: str = "", last: str = "9") -> dict[str, Month]:
        """Return the machine's months from ``first`` to ``last`` (``yyyy-mm``)."""
        items = self._table.query(
            f"MACHINE#{serial}", first=f"MONTH#{first}", last=f"MONTH#{last}~"
        )
        return {item["sk"]["S"].removeprefix("MONTH#"): _month(item) for item in items}

    def put_month(self, serial: str, name: str, month: Month, *, over: Month | None) -> None:
        """Store a month over the one that was read, and what it changes in its region.

        Raises StaleMonthError when it has changed since.
        """
        notes = {(zone, name) for zone in (month.zone, over.zone if over else month.zone)}
        moved = over and (over.epoch, over.zone) != (month.epoch, month.zone)
        try:
            self._table.transact(
                self._table.putting(
                    month_item(serial, name, month, (over.version if over else 0) + 1),
                    at_version(over.version if over else 0),
                ),
                *self._changes(serial, month, over),
                *(self._table.putting(_note(serial, f"{zone}#{name}")) for zone, name in notes),
                *([self._table.putting(_old_item(over))] if over and moved else ()),
            )
        except ConditionError as changed:
            raise StaleMonthError(serial) from changed

    def _changes(self, serial: str, month: Month, over: Month | None) -> Iterator[dict[str, Any]]:
        """Yield what the counters of the regions have to be changed by."""
        changes: dict[tuple[str, date], RegionDay] = {}
        counted = over if over and over.epoch == month.epoch else Month(month.zone)
        for part, times in ((counted, -1), (month, 1)):
            for day, rollup in part.days.items():
                at = (part.zone, day)
                changes[at] = changes.get(at, NO_SALES).plus(rollup, times)
        for (zone, day), change in changes.items():
            if amounts := {name: amount for name, amount in _figures(change) if amount}:
                pk = _counters(month.epoch, zone, shards.of(serial, SHARDS))
                yield self._table.adding(pk, f"{day}", amounts)

    # --- epochs ---

    def epoch(self) -> int:
        """Return how often all conclusions were made anew."""
        return self._number("EPOCH")

    def begin_epoch(self, number: int) -> None:
        """Begin to make all conclusions anew, unless this epoch or a later one has begun."""
        self._raise_number("EPOCH", number)

    def clear(self, epoch: int, *, after: str = "") -> str | None:
        """Delete what is left of a region of an epoch before ``epoch``.

        Returns what names that region, for the next call to come after it; None once all that is
        left of those epochs is deleted. Nothing that is read by now is touched, so repeating it
        does no harm. The latest of those epochs is looked at again when the next one is over: a
        writer that had begun in it may have come later than this.
        """
        region = next(iter(self._table.query("OLD", first=f"{after}\x00", page_size=1)), None)
        if region is not None and int(region["epoch"]["N"]) < epoch:
            old, zone = int(region["epoch"]["N"]), region["zone"]["S"]
            for shard in range(SHARDS):
                self._delete_partition(_counters(old, zone, shard))
            for kind in ("REGION", "SILENT"):
                self._delete_partition(f"{kind}#{old}#{zone}")
            if old < epoch - 1:
                self._table.delete("OLD", region["sk"]["S"])
            return str(region["sk"]["S"])
        for old in range(max(self.cleared() - 1, 0), epoch):
            for kind in ("GAPS", "CASES", "TOTALS", "REBUILD"):
                self._delete_partition(f"{kind}#{old}")
        self._raise_number("CLEARED", epoch)
        return None

    def cleared(self) -> int:
        """Return below which epoch nothing is left."""
        return self._number("CLEARED")

    def _delete_partition(self, pk: str) -> None:
        self._table.delete_many((pk, item["sk"]["S"]) for item in self._table.query(pk))

    def _number(self, name: str) -> int:
        item = self._table.get("EPOCH", name)
        return int(item["number"]["N"]) if item else 0

    def _raise_number(self, name: str, number: int) -> None:
        later = Condition(
            "attribute_not_exists(pk) OR #n < :n", {":n": {"N": str(number)}}, {"#n": "number"}
        )
        try:
            self._table.put({**key("EPOCH", name), "number": {"N": str(number)}}, later)
        except ConditionError:
            return

    # --- regions ---

    def counted(self, epoch: int, zone: str, month: str) -> dict[date, RegionDay]:
        """Return the region-days of a month by their counters."""
        found: dict[date, RegionDay] = {}
        for shard in range(SHARDS):
            for item in self._table.prefixed(_counters(epoch, zone, shard), month):
                day = date.fromisoformat(item["sk"]["S"])
                found[day] = found.get(day, NO_SALES).plus(_counts(item))
        return {day: total for day, total in found.items() if total != NO_SALES}

    def region_months(self, epoch: int, zone: str, months: Iterable[str]) -> dict[str, RegionMonth]:
        """Return the conclusions on these months of a region, of those that were judged."""
        items = self._table.get_many((f"REGION#{epoch}#{zone}", month) for month in months)
        return {item["sk"]["S"]: _region_month(item) for item in items}

    def put_region_month(
        self, epoch: int, zone: str, name: str, month: RegionMonth, *, over: RegionMonth | None
    ) -> None:
        """Store a region's month over the one that was read. Raises StaleMonthError."""
        before = {_gap_key(each) for each in (over.stretches if over else ())}
        gaps = {_gap_key(each): _gap_item(epoch, each) for each in month.stretches}
        version = over.version if over else 0
        try:
            self._table.transact(
                self._table.putting(
                    _region_item(epoch, zone, name, month, version + 1), at_version(version)
                ),
                *(self._table.deleting(f"GAPS#{epoch}", sk) for sk in sorted(before - gaps.keys())),
                *(self._table.putting(item) for item in gaps.values()),
            )
        except ConditionError as changed:
            raise StaleMonthError(zone) from changed

    def gaps(self, epoch: int, limit: int) -> list[Stretch]:
        """Return the newest silences of all regions, newest first."""
        items = self._table.query(f"GAPS#{epoch}", newest_first=True, page_size=limit)
        return [_stretch(json.loads(item["body"]["S"])) for item in islice(items, limit)]

    # --- what many machines share ---

    def silences(self, epoch: int, zone: str, limit: int) -> list[tuple[str, OwnSilence]]:
        """Return the newest silences of a region's machines, newest first."""
        items = self._table.query(f"SILENT#{epoch}#{zone}", newest_first=True, page_size=limit)
        return [
            (item["serial"]["S"], OwnSilence.model_validate_json(item["body"]["S"]))
            for item in islice(items, limit)
        ]

    def cases(self, epoch: int, zone: str) -> RegionCases:
        """Return the cases of a region."""
        item = self._table.get(f"CASES#{epoch}", zone)
        return RegionCases(_cases(item), int(item["version"]["N"])) if item else RegionCases()

    def all_cases(self, epoch: int) -> list[PartialSilence]:
        """Return the cases of all regions."""
        return [case for item in self._table.query(f"CASES#{epoch}") for case in _cases(item)]

    def put_cases(
        self, epoch: int, zone: str, cases: RegionCases, *, over: RegionCases, judge: Iterable[str]
    ) -> None:
        """Store a region's cases over those that were read, and note machines to judge again.

        Raises StaleMonthError.
        """
        first, *rest = _chunked(judge)
        item = {
            **key(f"CASES#{epoch}", zone),
            "version": {"N": str(over.version + 1)},
            "body": {"S": f"[{','.join(case.json_text() for case in cases.cases)}]"},
        }
        try:
            self._table.transact(
                self._table.putting(item, at_version(over.version)), *map(self.noting, first)
            )
        except ConditionError as changed:
            raise StaleMonthError(zone) from changed
        for serials in rest:  # more than fit the transaction
            self._table.put_many(_note(serial, "") for serial in serials)

    # --- what is still to be looked at ---

    def note(self, serial: str) -> None:
        """Note that a machine is to be judged again."""
        self._table.put(_note(serial, ""))

    def noting(self, serial: str, zone: str = "") -> dict[str, Any]:
        """Return the action that notes it in a transaction; or that its silences have changed."""
        return self._table.putting(_note(serial, f"{zone}#{CASES}" if zone else ""))

    def notes(self, limit: int) -> list[StaleNote]:
        """Return some of the notes."""
        items = self._table.query(_NOTES, page_size=limit)
        return [_noted(item) for item in islice(items, limit)]

    def strike(self, note: StaleNote) -> None:
        """Remove a note, unless it was written anew since it was read."""
        ours = Condition("nonce = :nonce", {":nonce": {"S": note.nonce}})
        try:
            self._table.delete(_NOTES, note.name, ours)
        except ConditionError:
            return


def month_item(serial: str, name: str, month: Month, version: int) -> Item:
    """Return the item of a machine's month."""
    return {
        **key(f"MACHINE#{serial}", f"MONTH#{name}"),
        "zone": {"S": month.zone},
        "epoch": {"N": str(month.epoch)},
        "version": {"N": str(version)},
        "days": {"M": {f"{day:%d}": {"B": rollup.packed()} for day, rollup in month.days.items()}},
    }


def _old_item(month: Month) -> Item:
    fields = {"epoch": {"N": str(month.epoch)}, "zone": {"S": month.zone}}
    return {**key("OLD", f"{month.epoch:06d}#{month.zone}"), **fields}


def _month(item: Item) -> Month:
    name = item["sk"]["S"].removeprefix("MONTH#")
    return Month(
        zone=item["zone"]["S"],
        days={
            date.fromisoformat(f"{name}-{day}"): Rollup.unpacked(value["B"])
            for day, value in sorted(item["days"]["M"].items())
        },
        epoch=int(item["epoch"]["N"]),
        version=int(item["version"]["N"]),
    )


def _counters(epoch: int, zone: str, shard: int) -> str:
    return f"COUNTS#{epoch}#{zone}#{shard}"


def _figures(day: RegionDay) -> Iterator[tuple[str, int]]:
    yield from zip(_ROWS, day.rows, strict=True)
    yield from zip(_COVERED, day.covered, strict=True)
    yield _ACTIVE, day.active


def counters_item(epoch: int, zone: str, shard: int, day: date, total: RegionDay) -> Item:
    """Return a part of a region-day."""
    figures = {name: {"N": str(amount)} for name, amount in _figures(total) if amount}
    return {**key(_counters(epoch, zone, shard), f"{day}"), **figures}


def _counts(item: Item) -> RegionDay:
    def of(names: Iterable[str]) -> tuple[int, ...]:
        return tuple(int(item[name]["N"]) if name in item else 0 for name in names)

    return RegionDay(of(_ROWS), of(_COVERED), *of([_ACTIVE]))


def _region_item(epoch: int, zone: str, name: str, month: RegionMonth, version: int) -> Item:
    return {
        **key(f"REGION#{epoch}#{zone}", name),
        "version": {"N": str(version)},
        "days": {"M": {f"{day:%d}": {"B": total.packed()} for day, total in month.days.items()}},
        "stretches": {"S": json.dumps([each._asdict() for each in month.stretches])},
    }


def _region_month(item: Item) -> RegionMonth:
    name = item["sk"]["S"]
    return RegionMonth(
        days={
            date.fromisoformat(f"{name}-{day}"): RegionDay.unpacked(value["B"])
            for day, value in sorted(item["days"]["M"].items())
        },
        stretches=tuple(map(_stretch, json.loads(item["stretches"]["S"]))),
        version=int(item["version"]["N"]),
    )


def silence_items(
    epoch: int, zone: str, serial: str, silences: Iterable[OwnSilence]
) -> dict[tuple[str, str], Item]:
    """Return the items of a machine's silences by their keys, of the newest ones."""
    newest = sorted(silences, key=lambda each: each.from_)[-_MOST_SILENCES:]
    found = {}
    for silence in newest:
        pk, sk = f"SILENT#{epoch}#{zone}", f"{int(silence.from_.timestamp()):011d}#{serial}"
        body = {"serial": {"S": serial}, "body": {"S": silence.json_text()}}
        found[pk, sk] = {**key(pk, sk), **body}
    return found


def _cases(item: Item) -> tuple[PartialSilence, ...]:
    return tuple(map(PartialSilence.model_validate, json.loads(item["body"]["S"])))


def _chunked(serials: Iterable[str]) -> list[list[str]]:
    """Return serials in parts of which the first one, and it alone, may be empty."""
    named = list(serials)
    return [named[at : at + _MOST_NOTES] for at in range(0, max(len(named), 1), _MOST_NOTES)]


def _stretch(fields: Mapping[str, Any]) -> Stretch:
    return Stretch(**fields)


def _gap_key(stretch: Stretch) -> str:
    return f"{stretch.start:011d}#{stretch.zone}"


def _gap_item(epoch: int, stretch: Stretch) -> Item:
    body = {"body": {"S": json.dumps(stretch._asdict())}}
    return {**key(f"GAPS#{epoch}", _gap_key(stretch)), **body}


def _note(serial: str, what: str) -> Item:
    return {**key(_NOTES, f"{serial}#{what}"), "nonce": {"S": str(uuid.uuid4())}}


def _noted(item: Item) -> StaleNote:
    serial, _, what = item["sk"]["S"].partition("#")
    zone, _, month = what.rpartition("#")
    return StaleNote(serial, zone, month, item["nonce"]["S"])

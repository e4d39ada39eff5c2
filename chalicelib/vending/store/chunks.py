"""Rows in chunks: one item per machine, UTC day and file, 4 bytes a row.

``MACHINE#<serial>/<day>#rows#<file>#<gen>#<part>``     rows of that file on that day
``MACHINE#<serial>/<day>#corrupt#<file>#<gen>#<part>``  refused lines, 4 bytes (crc32) each
``MACHINE#<serial>/<day>#beyond#<file>#<gen>#<part>``   how many rows, if too many to keep
``FILE#<id>/chunks#<gen>#<flush>``                      which chunks are about to be written

A chunk is written by a plain put and deleted by a plain delete; nothing reads before it writes.
Every run over a file writes chunks of a new generation, and only those of the generation that the
file's record names as live count: a half-written or withdrawn file is invisible however much of
it is still stored, and what is older than the live generation can be deleted at any time. What a
machine did on a day is the union of its files' rows when read (`rows.union`).
"""

import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from chalicelib.core.table import HIGHEST, Item, Table, key
from chalicelib.vending import rows
from chalicelib.vending.files import COUNTED, FileRecord
from chalicelib.vending.models import Visit
from chalicelib.vending.ports import Chunk, ChunkKind, MachineLog
from chalicelib.vending.rollups import LONGEST_SILENCE, MOST_ROWS
from chalicelib.vending.store.files import FileStore

# Well under the 400 kB of an item; a whole number of 4-byte rows.
_PART_BYTES = 300_000
# Days with rows before the first one that is wanted, which show what it covered.
_DAYS_BEFORE = 3
# A window ends at a day with so many rows in the week up to it; after so many days without, at the
# newest one.
_WEEK, _ENOUGH_ROWS, _MOST_LONE_DAYS = timedelta(days=7), 3, 10


@dataclass
class LiveRecords:
    """The records of files whose rows count, read once per file."""

    files: FileStore
    _records: dict[int, FileRecord | None] = field(default_factory=dict)

    def learn(self, chunks: Iterable["_Stored"]) -> None:
        """Look up the files of ``chunks`` that are not known yet, in as few reads as can be."""
        met = {(chunk.owner, chunk.file_id) for chunk in chunks}
        new = {pair for pair in met if pair[1] not in self._records}
        found = self.files.records(new)
        for _, file_id in new:
            record = found.get(file_id)
            self._records[file_id] = record if record and record.state in COUNTED else None

    def counts(self, chunk: "_Stored") -> bool:
        """Return whether this chunk is of content that counts."""
        record = self._records.get(chunk.file_id)
        return record is not None and record.live == chunk.generation

    def visits(self, file_ids: Iterable[int]) -> list[Visit]:
        """Return the visits of technicians among these files, in order."""
        records = (self._records.get(file_id) for file_id in file_ids)
        visits = [
            Visit(file=record.id, technician=record.technician, at=record.not_after)
            for record in records
            if record and record.technician
        ]
        return sorted(visits, key=lambda visit: (visit.at, visit.file))

    def latest_download(self, file_ids: Iterable[int]) -> FileRecord | None:
        """Return the record of the latest visit of a technician among these files."""
        visits = self.visits(file_ids)
        return self._records[visits[-1].file] if visits else None

    def usual_start(self, file_ids: Iterable[int]) -> datetime | None:
        """Return the latest of where the machines' logs in each of these files usually begin."""
        records = (self._records.get(file_id) for file_id in file_ids)
        starts = (record.usual_start for record in records if record)
        return max((start for start in starts if start), default=None)


class _Stored(NamedTuple):
    day: date
    kind: str
    file_id: int
    generation: int
    owner: str
    packed: bytes


class ChunkStore:
    """Machines' rows in DynamoDB."""

    def __init__(self, table: Table, files: FileStore) -> None:
        self._table = table
        self._files = files

    # --- writing ---

    def put(self, record: FileRecord, flush: int, chunks: Sequence[Chunk]) -> None:
        """Write the chunks of one flush of a file, in its present generation.

        The list of chunks goes first, so that whatever was written can be found and deleted.
        """
        stem = f"{record.id:010d}#{record.generation:06d}#{flush:04d}"
        items = [item for chunk in chunks for item in _items(chunk, record.owner, stem)]
        listed = "\n".join(f"{item['pk']['S']}/{item['sk']['S']}" for item in items)
        self._table.put(
            {
                **key(f"FILE#{record.id}", f"chunks#{record.generation:06d}#{flush:04d}"),
                "keys": {"B": zlib.compress(listed.encode())},
            }
        )
        self._table.put_many(items)

    def discard(self, file_id: int, *, first: int = 0, before: int | None = None) -> None:
        """Delete a file's chunks, or those of the generations from ``first`` to ``before`` one."""
        last = f"chunks#{before:06d}" if before is not None else f"chunks#{HIGHEST}"
        lists = self._table.query(f"FILE#{file_id}", first=f"chunks#{first:06d}", last=last)
        for item in lists:
            listed = zlib.decompress(item["keys"]["B"]).decode().splitlines()
            self._table.delete_many(_split(line) for line in listed)
            self._table.delete(item["pk"]["S"], item["sk"]["S"])

    # --- reading ---

    def log(self, serial: str, days: int, *, since: date | None = None) -> MachineLog:
        """Return the machine's window: ``days`` up to its newest row, and the one they began in.

        With ``since`` at least all from that UTC day on, and rows enough before it to tell what
        the days from there on covered.
        """
        live = LiveRecords(self._files)
        found: list[_Stored] = []
        reach = _Reach(days, since)
        for day, chunks in self._by_day(serial, live, newest_first=True):
            if not reach.takes(day, max(map(len, _by_file(chunks, "rows")), default=0)):
                break
            found += chunks
        window = [chunk for chunk in found if chunk.day >= reach.start]
        files = {chunk.file_id for chunk in window}
        download = live.latest_download(files)
        retained = {day: _retained(day, chunks) for day, chunks in _days(found)}
        keys: array[int] = array("Q")
        for day in sorted(retained):
            keys.extend(retained[day][0])
        return MachineLog(
            keys,
            _corrupt(window),
            download.not_after if download else None,
            refused={day: lost for day, chunks in _days(found) if (lost := _corrupt(chunks))},
            beyond={day: beyond for day, (_, beyond) in retained.items() if beyond},
            download_told=download.downloaded_at if download else None,
            file_starts_at=live.usual_start(files),
        )

    def visits(self, serial: str, *, first: date, last: date) -> list[Visit]:
        """Return the downloads of the files that have something of these UTC days, in order."""
        live = LiveRecords(self._files)
        days = self._by_day(serial, live, first=first, last=last)
        return live.visits({chunk.file_id for _, chunks in days for chunk in chunks})

    def touched(self, file_id: int) -> dict[str, set[date]]:
        """Return the machines and days that any generation of a file has chunks of, or had."""
        found: dict[str, set[date]] = defaultdict(set)
        for item in self._table.query(f"FILE#{file_id}", first="chunks#", last=f"chunks#{HIGHEST}"):
            for line in zlib.decompress(item["keys"]["B"]).decode().splitlines():
                pk, sk = _split(line)
                day = date.fromisoformat(sk.partition("#")[0])
                found[pk.removeprefix("MACHINE#")].add(day)
        return dict(found)

    def days(
        self, serial: str, *, first: date = date.min, last: date = date.max
    ) -> Iterator[tuple[date, "array[int]"]]:
        """Yield each day's rows (the union of the files that count), oldest day first."""
        for day, chunks in self._by_day(serial, LiveRecords(self._files), first=first, last=last):
            yield day, _retained(day, chunks)[0]

    def others(
        self, serial: str, *, first: date, last: date, than: int
    ) -> Mapping[date, Sequence[bytes]]:
        """Return what files other than ``than`` hold, per day and file."""
        found: dict[date, Sequence[bytes]] = {}
        for day, chunks in self._by_day(serial, LiveRecords(self._files), first=first, last=last):
            found[day] = _by_file([c for c in chunks if c.file_id != than], "rows")
        return found

    def _by_day(
        self,
        serial: str,
        live: LiveRecords,
        *,
        first: date = date.min,
        last: date = date.max,
        newest_first: bool = False,
    ) -> Iterator[tuple[date, list[_Stored]]]:
        items = self._table.query(
            f"MACHINE#{serial}",
            first=f"{first}",
            last=f"{last}{HIGHEST}",
            newest_first=newest_first,
        )
        for day, group in groupby(map(_stored, items), key=lambda chunk: chunk.day):
            chunks = list(group)
            live.learn(chunks)
            counting = [chunk for chunk in chunks if live.counts(chunk)]
            if newest_first:
                counting.reverse()
            if counting:
                yield day, counting


def _items(chunk: Chunk, owner: str, stem: str) -> Iterator[Item]:
    for number, start in enumerate(range(0, len(chunk.packed), _PART_BYTES)):
        yield {
            **key(f"MACHINE#{chunk.serial}", f"{chunk.day}#{chunk.kind}#{stem}.{number:02d}"),
            "owner": {"S": owner},
            "rows": {"B": bytes(chunk.packed[start : start + _PART_BYTES])},
        }


def _stored(item: Item) -> _Stored:
    day, kind, file_id, generation, _ = item["sk"]["S"].split("#")
    owner, packed = item["owner"]["S"], item["rows"]["B"]
    return _Stored(date.fromisoformat(day), kind, int(file_id), int(generation), owner, packed)


def _by_file(chunks: Iterable[_Stored], kind: ChunkKind) -> list[bytes]:
    """Return what each file holds, its parts joined in order."""
    joined: dict[int, list[bytes]] = defaultdict(list)
    for chunk in chunks:
        if chunk.kind == kind:
            joined[chunk.file_id].append(chunk.packed)
    return [parts[0] if len(parts) == 1 else b"".join(parts) for parts in joined.values()]


def _days(chunks: Iterable[_Stored]) -> Iterable[tuple[date, list[_Stored]]]:
    days: dict[date, list[_Stored]] = defaultdict(list)
    for chunk in chunks:
        days[chunk.day].append(chunk)
    return days.items()


def _retained(day: date, chunks: Sequence[_Stored]) -> tuple["array[int]", int]:
    """Return the rows of a day that are stored, and how many are beyond them."""
    whole = rows.union(day, _by_file(chunks, "rows"))
    counts = [int.from_bytes(packed) for packed in _by_file(chunks, "beyond")]
    return whole[:MOST_ROWS], max([len(whole), *counts]) - min(len(whole), MOST_ROWS)


@dataclass
class _Reach:
    """How far back a log is read, day by day, the newest first.

    The window ends at the newest day that is no lone one: with a few rows in the week up to it.
    """

    days: int
    since: date | None
    oldest: date | None = None
    anchor: date | None = None
    before: int = 0
    recent: list[tuple[date, int]] = field(default_factory=list)

    @property
    def start(self) -> date:
        """Return the first day of the window, once everything is read."""
        end = self.anchor or (self.recent[0][0] if self.recent else None)
        return date.fromordinal(max(end.toordinal() - self.days, 1)) if end else date.min

    def takes(self, day: date, row_bytes: int) -> bool:
        """Return whether this day is read, too."""
        in_window = self.anchor is None or day >= self.start
        if not (in_window or self._needed(day)):
            return False
        if row_bytes:
            self.oldest = day
            self._anchor(day, row_bytes)
        return True

    def _anchor(self, day: date, row_bytes: int) -> None:
        if self.anchor is None:
            self.recent.append((day, row_bytes // rows.ROW_BYTES))
            weeks = {
                end: sum(count for at, count in self.recent if end - _WEEK <= at <= end)
                for end, _ in self.recent
            }
            enough = (end for end, count in weeks.items() if count >= _ENOUGH_ROWS)
            stranded = self.recent[0][0] if len(self.recent) >= _MOST_LONE_DAYS else None
            self.anchor = next(enough, stranded)

    def _needed(self, day: date) -> bool:
        """Return whether a day before the window has data on the days ``since`` one."""
        if self.since is None:
            return False
        if day.toordinal() >= self.since.toordinal() - 1:
            return True
        if self.oldest and self.oldest - day > LONGEST_SILENCE + timedelta(days=2):
            return False
        # A local day lies in two UTC days, and the row before it in a third.
        self.before += 1
        return self.before <= _DAYS_BEFORE


def _corrupt(chunks: Iterable[_Stored]) -> int:
    return rows.union_size(_by_file(chunks, "corrupt"))


def _split(listed: str) -> tuple[str, str]:
    pk, _, sk = listed.partition("/")
    return pk, sk

"""Rows in chunks: one item per machine, UTC day and file, 4 bytes a row.

``MACHINE#<serial>/<day>#rows#<file>#<gen>#<part>``     rows of that file on that day
``MACHINE#<serial>/<day>#corrupt#<file>#<gen>#<part>``  refused lines, 4 bytes (crc32) each
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
from chalicelib.vending.ports import Chunk, ChunkKind, MachineLog
from chalicelib.vending.store.files import FileStore

# Well under the 400 kB of an item; a whole number of 4-byte rows.
_PART_BYTES = 300_000


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

    def last_download_at(self, file_ids: Iterable[int]) -> datetime | None:
        """Return the latest visit of a technician among these files."""
        records = (self._records.get(file_id) for file_id in file_ids)
        visits = [record.not_after for record in records if record and record.technician]
        return max(visits, default=None)


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

    def discard(self, file_id: int, *, before: int | None = None) -> None:
        """Delete a file's chunks, or those of the generations ``before`` one."""
        last = f"chunks#{before:06d}" if before is not None else f"chunks#{HIGHEST}"
        for item in self._table.query(f"FILE#{file_id}", first="chunks#", last=last):
            listed = zlib.decompress(item["keys"]["B"]).decode().splitlines()
            self._table.delete_many(_split(line) for line in listed)
            self._table.delete(item["pk"]["S"], item["sk"]["S"])

    # --- reading ---

    def window(self, serial: str, days: int) -> MachineLog:
        """Return the days up to the machine's newest row: ``days`` and the one they began in."""
        return self._window(serial, days, LiveRecords(self._files))

    def windows(self, serials: Iterable[str], days: int) -> Iterator[tuple[str, MachineLog]]:
        """Yield the window of each machine; a file that several have rows of is read once."""
        live = LiveRecords(self._files)
        for serial in serials:
            yield serial, self._window(serial, days, live)

    def _window(self, serial: str, days: int, live: LiveRecords) -> MachineLog:
        newest: date | None = None
        found: list[_Stored] = []
        for day, chunks in self._by_day(serial, live, newest_first=True):
            if newest and day < newest - timedelta(days=days):
                break
            if newest is None and any(chunk.kind == "rows" for chunk in chunks):
                newest = day
            found += chunks
        visits = live.last_download_at({chunk.file_id for chunk in found})
        return MachineLog(_union(found), _corrupt(found), visits)

    def days(
        self, serial: str, *, first: date = date.min, last: date = date.max
    ) -> Iterator[tuple[date, "array[int]"]]:
        """Yield each day's rows (the union of the files that count), oldest day first."""
        for day, chunks in self._by_day(serial, LiveRecords(self._files), first=first, last=last):
            yield day, rows.union(day, _by_file(chunks, "rows"))

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


def _union(chunks: Iterable[_Stored]) -> "array[int]":
    days: dict[date, list[_Stored]] = defaultdict(list)
    for chunk in chunks:
        days[chunk.day].append(chunk)
    keys: array[int] = array("Q")
    for day in sorted(days):
        keys.extend(rows.union(day, _by_file(days[day], "rows")))
    return keys


def _corrupt(chunks: Iterable[_Stored]) -> int:
    return rows.union_size(_by_file(chunks, "corrupt"))


def _split(listed: str) -> tuple[str, str]:
    pk, _, sk = listed.partition("/")
    return pk, sk

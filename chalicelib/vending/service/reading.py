"""Reading a file: its rows go into chunks batch by batch, and what it says of itself is counted."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import field
from datetime import UTC, date, datetime

from chalicelib.core.values import dataclass
from chalicelib.vending import archives, parsing, reports, rows
from chalicelib.vending.files import FileRecord, FileState, RefusedLine
from chalicelib.vending.ports import Chunk, Chunks, Found, Share
from chalicelib.vending.rollups import MOST_ROWS

MAX_OBJECT_BYTES = 256 * 1024 * 1024
MAX_TEXT_BYTES = 1024 * 1024 * 1024
MAX_MACHINES = 1_000
"""Machines of one file: what is done for each of them has to be over before the function is."""
_SUSPECT_SHARE = 0.05


@dataclasses.dataclass
class Reading:
    """What reading a file has given so far; ``text`` is the hash of what was read."""

    text: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size_bytes: int = 0
    lines: int = 0
    accepted: int = 0
    known: int = 0
    refused: int = 0
    first: int | None = None
    last: int | None = None
    flushes: int = 0
    serials: set[str] = field(default_factory=set)
    refusals: list[RefusedLine] = field(default_factory=list)
    corrupt: dict[str, bytearray] = field(default_factory=dict)
    rows_of_day: Counter[tuple[str, date]] = field(default_factory=Counter)

    def state(self) -> tuple[FileState, str | None]:
        """Return what the file is by its lines, and why if it is not simply processed."""
        if not self.accepted:
            one = f"not one of {self.lines:,} lines could be read"
            first = self.refusals[0] if self.refusals else None
            return "rejected", f"{one}; line {first.line}: {first.reason}" if first else one
        if self.refused > _SUSPECT_SHARE * self.lines:
            share = self.refused / self.lines
            refused = f"{self.refused:,} of {self.lines:,} lines ({share:.1%})"
            return "suspect", f"{refused} could not be read"
        return "processed", None

    def outcome(self, record: FileRecord) -> dict[str, object]:
        """Return what the file's record is to say; the chunks of its run are those that count."""
        state, reason = self.state()
        return {
            "state": state,
            "reason": reason,
            "live": record.generation,
            "sha256": self.text.hexdigest(),
            "size_bytes": self.size_bytes,
            "rows_kept": self.accepted,
            "rows_known": self.known,
            "rows_refused": self.refused,
            "first_at": _instant(self.first),
            "last_at": _instant(self.last),
            "machines": tuple(sorted(self.serials | set(record.machines))),
            "usual_start": reports.usual_start(self._first_days().values()),
        }

    def _first_days(self) -> dict[str, date]:
        first: dict[str, date] = {}
        for serial, day in self.rows_of_day:
            first[serial] = min(day, first.get(serial, day))
        return first

    def weigh(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield ``blocks``, and note their hash and their size on the way."""
        for block in blocks:
            self.text.update(block)
            self.size_bytes += len(block)
            yield block

    def add(self, batch: parsing.Batch, chunks: list[Chunk]) -> None:
        """Count a batch, and the chunks of its rows."""
        self.lines += batch.lines
        self.accepted += batch.accepted
        self.refused += batch.refused
        self.refusals += [
            RefusedLine(line=refusal.line, reason=refusal.reason, text=refusal.text)
            for refusal in batch.refusals
        ]
        for serial, lines in batch.corrupt.items():
            self.corrupt.setdefault(serial, bytearray()).extend(lines)
        self.serials |= {chunk.serial for chunk in chunks} | set(batch.corrupt)
        if len(self.serials) > MAX_MACHINES:
            raise archives.LogTooLargeError(
                f"the file has rows of more than {MAX_MACHINES} machines; split it"
            )
        if chunks:
            ends = [at for day in _end_days(chunks) for at in _times(chunks, day)]
            self.first = min(ends) if self.first is None else min(self.first, *ends)
            self.last = max(ends) if self.last is None else max(self.last, *ends)

    def kept_of(self, batch: parsing.Batch) -> list[Chunk]:
        """Return the chunks that a batch becomes: of each machine-day the first rows alone."""
        chunks = []
        for (serial, day), packed in batch.rows.items():
            room = MOST_ROWS - self.rows_of_day[serial, day]
            self.rows_of_day[serial, day] += len(packed) // rows.ROW_BYTES
            if room > 0:
                chunks.append(Chunk(serial, day, "rows", packed[: room * rows.ROW_BYTES]))
        return chunks

    def beyond(self) -> list[Chunk]:
        """Return how many rows there were on the machine-days that have too many to keep."""
        return [
            Chunk(serial, day, "beyond", count.to_bytes(rows.ROW_BYTES))
            for (serial, day), count in self.rows_of_day.items()
            if count > MOST_ROWS
        ]

    def corrupt_day(self, record: FileRecord) -> date:
        """Return the day that refused lines count for: the download's, or the newest row's."""
        if record.downloaded_at:
            return datetime.fromisoformat(record.downloaded_at).date()
        return (_instant(self.last) or record.uploaded_at).astimezone(UTC).date()


@dataclass(frozen=True)
class Reader:
    """Reads files of the share into chunks, each run into a generation of its own."""

    chunks: Chunks
    share: Share

    def read(self, record: FileRecord, found: Found) -> Reading:
        """Read the file batch by batch and write each batch's chunks.

        Raises UnreadableLogError, or ChangedMeanwhileError when the object is another one now.
        """
        if found.size_bytes > MAX_OBJECT_BYTES:
            raise archives.LogTooLargeError(
                f"the file has {found.size_bytes} bytes; at most {MAX_OBJECT_BYTES} are read"
            )
        reading = Reading()
        with closing(self.share.open(record.key, found)) as source:
            blocks = reading.weigh(archives.open_log(source, max_bytes=MAX_TEXT_BYTES))
            for batch in parsing.parse(blocks, machine=record.machine, not_after=record.not_after):
                self._add(record, reading, batch)
                del batch  # memory is for one at a time
        self._put(record, reading, [*_corrupt(record, reading), *reading.beyond()])
        return reading

    def _add(self, record: FileRecord, reading: Reading, batch: parsing.Batch) -> None:
        chunks = reading.kept_of(batch)
        reading.add(batch, chunks)
        reading.known += self._known(record.id, chunks)
        self._put(record, reading, chunks)

    def _put(self, record: FileRecord, reading: Reading, chunks: list[Chunk]) -> None:
        if chunks:
            self.chunks.put(record, reading.flushes, chunks)
            reading.flushes += 1

    def _known(self, file_id: int, chunks: list[Chunk]) -> int:
        """Return how many of these rows other files hold already."""
        by_serial: dict[str, list[Chunk]] = {}
        for chunk in chunks:
            by_serial.setdefault(chunk.serial, []).append(chunk)
        known = 0
        for serial, own in by_serial.items():
            first, last = min(c.day for c in own), max(c.day for c in own)
            others = self.chunks.others(serial, first=first, last=last, than=file_id)
            known += sum(
                rows.known(chunk.packed, others[chunk.day]) for chunk in own if chunk.day in others
            )
        return known


def _corrupt(record: FileRecord, reading: Reading) -> list[Chunk]:
    day = reading.corrupt_day(record)
    return [
        Chunk(serial, day, "corrupt", bytes(lines)) for serial, lines in reading.corrupt.items()
    ]


def _end_days(chunks: list[Chunk]) -> set[date]:
    days = {chunk.day for chunk in chunks}
    return {min(days), max(days)}


def _times(chunks: list[Chunk], day: date) -> Iterator[int]:
    for chunk in chunks:
        if chunk.day == day:
            yield from (key // 10 for key in rows.keys(day, chunk.packed))


def _instant(epoch_s: int | None) -> datetime | None:
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)

"""Making records agree with the share (V5): whatever stands at a key now is what counts.

An event of the share says only where to look. So events may come twice, late, out of order or
not at all (the sweep looks everywhere once a day): looking again never hurts.

    claim the content  >  write its chunks  >  commit: one write of the record  >  judge machines

A claim takes the next generation of the file's chunks before the content is read, and only the
run that claimed last may commit: a slow run never replaces a newer one, and no two runs share a
chunk. A run that was taken over stops; the one that took over finishes, or is delivered again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath

from chalicelib.core.errors import UnavailableError
from chalicelib.vending import archives, names, parsing, rows
from chalicelib.vending.files import (
    COUNTED,
    DISPATCHER,
    PENDING,
    FileRecord,
    FileState,
    RefusedLine,
)
from chalicelib.vending.ports import (
    INCOMING,
    ChangedMeanwhileError,
    Chunk,
    Chunks,
    Files,
    Found,
    KeyTakenError,
    Queues,
    Registry,
    Share,
    StaleRecordError,
    SupersededError,
)
from chalicelib.vending.service.intake import withdrawn
from chalicelib.vending.service.verdicts import Verdicts

MAX_OBJECT_BYTES = 256 * 1024 * 1024
MAX_TEXT_BYTES = 1024 * 1024 * 1024
_SUSPECT_SHARE = 0.05
_CLOCK_SKEW = timedelta(days=1)
# A record without its object is given up after this; a URL to send it by is valid for less.
# No run lasts as long either.
_PATIENCE = timedelta(hours=2)
_UNSETTLED: frozenset[FileState] = PENDING | {"held", "failed"}
# What a record says of content that was not read.
_UNREAD: dict[str, object] = {
    **dict.fromkeys(["live", "sha256", "size_bytes"]),
    **dict.fromkeys(["rows_kept", "rows_known", "rows_refused", "first_at", "last_at"]),
}


@dataclass
class _Tally:
    """What parsing a file has given so far; ``text`` is the hash of what was read."""

    text: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size_bytes: int = 0
    lines: int = 0
    kept: int = 0
    known: int = 0
    refused: int = 0
    first: int | None = None
    last: int | None = None
    flushes: int = 0
    serials: set[str] = field(default_factory=set)
    refusals: list[RefusedLine] = field(default_factory=list)
    corrupt: dict[str, bytearray] = field(default_factory=dict)


def _tell_nobody(_: FileRecord) -> None:
    """Let it be."""


@dataclass(frozen=True)
class Arrivals:
    """Looks at keys of the share and makes the records, the rows and the verdicts follow.

    ``processed`` is told each record that says what became of its file, once it is the truth.
    """

    files: Files
    chunks: Chunks
    share: Share
    registry: Registry
    queues: Queues
    verdicts: Verdicts
    now: Callable[[], datetime]
    processed: Callable[[FileRecord], None] = _tell_nobody

    def look_at(self, key: str) -> FileRecord | None:
        """Make the record of the file at ``key`` agree with the share; return the record.

        Safe to repeat and to run twice at once. Raises UnavailableError when the file keeps
        changing; the caller's message is then delivered again.
        """
        for _ in range(10):
            try:
                record = self._look_once(key)
                self._clean_up_all()
            except SupersededError:
                return self.files.at_key(key)
            except (ChangedMeanwhileError, StaleRecordError, KeyTakenError):
                continue
            else:
                return record
        raise UnavailableError(f"{key} keeps changing.")

    def give_up(self, key: str, reason: str) -> None:
        """Say on the record that processing failed for good; it is tried again when re-driven."""
        for _ in range(10):
            record = self.files.at_key(key)
            if record is None or record.state not in _UNSETTLED:
                return
            with suppress(StaleRecordError):
                self.files.save(record.model_copy(update={"state": "failed", "reason": reason}))
                return

    def sweep(self) -> int:
        """Have everything looked at that should have been by now; return how many keys.

        That is: files that wait to be processed, judged or cleaned up after, objects that no
        record knows, and records whose object has gone or is another one.
        """
        present = self.share.etags()
        keys = set(self.files.unknown_keys(present))
        for waiting in self.files.waiting():
            record = self.files.owned(waiting.owner, waiting.id)
            if record and record.key not in present and not record.arrived:
                self._expire(record)
            else:
                keys.add(waiting.key)
        self._clean_up_all()
        keys |= {
            each.key
            for each in self._standing()
            if present.get(each.key) != each.etag or not each.judged
        }
        self.queues.look_at(sorted(keys))
        self.verdicts.catch_up()
        return len(keys)

    def _standing(self) -> Iterator[FileRecord]:
        owners = [technician.technician_id for technician in self.registry.technicians()]
        for owner in (*owners, DISPATCHER):
            for record in self.files.of_owner(owner):
                if record.state != "deleted" and record.arrived:
                    yield record

    def _expire(self, record: FileRecord) -> None:
        if record.state in PENDING and self.now() - record.uploaded_at > _PATIENCE:
            reason = "the upload broke off: nothing arrived; send the file again"
            with suppress(StaleRecordError):  # something has just happened to it
                self.files.save(record.model_copy(update={"state": "failed", "reason": reason}))

    def _look_once(self, key: str) -> FileRecord | None:
        found = self.share.find(key)
        record = self.files.at_key(key)
        if found is None:
            return self._gone(record)
        record = record or self.files.create(self._dropped(key, found))
        if record.etag != found.etag or record.state in _UNSETTLED:
            record = self._process(record, found)
        return record if record.judged or record.state == "deleted" else self._judge(record)

    def _gone(self, record: FileRecord | None) -> FileRecord | None:
        """Withdraw the file whose object is gone; one that never arrived may still do so."""
        if record is None or not record.arrived:
            return record
        return self.files.release(withdrawn(record, self.now()))

    def _clean_up_all(self) -> None:
        for waiting in self.files.to_clean():
            record = self.files.owned(waiting.owner, waiting.id)
            if record:
                with suppress(StaleRecordError):  # someone else is cleaning up after it
                    self._clean_up(record)

    def _clean_up(self, record: FileRecord) -> None:
        """Judge the machines of a deleted file again and delete what is stored of its rows.

        It stays on the list of work while a run may still be writing its chunks.
        """
        if not record.judged:
            self._judge_machines(record)
        self._tidy(record)
        deleted_for = self.now() - (record.deleted_at or self.now())
        done = record.generation == record.settled or deleted_for > _PATIENCE
        self.files.save(record.model_copy(update={"judged": True}), done=done)

    def _judge(self, record: FileRecord) -> FileRecord:
        self._judge_machines(record)
        self._tidy(record)
        done = record.state != "held"
        return self.files.save(record.model_copy(update={"judged": True}), done=done)

    def _judge_machines(self, record: FileRecord) -> None:
        visit = record.id if record.state in COUNTED else None
        for serial in record.machines:
            self.verdicts.judge(serial, file_id=visit)
        if record.machines:
            self.verdicts.announce()

    def _tidy(self, record: FileRecord) -> None:
        """Delete what is stored of a file but does not count, nor will by a run under way."""
        before = None if record.state == "deleted" else record.live or record.settled + 1
        self.chunks.discard(record.id, before=before)
        self.files.forget_refused(record.id, before=before)

    def _dropped(self, key: str, found: Found) -> FileRecord:
        """Return a record for an object that was dropped into the bucket by hand."""
        now = self.now()
        name = PurePosixPath(key).name or key
        record = FileRecord(
            id=self.files.next_id(),
            owner=DISPATCHER,
            key=key,
            name=name[:255],
            original_name=name[:255],
            not_after=now + _CLOCK_SKEW,
            checked=not key.startswith(INCOMING),
            state="received",
            uploaded_at=now,
            etag=found.etag,
        )
        if record.checked:
            return record
        try:
            stored = names.StoredName.parse(key.removeprefix(INCOMING))
        except ValueError:
            return record
        told = {
            "owner": stored.technician,
            "machine": stored.machine,
            "technician": stored.technician,
            "downloaded_at": stored.wall.isoformat(),
        }
        return record.model_copy(update=told)

    def _process(self, record: FileRecord, found: Found) -> FileRecord:
        claim = {
            "generation": record.generation + 1,
            "attempts": record.attempts + 1,
            "not_after": self._not_after(record),
        }
        record = self.files.save(record.model_copy(update=claim))
        return self._commit(record, found, self._held(record) or self._parsed(record, found))

    def _held(self, record: FileRecord) -> dict[str, object] | None:
        """Return what becomes of a dropped file that is nobody's, or not that technician's."""
        if record.checked:
            return None
        if record.machine is None or record.technician is None:
            reason = f"{record.name}: {names.STORED_NAME_RULE}"
            return {**_UNREAD, "state": "rejected", "reason": reason}
        machine = self.registry.machine(record.machine)
        if machine is None or machine.technician != record.technician:
            why = (
                "is not registered"
                if machine is None
                else f"is not assigned to {record.technician}"
            )
            reason = f"{record.machine} {why}; the file is read once that is mended"
            return {**_UNREAD, "state": "held", "reason": reason}
        return None

    def _not_after(self, record: FileRecord) -> datetime:
        """Return the latest instant of a download; a dropped file's by its machine's site now."""
        machine = self.registry.machine(record.machine) if record.machine else None
        if record.checked or machine is None or record.downloaded_at is None:
            return record.not_after
        site = self.registry.site(machine.site) if machine.site else None
        time = names.DownloadTime(datetime.fromisoformat(record.downloaded_at))
        latest = time.latest_instant(site.time_zone if site else None)
        return min(latest, self.now() + _CLOCK_SKEW)

    def _commit(self, record: FileRecord, found: Found, outcome: dict[str, object]) -> FileRecord:
        """Make ``outcome`` the truth about the file. Raises SupersededError."""
        changes = {
            **outcome,
            "etag": found.etag,
            "settled": record.generation,
            "processed_at": self.now(),
            "judged": False,
        }
        for _ in range(10):
            try:
                kept = self.files.save(record.model_copy(update=changes))
            except StaleRecordError:
                now = self.files.owned(record.owner, record.id)
                if now is None or now.state == "deleted" or now.generation != record.generation:
                    self._tidy(now or record)
                    raise SupersededError(record.id) from None
                record = now
            else:
                self.processed(kept)
                return kept
        raise StaleRecordError(record.id)

    def _parsed(self, record: FileRecord, found: Found) -> dict[str, object]:
        tally = _Tally()
        try:
            self._read(record, found, tally)
        except archives.UnreadableLogError as unreadable:
            return {**_UNREAD, "state": "rejected", "reason": unreadable.detail, "rows_kept": 0}
        self.files.put_refused(record, tally.refusals)
        state, reason = _judged_by(tally)
        return {
            "state": state,
            "reason": reason,
            "live": record.generation,
            "sha256": tally.text.hexdigest(),
            "size_bytes": tally.size_bytes,
            "rows_kept": tally.kept,
            "rows_known": tally.known,
            "rows_refused": tally.refused,
            "first_at": _instant(tally.first),
            "last_at": _instant(tally.last),
            "machines": tuple(sorted(tally.serials | set(record.machines))),
        }

    def _read(self, record: FileRecord, found: Found, tally: _Tally) -> None:
        """Read the file batch by batch and write each batch's chunks."""
        if found.size_bytes > MAX_OBJECT_BYTES:
            raise archives.LogTooLargeError(
                f"the file has {found.size_bytes} bytes; at most {MAX_OBJECT_BYTES} are read"
            )
        with closing(self.share.open(record.key, found)) as source:
            blocks = _weighed(archives.open_log(source, max_bytes=MAX_TEXT_BYTES), tally)
            for batch in parsing.parse(blocks, machine=record.machine, not_after=record.not_after):
                chunks = [
                    Chunk(serial, day, "rows", bytes(packed))
                    for (serial, day), packed in batch.rows.items()
                ]
                self._count(record, batch, chunks, tally)
                self.chunks.put(record, tally.flushes, chunks)
                tally.flushes += 1
        corrupt = [
            Chunk(serial, _corrupt_day(record, tally), "corrupt", bytes(lines))
            for serial, lines in tally.corrupt.items()
        ]
        if corrupt:
            self.chunks.put(record, tally.flushes, corrupt)

    def _count(
        self, record: FileRecord, batch: parsing.Batch, chunks: list[Chunk], tally: _Tally
    ) -> None:
        tally.lines += batch.lines
        tally.kept += batch.kept
        tally.refused += batch.refused
        tally.refusals += [
            RefusedLine(line=refusal.line, reason=refusal.reason, text=refusal.text)
            for refusal in batch.refusals
        ]
        for serial, lines in batch.corrupt.items():
            tally.corrupt.setdefault(serial, bytearray()).extend(lines)
        tally.serials |= {chunk.serial for chunk in chunks} | set(batch.corrupt)
        tally.known += self._known(record.id, chunks)
        if chunks:
            ends = [at for day in _end_days(chunks) for at in _times(chunks, day)]
            tally.first = min(ends) if tally.first is None else min(tally.first, *ends)
            tally.last = max(ends) if tally.last is None else max(tally.last, *ends)

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


def _weighed(blocks: Iterable[bytes], tally: _Tally) -> Iterator[bytes]:
    for block in blocks:
        tally.text.update(block)
        tally.size_bytes += len(block)
        yield block


def _judged_by(tally: _Tally) -> tuple[FileState, str | None]:
    if not tally.kept:
        return "rejected", f"not one of {tally.lines} lines could be read"
    if tally.refused > _SUSPECT_SHARE * tally.lines:
        share = tally.refused / tally.lines
        return "suspect", f"{tally.refused} of {tally.lines} lines ({share:.1%}) were refused"
    return "processed", None


def _corrupt_day(record: FileRecord, tally: _Tally) -> date:
    """Return the day that refused lines count for: the download's, or the newest row's."""
    if record.downloaded_at:
        return datetime.fromisoformat(record.downloaded_at).date()
    last = _instant(tally.last)
    return (last or record.uploaded_at).astimezone(UTC).date()


def _end_days(chunks: list[Chunk]) -> set[date]:
    days = {chunk.day for chunk in chunks}
    return {min(days), max(days)}


def _times(chunks: list[Chunk], day: date) -> Iterator[int]:
    for chunk in chunks:
        if chunk.day == day:
            yield from (key // 10 for key in rows.keys(day, chunk.packed))


def _instant(epoch_s: int | None) -> datetime | None:
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)

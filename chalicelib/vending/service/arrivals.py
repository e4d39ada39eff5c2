"""Making records agree with the share (V5): the present object at a key is what counts.

An event of the share only names a key to read. So events may come twice, late, out of order or
not at all (the sweep looks everywhere once a day): looking again never hurts.

    claim the content  >  write its chunks  >  commit: one write of the record  >  judge machines

A claim takes the next generation of the file's chunks before the content is read, and only the
run that claimed last may commit: a slow run never replaces a newer one, and no two runs share a
chunk. A run that was taken over stops; the one that took over finishes, or is delivered again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from chalicelib.core.errors import UnavailableError
from chalicelib.core.values import dataclass
from chalicelib.vending import archives, names
from chalicelib.vending.files import COUNTED, DISPATCHER, PENDING, FileRecord, FileState
from chalicelib.vending.litter import is_litter
from chalicelib.vending.ports import (
    INCOMING,
    ChangedMeanwhileError,
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
from chalicelib.vending.service.reading import Reader
from chalicelib.vending.service.uploads import withdrawn
from chalicelib.vending.service.verdicts import Verdicts

_CLOCK_SKEW = timedelta(days=1)
# A record without its object is given up after this; a URL to send it by is valid for less.
# No run lasts as long either.
_PATIENCE = timedelta(hours=2)
_OWNERS = 500
_UNSETTLED: frozenset[FileState] = PENDING | {"held", "failed"}
# What a record says of content that was not read.
_UNREAD: dict[str, object] = {
    **dict.fromkeys(["live", "sha256", "size_bytes"]),
    **dict.fromkeys(["rows_kept", "rows_known", "rows_refused", "first_at", "last_at"]),
}


def _of_another_file(found: Found, record: FileRecord | None) -> bool:
    """Return whether an object came by the URL of a file that is deleted: it brings none back."""
    return found.sent_for is not None and (record is None or found.sent_for != record.id)


def _tell_nobody(_: FileRecord) -> None:
    """Let it be."""


@dataclass(frozen=True)
class Arrivals:
    """Looks at keys of the share and makes the records, the rows and the verdicts follow.

    ``processed`` is called with each record after it was stored with its file's outcome.
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

        What is no file gets no record. Safe to repeat and to run twice at once. Raises
        UnavailableError when the file keeps changing; the caller's message is then delivered again.
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
        raise UnavailableError(f"{key} keeps changing; try again.")

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
        """Queue everything that should have been processed by now; return how many keys.

        That is: files that wait to be processed, judged or cleaned up after, objects that no
        record knows, and records whose object has gone or is another one.
        """
        present = {key: etag for key, etag in self.share.etags().items() if not is_litter(key)}
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
        for owner in self._owners():
            for record in self.files.of_owner(owner):
                if record.state != "deleted" and record.arrived:
                    yield record

    def _owners(self) -> Iterator[str]:
        after = ""
        while page := self.registry.technicians_after(after, limit=_OWNERS):
            yield from page
            after = page[-1]
        yield DISPATCHER

    def _expire(self, record: FileRecord) -> None:
        if record.state in PENDING and self.now() - record.uploaded_at > _PATIENCE:
            reason = "the upload broke off: nothing arrived; send the file again"
            with suppress(StaleRecordError):  # something has just happened to it
                self.files.save(record.model_copy(update={"state": "failed", "reason": reason}))

    def _look_once(self, key: str) -> FileRecord | None:
        found = self.share.find(key)
        record = self.files.at_key(key)
        if found is None or _of_another_file(found, record):
            return self._gone(record)
        if record is None and (is_litter(key) or (key.endswith("/") and not found.size_bytes)):
            return None
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
        touched = self.chunks.touched(record.id)
        failures = self.verdicts.judge_each(record.machines, touched=touched, file_id=visit)
        if record.machines:
            self.verdicts.announce()
        if failures:
            raise failures[0]

    def _withdraw(self, record: FileRecord) -> None:
        """Delete what a run stored that was overtaken; it never counted."""
        generation = record.generation
        self.chunks.discard(record.id, first=generation, before=generation + 1)
        self.files.forget_refused(record.id, first=generation, before=generation + 1)

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
        changes = {
            "owner": stored.technician,
            "machine": stored.machine,
            "technician": stored.technician,
            "downloaded_at": stored.wall.isoformat(),
        }
        return record.model_copy(update=changes)

    def _process(self, record: FileRecord, found: Found) -> FileRecord:
        claim = {
            "generation": record.generation + 1,
            "attempts": record.attempts + 1,
            "not_after": self._not_after(record),
        }
        record = self.files.save(record.model_copy(update=claim))
        return self._commit(record, found, self._held(record) or self._parsed(record, found))

    def _held(self, record: FileRecord) -> dict[str, object] | None:
        """Return what becomes of a file without an owner, or no longer of that technician."""
        if record.checked and not record.check_again:
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
        """Store ``outcome`` in the file's record. Raises SupersededError."""
        changes = {
            **outcome,
            "etag": found.etag,
            "settled": record.generation,
            "processed_at": self.now(),
            "judged": False,
        }
        for _ in range(10):
            try:
                saved = self.files.save(record.model_copy(update=changes))
            except StaleRecordError:
                now = self.files.owned(record.owner, record.id)
                if now is None or now.state == "deleted" or now.generation != record.generation:
                    self._withdraw(record)
                    raise SupersededError(record.id) from None
                record = now
            else:
                self.processed(saved)
                return saved
        raise StaleRecordError(record.id)

    def _parsed(self, record: FileRecord, found: Found) -> dict[str, object]:
        try:
            reading = Reader(self.chunks, self.share).read(record, found)
        except archives.UnreadableLogError as unreadable:
            return {**_UNREAD, "state": "rejected", "reason": unreadable.detail, "rows_kept": 0}
        self.files.put_refused(record, reading.refusals)
        return reading.outcome(record)

"""Taking files in and giving them back (V2, V3, V4).

A file is its key in the share: ``incoming/<stored name>`` for a technician, ``imports/<digest>``
for the dispatcher. The record is made first, then the object is stored; its arrival starts the
processing. A retry finds the record and stores the object again, so nothing is doubled and a
half-done upload is finished by the same request.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from chalicelib.core import canonical
from chalicelib.core.errors import (
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    MediaTypeError,
    NotFoundError,
    ParameterLocation,
    TooLargeError,
    UnprocessableError,
)
from chalicelib.core.paging import Id, Page, sift
from chalicelib.core.totals import Total, count
from chalicelib.core.values import dataclass
from chalicelib.vending import archives, names
from chalicelib.vending.files import (
    DISPATCHER,
    PENDING,
    FileDetail,
    FileRecord,
    FileState,
    FileView,
    PresignedFile,
    Upload,
)
from chalicelib.vending.models import (
    AwaitedImport,
    AwaitedUpload,
    FilesQuery,
    ImportQuery,
    ListQuery,
    UploadQuery,
)
from chalicelib.vending.ports import (
    IMPORTS,
    INCOMING,
    Files,
    KeyTakenError,
    Registry,
    Sending,
    Share,
    StaleRecordError,
)
from chalicelib.vending.service.registry import found

UPLOAD_LIMIT = 4 * 1024 * 1024
"""Bytes of a file in a request body; larger ones go straight to the share."""

LATER_HINT = " Larger files go straight to the share: ask POST {path} for a URL."
# Inflated, while the caller waits; what is larger takes the same way as a large body.
_TEXT_LIMIT = 64 * 1024 * 1024
URL_VALID_S = 600
"""Seconds in which a PUT has to begin at a URL; it may last as long as it takes."""
_CLOCK_SKEW = timedelta(days=1)
# Files whose bytes may still be sent, or sent again.
_UNSENT: frozenset[FileState] = frozenset({"awaiting_upload", "failed"})


@dataclass(frozen=True)
class Uploads:
    """Takes files in, lists them, deletes them."""

    files: Files
    registry: Registry
    share: Share
    serials_of: Callable[[str], tuple[str, ...]]
    now: Callable[[], datetime]

    def upload(self, metadata: UploadQuery, content: bytes) -> tuple[FileView, bool]:
        """Store a technician's file; return it, and True when it is new.

        Raises NotFoundError, ForbiddenError, ConflictError (same name, other bytes), or what
        `archives` found wrong with the bytes.
        """
        draft = self._technicians_file(metadata, place="query")
        return self._store(draft, content, member=f"{draft.name.removesuffix('.zip')}.txt")

    def take_import(self, metadata: ImportQuery, content: bytes) -> tuple[FileView, bool]:
        """Store a dispatcher's file of any machines; the same bytes again are the same file."""
        digest = canonical.sha256(content)[:32]
        draft = self._import(metadata, f"{digest}.zip")
        return self._store(draft, content, member=f"{digest}.txt")

    def await_upload(self, metadata: AwaitedUpload) -> PresignedFile:
        """Expect a technician's large file. Raises ConflictError when it is here already.

        The assignment of the machine is checked once more when the file arrives.
        """
        draft = self._technicians_file(metadata, place="body")
        return self._await(draft.model_copy(update={"check_again": True}), metadata)

    def await_import(self, metadata: AwaitedImport) -> PresignedFile:
        """Expect a dispatcher's large file; every call expects another one."""
        return self._await(self._import(metadata, None), metadata)

    def technicians_files(self, wanted: FilesQuery, *, start: Id | None) -> Page[FileView, Id]:
        """Return a technician's files, newest first. Raises NotFoundError."""
        technician = self.registry.technician(wanted.technician)
        found(technician, f"There is no technician {wanted.technician}.")
        return self._of(wanted.technician, wanted, start)

    def imports(self, wanted: ListQuery, *, start: Id | None) -> Page[FileView, Id]:
        """Return the dispatcher's files, newest first."""
        return self._of(DISPATCHER, wanted, start)

    def count(self, owner: str) -> Total:
        """Return how many files the list of an owner has."""
        return count(self.files.newest_first(owner, before=None), _exists)

    def count_imports(self) -> Total:
        """Return how many files the dispatcher has."""
        return self.count(DISPATCHER)

    def detail(self, file_id: int) -> FileDetail:
        """Return a file with its refused lines. Raises NotFoundError, also once it is deleted."""
        record = self.files.by_id(file_id)
        if record is None or record.state == "deleted":
            raise NotFoundError(f"There is no file {file_id}.")
        return FileDetail(**dict(record.view()), refused=tuple(self.files.refused(record)))

    def delete(self, owner: str, file_id: int) -> FileView:
        """Take a file back: gone from the share, and its rows with it where no other holds them.

        Raises NotFoundError for files that are not ``owner``'s, too, so nothing of others shows.
        """
        ours = 0
        for _ in range(20):
            record = self.files.owned(owner, file_id)
            if record and record.state == "deleted" and ours and record.taken_back == ours:
                return record.view()  # another request noticed first that the object is gone
            if record is None or record.state == "deleted":
                raise NotFoundError(f"There is no file {file_id} of {owner}.")
            with suppress(StaleRecordError):
                if not ours:
                    record = self.files.save(_taken_back(record, by=record.version + 1))
                    ours = record.taken_back
                # The object goes first: if we die here, its removal is noticed, to the same end.
                self.share.delete(record.key)
                gone = withdrawn(_taken_back(record, by=ours), self.now())
                return self.files.release(gone).view()
        raise ConflictError(f"File {file_id} keeps changing; try again in a moment.")

    def _of(self, owner: str, wanted: ListQuery, start: Id | None) -> Page[FileView, Id]:
        records = self.files.newest_first(owner, before=start and start.id)
        page = sift(records, _exists, wanted.limit, lambda last: Id(last.id))
        return Page([record.view() for record in page.rows], page.next)

    def _technicians_file(self, metadata: UploadQuery, *, place: ParameterLocation) -> FileRecord:
        machine = self.registry.machine(metadata.machine)
        technician = self.registry.technician(metadata.technician)
        if technician is None:
            raise NotFoundError(f"There is no technician {metadata.technician}.")
        if machine is None:
            raise NotFoundError(f"There is no machine {metadata.machine}.")
        if machine.technician != metadata.technician:
            assigned = list(self.serials_of(metadata.technician))
            raise ForbiddenError(
                f"{metadata.machine} is not assigned to {metadata.technician}.", assigned=assigned
            )
        site = self.registry.site(machine.site) if machine.site else None
        time = names.download_time(metadata.downloaded_at)
        not_after = time.latest_instant(site.time_zone if site else None)
        if not_after > self.now() + _CLOCK_SKEW + timedelta(hours=12):
            detail = "must not lie in the future; check the clock it was read from"
            raise InvalidInputError([Fault(place=place, field="downloaded_at", detail=detail)])
        name = names.StoredName(metadata.technician, metadata.machine, time.wall)
        return FileRecord(
            id=0,
            owner=metadata.technician,
            key=f"{INCOMING}{name}",
            name=str(name),
            original_name=metadata.filename,
            machine=metadata.machine,
            technician=metadata.technician,
            downloaded_at=time.wall.isoformat(),
            not_after=not_after,
            checked=True,
            state="received",
            uploaded_at=self.now(),
        )

    def _import(self, metadata: ImportQuery, name: str | None) -> FileRecord:
        file_id = 0 if name else self.files.next_id()
        name = name or f"import-{file_id}.zip"
        now = self.now()
        return FileRecord(
            id=file_id,
            owner=DISPATCHER,
            key=f"{IMPORTS}{name}",
            name=name,
            original_name=metadata.filename,
            not_after=now + _CLOCK_SKEW,
            checked=True,
            state="received",
            uploaded_at=now,
        )

    def _store(self, draft: FileRecord, content: bytes, *, member: str) -> tuple[FileView, bool]:
        with faults_of_the_bytes():
            blocks = archives.open_log(io.BytesIO(content), max_bytes=_TEXT_LIMIT)
            packed = archives.pack_log(blocks, member=member)
        sized = {"sha256": packed.sha256, "size_bytes": packed.size_bytes}
        record, new = self._claim(draft.model_copy(update=sized), "received")
        if record.sha256 != packed.sha256:
            raise ConflictError(
                f"{record.name} is here already, as file {record.id}, with other bytes; "
                "delete it first if this one shall take its place.",
                file=record.id,
            )
        if record.state in PENDING:
            self.share.put(record.key, packed.content)
        return record.view(), new

    def _await(self, draft: FileRecord, metadata: AwaitedUpload | AwaitedImport) -> PresignedFile:
        record, new = self._claim(draft, "awaiting_upload")
        if not new and record.state not in PENDING:
            raise ConflictError(
                f"{record.name} is here already, as file {record.id}.", file=record.id
            )
        sending = Sending(record.id, metadata.size_bytes, metadata.sha256)
        url, headers = self.share.upload_url(record.key, sending, expires_in_s=URL_VALID_S)
        ends = self.now() + timedelta(seconds=URL_VALID_S)
        upload = Upload(url=url, headers=headers, expires_at=ends)
        return PresignedFile(file=record.view(), upload=upload)

    def _claim(self, draft: FileRecord, state: FileState) -> tuple[FileRecord, bool]:
        """Return the file at the draft's key, or create it; and True when it is new."""
        for _ in range(10):
            existing = self.files.at_key(draft.key)
            try:
                if existing is None:
                    fields = {"id": draft.id or self.files.next_id(), "state": state}
                    return self.files.create(draft.model_copy(update=fields)), True
                if existing.state in _UNSENT and not _differ(existing, draft):
                    return self.files.save(_sent_after_all(existing, draft, state)), False
            except (KeyTakenError, StaleRecordError):
                continue
            return existing, False
        raise ConflictError(f"{draft.name} keeps changing; try again in a moment.")


def _exists(record: FileRecord) -> bool:
    """Return whether a file is listed: one that was deleted is not."""
    return record.state != "deleted"


def _differ(one: FileRecord, other: FileRecord) -> bool:
    """Return whether the bytes of two files are known and are not the same."""
    return None not in (one.sha256, other.sha256) and one.sha256 != other.sha256


def _sent_after_all(existing: FileRecord, draft: FileRecord, state: FileState) -> FileRecord:
    """Return the record of a file that was awaited or had failed, and comes as ``draft`` says."""
    fresh = ("check_again", "sha256", "size_bytes", "uploaded_at")
    fields = {name: getattr(draft, name) for name in fresh}
    return existing.model_copy(update={**fields, "state": state, "reason": None})


def _taken_back(record: FileRecord, *, by: int) -> FileRecord:
    return record.model_copy(update={"taken_back": by})


def withdrawn(record: FileRecord, now: datetime) -> FileRecord:
    """Return the record of a file whose rows no longer count."""
    return record.model_copy(update={"state": "deleted", "deleted_at": now, "judged": False})


@contextmanager
def faults_of_the_bytes() -> Iterator[None]:
    """Turn what is wrong with a file's bytes into what is wrong with the request."""
    try:
        yield
    except archives.EmptyLogError as empty:
        raise InvalidInputError(
            [Fault(place="body", field="(body)", detail=empty.detail)]
        ) from empty
    except archives.NotALogError as other:
        raise MediaTypeError(other.detail) from other
    except archives.LogTooLargeError as large:
        raise TooLargeError(large.detail + LATER_HINT.format(path="/files/presigned")) from large
    except archives.UnreadableLogError as broken:
        raise UnprocessableError(broken.detail) from broken

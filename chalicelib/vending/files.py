"""A file's record: who dropped it, where it is in the share, and the state of its rows.

The record is the commit: a file's rows count when, and only when, its record says so. Everything
else that is stored for a file (chunks, refused lines) is ignored until then and swept up after.
"""

from typing import Literal

from chalicelib.core.instants import Instant
from chalicelib.core.models import Model

DISPATCHER = "dispatcher"
"""The owner of imports, and of files whose name does not say who dropped them."""

FileState = Literal[
    "awaiting_upload", "received", "processed", "suspect", "rejected", "held", "failed", "deleted"
]
PENDING: frozenset[FileState] = frozenset({"awaiting_upload", "received"})
COUNTED: frozenset[FileState] = frozenset({"processed", "suspect"})
"""The states in which a file's rows count."""


class FileView(Model):
    """A file as callers see it.

    ``rows_known`` of the ``rows_kept`` were already held by other files when this one was
    processed. ``downloaded_at`` is the technician's wall clock, without a zone.
    """

    id: int
    name: str
    original_name: str | None = None
    machine: str | None = None
    technician: str | None = None
    downloaded_at: str | None = None
    state: FileState
    reason: str | None = None
    uploaded_at: Instant
    processed_at: Instant | None = None
    deleted_at: Instant | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    rows_kept: int | None = None
    rows_known: int | None = None
    rows_refused: int | None = None
    first_at: Instant | None = None
    last_at: Instant | None = None


class FileRecord(FileView):
    """A file as it is stored.

    ``key`` is its object in the share, ``etag`` the content there that the state describes. Every
    run over the content is a new ``generation`` of the file's chunks: ``settled`` is the one that
    the state is of, ``live`` the one whose chunks count; ``machines`` the serials it has or had
    rows of; ``not_after`` the instant after which a row cannot be true; ``checked`` tells that the
    technician was found to be assigned, ``check_again`` that this is looked at once more when it
    arrives; ``usual_start`` is where the logs of the machines in it
    usually begin, if it is of several.
    """

    owner: str
    key: str
    not_after: Instant
    checked: bool = False
    check_again: bool = False
    etag: str | None = None
    generation: int = 0
    settled: int = 0
    live: int | None = None
    machines: tuple[str, ...] = ()
    usual_start: Instant | None = None
    attempts: int = 0
    version: int = 0
    taken_back: int = 0
    """Which request to delete the file came last: the version that it made."""
    judged: bool = False
    """True once the machines' verdicts take this record's present state into account."""

    @property
    def arrived(self) -> bool:
        """Return whether its object has been seen in the share; until then it may be on its way."""
        return self.generation > 0 or self.etag is not None

    def view(self) -> FileView:
        """Return what callers may see."""
        return FileView.model_construct(
            **{name: getattr(self, name) for name in FileView.model_fields}
        )


class RefusedLine(Model):
    """A line that was not kept, and why."""

    line: int
    reason: str
    text: str


class FileDetail(FileView):
    """A file with its refused lines, the first of them."""

    refused: tuple[RefusedLine, ...] = ()


class Upload(Model):
    """How to send the bytes of a file that is too large for a request body."""

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]
    expires_at: Instant


class PresignedFile(Model):
    """A file that is awaited, and where to send it."""

    file: FileView
    upload: Upload

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
    """The number of the file."""
    name: str
    """The name in the share."""
    original_name: str | None = None
    """What it was called where it came from."""
    machine: str | None = None
    """The machine that it is of; none for imports."""
    technician: str | None = None
    """Who downloaded it."""
    downloaded_at: str | None = None
    """When it was downloaded, the technician's wall clock without a zone."""
    state: FileState
    """Where the file is; its rows count when it is processed or suspect."""
    reason: str | None = None
    """Why it is in this state."""
    uploaded_at: Instant
    """When it was uploaded, or announced."""
    processed_at: Instant | None = None
    """When it was processed."""
    judged: bool = False
    """True once its machines' days and verdicts take its present state into account."""
    deleted_at: Instant | None = None
    """When it was taken back."""
    size_bytes: int | None = None
    """How many bytes its text has."""
    sha256: str | None = None
    """The digest of its text (SHA-256, hexadecimal)."""
    rows_kept: int | None = None
    """How many rows were stored."""
    rows_known: int | None = None
    """How many of these other files held already."""
    rows_refused: int | None = None
    """How many lines were refused."""
    first_at: Instant | None = None
    """The oldest row."""
    last_at: Instant | None = None
    """The newest row."""


class FileRecord(FileView):
    """A file as it is stored.

    ``key`` is its object in the share, ``etag`` the content there that the state describes. Every
    run over the content is a new ``generation`` of the file's chunks: ``settled`` is the one that
    the state is of, ``live`` the one whose chunks count; ``machines`` the serials it has or had
    rows of; ``not_after`` the instant after which a row cannot be true; ``checked`` means that the
    technician was found to be assigned, ``check_again`` that this is checked once more when it
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

    @property
    def arrived(self) -> bool:
        """Return whether its object has been seen in the share; until then it may be on its way."""
        return self.generation > 0 or self.etag is not None

    def view(self) -> FileView:
        """Return what callers may see."""
        return FileView(**{name: getattr(self, name) for name in FileView.model_fields})


class RefusedLine(Model):
    """A line that was refused, and why."""

    line: int
    """The number of the line, from 1."""
    reason: str
    """Why it was refused."""
    text: str
    """The line as it is in the file."""


class FileDetail(FileView):
    """A file with its refused lines, the first of them."""

    refused: tuple[RefusedLine, ...] = ()
    """The first of the lines that were refused."""


class Upload(Model):
    """How to send the bytes of a file that is too large for a request body."""

    method: Literal["PUT"] = "PUT"
    """The method of the request."""
    url: str
    """Where to send the bytes."""
    headers: dict[str, str]
    """The headers to send, exactly these."""
    expires_at: Instant
    """Until when the URL works."""


class PresignedFile(Model):
    """A file that is awaited, and where to send it."""

    file: FileView
    """The file that is awaited."""
    upload: Upload
    """How to send its bytes."""

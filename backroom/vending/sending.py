"""How a log on disk gets to the share.

Up to 4 MB go in a request. What is larger goes straight to the share; a text that large is zipped
here first, which often makes it small enough for a request after all.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from backroom.core import show
from backroom.core.errors import ApiError, UnreadableFileError
from backroom.vending.api import LogDetails, VendingApi
from chalicelib.vending.archives import UnreadableLogError, open_log, pack_log
from chalicelib.vending.files import FileView, PresignedFile

BODY_LIMIT_BYTES = 4 * 1024 * 1024
_TEXT_LIMIT_BYTES = 1024 * 1024 * 1024
_MEDIA_TYPES = {b"PK": "application/zip", b"\x1f\x8b": "application/gzip"}
_PIECE_BYTES = 1024 * 1024
_LONGEST_NAME = 255
_OTHER_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class LogFile:
    """A log on disk, and its data; none for a dispatcher's import."""

    path: Path
    details: LogDetails | None = None

    @property
    def name(self) -> str:
        """Return the file's name as it is shown and sent."""
        return name_of(self.path)


def name_of(path: Path) -> str:
    r"""Return a file's name as text that can be sent: at most 255 characters, its end if longer.

    Bytes that are no UTF-8, and control characters, are spelled out: ``bad\xffname.txt``.
    """
    text = os.fsencode(path.name).decode(errors="backslashreplace")
    spelled = "".join(repr(c)[1:-1] if unicodedata.category(c) == "Cc" else c for c in text)
    return spelled[-_LONGEST_NAME:]


class Sent(NamedTuple):
    """A file that the API took; ``new`` is False when it was there already."""

    file: FileView
    new: bool


def check_present(paths: Iterable[Path]) -> None:
    """Make sure that each path is a file that may be read. Raises UnreadableFileError."""
    for path in paths:
        if path.is_dir():
            raise UnreadableFileError(
                f"{path} is a folder.", next_step=f"name the files in it: {path / '*'}"
            )
        try:
            path.open("rb").close()
        except OSError as wrong:
            raise UnreadableFileError(
                f"{path} cannot be read: {wrong.strerror}.",
                next_step="check its name and its rights",
            ) from wrong


def send(api: VendingApi, log: LogFile) -> Sent:
    """Send one file by the way that suits its size. Raises ApiError, UnreadableFileError."""
    with _travelling(log.path) as (content, size_bytes):
        if size_bytes <= BODY_LIMIT_BYTES:
            try:
                return _in_a_request(api, log, content.read())
            except ApiError as refused:
                # The text inside an archive can be too large to check while we wait.
                if refused.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                    raise
                content.seek(0)
        awaited = _presigned(api, log, content, size_bytes)
        with _progress() as progress:
            name = show.plain(log.name)
            reader = progress.wrap_file(content, total=size_bytes, description=name)
            api.put_to_share(awaited.upload, reader, size_bytes)
        return Sent(awaited.file, new=True)


@contextmanager
def _travelling(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open what is sent of a file, and its size: the file itself, or a large text zipped."""
    with path.open("rb") as file:
        size_bytes = path.stat().st_size
        if size_bytes <= BODY_LIMIT_BYTES or _media_type(file.peek(2)) != _OTHER_MEDIA_TYPE:
            yield file, size_bytes
            return
        try:
            with show.aside().status(f"Zipping {show.plain(name_of(path))} ..."):
                blocks = open_log(file, max_bytes=_TEXT_LIMIT_BYTES)
                packed = pack_log(blocks, member="log.txt")
        except UnreadableLogError as wrong:
            raise UnreadableFileError(wrong.detail) from wrong
        yield BytesIO(packed.content), len(packed.content)


def _in_a_request(api: VendingApi, log: LogFile, content: bytes) -> Sent:
    media_type = _media_type(content)
    if log.details:
        answer = api.upload(log.details, content, media_type)
    else:
        answer = api.take_import(log.name, content, media_type)
    return Sent(answer.value, new=answer.status == HTTPStatus.CREATED)


def _presigned(api: VendingApi, log: LogFile, content: BinaryIO, size_bytes: int) -> PresignedFile:
    """Ask where to send the rest of ``content``, from its beginning; it is there again then."""
    digest = hashlib.sha256()
    while piece := content.read(_PIECE_BYTES):
        digest.update(piece)
    content.seek(0)
    sha256 = digest.hexdigest()
    if log.details:
        return api.presign(log.details, size_bytes, sha256).value
    return api.presign_import(log.name, size_bytes, sha256).value


def _media_type(content: bytes) -> str:
    return _MEDIA_TYPES.get(content[:2], _OTHER_MEDIA_TYPE)


def _progress() -> Progress:
    console = show.aside()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    return Progress(
        *columns,
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )

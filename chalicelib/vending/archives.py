"""The text of a log out of what people send: plain text, gzip, or a zip with one file.

Nothing touches the disk and nothing grows with the file: text comes in blocks, and what an archive
claims about itself is not believed but counted while it is inflated.

UnreadableLogError
├── EmptyLogError          no bytes, or blank ones only
├── NotALogError           something else: a picture, a document, a program
├── BrokenArchiveError     an archive that is cut short or damaged
├── UnsafeArchiveError     an archive that is not opened: encrypted, nested, a bomb, not one file
└── LogTooLargeError       more text than is taken
"""

import gzip
import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from chalicelib.core.values import dataclass
from chalicelib.vending.litter import is_litter

BLOCK_BYTES = 256 * 1024
_RATIO_FLOOR_BYTES = 1024 * 1024
_MAX_CONTENTS_BYTES = 1024 * 1024
_BLANK = b"\xef\xbb\xbf \t\r\n\v\f\x1a"  # the last ends a text that DOS joined

_ENCRYPTED = 0x1
_UNSAFE_NAME = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\0")

# What each document of Microsoft's and of the OASIS format has at the top of its zip.
_OFFICE = re.compile(r"\[Content_Types\]\.xml|mimetype")

_ZIP = b"PK"  # followed by one of several marks; no log begins so
_ZIP_END, _ZIP_END_BYTES = b"PK\x05\x06", 22
_ZIP_MARK_BYTES = 4  # stand before the first file of an archive that was meant to be split
_GZIP = b"\x1f\x8b"
_ARCHIVES = {
    "a zip archive": re.compile(rb"PK\x03\x04|PK\x05\x06"),
    "a gzip archive": re.compile(rb"\x1f\x8b\x08"),
    "a 7z archive": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "a RAR archive": re.compile(rb"Rar!\x1a\x07"),
    "an xz archive": re.compile(rb"\xfd7zXZ\0"),
    "a bzip2 archive": re.compile(rb"BZh[1-9]1AY&SY"),
    "a Zstandard archive": re.compile(rb"\x28\xb5\x2f\xfd"),
    "an lz4 archive": re.compile(rb"\x04\x22\x4d\x18"),
    "an lzip archive": re.compile(rb"LZIP"),
    "a compressed file": re.compile(rb"\x1f[\x9d\xa0]"),
    "a cabinet": re.compile(rb"MSCF\0"),
    "an ar archive": re.compile(rb"!<arch>\n"),
    "a cpio archive": re.compile(rb"07070[127]"),
    "a tar archive": re.compile(rb"(?s:.{257})ustar"),
}
_OTHER_KINDS = {
    "a PDF document": re.compile(rb"%PDF-"),
    "a PNG image": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "a JPEG image": re.compile(rb"\xff\xd8\xff"),
    "a GIF image": re.compile(rb"GIF8[79]a"),
    "a TIFF image": re.compile(rb"II\*\0|MM\0\*"),
    "a WebP image or a sound": re.compile(rb"RIFF(?s:.{4})(?:WEBP|WAVE|AVI )"),
    "a HEIC image or a video": re.compile(rb"(?s:.{4})ftyp"),
    "an Office document": re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf"),
    "a web page": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)\b", re.IGNORECASE),
    "an XML document": re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\b"),
    "text that Vim has encrypted": re.compile(rb"VimCrypt~"),
    "what Vim keeps of a file that is open": re.compile(rb"b0VIM |Vim\x9fUnDo\xe5"),
    "a database": re.compile(rb"SQLite format 3\0"),
    "a program": re.compile(rb"\x7fELF|MZ\x90\0"),
    "UTF-16 text, and logs are UTF-8": re.compile(rb"\xff\xfe[^\0]\0|\xfe\xff\0[^\0]"),
    "UTF-32 text, and logs are UTF-8": re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"),
}


class UnreadableLogError(ValueError):
    """Base of the reasons for which no log can be read; ``detail`` is in plain words."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class EmptyLogError(UnreadableLogError):
    """Raised when there is no text."""


class NotALogError(UnreadableLogError):
    """Raised when the bytes are known to be something else."""


class BrokenArchiveError(UnreadableLogError):
    """Raised when an archive is cut short or fails its checksum."""


class UnsafeArchiveError(UnreadableLogError):
    """Raised when an archive is whole but must not be opened."""


class LogTooLargeError(UnreadableLogError):
    """Raised when there is more text than the caller takes."""


# What zipfile, gzip and zlib raise for bytes that are not what they should be. They read numbers
# from the file and use them, hence the plain ValueError and OverflowError.
_BROKEN = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


def open_log(source: BinaryIO, *, max_bytes: int, max_ratio: int = 100) -> Iterator[bytes]:
    """Yield the text of the log in ``source`` in blocks of about 256 KiB.

    ``source`` is seekable; it is read from its start in pieces of 256 KiB and left open. At most
    ``max_bytes`` of text are taken, and at most ``max_ratio`` times what was read of an archive,
    the first MiB aside. Raises an UnreadableLogError, which may be only after some blocks.
    """
    try:
        yield from _checked(source, max_bytes, max_ratio)
    except UnreadableLogError:
        raise
    except _BROKEN as broken:
        raise BrokenArchiveError("the archive is cut short or damaged") from broken


@dataclass(frozen=True)
class PackedLog:
    """A log as it is stored: a zip with one file.

    ``sha256`` (hex) and ``size_bytes`` are those of the text.
    """

    content: bytes
    sha256: str
    size_bytes: int


def pack_log(blocks: Iterable[bytes], *, member: str) -> PackedLog:
    """Zip text (under 2 GiB) as one file named ``member``; equal text gives equal bytes."""
    content = io.BytesIO()
    digest = hashlib.sha256()
    size_bytes = 0
    entry = zipfile.ZipInfo(member)  # dated 1980-01-01, as by default
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(content, "w") as archive, archive.open(entry, "w") as file:
        for block in blocks:
            file.write(block)
            digest.update(block)
            size_bytes += len(block)
    return PackedLog(content.getvalue(), digest.hexdigest(), size_bytes)


def _checked(source: BinaryIO, max_bytes: int, max_ratio: int) -> Iterator[bytes]:
    source.seek(0)
    size_bytes = 0
    blank = True
    for block in _blocks(_Reader(_Raw(source), BLOCK_BYTES)):
        size_bytes += len(block)
        if size_bytes > max(_RATIO_FLOOR_BYTES, max_ratio * source.tell()):
            raise UnsafeArchiveError(
                f"the text is more than {max_ratio} times as long as its archive"
            )
        if size_bytes > max_bytes:
            raise LogTooLargeError(f"the log is longer than {max_bytes:,} bytes")
        blank = blank and not block.strip(_BLANK)
        yield block
    if blank:
        raise EmptyLogError("the log is empty")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Raw(io.RawIOBase):
    """Lets a buffered reader sit on ``source`` without ever closing it."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._source.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()


class _Reader(io.BufferedReader):
    """Makes large reads of small ones, and refuses those that would not fit in memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        # Only zipfile asks for this much, when it loads an archive's table of contents.
        if size is not None and size > _MAX_CONTENTS_BYTES:
            raise UnsafeArchiveError("the archive's table of contents is too long")
        return super().read(size)


def _blocks(reader: _Reader) -> Iterator[bytes]:
    head = reader.read(4)
    reader.seek(0)
    if head.startswith(_ZIP):
        return _unzipped(reader)
    if head.startswith(_GZIP):
        return _pieces(gzip.GzipFile(fileobj=reader), archives_are=UnsafeArchiveError)
    return _pieces(reader, archives_are=NotALogError)


def _unzipped(reader: _Reader) -> Iterator[bytes]:
    with zipfile.ZipFile(reader) as archive:
        _check_alone(archive, reader)
        with archive.open(_only_file(archive)) as file:
            yield from _pieces(file, archives_are=UnsafeArchiveError)


def _pieces(file: _Readable, *, archives_are: type[UnreadableLogError]) -> Iterator[bytes]:
    block = file.read(BLOCK_BYTES)
    _refuse(block, _ARCHIVES, archives_are)
    _refuse(block, _OTHER_KINDS, NotALogError)
    while block:
        yield block
        block = file.read(BLOCK_BYTES)


def _refuse(
    head: bytes, kinds: dict[str, re.Pattern[bytes]], error: type[UnreadableLogError]
) -> None:
    for kind, magic in kinds.items():
        if magic.match(head):
            raise error(f"this is {kind}; a log is text, alone or as the one file of a zip or gzip")


def _check_alone(archive: zipfile.ZipFile, reader: _Reader) -> None:
    """Raise UnsafeArchiveError when a file holds more than its last archive: that would be lost."""
    first = min((entry.header_offset for entry in archive.infolist()), default=0)
    reader.seek(-(_ZIP_END_BYTES + len(archive.comment)), io.SEEK_END)
    if first > _ZIP_MARK_BYTES or reader.read(4) != _ZIP_END:
        raise UnsafeArchiveError("something stands before or behind the archive: send each alone")


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    """Return whether an entry is a folder; what .NET once wrote ends with a backslash."""
    return entry.filename.endswith(("/", "\\")) and not entry.file_size


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:80])


def _only_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file of ``archive``, leaving out folders and what systems add.

    Raises UnsafeArchiveError, NotALogError.
    """
    entries = archive.infolist()
    for entry in entries:
        if _UNSAFE_NAME.search(entry.orig_filename):
            raise UnsafeArchiveError(f"unsafe name in the archive: {_shown(entry.orig_filename)}")
    if any(_OFFICE.fullmatch(entry.filename) for entry in entries):
        raise NotALogError("this is an Office document; save the log as plain text")
    files = [entry for entry in entries if not _is_folder(entry) and not is_litter(entry.filename)]
    if len(files) != 1:
        raise UnsafeArchiveError(f"the archive has {len(files)} files instead of one")
    if files[0].flag_bits & _ENCRYPTED:
        raise UnsafeArchiveError("the archive is encrypted")
    if files[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UnsafeArchiveError("the archive is compressed in a way that is not opened here")
    return files[0]

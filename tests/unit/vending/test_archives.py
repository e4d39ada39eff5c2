import gzip
import hashlib
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending.archives import (
    BLOCK_BYTES,
    BrokenArchiveError,
    EmptyLogError,
    LogTooLargeError,
    NotALogError,
    UnreadableLogError,
    UnsafeArchiveError,
    open_log,
    pack_log,
)

LOG = b"GM006|2020-02-20T11:29:44Z|1\nGM005|2020-02-22T07:46:59Z|0\n"
MIB = 1024 * 1024


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return content.getvalue()


def as_zip(text: bytes) -> bytes:
    return zipped(("log.txt", text))


def as_gzip(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


Packing = Callable[[bytes], bytes]
PACKINGS: list[Packing] = [as_zip, as_gzip]


def opened(content: bytes, *, max_bytes: int = 10 * MIB, max_ratio: int = 100) -> bytes:
    return b"".join(open_log(io.BytesIO(content), max_bytes=max_bytes, max_ratio=max_ratio))


def varied(size_bytes: int) -> bytes:
    """Text that does not compress well."""
    return hashlib.shake_128(b"").digest(size_bytes // 2).hex().encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LOG, id="text"),
        pytest.param(as_gzip(LOG), id="gzip"),
        pytest.param(as_gzip(LOG[:30]) + as_gzip(LOG[30:]), id="gzip in two parts"),
        pytest.param(as_gzip(LOG) + bytes(512), id="gzip padded with zeros"),
        pytest.param(as_zip(LOG), id="zip"),
        pytest.param(zipped(("log.txt", LOG), method=zipfile.ZIP_STORED), id="stored zip"),
        pytest.param(zipped(("GM006/", b""), ("GM006/log.txt", LOG)), id="zip with a folder"),
        pytest.param(
            zipped(("log.txt", LOG), ("__MACOSX/._log.txt", b"\0\5\x16\7"), (".DS_Store", b"\0")),
            id="zip made by macOS",
        ),
        pytest.param(
            zipped(
                *(("logs/log.txt", LOG), ("logs/Thumbs.db", b"\xd0\xcf"), ("Desktop.ini", b"[x]")),
                *(("logs/._log.txt", b"\0\5"), ("a/__MACOSX/b", b"x"), (".directory", b"[x]")),
            ),
            id="zip with what systems leave beside files",
        ),
        pytest.param(
            zipped(("logs\\", b""), ("logs\\log.txt", LOG)), id="zip with the slashes of Windows"
        ),
        pytest.param(b"PK\x07\x08" + as_zip(LOG), id="zip that was meant to be split"),
        pytest.param(b"PK00" + as_zip(LOG), id="the same, of older tools"),
        pytest.param(LOG + b"\x1a", id="text copied under DOS"),
    ],
)
def test_the_log_comes_out_as_it_went_in(content: bytes) -> None:
    assert opened(content).removesuffix(b"\x1a") == LOG


@given(st.binary(min_size=1).filter(bytes.strip).map(lambda text: b"log:" + text))
def test_any_text_survives_packing(text: bytes) -> None:
    packed = pack_log([text[:3], text[3:]], member="log.txt")

    assert opened(packed.content) == text
    assert packed.size_bytes == len(text)
    assert packed.sha256 == hashlib.sha256(text).hexdigest()


def test_v2_the_same_text_is_packed_into_the_same_bytes() -> None:
    whole = pack_log([LOG], member="T0001.GM001.2018-09-21_093448.txt")
    in_pieces = pack_log([LOG[:7], LOG[7:]], member="T0001.GM001.2018-09-21_093448.txt")

    assert whole == in_pieces
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        [entry] = archive.infolist()
        assert entry.filename == "T0001.GM001.2018-09-21_093448.txt"
        assert entry.compress_type == zipfile.ZIP_DEFLATED
        assert archive.read(entry) == LOG


def test_a_zip64_archive_is_opened() -> None:
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("log.txt", "w", force_zip64=True) as file,
    ):
        file.write(LOG)

    assert opened(content.getvalue()) == LOG


@pytest.mark.parametrize("pack", [bytes, *PACKINGS])
def test_text_comes_in_blocks(pack: Packing) -> None:
    text = varied(3 * BLOCK_BYTES + 1000)

    blocks = list(open_log(io.BytesIO(pack(text)), max_bytes=MIB))

    assert [len(block) for block in blocks] == [BLOCK_BYTES] * 3 + [1000]
    assert b"".join(blocks) == text


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="no bytes"),
        pytest.param(b"\xef\xbb\xbf\r\n \n", id="blank"),
        pytest.param(as_gzip(b""), id="gzip"),
        pytest.param(as_zip(b"\n"), id="zip"),
    ],
)
def test_an_empty_file_is_no_log(content: bytes) -> None:
    with pytest.raises(EmptyLogError) as refused:
        opened(content)

    assert refused.value.detail == "the log is empty"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0", "a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"GIF89a\1\0", "a GIF image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP image"),
        (b"\0\0\0\x18ftypheic", "a HEIC image"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
        (b"SQLite format 3\0", "a database"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
        (b"x" * 257 + b"ustar\0", "a tar archive"),
        (LOG.decode().encode("utf-16"), "UTF-16 text"),
        (LOG.decode().encode("utf-32"), "UTF-32 text"),
        (b"{\\rtf1\\ansi\n", "an Office document"),
        (b"<!DOCTYPE HTML>\n<html>", "a web page"),
        (b"\xef\xbb\xbf\n<html lang='en'>", "a web page"),
        (b'<?xml version="1.0"?>\n<abiword/>', "an XML document"),
        (b"VimCrypt~03!", "text that Vim has encrypted"),
        (b"b0VIM 9.0\0", "what Vim keeps"),
        (b"Vim\x9fUnDo\xe5\0\2", "what Vim keeps"),
    ],
)
def test_another_kind_of_file_is_named(content: bytes, kind: str) -> None:
    for packed in (content, as_zip(content), as_gzip(content)):
        with pytest.raises(UnreadableLogError, match=kind):
            opened(packed)
    with pytest.raises(NotALogError):
        opened(content)


@pytest.mark.parametrize("inner", [as_zip(LOG), as_gzip(LOG), zipped()], ids=["zip", "gz", "none"])
def test_an_archive_in_an_archive_is_not_opened(inner: bytes) -> None:
    for content in (as_zip(inner), as_gzip(inner)):
        with pytest.raises(UnsafeArchiveError, match=r"this is a (zip|gzip) archive"):
            opened(content)


@pytest.mark.parametrize(
    ("members", "count"),
    [([], 0), ([("folder/", b"")], 0), ([("a.txt", LOG), ("b.txt", LOG)], 2)],
)
def test_a_zip_holds_exactly_one_log(members: list[tuple[str, bytes]], count: int) -> None:
    with pytest.raises(UnsafeArchiveError, match=f"has {count} files instead of one"):
        opened(zipped(*members))


@pytest.mark.parametrize(
    "members",
    [
        [("[Content_Types].xml", b"<x/>"), ("word/document.xml", LOG)],
        [("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", LOG)],
    ],
    ids=["docx", "odt"],
)
def test_a_document_of_an_office_program_is_named_though_it_is_a_zip(
    members: list[tuple[str, bytes]],
) -> None:
    with pytest.raises(NotALogError, match="an Office document; save the log as plain text"):
        opened(zipped(*members))


@pytest.mark.parametrize(
    "name",
    [
        ".log.txt.swp",
        ".log.txt.un~",
        "log.txt~",
        "#log.txt#",
        ".#log.txt",
        "~$log.txt",
        ".~lock.log.txt#",
    ],
)
def test_what_editors_leave_beside_a_log_is_left_out(name: str) -> None:
    assert opened(zipped(("log.txt", LOG), (f"logs/{name}", b"older text"))) == LOG


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(as_zip(LOG) + as_zip(LOG), id="two archives"),
        pytest.param(as_zip(LOG) + LOG, id="an archive and a text"),
        pytest.param(as_zip(LOG) + as_gzip(LOG), id="a zip and a gzip"),
    ],
)
def test_an_archive_that_was_joined_with_something_is_refused_as_that_would_be_lost(
    content: bytes,
) -> None:
    with pytest.raises(UnsafeArchiveError, match="before or behind the archive"):
        opened(content)


@pytest.mark.parametrize(
    "name", ["../log.txt", "a/../../log.txt", "/log.txt", "C:\\log.txt", "\\log.txt", "a\\..\\b"]
)
def test_a_name_that_leads_out_of_the_archive_is_refused(name: str) -> None:
    with pytest.raises(UnsafeArchiveError, match="unsafe name"):
        opened(zipped((name, LOG)))


def test_an_encrypted_zip_is_refused() -> None:
    content = bytearray(as_zip(LOG))
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(header) + flags] |= 1

    with pytest.raises(UnsafeArchiveError, match="encrypted"):
        opened(bytes(content))


def test_a_compression_with_a_large_memory_is_refused() -> None:
    with pytest.raises(UnsafeArchiveError, match="compressed in a way"):
        opened(zipped(("log.txt", LOG), method=zipfile.ZIP_LZMA))


@pytest.mark.parametrize("pack", PACKINGS)
def test_a_bomb_is_refused_while_it_inflates(pack: Packing) -> None:
    blocks = open_log(io.BytesIO(pack(bytes(20 * MIB))), max_bytes=100 * MIB)

    inflated: list[int] = []
    with pytest.raises(UnsafeArchiveError, match="more than 100 times"):
        inflated.extend(map(len, blocks))

    assert MIB <= sum(inflated) <= 2 * MIB


def test_a_small_file_may_be_as_regular_as_it_likes() -> None:
    assert len(opened(as_gzip(LOG * 15_000))) == len(LOG) * 15_000


@pytest.mark.parametrize("pack", [bytes, *PACKINGS])
def test_a_log_that_is_too_long_is_refused(pack: Packing) -> None:
    text = varied(BLOCK_BYTES)

    assert opened(pack(text), max_bytes=len(text)) == text
    with pytest.raises(LogTooLargeError, match="longer than 262,143 bytes"):
        opened(pack(text), max_bytes=len(text) - 1)


def test_a_table_of_contents_that_fills_the_memory_is_refused() -> None:
    content = bytearray(zipped(*((f"{number:0200}", b"") for number in range(5_000))))

    with pytest.raises(UnsafeArchiveError, match="table of contents"):
        opened(bytes(content))


def test_what_follows_a_gzip_must_be_gzip() -> None:
    with pytest.raises(BrokenArchiveError):
        opened(as_gzip(LOG) + b"GM006|2020")


@pytest.mark.parametrize("pack", PACKINGS)
def test_an_archive_cut_anywhere_is_never_a_shorter_log(pack: Packing) -> None:
    content = pack(LOG)

    for size in range(len(b"PK\3\4"), len(content)):
        with pytest.raises(BrokenArchiveError):
            opened(content[:size])


@given(st.data())
def test_a_damaged_archive_is_refused_or_read_right(data: st.DataObject) -> None:
    text = varied(2_000)
    pack = data.draw(st.sampled_from(PACKINGS))
    content = bytearray(pack(text))
    at = data.draw(st.integers(4, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))

    with suppress(UnreadableLogError):
        assert opened(bytes(content)) == text


def test_an_archive_is_read_in_few_large_pieces_and_left_open() -> None:
    source = CountingSource(as_zip(varied(8 * MIB)))

    size_bytes = sum(map(len, open_log(source, max_bytes=8 * MIB)))

    assert size_bytes == 8 * MIB
    assert not source.closed
    assert source.reads < 10 + len(source.getvalue()) / BLOCK_BYTES


def test_memory_does_not_grow_with_the_log() -> None:
    source = io.BytesIO(as_zip(varied(16 * MIB)))
    tracemalloc.start()

    for _ in open_log(source, max_bytes=16 * MIB):
        pass

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MIB


def test_trouble_of_the_source_is_not_blamed_on_the_archive() -> None:
    class GoneError(Exception):
        pass

    class Gone(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise GoneError

    with pytest.raises(GoneError):
        list(open_log(Gone(), max_bytes=1))


class CountingSource(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)

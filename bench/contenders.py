"""Ways to get packed rows out of a zipped log. All but the bare inflate give the same answer."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from bench.logs import NOT_AFTER
from chalicelib.vending.archives import open_log
from chalicelib.vending.parsing import Batch, parse
from tests.support.vending.reference import read_log

_BLOCK_BYTES = 256 * 1024
_MAX_TEXT_BYTES = 10**10
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Answer(NamedTuple):
    """Packed rows by machine and day, and the numbers of the refused lines."""

    rows: dict[tuple[str, date], bytearray]
    refused: list[int]

    def digest(self) -> str:
        """Return the MD5 of all of it."""
        md5 = hashlib.md5(repr(self.refused).encode())
        for (serial, day), packed in sorted(self.rows.items()):
            md5.update(f"{serial}{day}".encode() + packed)
        return md5.hexdigest()


def bare_inflate(path: Path) -> None:
    """Inflate the log and look at none of it."""
    for _ in _inflated(path):
        pass


def strptime_loop(path: Path) -> Answer:
    """Do it the plain way: split each line, strptime, int."""

    def second(text: str) -> datetime:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)

    return _loop(path, second)


def split_fromisoformat(path: Path) -> Answer:
    """Do it the simple way that is not slow: split each line, fromisoformat, int."""
    return _loop(path, datetime.fromisoformat)


def batches(path: Path) -> Iterator[Batch]:
    """Yield what our parser gives."""
    with path.open("rb") as source:
        blocks = open_log(source, max_bytes=_MAX_TEXT_BYTES)
        yield from parse(blocks, machine=None, not_after=NOT_AFTER)


def our_parser(path: Path) -> None:
    """Parse the log as it is done when a file arrives: each batch goes before the next is read."""
    for batch in batches(path):
        del batch


def our_answer(path: Path) -> Answer:
    """Join what our parser gives in batches."""
    answer = Answer({}, [])
    for batch in batches(path):
        answer.refused.extend(refusal.line for refusal in batch.refusals)
        for day, packed in batch.rows.items():
            answer.rows.setdefault(day, bytearray()).extend(packed)
    return answer


def reference_answer(path: Path) -> Answer:
    """Ask the naive parser of the tests, which reads the whole text at once."""
    reading = read_log(b"".join(_inflated(path)), machine=None, not_after=NOT_AFTER)
    rows = {day: bytearray(packed) for day, packed in reading.rows.items()}
    return Answer(rows, reading.refused)


def _inflated(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    # By blocks, as reading a zip line by line takes longer than all the rest.
    begun = b""
    for block in blocks:
        *lines, begun = (begun + block).split(b"\n")
        yield from lines
    yield begun


def _loop(path: Path, second: Callable[[str], datetime]) -> Answer:
    rows: dict[tuple[str, date], bytearray] = {}
    refused = []
    for number, line in enumerate(_lines(_inflated(path)), start=1):
        try:
            serial, time, count = line.decode().split("|")
            at, gumballs = second(time), int(count)
            if len(serial) != 5 or serial[:2] != "GM" or not serial[2:].isdigit():
                raise ValueError(serial)
            if len(time) != 20 or len(count) != 1 or at > NOT_AFTER:
                raise ValueError(time)
        except (ValueError, TypeError):
            if line:
                refused.append(number)
            continue
        packed = (at.hour * 60 + at.minute).to_bytes(2, "big") + bytes((at.second, gumballs))
        day = (serial, at.date())
        try:
            rows[day] += packed
        except KeyError:
            rows[day] = bytearray(packed)
    return Answer(rows, refused)

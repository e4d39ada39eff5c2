"""Log text in, packed rows and refused lines out, in bounded memory.

A log line is ``GM006|2020-02-20T11:29:44Z|1``: the machine's serial, a UTC second, the gumballs it
gave. A line is *kept* or *refused*; a blank line is neither, though it has a number. The *head* of
a line, ``GM006|2020-02-20``, says whose row it is and of which day.

The speed comes from small tables. All good lines are equally long, so `struct` cuts a run of them
into head, ``T11:29:`` and ``44Z|1`` in one go, and looking the three up both checks and converts
them. What is in no table is read alone, with care.
"""

import codecs
import re
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import length_hint
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from chalicelib.vending import rows
from chalicelib.vending.names import SERIAL

MAX_CHECKSUMS = 10_000
"""How many refused lines of one machine a file has checksums of; more are only counted."""

_MAX_TEXT = 200
_FIRST_DAY = date(1970, 1, 1)
_MARKS = len(codecs.BOM_UTF8 + b"\r\n")
_BAR, _HEAD = len("GM006|"), len("GM006|2020-02-20")
_LOOKED_AT = b"?"

_LF, _CRLF = Struct("16s7s6s"), Struct("16s7s7s")
_DAY = re.compile(rb"\d{4}-\d\d-\d\d")
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ROW = re.compile(rb"(GM\d{3})\|(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z\|(\d)")


class Refusal(NamedTuple):
    """A line that was not kept.

    ``line`` counts from 1; ``text`` is the raw line's first 200 bytes; ``serial`` is the machine
    whose log is at fault: the file's own, or in an import the one that the line names.
    """

    line: int
    reason: str
    text: str
    serial: str | None


@dataclass
class Batch:
    """A stretch of a log: its packed rows by machine and UTC day in file order, and its refusals.

    ``refused`` counts all refused lines, also those that are not listed. ``corrupt`` has, by
    serial, 4 bytes for each refused line: the CRC-32 of the raw line, big endian.
    """

    rows: dict[tuple[str, date], bytearray] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    kept: int = 0
    refused: int = 0
    corrupt: dict[str, bytearray] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Return the number of lines that were read, blank ones left out."""
        return self.kept + self.refused


def parse(
    blocks: Iterable[bytes],
    *,
    machine: str | None,
    not_after: datetime,
    flush_rows: int = 2_000_000,
    flush_keys: int = 70_000,
    max_refusals: int = 1_000,
    max_line: int = 1_000,
) -> Iterator[Batch]:
    """Yield the log in batches; none when it has no lines.

    ``machine`` is the only one whose rows are kept, None keeps all; rows later than ``not_after``
    (aware) are refused. A batch ends with its ``flush_rows``-th line or its ``flush_keys``-th
    machine and day: where, depends on the text alone, not on how it is cut into blocks.
    ``max_refusals`` are listed in all. ``max_line`` is in bytes, at least the 28 of a row; of a
    longer line no more than that is looked at.
    """
    rules = _Rules(machine, not_after.astimezone(UTC), max_line)
    log = _Log(rules, _Days(rules, flush_keys - 1), max_refusals)
    for text in _whole_lines(blocks, max_line):
        at = 0
        while at < len(text):
            at = log.keep_run(text, at, flush_rows - log.batch.lines - 1)
            if at < len(text):
                at = log.take_line(text, at)
            if log.batch.lines >= flush_rows or len(log.days) >= flush_keys:
                yield log.close_batch()
    if log.batch.lines:
        yield log.close_batch()


def _whole_lines(blocks: Iterable[bytes], max_line: int) -> Iterator[bytes]:
    """Yield the text in pieces that end with a line, the last one perhaps without its line feed.

    Of an over-long line only as much is held as shows that it is one.
    """
    begun = b""
    for block in blocks:
        text = begun + block
        end = text.rfind(b"\n") + 1
        begun = text[end:][: max_line + _MARKS]
        if end:
            yield text[:end]
    yield begun


def _code(second_of_day: int, gumballs: int) -> int:
    """Return the number that is, in this machine's byte order, a packed row."""
    return int.from_bytes(rows.pack(second_of_day, gumballs), sys.byteorder)


_SERIALS = {b"GM%03d|" % number: f"GM{number:03}" for number in range(1_000)}
_MINUTES = {b"T%02d:%02d:" % divmod(minute, 60): _code(minute * 60, 0) for minute in range(24 * 60)}
_SECONDS = {
    b"%02dZ|%d%s" % (second, gumballs, end): _code(second, gumballs)
    for second in range(60)
    for gumballs in range(10)
    for end in (b"\n", b"\r\n")
}


@lru_cache(maxsize=4_096)
def _day(text: bytes) -> date:
    """Return the day ``2020-02-20``. Raises KeyError, as a table would, when it is none."""
    if not _DAY.fullmatch(text):
        raise KeyError(text)
    try:
        return date.fromisoformat(text.decode())
    except ValueError as impossible:
        raise KeyError(text) from impossible


class _RefusedError(Exception):
    """Raised for a line that cannot be kept, with the reason in plain words."""


class _Rules(NamedTuple):
    """What a file's lines must be like."""

    machine: str | None
    not_after: datetime
    max_line: int

    def read(self, line: bytes) -> tuple[datetime, int]:
        """Return the second and the gumballs of a row. Raises _RefusedError."""
        match = _ROW.fullmatch(line)
        if not match:
            raise _RefusedError(_fault(line))
        serial = match[1].decode()
        if self.machine not in (None, serial):
            raise _RefusedError(f"wrong machine {serial}, this file is for {self.machine}")
        year, month, day, hour, minute, second, gumballs = map(int, match.groups()[1:])
        try:
            at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as impossible:
            raise _RefusedError(f"no such date or time: {impossible}") from impossible
        if at.date() < _FIRST_DAY:
            raise _RefusedError(f"before {_FIRST_DAY}: the machine's clock was not set")
        if at > self.not_after:
            raise _RefusedError(f"later than the download, {self.not_after:%Y-%m-%d %H:%M} UTC")
        return at, gumballs


def _fault(line: bytes) -> str:
    """Say in plain words why ``line`` does not have the form of a row."""
    if b"\0" in line:
        return "holds NUL bytes"
    try:
        fields = line.decode().split("|")
    except UnicodeDecodeError:
        return "not UTF-8 text"
    match [text[:40] for text in fields]:
        case [serial, _, _] if not SERIAL.fullmatch(serial):
            return f"not a machine serial: {serial!r}"
        case [_, second, _] if not _SECOND.fullmatch(second):
            return f"not a UTC second such as 2020-02-20T11:29:44Z: {second!r}"
        case [_, _, gumballs]:
            return f"gumballs must be a digit, 0 to 9: {gumballs!r}"
    return f"{len(fields)} field(s) instead of 3"


class _Days(dict[bytes, "array[int]"]):
    """Codes of rows by the head of their lines.

    Looking up the head of a day any of whose seconds may be kept opens that day, as long as fewer
    than ``most`` are open. Of the day that ``not_after`` cuts in two each row must be looked at:
    its codes stand under its head and a mark, where the head alone does not find them.
    """

    def __init__(self, rules: _Rules, most: int) -> None:
        super().__init__()
        self._last = rules.not_after.date()
        self._most = most
        self._serials = {
            head for head, serial in _SERIALS.items() if rules.machine in (None, serial)
        }

    def __missing__(self, head: bytes) -> "array[int]":
        if len(self) >= self._most or head[:_BAR] not in self._serials:
            raise KeyError(head)
        if not _FIRST_DAY <= _day(head[_BAR:]) < self._last:
            raise KeyError(head)
        codes = self[head] = array("I")
        return codes

    def keep(self, head: bytes, at: datetime, gumballs: int) -> None:
        """Keep one row that has been looked at."""
        if at.date() == self._last:
            head += _LOOKED_AT
        second_of_day = at.hour * 3600 + at.minute * 60 + at.second
        self.setdefault(head, array("I")).append(_code(second_of_day, gumballs))

    def drain(self) -> Iterator[tuple[tuple[str, date], bytearray]]:
        """Take out the packed rows, day by day so as not to hold them all twice."""
        for head in list(self):
            yield (_SERIALS[head[:_BAR]], _day(head[_BAR:_HEAD])), bytearray(self.pop(head))


class _Log:
    """One log being read: where it stands, and the batch that is being filled."""

    def __init__(self, rules: _Rules, days: _Days, max_refusals: int) -> None:
        self.days = days
        self.batch = Batch()
        self._rules = rules
        self._refusals_left = max_refusals
        self._checksums: Counter[str] = Counter()
        self._line = 0
        self._layout = _LF

    def keep_run(self, text: bytes, at: int, most: int) -> int:
        """Keep good lines from ``at`` on, up to ``most``; return where the run of them ends."""
        width = self._layout.size
        count = min((len(text) - at) // width, most)
        lines = self._layout.iter_unpack(memoryview(text)[at : at + count * width])
        days, minutes, seconds = self.days, _MINUTES, _SECONDS
        try:
            for head, minute, second in lines:
                days[head].append(minutes[minute] + seconds[second])
        except KeyError:
            count -= length_hint(lines) + 1
            if not days.get(head, True):
                del days[head]  # it was opened by the very line that cannot be kept
        self._line += count
        self.batch.kept += count
        return at + count * width

    def take_line(self, text: bytes, at: int) -> int:
        """Keep, refuse or skip the line that starts at ``at``; return where the next one does."""
        end = text.find(b"\n", at) + 1 or len(text)
        raw = text[at:end]
        line = raw.removesuffix(b"\n").removesuffix(b"\r")
        self._layout = _CRLF if raw.endswith(b"\r\n") else _LF
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > self._rules.max_line:
            self._refuse(line, f"longer than {self._rules.max_line} bytes")
        elif line.strip():
            self._keep_or_refuse(line, cut=not raw.endswith(b"\n"))
        return end

    def close_batch(self) -> Batch:
        """Return the batch that was being filled, and begin a new one."""
        batch, self.batch = self.batch, Batch()
        batch.rows.update(self.days.drain())
        return batch

    def _keep_or_refuse(self, line: bytes, *, cut: bool) -> None:
        try:
            at, gumballs = self._rules.read(line)
        except _RefusedError as refused:
            self._refuse(line, f"the last line is cut off: {refused}" if cut else str(refused))
        else:
            self.days.keep(line[:_HEAD], at, gumballs)
            self.batch.kept += 1

    def _refuse(self, line: bytes, reason: str) -> None:
        self.batch.refused += 1
        line = line[: self._rules.max_line]
        serial = self._rules.machine or _SERIALS.get(line[:_BAR])
        if self._refusals_left:
            self._refusals_left -= 1
            text = line[:_MAX_TEXT].decode(errors="backslashreplace")
            self.batch.refusals.append(Refusal(self._line, reason, text, serial))
        if serial and self._checksums[serial] < MAX_CHECKSUMS:
            self._checksums[serial] += 1
            checksum = crc32(line).to_bytes(4, "big")
            self.batch.corrupt.setdefault(serial, bytearray()).extend(checksum)

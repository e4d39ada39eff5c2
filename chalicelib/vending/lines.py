"""One log line, and many alike: what they must be like, and the packed rows they stand for.

A line is ``GM006|2020-02-20T11:29:44Z|1``: the machine's serial (GM and three digits or more), a
UTC second, the gumballs it gave. Its *head*, ``GM006|2020-02-20``, says whose row it is and of
which day; its *code* is a packed row as a number in this machine's byte order, so that an array of
codes is packed rows.

A line is read in one of three ways, each many times faster than the one before: with care
(`Rules.read`), which knows what is wrong; by tables, where looking up ``T11:29:`` and ``44Z|1``
both checks and converts them; and in a stretch of a thousand, which only says how many are well.
"""

import re
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from struct import Struct
from typing import NamedTuple

from chalicelib.vending import rows
from chalicelib.vending.names import SERIAL

FIRST_DAY = date(1970, 1, 1)

_SHORTEST_SERIAL = len("GM006")
_DATE, _REST = len("2020-02-20"), len("T11:29:44Z|1")
_SHAPE = b"|0000-00-00T00:00:00Z|0"
_DIGITS_AS_0 = bytes.maketrans(b"123456789", b"000000000")
_DIGIT = bytes(max(0, byte - ord("0")) for byte in range(256))
_HOURS, _SIXTY = bytes(range(24)), bytes(range(60))
_DAY = re.compile(rb"\d{4}-\d\d-\d\d")
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_SERIAL = re.compile(rb"(GM\d{3,18})\|")
_ROW = re.compile(rb"(GM\d{3,18})\|(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z\|(\d)")
# Where logs were joined and the first one had no line end at its end.
_SEAM = re.compile(rb"Z\|\d\x1a?(?=(?:\xef\xbb\xbf)?GM\d{3,18}\|)")
CARRIAGE_RETURNS = (
    "has carriage returns inside: lines end with LF or CRLF; save the log again with one of these"
)

Columns = tuple[bytes, bytes, bytes, bytes]
"""Packed rows, column by column: the first bytes of all of them, the second ones, and so on."""


class RefusedError(Exception):
    """Raised for a line that is refused, with the reason in plain words."""


class Rules(NamedTuple):
    """What the lines of one file must be like.

    ``machine`` is the only one whose rows are accepted, None accepts all; ``not_after`` is UTC.
    """

    machine: str | None
    not_after: datetime

    def read(self, line: bytes) -> tuple[datetime, int]:
        """Return the second and the gumballs of a row. Raises RefusedError."""
        match = _ROW.fullmatch(line)
        if not match:
            raise RefusedError(_fault(line))
        serial = match[1].decode()
        if self.machine not in (None, serial):
            raise RefusedError(f"wrong machine {serial}, this file is for {self.machine}")
        year, month, day, hour, minute, second, gumballs = map(int, match.groups()[1:])
        try:
            at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as impossible:
            raise RefusedError(f"no such date or time: {impossible}") from impossible
        if at.date() < FIRST_DAY:
            raise RefusedError(f"before {FIRST_DAY}: the machine's clock was not set")
        if at > self.not_after:
            raise RefusedError(f"later than the download, {self.not_after:%Y-%m-%d %H:%M} UTC")
        return at, gumballs


def _fault(line: bytes) -> str:
    """Say in plain words why ``line`` does not have the form of a row."""
    if b"\0" in line:
        return "holds NUL bytes, as UTF-16 text does"
    try:
        fields = line.decode().split("|")
    except UnicodeDecodeError:
        return "not UTF-8 text"
    match [text[:40] for text in fields]:
        case [serial, _, _] if not SERIAL.matches(serial):
            return f"not a machine serial: {serial!r}"
        case [_, second, _] if not _SECOND.fullmatch(second):
            return f"not a UTC second such as 2020-02-20T11:29:44Z: {second!r}"
        case [_, _, gumballs]:
            return f"gumballs must be a digit, 0 to 9: {gumballs!r}"
    return f"{len(fields)} field(s) instead of 3"


def seam(line: bytes) -> int:
    """Return where the second row of a line begins, 0 if it has one: logs are joined like this."""
    found = _SEAM.search(line)
    return found.end() if found else 0


def code(second_of_day: int, gumballs: int) -> int:
    """Return the code of a row."""
    return int.from_bytes(rows.pack(second_of_day, gumballs), sys.byteorder)


def split(head: bytes) -> tuple[bytes, bytes]:
    """Return a head's serial, with the bar behind it, and its day, as they are written."""
    return head[:-_DATE], head[-_DATE:]


def parts(head: bytes) -> tuple[str, date]:
    """Return the serial and the day of a head. Raises KeyError, as a table would, for another."""
    serial, text = split(head)
    return serial_in(serial), day(text)


def head(line: bytes) -> bytes:
    """Return the head of a good line, without its line end."""
    return line[:-_REST]


def serial_of(line: bytes) -> str | None:
    """Return the machine that a line names, good or not."""
    match = _SERIAL.match(line)
    return match[1].decode() if match else None


MINUTES = {b"T%02d:%02d:" % divmod(minute, 60): code(minute * 60, 0) for minute in range(24 * 60)}
SECONDS = {
    b"%02dZ|%d%s" % (second, gumballs, end): code(second, gumballs)
    for second in range(60)
    for gumballs in range(10)
    for end in (b"\n", b"\r\n")
}


# Serials and days by themselves: heads are as many as both multiplied, and would take more memory
# than the rows.
@lru_cache(maxsize=4_096)
def serial_in(field: bytes) -> str:
    """Return the serial before a bar. Raises KeyError, as a table would, when it is none."""
    if not _SERIAL.fullmatch(field):
        raise KeyError(field)
    return field[:-1].decode()


@lru_cache(maxsize=4_096)
def day(text: bytes) -> date:
    """Return the day ``2020-02-20``. Raises KeyError, as a table would, when it is none."""
    if not _DAY.fullmatch(text):
        raise KeyError(text)
    try:
        return date.fromisoformat(text.decode())
    except ValueError as impossible:
        raise KeyError(text) from impossible


class Column:
    """One field of each of the lines of a text.

    ``form`` is what a line is like to `struct`; of ``window`` lines at once it is read faster.
    """

    def __init__(self, form: str, window: int) -> None:
        self._line = Struct(form)
        self._window = Struct(form * window)

    def of(self, text: bytes) -> Sequence[bytes]:
        """Return the field of all lines in ``text``."""
        if len(text) == self._window.size:
            return self._window.unpack(text)
        return [field for (field,) in self._line.iter_unpack(text)]


class Layout:
    """How good lines of one length lie in a text, one alone or at most ``window`` at once.

    ``serial`` is how long their serials are, ``end`` their line end. Places in a line count from
    the bar behind the serial on, as in ``|2020-02-20T11:29:44Z|1``.
    """

    def __init__(self, serial: int, end: bytes, window: int) -> None:
        shape = b"GM".ljust(serial, b"0") + _SHAPE + end
        head = serial + 1 + _DATE
        rest = len(shape) - head
        self.width = len(shape)
        self.window = window
        self.heads = Column(f"{head}s{rest}x", window)
        self.serials = Column(f"{serial + 1}s{_DATE + rest}x", window)
        self.days = Column(f"{serial + 1}x{_DATE}s{rest}x", window)
        self.fields = Struct(f"{head}s7s{rest - 7}s")
        # Up to so many lines are read faster one by one.
        self.few = window // 16
        self._shape = shape * window
        self._bar = serial
        self.three_digits = serial == _SHORTEST_SERIAL
        # A byte of 1 for each line.
        self._each = int.from_bytes(b"\1" * window)

    def near(self, text: bytes, at: int) -> bool:
        """Return whether the line at ``at`` and the next one have the same machine."""
        following = text.find(b"\n", at) + 1
        return text[at : at + self._bar + 1] == text[following : following + self._bar + 1]

    def codes_by_tables(self, lines: bytes) -> "array[int]":
        """Return the codes of the lines before the first one whose time is none."""
        codes = array("I")
        with suppress(KeyError):
            for _, minute, second in self.fields.iter_unpack(lines):
                codes.append(MINUTES[minute] + SECONDS[second])
        return codes

    def columns(self, lines: bytes) -> Columns:
        """Return the packed rows of up to a window of lines, before the first that cannot be one.

        The content of the heads is ignored.
        """
        lines = self._shaped(lines)
        hours, minutes, seconds = (self._two_digits(lines, at) for at in (12, 15, 18))
        columns = (hours, _HOURS), (minutes, _SIXTY), (seconds, _SIXTY)
        possible = min(_possible(column, numbers) for column, numbers in columns)
        if possible < len(hours):
            return self.columns(lines[: possible * self.width])
        of_day = (60 * _widened(hours) + _widened(minutes)).to_bytes(2 * len(hours))
        return of_day[::2], of_day[1::2], seconds, self._digit(lines, 22)

    def _shaped(self, lines: bytes) -> bytes:
        """Return the lines before the first that has another shape than a row."""
        found, shape = lines.translate(_DIGITS_AS_0), self._shape[: len(lines)]
        if found == shape:
            return lines
        other = int.from_bytes(found) ^ int.from_bytes(shape)
        first = len(lines) - (other.bit_length() + 7) // 8
        return lines[: first // self.width * self.width]

    def dates(self, lines: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Return the year, the months and the days of lines like rows, None if years differ.

        The year is as it is written; months and days are numbers, a byte each, possible or not.
        """
        first = self._bar + 1
        count = len(lines) // self.width
        for at in range(first, first + 4):
            if lines[at :: self.width] != lines[at : at + 1] * count:
                return None
        return lines[first : first + 4], self._two_digits(lines, 6), self._two_digits(lines, 9)

    def numbers(self, lines: bytes) -> "array[int]":
        """Return the last three digits of the serials of lines like rows."""
        wide = 100 * _widened(self._digit(lines, -3)) + _widened(self._two_digits(lines, -2))
        numbers = array("H", wide.to_bytes(2 * (len(lines) // self.width)))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers

    def _digit(self, lines: bytes, place: int) -> bytes:
        """Return the numbers that are written in one digit at ``place``, a byte each."""
        return lines[self._bar + place :: self.width].translate(_DIGIT)

    def _two_digits(self, lines: bytes, place: int) -> bytes:
        """Return the numbers that are written in two digits from ``place`` on, a byte each.

        A column of bytes taken as one big number has 8 bits for each line, so that one sum adds
        up the digits of all lines.
        """
        tens = lines[self._bar + place :: self.width]
        ones = lines[self._bar + place + 1 :: self.width]
        count = len(ones)
        zeros = 11 * ord("0") * (self._each >> 8 * (self.window - count))
        return (10 * int.from_bytes(tens) + int.from_bytes(ones) - zeros).to_bytes(count)


def _possible(column: bytes, numbers: bytes) -> int:
    """Return how many bytes of a column there are before the first that is none of ``numbers``."""
    others = column.translate(None, numbers)
    return column.index(others[0]) if others else len(column)


def _widened(column: bytes) -> int:
    """Return bytes as one big number with 16 bits for each."""
    wide = bytearray(2 * len(column))
    wide[1::2] = column
    return int.from_bytes(wide)


def columns_of(codes: "array[int]") -> Columns:
    """Return the columns of packed rows."""
    packed = codes.tobytes()
    return packed[::4], packed[1::4], packed[2::4], packed[3::4]


def joined(columns: Columns) -> "array[int]":
    """Return the codes of packed rows."""
    packed = bytearray(4 * len(columns[0]))
    for at, column in enumerate(columns):
        packed[at::4] = column
    return array("I", bytes(packed))


@cache
def layout_of(serial: int, end: bytes) -> Layout:
    """Return the layout of lines whose serials have ``serial`` characters."""
    return Layout(serial, end, window=1_000)


SHORTEST = layout_of(_SHORTEST_SERIAL, b"\n")

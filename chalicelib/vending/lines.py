"""One log line, and many alike: what they must be like, and the packed rows they stand for.

A line is ``GM006|2020-02-20T11:29:44Z|1``: the machine's serial (GM and three digits or more), a
UTC second, the gumballs it gave. Its *head*, ``GM006|2020-02-20``, says whose row it is and of
which day; its *code* is a packed row as a number in this machine's byte order, so that an array of
codes is packed rows.

A line is read in one of three ways, each many times faster than the one before: with care
(`Rules.read`), which knows what is wrong; by tables, where looking up ``T11:29:`` and ``44Z|1``
both checks and converts them; and in a stretch of a thousand, which only says that all are well.
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
_DAY = re.compile(rb"\d{4}-\d\d-\d\d")
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_SERIAL = re.compile(rb"(GM\d{3,18})\|")
_ROW = re.compile(rb"(GM\d{3,18})\|(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z\|(\d)")
# Where logs were joined and the first one had no line end at its end.
_SEAM = re.compile(rb"Z\|\d\x1a?(?=(?:\xef\xbb\xbf)?GM\d{3,18}\|)")
CARRIAGE_RETURNS = (
    "has carriage returns inside: lines end with LF or CRLF; save the log again with one of these"
)


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

    ``serial`` is how long their serials are, ``end`` their line end.
    """

    # What digits add to their packed row (minute of the day in bytes 0 and 1, second, gumballs):
    # those at these places from the bar behind the serial on count so many times in these bytes.
    _DIGITS = (
        (600, {1: 12}),
        (60, {1: 13}),
        (10, {1: 15, 2: 18}),
        (1, {1: 16, 2: 19, 3: 22}),
    )

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
        self._head = head
        self._shape = shape * window
        self._bar = serial
        each = int.from_bytes(b"\0\0\0\1" * window, "big")
        self._zero_digits = each * sum(
            ord("0") * weight << 8 * (3 - byte) for weight, at in self._DIGITS for byte in at
        )
        # A minute of the day beyond the last one carries into the top bit of its row.
        self._to_top_bit = each * ((1 << 15) - 24 * 60 << 16)
        self._top_bits = each << 31

    def near(self, text: bytes, at: int) -> bool:
        """Return whether the line at ``at`` and the next one have the same machine or day."""
        serial, day = split(text[at : at + self._head])
        following = text.find(b"\n", at) + 1
        next_serial, next_day = split(text[following : following + self._head])
        return serial == next_serial or day == next_day

    def codes_by_tables(self, lines: bytes) -> "array[int]":
        """Return the codes of the lines before the first one whose time is none."""
        codes = array("I")
        with suppress(KeyError):
            for _, minute, second in self.fields.iter_unpack(lines):
                codes.append(MINUTES[minute] + SECONDS[second])
        return codes

    def codes(self, lines: bytes) -> "array[int] | None":
        """Return the codes of up to a window of lines, or None unless each could be a row's.

        The digits that count the same, a byte each, taken together are one big number in which
        every line has 32 bits to itself: adding up four of them packs all lines at once. The
        content of the heads is ignored.
        """
        count = len(lines) // self.width
        width = self.width
        if lines.translate(_DIGITS_AS_0) != self._shape[: len(lines)]:
            return None
        minutes, seconds = lines[self._bar + 15 :: width], lines[self._bar + 18 :: width]
        if (minutes + seconds).translate(None, b"012345"):
            return None
        unused = 32 * (self.window - count)
        packed = -(self._zero_digits >> unused)
        digits = bytearray(4 * count)
        for weight, places in self._DIGITS:
            for byte, place in places.items():
                digits[byte::4] = lines[self._bar + place :: width]
            packed += weight * int.from_bytes(digits, "big")
        if packed + (self._to_top_bit >> unused) & (self._top_bits >> unused):
            return None
        return array("I", packed.to_bytes(4 * count, "big"))


@cache
def layout_of(serial: int, end: bytes) -> Layout:
    """Return the layout of lines whose serials have ``serial`` characters."""
    return Layout(serial, end, window=1_000)


SHORTEST = layout_of(_SHORTEST_SERIAL, b"\n")

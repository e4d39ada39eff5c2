"""One log line, and many alike: what they must be like, and the packed rows they stand for.

A line is ``GM006|2020-02-20T11:29:44Z|1``: the machine's serial, a UTC second, the gumballs it
gave. Its *head*, ``GM006|2020-02-20``, says whose row it is and of which day; its *code* is a
packed row as a number in this machine's byte order, so that an array of codes is packed rows.

A line is read in one of three ways, each many times faster than the one before: with care
(`Rules.read`), which knows what is wrong; by tables, where looking up ``T11:29:`` and ``44Z|1``
both checks and converts them; and in a window of a thousand, which only says that all are well.
"""

import re
import sys
from array import array
from datetime import UTC, date, datetime
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from chalicelib.vending import rows
from chalicelib.vending.names import SERIAL

FIRST_DAY = date(1970, 1, 1)
BAR, HEAD = len("GM006|"), len("GM006|2020-02-20")

_SHAPE = b"GM000|0000-00-00T00:00:00Z|0"
_DIGITS_AS_0 = bytes.maketrans(b"123456789", b"000000000")
_DAY = re.compile(rb"\d{4}-\d\d-\d\d")
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ROW = re.compile(rb"(GM\d{3})\|(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z\|(\d)")


class RefusedError(Exception):
    """Raised for a line that cannot be kept, with the reason in plain words."""


class Rules(NamedTuple):
    """What the lines of one file must be like.

    ``machine`` is the only one whose rows are kept, None keeps all; ``not_after`` is UTC.
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


def code(second_of_day: int, gumballs: int) -> int:
    """Return the code of a row."""
    return int.from_bytes(rows.pack(second_of_day, gumballs), sys.byteorder)


SERIALS = {b"GM%03d|" % number: f"GM{number:03}" for number in range(1_000)}
MINUTES = {b"T%02d:%02d:" % divmod(minute, 60): code(minute * 60, 0) for minute in range(24 * 60)}
SECONDS = {
    b"%02dZ|%d%s" % (second, gumballs, end): code(second, gumballs)
    for second in range(60)
    for gumballs in range(10)
    for end in (b"\n", b"\r\n")
}


@lru_cache(maxsize=4_096)
def day(text: bytes) -> date:
    """Return the day ``2020-02-20``. Raises KeyError, as a table would, when it is none."""
    if not _DAY.fullmatch(text):
        raise KeyError(text)
    try:
        return date.fromisoformat(text.decode())
    except ValueError as impossible:
        raise KeyError(text) from impossible


class Layout:
    """How good lines with one kind of ending lie in a text, alone and in windows of ``window``."""

    # What a digit adds to its packed row (minute of the day, second, gumballs) by its place.
    _WEIGHTS = (
        (17, 600 << 16),
        (18, 60 << 16),
        (20, 10 << 16),
        (21, 1 << 16),
        (23, 10 << 8),
        (24, 1 << 8),
        (27, 1),
    )

    def __init__(self, end: bytes, window: int) -> None:
        self.width = len(_SHAPE + end)
        self.fields = Struct(f"16s7s{self.width - 23}s")
        self.window = window
        self.heads = Struct(f"16s{self.width - HEAD}x" * window)
        self._shape = (_SHAPE + end) * window
        each = int.from_bytes(b"\0\0\0\1" * window, "big")
        self._zero_digits = each * ord("0") * sum(weight for _, weight in self._WEIGHTS)
        # A minute of the day beyond the last one carries into the top bit of its row.
        self._to_top_bit = each * ((1 << 15) - 24 * 60 << 16)
        self._top_bits = each << 31

    def codes(self, lines: bytes) -> "array[int] | None":
        """Return the codes of a window of lines, or None unless each could be a row's.

        The digits in one place, a byte each, taken together are one big number in which every
        line has 32 bits to itself: adding up seven of them, weighted, packs all lines at once.
        What the heads say is not looked at.
        """
        width = self.width
        if lines.translate(_DIGITS_AS_0) != self._shape:
            return None
        if (lines[20::width] + lines[23::width]).translate(None, b"012345"):
            return None
        packed = -self._zero_digits
        column = bytearray(4 * self.window)
        for place, weight in self._WEIGHTS:
            column[3::4] = lines[place::width]
            packed += weight * int.from_bytes(column, "big")
        if packed + self._to_top_bit & self._top_bits:
            return None
        return array("I", packed.to_bytes(4 * self.window, "big"))

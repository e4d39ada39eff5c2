"""Log text in, packed rows and refused lines out, in bounded memory.

A line is *accepted* or *refused*; a blank line is neither, though it has a number. `lines` knows
what a line must be like and `machine_days` groups rows; here is what to do with one line after
the other: keep stretches of good lines at once, and what stops a stretch alone.
"""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple
from zlib import crc32

from chalicelib.vending import lines
from chalicelib.vending.machine_days import MachineDays

MAX_CHECKSUMS = 10_000
"""How many refused lines of one machine a file has checksums of; more are only counted."""

_MAX_TEXT = 200
# The sign that ended a text under DOS, and still ends one that `copy a+b` joined.
_DOS_END = b"\x1a"
_MARKS = len(b"\r" + codecs.BOM_UTF8 + _DOS_END + b"\r\r\n")
_BLANK = b" \t\r\n\v\f" + _DOS_END


class Refusal(NamedTuple):
    """A line that was refused.

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

    rows: dict[tuple[str, date], bytes] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    corrupt: dict[str, bytearray] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Return the number of lines that were read, blank ones left out."""
        return self.accepted + self.refused


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

    ``machine`` is the only one whose rows are accepted, None accepts all; rows later than
    ``not_after`` (aware) are refused. A batch ends with its ``flush_rows``-th line or its
    ``flush_keys``-th machine and day: where, depends on the text alone, not on how it is cut into
    blocks. ``max_refusals`` are listed in all. ``max_line`` is in bytes, at least the 28 of a row;
    of a longer line no more than that is read.
    """
    rules = lines.Rules(machine, not_after.astimezone(UTC))
    log = _Log(rules, _Limits(flush_rows, flush_keys, max_refusals, max_line))
    for text in _whole_lines(blocks, max_line):
        yield from log.read(text)
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


def _without_marks(raw: bytes) -> bytes:
    """Return a line without its end and the byte order mark of a file that begins with it.

    CR CR LF is what a text becomes that is turned into CR LF twice; after LF CR a line begins with
    the second half of its predecessor's end.
    """
    line = raw.removesuffix(b"\n").removesuffix(b"\r").removesuffix(b"\r").removesuffix(_DOS_END)
    return line.removeprefix(b"\r").removeprefix(codecs.BOM_UTF8)


class _Limits(NamedTuple):
    """The limits of `parse`."""

    flush_rows: int
    flush_keys: int
    max_refusals: int
    max_line: int


class _Log:
    """One log being read: its position, and the batch that is being filled."""

    def __init__(self, rules: lines.Rules, limits: _Limits) -> None:
        self.batch = Batch()
        self._rules = rules
        self._limits = limits
        self._rows = MachineDays(rules, limits.flush_keys)
        self._refusals_left = limits.max_refusals
        self._checksums: Counter[str] = Counter()
        self._line = 0
        self._layout = lines.SHORTEST
        self._stretch = self._layout.window

    def read(self, text: bytes) -> Iterator[Batch]:
        """Read whole lines; yield the batches that they fill."""
        at = 0
        self._rows.look_at_order(self._layout, text)
        while at < len(text):
            at = self._keep_stretches(text, at)
            if at < len(text):
                at = self._take_line(text, at)
            if self._room <= 0 or self._rows.full:
                yield self.close_batch()

    def close_batch(self) -> Batch:
        """Return the batch that was being filled, and begin a new one."""
        batch, self.batch = self.batch, Batch()
        batch.rows = self._rows.drain()
        return batch

    @property
    def _room(self) -> int:
        return self._limits.flush_rows - self.batch.lines

    def _keep_stretches(self, text: bytes, at: int) -> int:
        """Keep good lines from ``at`` on; return where the first other line is.

        The last line that fits into the batch is left to be taken alone. After a line that stopped
        a stretch the next one is short: looking at many lines again and again would take long.
        """
        width = self._layout.width
        while count := min(self._stretch, (len(text) - at) // width, self._room - 1):
            stretch = text[at : at + count * width]
            kept = self._rows.keep_all(self._layout, stretch)
            self._line += kept
            self.batch.accepted += kept
            self._stretch = min(max(2 * kept + 1, self._layout.few), self._layout.window)
            at += kept * width
            if kept < count:
                break
        return at

    def _take_line(self, text: bytes, at: int) -> int:
        """Keep, refuse or skip the line that starts at ``at``; return where the next one does.

        Of a line that several logs were joined in it is the first row, and the next one is in the
        same line.
        """
        end = text.find(b"\n", at) + 1 or len(text)
        raw = text[at:end]
        line = _without_marks(raw)
        if serial := lines.serial_of(raw):
            end_of_line = b"\r\n" if raw.endswith(b"\r\n") else b"\n"
            self._layout = lines.layout_of(len(serial), end_of_line)
        self._line += 1
        if b"\r" in _without_marks(raw[: self._limits.max_line]):
            self._refuse(line, lines.CARRIAGE_RETURNS)
        elif len(line) > self._limits.max_line:
            self._refuse(line, f"longer than {self._limits.max_line} bytes")
        elif seam := lines.seam(raw):
            self._keep_or_refuse(_without_marks(raw[:seam]), cut=False)
            self._line -= 1
            return at + seam
        elif line.strip(_BLANK):
            self._keep_or_refuse(line, cut=not raw.endswith(b"\n"))
        return end

    def _keep_or_refuse(self, line: bytes, *, cut: bool) -> None:
        try:
            at, gumballs = self._rules.read(line)
        except lines.RefusedError as refused:
            self._refuse(line, f"the last line is cut off: {refused}" if cut else str(refused))
        else:
            self._rows.keep(lines.head(line), at, gumballs)
            self.batch.accepted += 1

    def _refuse(self, line: bytes, reason: str) -> None:
        self.batch.refused += 1
        line = line[: self._limits.max_line]
        serial = self._rules.machine or lines.serial_of(line)
        if self._refusals_left:
            self._refusals_left -= 1
            text = line[:_MAX_TEXT].decode(errors="backslashreplace")
            self.batch.refusals.append(Refusal(self._line, reason, text, serial))
        if serial and self._checksums[serial] < MAX_CHECKSUMS:
            self._checksums[serial] += 1
            checksum = crc32(line).to_bytes(4, "big")
            self.batch.corrupt.setdefault(serial, bytearray()).extend(checksum)

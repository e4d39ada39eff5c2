"""Log text in, packed rows and refused lines out, in bounded memory.

A line is *accepted* or *refused*; a blank line is neither, though it has a number. `lines` knows
what a line must be like; here is what to do with one after the other: keep windows of a thousand
good lines at once, where that fails runs of good lines by tables, and what stops a run alone.
"""

import codecs
from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import length_hint
from typing import NamedTuple
from zlib import crc32

from chalicelib.vending import lines
from chalicelib.vending.lines import FIRST_DAY, MINUTES, SECONDS

MAX_CHECKSUMS = 10_000
"""How many refused lines of one machine a file has checksums of; more are only counted."""

_MAX_TEXT = 200
# The sign that ended a text under DOS, and still ends one that `copy a+b` joined.
_DOS_END = b"\x1a"
_MARKS = len(b"\r" + codecs.BOM_UTF8 + _DOS_END + b"\r\r\n")
_LOOKED_AT = b"?"
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

    rows: dict[tuple[str, date], bytearray] = field(default_factory=dict)
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


class _Days(dict[bytes, "array[int]"]):
    """Codes of rows by the head of their lines.

    Looking up the head of a day any of whose seconds may be accepted opens that day, as long as
    fewer than ``most`` are open. Of the day that ``not_after`` cuts in two each row must be
    checked: its codes stand under its head and a mark, where the head alone does not find them.
    """

    def __init__(self, rules: lines.Rules, most: int) -> None:
        super().__init__()
        self._last = rules.not_after.date()
        self._most = most
        self._machine = rules.machine

    def __missing__(self, head: bytes) -> "array[int]":
        serial, day = lines.parts(head)
        if len(self) >= self._most or self._machine not in (None, serial):
            raise KeyError(head)
        if not FIRST_DAY <= day < self._last:
            raise KeyError(head)
        codes = self[head] = array("I")
        return codes

    def keep(self, head: bytes, at: datetime, gumballs: int) -> None:
        """Accept one row that has been checked."""
        if at.date() == self._last:
            head += _LOOKED_AT
        second_of_day = at.hour * 3600 + at.minute * 60 + at.second
        self.setdefault(head, array("I")).append(lines.code(second_of_day, gumballs))

    def keep_all(self, heads: Sequence[bytes], codes: "array[int]") -> int:
        """Accept rows up to one whose day cannot be opened; return how many."""
        left = iter(heads)
        try:
            deque(map(array.append, map(self.__getitem__, left), codes), maxlen=0)
        except KeyError:
            return len(heads) - length_hint(left) - 1
        return len(heads)

    def drain(self) -> Iterator[tuple[tuple[str, date], bytearray]]:
        """Take out the packed rows, day by day so as not to hold them all twice."""
        for head in list(self):
            yield lines.parts(head.removesuffix(_LOOKED_AT)), bytearray(self.pop(head))


class _Log:
    """One log being read: its position, and the batch that is being filled."""

    def __init__(self, rules: lines.Rules, limits: _Limits) -> None:
        self.batch = Batch()
        self._rules = rules
        self._limits = limits
        self._days = _Days(rules, limits.flush_keys - 1)
        self._refusals_left = limits.max_refusals
        self._checksums: Counter[str] = Counter()
        self._line = 0
        self._layout = lines.SHORTEST

    def read(self, text: bytes) -> Iterator[Batch]:
        """Read whole lines; yield the batches that they fill."""
        at = wary_until = 0
        while at < len(text):
            if at >= wary_until:
                at = self._keep_windows(text, at)
                # What stopped the windows would stop them again until it is behind.
                wary_until = at + self._layout.width * self._layout.window
            at = self._keep_run(text, at, min(wary_until, len(text)))
            if at < len(text):
                at = self._take_line(text, at)
            if self._room <= 0 or len(self._days) >= self._limits.flush_keys:
                yield self.close_batch()

    def close_batch(self) -> Batch:
        """Return the batch that was being filled, and begin a new one."""
        batch, self.batch = self.batch, Batch()
        batch.rows.update(self._days.drain())
        return batch

    @property
    def _room(self) -> int:
        return self._limits.flush_rows - self.batch.lines

    def _keep_windows(self, text: bytes, at: int) -> int:
        """Keep windows of good lines from ``at`` on; return where the first other line may be."""
        layout = self._layout
        size = layout.width * layout.window
        while len(text) - at >= size and self._room > layout.window:
            window = text[at : at + size]
            codes = layout.codes(window)
            if codes is None:
                break
            count = self._days.keep_all(layout.heads.unpack(window), codes)
            at = self._kept(count, at)
            if count < layout.window:
                break
        return at

    def _keep_run(self, text: bytes, at: int, end: int) -> int:
        """Keep good lines from ``at`` to ``end``; return where the first other line is.

        The last line that fits into the batch is left to be taken alone.
        """
        count = min((end - at) // self._layout.width, self._room - 1)
        run = memoryview(text)[at : at + count * self._layout.width]
        fields = self._layout.fields.iter_unpack(run)
        days, minutes, seconds = self._days, MINUTES, SECONDS
        try:
            for head, minute, second in fields:
                days[head].append(minutes[minute] + seconds[second])
        except KeyError:
            count -= length_hint(fields) + 1
            if not days.get(head, True):
                del days[head]  # it was opened by the very line that is not accepted
        return self._kept(count, at)

    def _kept(self, count: int, at: int) -> int:
        self._line += count
        self.batch.accepted += count
        return at + count * self._layout.width

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
            self._days.keep(lines.head(line), at, gumballs)
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

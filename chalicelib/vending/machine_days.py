"""Rows by machine and UTC day, taken in as a log gives them.

Most logs are in order: one machine after the other, or one day. Their rows are put to their machine
and day at once. In a log in no order each row would find another of 60,000 places, and none of them
in the processor's caches; such scattered rows are put to their machine first, and machine by
machine to their days in the end.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from operator import length_hint
from struct import Struct
from typing import NamedTuple

from chalicelib.vending import lines

# At so many places in a text two neighbours tell whether rows are in order.
_SAMPLE = 20
# Of the day that ``not_after`` cuts in two each row must be checked: it stands under its text and
# a mark, where the text alone does not find it.
_CUT = b"?"
# What turns a byte into its upper or its lower half, and the lower half into an upper one.
_UPPER = bytes(byte >> 4 for byte in range(256))
_LOWER = bytes(byte & 15 for byte in range(256))
_RAISED = bytes(byte << 4 & 255 for byte in range(256))
_MOST_NUMBERS = 256


class MachineDays:
    """The packed rows of a batch, which is full with its ``most``-th machine and day."""

    def __init__(self, rules: lines.Rules, most: int) -> None:
        gate = _Gate(rules.machine, rules.not_after.date())
        self._cut_day = gate.end
        self._most = most
        self._ordered = _Ordered(gate, most - 1)
        self._scattered = _Scattered(gate)
        self._scatters = False
        self._crowded = False

    @property
    def full(self) -> bool:
        """Return whether the batch has as many machines and days as it may have."""
        return len(self._ordered) >= self._most

    def look_at_order(self, layout: lines.Layout, text: bytes) -> None:
        """Take rows as scattered from here on if most of ``text`` is in no order, or no longer."""
        step = layout.width * max(1, len(text) // layout.width // _SAMPLE)
        places = range(0, len(text) - 3 * layout.width + 1, step)
        near = sum(layout.near(text, text.find(b"\n", at) + 1) for at in places)
        if near > 0.75 * len(places):
            self._put_in_order()
        elif near < 0.25 * len(places):
            self._scatters = not self._crowded

    def keep_all(self, layout: lines.Layout, text: bytes) -> int:
        """Accept the lines of ``text``, up to one that is to be taken alone; return how many.

        Taken alone is what may not be accepted, and the row that fills the batch.
        """
        many = len(text) > layout.few * layout.width
        codes = layout.codes(text) if many else None
        if self._scatters:
            if codes is None:
                codes = layout.codes_by_tables(text)
                text = text[: len(codes) * layout.width]
            found = self._scattered.find(layout.serials.of(text), layout.days.of(text))
            if self._may_scatter():
                return self._scattered.keep(*found, codes)
        if codes is None:
            return self._ordered.keep_by_tables(layout.fields, text)
        return self._ordered.keep_all(layout.heads.of(text), codes)

    def keep(self, head: bytes, at: datetime, gumballs: int) -> None:
        """Accept one row that has been checked."""
        code = lines.code(at.hour * 3600 + at.minute * 60 + at.second, gumballs)
        serial, day = lines.split(head)
        if at.date() == self._cut_day:
            day += _CUT
        if self._scatters:
            found = self._scattered.open(serial, day)
            if self._may_scatter():
                self._scattered.keep(*found, array("I", [code]))
                return
        self._ordered.setdefault(serial + day, array("I")).append(code)

    def drain(self) -> dict[tuple[str, date], bytes]:
        """Take out all rows, machine by machine so as not to hold them all twice."""
        rows: dict[tuple[str, date], bytes] = {}
        for head in list(self._ordered):
            rows[lines.parts(head.removesuffix(_CUT))] = self._ordered.pop(head).tobytes()
        for serial, day, codes in self._scattered.drain():
            place = lines.serial_in(serial), lines.day(day.removesuffix(_CUT))
            rows[place] = rows.get(place, b"") + codes.tobytes()
        self._crowded = False
        return rows

    def _may_scatter(self) -> bool:
        """Return whether scattered rows cannot fill the batch; if they could, put them in order.

        Only rows in order are counted by machine and day.
        """
        if not self._scattered.fit(self._most - len(self._ordered)):
            self._crowded = True
            self._put_in_order()
        return self._scatters

    def _put_in_order(self) -> None:
        self._scatters = False
        for serial, day, codes in self._scattered.drain():
            self._ordered.setdefault(serial + day, array("I")).extend(codes)


class _Gate(NamedTuple):
    """Which rows are accepted without a look at each: of ``machine``, if any, before ``end``."""

    machine: str | None
    end: date

    def takes(self, serial: str) -> bool:
        return self.machine in (None, serial)

    def covers(self, day: date) -> bool:
        return lines.FIRST_DAY <= day < self.end


class _Ordered(dict[bytes, "array[int]"]):
    """Codes of rows by the head of their lines.

    Looking up a head opens it if all its rows are accepted and fewer than ``most`` are open.
    """

    def __init__(self, gate: _Gate, most: int) -> None:
        super().__init__()
        self._gate = gate
        self._most = most

    def __missing__(self, head: bytes) -> "array[int]":
        serial, day = lines.parts(head)
        if len(self) >= self._most or not (self._gate.takes(serial) and self._gate.covers(day)):
            raise KeyError(head)
        codes = self[head] = array("I")
        return codes

    def keep_all(self, heads: Sequence[bytes], codes: "array[int]") -> int:
        """Accept rows up to one whose head cannot be opened; return how many."""
        left = iter(heads)
        try:
            deque(map(array.append, map(self.__getitem__, left), codes), maxlen=0)
        except KeyError:
            return len(heads) - length_hint(left) - 1
        return len(heads)

    def keep_by_tables(self, fields: Struct, text: bytes) -> int:
        """Accept lines up to one that is no row or whose head cannot be opened; return how many."""
        left = fields.iter_unpack(text)
        minutes, seconds = lines.MINUTES, lines.SECONDS
        try:
            for head, minute, second in left:
                self[head].append(minutes[minute] + seconds[second])
        except KeyError:
            if not self.get(head, True):
                del self[head]  # it was opened by the very line that is not accepted
            return len(text) // fields.size - length_hint(left) - 1
        return len(text) // fields.size


class _Scattered:
    """Rows by the serials of their lines, each with the number of its day.

    Days are numbered as they come.
    """

    def __init__(self, gate: _Gate) -> None:
        self._rows = _Rows(gate)
        self._days = _Numbers(gate)

    def fit(self, room: int) -> bool:
        """Return whether there are surely fewer machines and days than ``room``."""
        return len(self._days) <= _MOST_NUMBERS and len(self._rows) * len(self._days) < room

    def find(
        self, serials: Sequence[bytes], days: Sequence[bytes]
    ) -> "tuple[list[array[int]], list[int]]":
        """Return the places and the days of rows up to one that cannot be accepted."""
        places: list[array[int]] = []
        numbers: list[int] = []
        with suppress(KeyError):
            numbers.extend(map(self._days.__getitem__, days))
        with suppress(KeyError):
            places.extend(map(self._rows.__getitem__, serials[: len(numbers)]))
        return places, numbers[: len(places)]

    def open(self, serial: bytes, day: bytes) -> "tuple[list[array[int]], list[int]]":
        """Return the place and the day of a row that has been checked."""
        place = self._rows.setdefault(serial, array("I"))
        return [place], [self._days.setdefault(day, len(self._days))]

    def keep(self, places: "list[array[int]]", days: list[int], codes: "array[int]") -> int:
        """Accept so many rows as there are places; return how many."""
        rows = _with_days(codes[: len(places)], bytes(days))
        deque(map(array.append, places, rows), maxlen=0)
        return len(places)

    def drain(self) -> "Iterator[tuple[bytes, bytes, array[int]]]":
        """Take out serial, day and codes of each machine and day."""
        texts = list(self._days)
        for serial in list(self._rows):
            days, codes = _without_days(self._rows.pop(serial))
            by_day: dict[int, array[int]] = defaultdict(partial(array, "I"))
            deque(map(array.append, map(by_day.__getitem__, days), codes), maxlen=0)
            for number, those in by_day.items():
                yield serial, texts[number], those
        self._days.clear()


def _with_days(codes: "array[int]", days: bytes) -> "array[int]":
    """Return packed rows that begin with the number of their day.

    Of their first byte three bits are needed, for the minute of the day. These go into the last
    byte, where the gumballs leave the upper half free.
    """
    packed = bytearray(codes)
    minutes = int.from_bytes(packed[::4].translate(_RAISED))
    packed[3::4] = (minutes | int.from_bytes(packed[3::4])).to_bytes(len(days))
    packed[::4] = days
    return array("I", bytes(packed))


def _without_days(rows: "array[int]") -> "tuple[bytes, array[int]]":
    """Return the days and the codes of such rows."""
    packed = bytearray(rows)
    days, shared = bytes(packed[::4]), packed[3::4]
    packed[::4], packed[3::4] = shared.translate(_UPPER), shared.translate(_LOWER)
    return days, array("I", bytes(packed))


class _Rows(dict[bytes, "array[int]"]):
    """Places for rows; looking up a serial opens one if its rows are accepted."""

    def __init__(self, gate: _Gate) -> None:
        super().__init__()
        self._gate = gate

    def __missing__(self, serial: bytes) -> "array[int]":
        if not self._gate.takes(lines.serial_in(serial)):
            raise KeyError(serial)
        rows = self[serial] = array("I")
        return rows


class _Numbers(dict[bytes, int]):
    """Numbers of days; looking up a day gives it one if all its rows are accepted."""

    def __init__(self, gate: _Gate) -> None:
        super().__init__()
        self._gate = gate

    def __missing__(self, day: bytes) -> int:
        if not self._gate.covers(lines.day(day)):
            raise KeyError(day)
        number = self[day] = len(self)
        return number

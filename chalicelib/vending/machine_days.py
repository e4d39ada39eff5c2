"""Rows by machine and UTC day, taken in as a log gives them.

Where one machine comes after the other, rows are put to their machine and day at once. In a log by
time or in no order each row would find another of 60,000 places, and none of them in the
processor's caches; such scattered rows are put to their machine first, and machine by machine to
their days in the end.
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

# At so many places in a text two neighbours tell whether rows are scattered.
_SAMPLE = 20
# Of the day that ``not_after`` cuts in two each row must be checked: it stands under its text and
# a mark, where the text alone does not find it.
_CUT = b"?"
# What turns a byte into its upper or its lower half, and the lower half into an upper one.
_UPPER = bytes(byte >> 4 for byte in range(256))
_LOWER = bytes(byte & 15 for byte in range(256))
_RAISED = bytes(byte << 4 & 255 for byte in range(256))
_DAYS_OF_MONTH = bytes(range(1, 32))
_MOST_MONTHS = 7
_NO_ROWS = array("I")


class MachineDays:
    """The packed rows of a batch, which is full with its ``most``-th machine and day."""

    def __init__(self, rules: lines.Rules, most: int) -> None:
        self._gate = _Gate(rules.machine, rules.not_after.date())
        self._most = most
        self._ordered = _Ordered(self._gate, most - 1)
        self._scattered = _Scattered(self._gate)
        self._scatters = False
        self._crowded = False

    @property
    def full(self) -> bool:
        """Return whether the batch has as many machines and days as it may have."""
        return len(self._ordered) >= self._most

    def look_at_order(self, layout: lines.Layout, text: bytes) -> None:
        """Take rows as scattered from here on if machines change all the time, or no longer."""
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
        few = len(text) <= layout.few * layout.width
        if self._scatters:
            rows = lines.columns_of(layout.codes_by_tables(text)) if few else layout.columns(text)
            # The tables look at times alone: in front of these may be anything.
            find = self._scattered.find_each if few else self._scattered.find
            found = find(layout, text[: len(rows[0]) * layout.width])
            if self._may_scatter():
                return self._scattered.keep(*found, rows)
        if few:
            return self._ordered.keep_by_tables(layout.fields, text)
        rows = layout.columns(text)
        heads = layout.heads.of(text[: len(rows[0]) * layout.width])
        return self._ordered.keep_all(heads, lines.joined(rows))

    def keep(self, head: bytes, at: datetime, gumballs: int) -> None:
        """Accept one row that has been checked."""
        code = lines.code(at.hour * 3600 + at.minute * 60 + at.second, gumballs)
        serial, day = lines.split(head)
        if at.date() == self._gate.end:
            day += _CUT
        if self._scatters:
            found = self._scattered.open(serial, day)
            if self._may_scatter():
                self._scattered.keep(*found, lines.columns_of(array("I", [code])))
                return
        self._ordered.setdefault(serial + day, array("I")).append(code)

    def drain(self) -> dict[tuple[str, date], bytes]:
        """Take out all rows, machine by machine so as not to hold them all twice."""
        rows: dict[tuple[str, date], bytes] = {}
        for head in list(self._ordered):
            rows[lines.parts(head.removesuffix(_CUT))] = self._ordered.pop(head).tobytes()
        scattered = self._take_scattered()
        dates = {at: lines.day(day.removesuffix(_CUT)) for at, day in scattered.texts().items()}
        for field, by_day in scattered.drain():
            serial = lines.serial_in(field)
            for number, codes in by_day.items():
                place = serial, dates[number]
                rows[place] = rows.get(place, b"") + codes.tobytes()
        self._crowded = False
        return rows

    def _take_scattered(self) -> "_Scattered":
        scattered, self._scattered = self._scattered, _Scattered(self._gate)
        return scattered

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
        scattered = self._take_scattered()
        days = scattered.texts()
        for serial, by_day in scattered.drain():
            for number, codes in by_day.items():
                self._ordered.setdefault(serial + days[number], array("I")).extend(codes)


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
    """Rows by the serials of their lines, each with the number of its day."""

    def __init__(self, gate: _Gate) -> None:
        self._rows = _Rows(gate)
        self._days = _Days(gate)

    def fit(self, room: int) -> bool:
        """Return whether there are surely fewer machines and days than ``room``."""
        return self._days.numbered and len(self._rows) * len(self._days) < room

    def find(self, layout: lines.Layout, text: bytes) -> "tuple[Sequence[array[int]], bytes]":
        """Return the places and the days of lines like rows up to one that cannot be accepted."""
        dates = layout.dates(text) if layout.three_digits else None
        if dates and (days := self._days.numbers(*dates)):
            places = list(map(self._rows.by_number.__getitem__, layout.numbers(text)))
            if all(places):
                return places, days
        return self.find_each(layout, text)

    def find_each(self, layout: lines.Layout, text: bytes) -> "tuple[Sequence[array[int]], bytes]":
        """Return the same of lines whose heads may be anything."""
        places: list[array[int]] = []
        days: list[int] = []
        with suppress(KeyError):
            days.extend(map(self._days.__getitem__, layout.days.of(text)))
        with suppress(KeyError):
            places.extend(map(self._rows.__getitem__, layout.serials.of(text)[: len(days)]))
        return places, bytes(days[: len(places)])

    def open(self, serial: bytes, day: bytes) -> "tuple[Sequence[array[int]], bytes]":
        """Return the place and the day of a row that has been checked."""
        return [self._rows.open(serial)], bytes((self._days.open(day),))

    def keep(self, places: "Sequence[array[int]]", days: bytes, rows: lines.Columns) -> int:
        """Accept so many rows as there are places; return how many."""
        deque(map(array.append, places, _with_days(rows, days)), maxlen=0)
        return len(places)

    def texts(self) -> dict[int, bytes]:
        """Return the days by their numbers."""
        return {number: day for day, number in self._days.items()}

    def drain(self) -> "Iterator[tuple[bytes, dict[int, array[int]]]]":
        """Take out machine by machine: its serial, its codes by the numbers of their days."""
        self._rows.by_number.clear()
        for serial in list(self._rows):
            yield serial, _by_day(*_without_days(self._rows.pop(serial)))


def _by_day(days: bytes, codes: "array[int]") -> "dict[int, array[int]]":
    """Return codes by the numbers of their days; at once if no day comes back after another."""
    by_day: dict[int, array[int]] = defaultdict(partial(array, "I"))
    at = 0
    while at < len(days):
        end = days.rfind(days[at]) + 1
        if days.count(days[at], at, end) < end - at:
            deque(map(array.append, map(by_day.__getitem__, days[at:]), codes[at:]), maxlen=0)
            break
        by_day[days[at]] = codes[at:end]
        at = end
    return by_day


def _with_days(rows: lines.Columns, days: bytes) -> "array[int]":
    """Return as many packed rows as ``days``, each of which begins with the number of its day.

    Of their first byte three bits are needed, for the minute of the day. These go into the last
    byte, where the gumballs leave the upper half free.
    """
    count = len(days)
    upper, lower, seconds, gumballs = (column[:count] for column in rows)
    shared = int.from_bytes(upper.translate(_RAISED)) | int.from_bytes(gumballs)
    return lines.joined((days, lower, seconds, shared.to_bytes(count)))


def _without_days(rows: "array[int]") -> "tuple[bytes, array[int]]":
    """Return the days and the codes of such rows."""
    days, lower, seconds, shared = lines.columns_of(rows)
    upper, gumballs = shared.translate(_UPPER), shared.translate(_LOWER)
    return days, lines.joined((upper, lower, seconds, gumballs))


class _Rows(dict[bytes, "array[int]"]):
    """Places for rows; looking up a serial opens one if its rows are accepted.

    ``by_number`` has those of serials with three digits; a machine without any has no rows there.
    """

    def __init__(self, gate: _Gate) -> None:
        super().__init__()
        self._gate = gate
        self.by_number = [_NO_ROWS] * 1_000

    def __missing__(self, serial: bytes) -> "array[int]":
        if not self._gate.takes(lines.serial_in(serial)):
            raise KeyError(serial)
        return self.open(serial)

    def open(self, serial: bytes) -> "array[int]":
        """Return the place of a machine whose rows are accepted."""
        if serial not in self:
            self[serial] = array("I")
            if len(serial) == len("GM006|"):
                self.by_number[int(serial[2:5])] = self[serial]
        return self[serial]


class _Days(dict[bytes, int]):
    """Numbers of days, a byte each; looking up a day gives it one if all its rows are accepted.

    The upper three bits are of the month, the others the day in it. Months are numbered from 1 as
    they come; 0 is of those that have no number, and of those that are too many.
    """

    def __init__(self, gate: _Gate) -> None:
        super().__init__()
        self._gate = gate
        self._months = 0
        self._months_of: dict[bytes, bytearray] = defaultdict(partial(bytearray, 256))
        self._accepted = bytearray()

    @property
    def numbered(self) -> bool:
        """Return whether each day has a number of its own."""
        return self._months <= _MOST_MONTHS

    def __missing__(self, day: bytes) -> int:
        if not self._gate.covers(lines.day(day)):
            raise KeyError(day)
        return self.open(day)

    def open(self, day: bytes) -> int:
        """Return the number of a day whose rows have been checked."""
        if day not in self:
            months, month = self._months_of[day[:4]], int(day[5:7])
            if not months[month]:
                self._months += 1
                months[month] = self._months << 5 if self.numbered else 0
            self[day] = months[month] | int(day[8:10])
        return self[day]

    def numbers(self, year: bytes, months: bytes, days: bytes) -> bytes | None:
        """Return the numbers of days of a year, None unless all rows of all of them are accepted.

        Months and days are numbers, possible or not.
        """
        if days.translate(None, _DAYS_OF_MONTH):
            return None
        numbers = self._unchecked(year, months, days)
        while unknown := numbers.translate(None, self._accepted):
            at = numbers.index(unknown[0])
            try:
                number = self[b"%s-%02d-%02d" % (year, months[at], days[at])]
            except KeyError:
                return None
            self._accepted.append(number)
            numbers = self._unchecked(year, months, days)
        return numbers

    def _unchecked(self, year: bytes, months: bytes, days: bytes) -> bytes:
        upper = int.from_bytes(months.translate(self._months_of[year]))
        return (upper | int.from_bytes(days)).to_bytes(len(days))

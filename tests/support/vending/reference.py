"""A log parser with nothing clever in it: the measure of the fast one.

It reads the whole text, looks at one line after the other, and shares no code with what it checks.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime


@dataclass
class Reading:
    """What a log says: packed rows in file order, and the numbers of the refused lines."""

    rows: dict[tuple[str, date], bytes] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self.rows.values())) // 4


def read_log(
    text: bytes, *, machine: str | None, not_after: datetime, max_line: int = 1_000
) -> Reading:
    """Return what ``text`` says, by the rules of `chalicelib.vending.parsing.parse`."""
    reading = Reading()
    for number, raw in enumerate(text.split(b"\n"), start=1):
        line = re.sub(rb"\x1a?\r{0,2}$", b"", raw, count=1)
        line = re.sub(rb"^\r?(\xef\xbb\xbf)?", b"", line)
        rows = [line] if len(line) > max_line or b"\r" in line else _apart(line)
        for row in rows:
            if len(row) <= max_line and not row.strip(b" \t\r\n\v\f\x1a"):
                continue
            try:
                serial, at, gumballs = _read_line(row, machine, not_after, max_line)
            except ValueError:
                reading.refused.append(number)
                continue
            packed = (at.hour * 60 + at.minute).to_bytes(2, "big") + bytes((at.second, gumballs))
            day = (serial, at.date())
            reading.rows[day] = reading.rows.get(day, b"") + packed
    return reading


def _apart(line: bytes) -> list[bytes]:
    """Return the rows of a line in which logs were joined."""
    return re.split(rb"(?<=Z\|[0-9])\x1a?(?:\xef\xbb\xbf)?(?=GM[0-9]{3,18}\|)", line)


def _read_line(
    line: bytes, machine: str | None, not_after: datetime, max_line: int
) -> tuple[str, datetime, int]:
    if len(line) > max_line:
        raise ValueError("over-long")
    serial, time, count = line.decode().split("|")
    if not re.fullmatch("GM[0-9]{3,18}", serial) or machine not in (None, serial):
        raise ValueError("serial")
    at = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    # strptime also takes 2020-2-3T4:5:6Z, digits of other scripts, and a second 60 or 61.
    if at.strftime("%Y-%m-%dT%H:%M:%SZ") != time or at.year < 1970 or at > not_after:
        raise ValueError("time")
    if count not in tuple("0123456789"):
        raise ValueError("count")
    return serial, at, int(count)

"""How machines, technicians, downloads and files are named.

A technician's file is named ``T0001.GM001.2018-09-21_093448.zip``: who, which machine, and the
technician's wall clock at the download (24 hours, no zone).
"""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta

from chalicelib.core import times
from chalicelib.core.forms import Form
from chalicelib.core.values import dataclass

SERIAL = Form(
    "GM[0-9]{3,18}", "must be a machine serial: GM and three digits or more, such as GM001"
)
_TECHNICIAN = re.compile(r"[#T]?(\d{1,9})", re.ASCII | re.IGNORECASE)
_STORED = re.compile(
    r"(T\d{4,9})\.(GM\d{3,18})\.(\d{4}-\d{2}-\d{2}_\d{6})\.(?:zip|gz|txt)", re.ASCII
)
STORED_NAME_RULE = "a technician's file is named like T0001.GM001.2018-09-21_093448.zip"
_EXAMPLE = "2018-09-21T09:34:48"
_STAMP = "%Y-%m-%d_%H%M%S"
# The wall clock furthest behind UTC (UTC-12) shows a time this much before the instant it means.
_FURTHEST_BEHIND = timedelta(hours=12)
_FURTHEST_AHEAD = timedelta(hours=14)


def serial(text: str) -> str:
    """Return ``text`` when it is a machine's serial. Raises ValueError."""
    return SERIAL.check(text)


def technician_id(text: str) -> str:
    """Return the id that ``#1``, ``001`` or ``T0001`` mean: ``T0001``. Raises ValueError."""
    match = _TECHNICIAN.fullmatch(text.strip())
    if not match:
        raise ValueError("must be a technician number, such as #001 or T0001")
    return f"T{int(match[1]):04d}"


def day(value: date) -> date:
    """Return ``value`` when a machine with a clock may know it. Raises ValueError."""
    _checked_year(value)
    return value


@dataclass(frozen=True)
class DownloadTime:
    """When a log was read from its machine: the technician's wall clock, and its zone if given."""

    wall: datetime
    offset: timedelta | None = None

    def latest_instant(self, zone: str | None) -> datetime:
        """Return the latest instant (UTC) that this wall clock can have meant.

        Exact with an offset or a ``zone`` (but for the hours that clocks repeat or leave out);
        without either, the clock may have stood in UTC-12.
        """
        if self.offset is not None:
            return (self.wall - self.offset).replace(tzinfo=UTC)
        if zone is not None:
            return times.latest_instant(self.wall, zone)
        return self.wall.replace(tzinfo=UTC) + _FURTHEST_BEHIND

    def earliest_instant(self, zone: str | None) -> datetime:
        """Return the earliest instant (UTC) that this wall clock can have meant.

        Exact with an offset or a ``zone`` (but for the hours that clocks repeat or leave out);
        without either, the clock may have stood in UTC+14.
        """
        if self.offset is None and zone is not None:
            return times.earliest_instant(self.wall, zone)
        return (self.wall - (_FURTHEST_AHEAD if self.offset is None else self.offset)).replace(
            tzinfo=UTC
        )


def download_time(text: str) -> DownloadTime:
    """Return the time in ISO 8601 or as ``9/21/2018 9:34:48 AM``. Raises ValueError."""
    wall, offset = times.wall_time(text)
    try:
        _checked_year(wall)
    except ValueError as wrong:
        raise ValueError(f"must be a date and time such as {_EXAMPLE}, from 1970 on") from wrong
    return DownloadTime(wall, offset)


def checked_download_time(text: str) -> str:
    """Return ``text`` when `download_time` can read it. Raises ValueError."""
    download_time(text)
    return text


def printable(text: str) -> str:
    """Return ``text`` when it has no control characters. Raises ValueError."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("must not hold control characters")
    return text


def _checked_year(at: date) -> None:
    # Machines with a clock came after 1970, and a day more must still be a date.
    if not 1970 <= at.year <= 9998:
        raise ValueError("must be in the years 1970 to 9998")


@dataclass(frozen=True)
class StoredName:
    """The name of a technician's file in the share."""

    technician: str
    machine: str
    wall: datetime

    @property
    def stem(self) -> str:
        """Return the name without its ending."""
        return f"{self.technician}.{self.machine}.{self.wall:{_STAMP}}"

    def __str__(self) -> str:
        return f"{self.stem}.zip"

    @classmethod
    def parse(cls, name: str) -> "StoredName":
        """Return the parts of ``name``. Raises ValueError when it does not follow the form."""
        match = _STORED.fullmatch(name)
        try:
            if not match:
                raise ValueError("form")
            wall = datetime.strptime(match[3], _STAMP)  # noqa: DTZ007 - a wall clock
            _checked_year(wall)
        except ValueError as wrong:
            raise ValueError(STORED_NAME_RULE) from wrong
        return cls(technician_id(match[1]), match[2], wall)

"""Reading times as callers write them; docs/api.md has the forms that are read.

An *instant* has an offset and is stored in UTC to the microsecond (what is finer is cut off). A
*wall time* is what a clock showed, with its offset if that was written beside it. A *day* is a date
of the calendar. All functions raise ValueError in plain words.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
_OFFSET = r"(?P<offset>[Zz]|(?P<sign>[+-])(?P<oh>[01]\d|2[0-3]):?(?P<om>[0-5]\d))"
_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_INSTANT = re.compile(f"{_DATE}[Tt ]{_CLOCK}{_OFFSET}", re.ASCII)
_ISO_WALL = re.compile(f"{_DATE}(?:[Tt ]|, ?){_CLOCK}{_OFFSET}?", re.ASCII)
# As browsers, .NET and macOS write it in American English.
_US_WALL = re.compile(
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}),? "
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))? ?(?P<half>[AaPp])\.?[Mm]\.?",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A plus sign that was not encoded arrives as a blank in a query.
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)", re.ASCII)
# Marks that old browsers put between the parts of a date.
_DIRECTIONS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202c"))
# In the list of the time zone database, and no zone that a clock could show.
_NO_ZONES = {"Factory"}

_INSTANT_FORM = "must be a time with its offset, such as 2142-05-01T10:00:00Z"
_TIMESTAMP_FORM = f"{_INSTANT_FORM}, or seconds since 1970"
_WALL_FORM = "must be a date and time such as 2018-09-21T09:34:48 or 9/21/2018 9:34:48 AM"
_RANGE = "must lie in the years 1 to 9999"
_NOT_THERE = "is not a time that exists"


def instant(text: object) -> datetime:
    """Return an instant in UTC: RFC 3339, with the seconds and the colon of the offset optional."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(_INSTANT_FORM)
    leap = (
        found["second"] == "60"
    )  # RFC 3339 section 5.7; counted as POSIX does, into the next minute
    try:
        at = _wall(found.groupdict(), second=59 if leap else None)
    except ValueError as impossible:
        raise ValueError(_NOT_THERE) from impossible
    try:
        return at.replace(tzinfo=timezone(_offset(found))).astimezone(UTC) + timedelta(seconds=leap)
    except OverflowError as far:
        raise _BeyondError(_LAST if at.year > 1 else _FIRST) from far


class _BeyondError(ValueError):
    """An instant outside of the calendar; ``nearest`` is the end of it that is nearest."""

    def __init__(self, nearest: datetime) -> None:
        super().__init__(_RANGE)
        self.nearest = nearest


def instant_in_query(text: object) -> datetime:
    """Return an instant of a query, where the plus sign of an offset may have become a blank."""
    return instant(_LOST_PLUS.sub("+", text) if isinstance(text, str) else text)


def span_end(text: object) -> datetime:
    """Return an end of a span in a query; one outside of the calendar is the calendar's own."""
    try:
        return instant_in_query(text)
    except _BeyondError as beyond:
        return beyond.nearest


def timestamp(value: object) -> datetime:
    """Return an instant that is written as `instant` reads it, or as seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(_TIMESTAMP_FORM)
    if isinstance(value, str):
        try:
            return instant(value)
        except ValueError as wrong:
            raise ValueError(str(wrong).replace(_INSTANT_FORM, _TIMESTAMP_FORM)) from wrong
    # Bounded first: the arithmetic below would take its time over 1e300.
    if not -(10**12) <= value <= 10**12:
        raise ValueError(_RANGE)
    try:
        counted = Decimal(value).scaleb(6).to_integral_value(ROUND_FLOOR)
        return EPOCH + int(counted) * _MICROSECOND
    except OverflowError as far:
        raise ValueError(_RANGE) from far


def wall_time(text: str) -> tuple[datetime, timedelta | None]:
    """Return what a clock showed, to the second and without a zone, and its offset if given.

    ISO 8601, or American English (``9/21/2018, 9:34:48 AM``); blanks may be those of Unicode, such
    as the narrow no-break space that browsers write before AM and PM.
    """
    plain = _with_plain_blanks(text).strip(" ")
    found = _US_WALL.fullmatch(plain) or _ISO_WALL.fullmatch(plain)
    if found is None:
        raise ValueError(_WALL_FORM)
    parts = found.groupdict()
    try:
        if half := parts.get("half"):
            parts["hour"] = str(_hour_of_24(int(parts["hour"]), half))
        at = _wall(parts)
    except ValueError as impossible:
        raise ValueError(_WALL_FORM) from impossible
    return at.replace(microsecond=0), _offset(found) if parts.get("offset") else None


def latest_instant(wall: datetime, zone: str) -> datetime:
    """Return the latest instant (UTC) at which clocks in ``zone`` can have shown ``wall``.

    Where clocks go back an hour comes twice; in the hour that they leave out, a clock was not put
    forward yet.
    """
    return max(_instants(wall, zone))


def earliest_instant(wall: datetime, zone: str) -> datetime:
    """Return the earliest instant (UTC) at which clocks in ``zone`` can have shown ``wall``."""
    return min(_instants(wall, zone))


def _instants(wall: datetime, zone: str) -> list[datetime]:
    there = ZoneInfo(zone)
    return [wall.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1)]


def day(given: object) -> date:
    """Return a day, such as 2026-11-21; one that was read already stays."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    if not isinstance(given, str) or not _DAY.fullmatch(given):
        raise ValueError("must be a day, such as 2026-11-21")
    try:
        return date.fromisoformat(given)
    except ValueError as wrong:
        raise ValueError("is not a day that exists") from wrong


def time_zone(name: str) -> str:
    """Return ``name`` when it is a zone of the IANA database, letter by letter."""
    if name not in zones():
        raise ValueError("must be an IANA time zone, such as America/Chicago")
    return name


@cache
def zones() -> frozenset[str]:
    """Return the names of all zones, from the ``tzdata`` package: the same on every machine."""
    listed = files("tzdata").joinpath("zones").read_text().split()
    return frozenset(listed) - _NO_ZONES


def _with_plain_blanks(text: str) -> str:
    marked = text.translate(_DIRECTIONS)
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in marked)


def _hour_of_24(hour: int, half: str) -> int:
    if not 1 <= hour <= 12:
        raise ValueError("hour")
    return hour % 12 + (12 if half in "pP" else 0)


def _wall(parts: Mapping[str, str | None], second: int | None = None) -> datetime:
    year, month, on, hour, minute, seconds = (
        int(parts[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    micros = int(((parts.get("fraction") or "") + "000000")[:6])
    return datetime(year, month, on, hour, minute, seconds if second is None else second, micros)  # noqa: DTZ001 - a wall clock


def _offset(found: "re.Match[str]") -> timedelta:
    if found["sign"] is None:
        return timedelta(0)
    size = timedelta(hours=int(found["oh"]), minutes=int(found["om"]))
    return -size if found["sign"] == "-" else size


_INSTANT_SCHEMA = {"type": "string", "format": "date-time"}

QueryInstant = Annotated[
    datetime, BeforeValidator(instant_in_query), WithJsonSchema(_INSTANT_SCHEMA)
]
"""An instant in a query."""
At = Annotated[datetime, BeforeValidator(instant), WithJsonSchema(_INSTANT_SCHEMA)]
SpanEnd = Annotated[datetime, BeforeValidator(span_end), WithJsonSchema(_INSTANT_SCHEMA)]
"""An end of a span in a query."""
Day = Annotated[date, BeforeValidator(day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day, in a path or a query."""

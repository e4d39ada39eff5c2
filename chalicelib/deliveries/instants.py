"""Instants as senders write them, as they are counted, and as they are answered.

A timestamp is RFC 3339 with its offset, or seconds since 1970 (fractions allowed). It is kept in
UTC to the microsecond; what is finer is cut off. Years 1 to 9999 go: the story is set in 2142.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_FORM = "must be a time with its offset, such as 2142-05-01T10:00:00Z, or seconds since 1970"
_RANGE = "must lie in the years 1 to 9999"


def read(value: object) -> datetime:
    """Return a timestamp as an instant in UTC. Raises ValueError in plain words."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(_FORM)
    try:
        if isinstance(value, str):
            return _from_text(value)
        # Bounded first: the arithmetic below would take its time over 1e300.
        seconds = Decimal(value)
        if abs(seconds) > 10**12:
            raise ValueError(_RANGE)
        seconds = seconds.scaleb(6).to_integral_value(ROUND_FLOOR)
        return EPOCH + int(seconds) * _MICROSECOND
    except OverflowError as far:
        raise ValueError(_RANGE) from far


def _from_text(text: str) -> datetime:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(_FORM)
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"  # RFC 3339 section 5.7; counted as POSIX does, into the next minute
    whole = f"{day}T{minute}:{'59' if leap else second}{fraction or ''}{offset.upper()}"
    try:
        at = datetime.fromisoformat(whole)
    except ValueError as impossible:
        raise ValueError(f"is not a time that exists: {text[:40]}") from impossible
    return at.astimezone(UTC) + timedelta(seconds=int(leap))


def micros(at: datetime) -> int:
    """Return the microseconds from 1970 to ``at``."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    """Return the instant ``count`` microseconds after 1970."""
    return EPOCH + count * _MICROSECOND


def iso(at: datetime) -> str:
    """Return an instant as it is answered: UTC, with ``Z``."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

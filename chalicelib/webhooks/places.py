"""Places of the log as text: microseconds since 1970 in 16 digits, which sort as times do."""

from datetime import datetime, timedelta

from chalicelib.core.times import EPOCH

_MICROSECOND = timedelta(microseconds=1)
_DIGITS = 16
_LAST = 10**_DIGITS - 1


def place_at(at: datetime) -> str:
    """Return the first place that an event of that time can have."""
    return place(micros(at))


def micros(at: datetime) -> int:
    """Return the microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def place(number: int) -> str:
    """Return a place by its number; the first or the last one for what no place can be."""
    return f"{min(max(number, 0), _LAST):0{_DIGITS}d}"

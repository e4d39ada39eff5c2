"""Instants as they are counted: in microseconds since 1970."""

from datetime import datetime, timedelta

from chalicelib.core.times import EPOCH

_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return the microseconds from 1970 to ``at``."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    """Return the instant ``count`` microseconds after 1970."""
    return EPOCH + count * _MICROSECOND

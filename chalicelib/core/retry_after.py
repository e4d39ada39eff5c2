"""The header ``Retry-After`` (RFC 9110 section 10.2.3), as whoever calls others reads it."""

import re
from email.utils import parsedate_to_datetime


def seconds(told: str, now: float) -> float | None:
    """Return how long an answer asks to wait at ``now``, in seconds; None where it does not say."""
    told = told.strip()
    if re.fullmatch("[0-9]{1,9}", told):
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - now)
    except (ValueError, OverflowError):
        return None

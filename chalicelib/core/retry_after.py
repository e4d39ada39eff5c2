"""The header ``Retry-After`` (RFC 9110 section 10.2.3), as a client reads it."""

import re
from email.utils import parsedate_to_datetime


def seconds(header: str, now: float) -> float | None:
    """Return how long an answer requires to wait at ``now``, in seconds; None without a value."""
    header = header.strip()
    if re.fullmatch("[0-9]{1,9}", header):
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, OverflowError):
        return None

"""Cursors as text: a seal, and the parts of a position in a list (`chalicelib.core.paging`)."""

import base64
import json
import re
from typing import Any

NOT_OURS = "must be a cursor that this list gave"
_SEAL = re.compile("[0-9a-f]{16}")


def write(seal: str, parts: list[Any]) -> str:
    """Return the cursor that `read` takes apart again."""
    return base64.urlsafe_b64encode(json.dumps([seal, *parts]).encode()).decode().rstrip("=")


def read(cursor: str) -> tuple[str, list[Any]]:
    """Return seal and parts. Raises ValueError for text that no list has ever given."""
    try:
        seal, *parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError) as odd:
        raise ValueError(NOT_OURS) from odd
    if not isinstance(seal, str) or not _SEAL.fullmatch(seal):
        raise ValueError(NOT_OURS)
    if any(isinstance(part, list | dict) for part in parts):  # a position is flat, in any list
        raise ValueError(NOT_OURS)
    return seal, parts


def readable(cursor: str) -> str:
    """Return ``cursor`` if `read` takes it apart. Raises ValueError."""
    read(cursor)
    return cursor

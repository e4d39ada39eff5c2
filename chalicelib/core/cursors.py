"""Cursors: where the next page of a list begins, as text that means nothing to its bearer."""

import base64
import json

_LONGEST = 1000
"""Bytes of all parts together: what is made of them has to fit into a sort key, of 1,024."""


def write(*parts: str) -> str:
    """Return the cursor that `read` takes apart again."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read(cursor: str) -> list[str]:
    """Return the parts of a cursor; none when nothing like it was ever written."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fits = isinstance(found, list) and _fit(found)
    except (ValueError, RecursionError):
        return []
    return found if fits else []


def _fit(parts: list[object]) -> bool:
    """Return whether parts could stand in a key; half a surrogate pair raises ValueError."""
    if not all(isinstance(part, str) and part for part in parts):
        return False
    return len("".join(map(str, parts)).encode()) <= _LONGEST

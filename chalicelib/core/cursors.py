"""Cursors: where the next page of a list begins, as text that says nothing to anyone else."""

import base64
import json


def write(*parts: str) -> str:
    """Return the cursor of a place that has these parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read(cursor: str) -> list[str]:
    """Return the parts of a cursor; none for a text that no list ever gave."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return []
    whole = isinstance(found, list) and all(isinstance(part, str) for part in found)
    return found if whole else []

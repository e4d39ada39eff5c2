"""Parts of requests: queries, parts of paths, exact JSON."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from chalicelib.core import strict_json


def given(values: Mapping[str, object]) -> dict[str, str]:
    """Return the values that are there, as text: a query, or headers."""
    return {name: str(value) for name, value in values.items() if value is not None}


def keyed(key: str | None = None) -> dict[str, str]:
    """Return the header that makes a request repeatable, with a new key unless one is given."""
    return {"Idempotency-Key": key or str(uuid4())}


def part(text: str) -> str:
    """Return any ``text`` as one part of a path."""
    return quote(text, safe="")


def exactly(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a body is sent with its amounts as they are."""
    headers = {"Content-Type": "application/json"}
    return {"content": strict_json.dumps(dict(body)), "headers": headers}

"""The fields that requests and answers are made of.

Ids are text, exactly as they came; a whole number is the text of its digits, so ``7``, ``7.0`` and
``"7"`` are one id.
"""

import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from chalicelib.core import numbers, times
from chalicelib.core.instants import iso
from chalicelib.core.invisible import visible_id
from chalicelib.deliveries.registry import TYPES

LONGEST_ID = 128
Status = Literal["delivered", "dropped"]


def _id_text(value: object) -> str:
    exact = numbers.from_json(value)
    if isinstance(exact, bool) or not isinstance(exact, str | int):
        raise ValueError("must be text or a whole number")
    text = str(exact)
    if not text.strip():
        raise ValueError("must not be empty or blank")
    if len(text) > LONGEST_ID:
        raise ValueError(f"must have at most {LONGEST_ID} characters")
    return visible_id(text)


# Some platforms decode a path before it gets here and some do not, so what looks encoded could be
# one of two ids.
_ENCODED = re.compile("%[0-9A-Fa-f]{2}")
# What every path carries unchanged; "." and ".." are steps in a path.
_PLAIN = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.~-]+")


def _path_id_text(value: object) -> str:
    text = _id_text(value)
    if _ENCODED.search(text):
        raise ValueError("cannot be given in a path; pass this id as a query value")
    return text


def location(place: str, name: str, value: str, rest: str = "") -> str:
    """Return where an id's resource is: in the path, or by query where no path carries the id."""
    if _PLAIN.fullmatch(value):
        return f"/{place}/{value}{rest}"
    return f"{rest or f'/{place}'}?{name}={quote(value, safe='')}"


def _known_type(value: str) -> str:
    if value not in TYPES:
        raise ValueError(f"must be one of {', '.join(sorted(TYPES))}")
    return value


_ID_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"\S"},
        {"type": "integer"},
    ]
}
_TIME_SCHEMA = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "number", "minimum": -62_135_596_800, "exclusiveMaximum": 253_402_300_800},
    ],
    "description": "RFC 3339 with its offset, or seconds since 1970",
}
_TYPE_SCHEMA = {
    "type": "string",
    "enum": sorted(TYPES),
    "description": "; ".join(f"{name}: {kind.about}" for name, kind in sorted(TYPES.items())),
}

Id = Annotated[str, BeforeValidator(_id_text), WithJsonSchema(_ID_SCHEMA, mode="validation")]
QueryId = Annotated[str, BeforeValidator(_id_text), WithJsonSchema(_ID_SCHEMA["anyOf"][0])]
PathId = Annotated[str, BeforeValidator(_path_id_text), Field(max_length=LONGEST_ID)]
Timestamp = Annotated[
    datetime,
    BeforeValidator(times.timestamp),
    WithJsonSchema(_TIME_SCHEMA, mode="validation"),
    PlainSerializer(iso, when_used="json"),
]
TypeName = Annotated[str, AfterValidator(_known_type), WithJsonSchema(_TYPE_SCHEMA)]

"""JSON as RFC 8259 means it: no NaN or Infinity, no duplicate keys, numbers with a fraction exact.

Python's ``json`` accepts all of the former and rounds the latter through float; both ways.
"""

import json
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

# The largest decimal exponent that any client's double could hold.
_MAX_EXPONENT = 308
_BYTE_ORDER_MARK = "\ufeff"
_GZIP = b"\x1f"  # no JSON begins with it, not even where a gateway took the rest for UTF-8
_CONSTANTS = {None: "null", True: "true", False: "false"}
# What the parser complains of, as a caller says it.
_SYNTAX = {
    "Expecting value": "a value is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Illegal trailing comma before end of object": "a comma stands before the end",
    "Illegal trailing comma before end of array": "a comma stands before the end",
    "Extra data": "something follows the value",
    "Unterminated string starting at": "a text does not end",
    "Invalid control character at": "a text holds a control character",
    "Invalid \\escape": "a text holds a backslash that escapes nothing",
    "Invalid \\uXXXX escape": "a text holds an incomplete escape",
}


class JSONError(ValueError):
    """The text is not JSON that we accept; the message says why, in plain words."""


def loads(raw: bytes) -> object:
    """Return the value of ``raw``; integers as int, other numbers as Decimal.

    A byte order mark before it is skipped (RFC 8259 section 8.1). Raises JSONError.
    """
    if raw.startswith(_GZIP):
        raise JSONError("is compressed: send the JSON itself")
    try:
        value = json.loads(
            raw.decode("utf-8").removeprefix(_BYTE_ORDER_MARK),
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
        # A lone surrogate (\ud800) is no text that could be stored.
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeDecodeError as broken:
        raise JSONError("is not UTF-8") from broken
    except UnicodeEncodeError as broken:
        raise JSONError("holds half of a surrogate pair") from broken
    except RecursionError as deep:
        raise JSONError("is nested too deeply") from deep
    except JSONError:
        raise
    except json.JSONDecodeError as broken:
        raise JSONError(f"is not valid JSON: {_complaint(broken)}") from broken
    return value


def dumps(value: object) -> str:  # noqa: PLR0911 - whatever JSON has, a case each
    """Return ``value`` as JSON text, each Decimal as the exact number that it is, zeros and all."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        members = [f"{_quoted(name)}:{dumps(member)}" for name, member in value.items()]
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join([dumps(member) for member in value])}]"
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, int):  # json.dumps takes ten times as long
        return int.__repr__(value)
    return json.dumps(value)


def _complaint(broken: json.JSONDecodeError) -> str:
    place = f"line {broken.lineno}, column {broken.colno}"
    known = next((_SYNTAX[message] for message in _SYNTAX if broken.msg.startswith(message)), "")
    return f"{known}, {place}" if known else place


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_EXPONENT + 1:
        raise JSONError(f"holds a number out of range: {text[:40]}")
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as endless:  # more digits in the exponent than Decimal has
        raise JSONError(f"holds a number out of range: {text[:40]}") from endless
    if number and number.adjusted() > _MAX_EXPONENT:
        raise JSONError(f"holds a number out of range: {text[:40]}")
    return number


def _constant(name: str) -> None:
    raise JSONError(f"holds {name}, which is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JSONError(f"names {_quoted(twice[:100])} twice")
    return found

"""Cursors: where the next page of a list begins, as text that only that list gives and takes."""

import re

from chalicelib.core import cursors
from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import fault

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def write(scope: str, *place: str) -> str:
    """Return the cursor of a place in the list ``scope``."""
    return cursors.write(scope, *place)


def read(cursor: str | None, scope: str, *, time: bool, id_: bool) -> list[str] | None:
    """Return the place (a time, an id, or both) of a cursor that `write` made for ``scope``.

    Raises InvalidInputError for any other text.
    """
    if cursor is None:
        return None
    forms = [*([_TIME] if time else []), *([_ID] if id_ else [])]
    place = cursors.read(cursor)
    fits = len(place) == len(forms) + 1 and place[0] == scope
    if not fits or not all(map(re.Pattern.fullmatch, forms, place[1:])):
        raise InvalidInputError([fault("query", "cursor", "must be a cursor that this list gave")])
    return place[1:]

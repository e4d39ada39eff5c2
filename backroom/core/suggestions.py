"""Suggestions for an unknown id: the closest existing ones."""

import re
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from backroom.core.closeness import closest
from backroom.core.errors import ApiError, ClientError
from backroom.core.session import Session

# What the API says is not there, where such things are listed, and what they are called there.
_LISTED: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), path, field)
    for pattern, path, field in (
        (r"There is no machine (GM\d+)", "/machines", "serial"),
        (r"There is no cake (.+?)(?: to order)?\.$", "/cakes", "id"),
        (r"There is no site ([\w.-]*\w)", "/sites", "site_id"),
        (r"There is no technician (T\d+)", "/technicians", "technician_id"),
    )
)
_THINGS: TypeAdapter[tuple[dict[str, Any], ...]] = TypeAdapter(tuple[dict[str, Any], ...])


def after(error: ClientError, here: Session) -> str:
    """Return the closest existing ids to an unknown one of a request."""
    if not isinstance(error, ApiError) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ""
    for pattern, path, field in _LISTED:
        if found := pattern.search(error.detail):
            return closest(found[1], _names(here, path, field))
    return ""


def _names(here: Session, path: str, field: str) -> list[str]:
    """Return what a list's first page has; without it there is no suggestion."""
    try:
        with here.api(lambda connection: connection) as connection:
            listed = connection.answer(_THINGS, "GET", path).value
    except ClientError:
        return []
    return [str(each[field]) for each in listed if field in each]

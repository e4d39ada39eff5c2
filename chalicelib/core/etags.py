"""Versions of responses: what has not changed is not sent again (RFC 9110 section 13.1.2)."""

import hashlib
from http import HTTPStatus

from chalice import Response
from chalice.app import Request

_LENGTH = 32


def etag_of(*parts: str) -> str:
    """Return the entity tag of a text, or of several that are one representation."""
    digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
    return f'"{digest[:_LENGTH]}"'


def names_version(if_none_match: str, etag: str) -> bool:
    """Return whether a client names this version."""
    named = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in named or "*" in named


def conditional(request: Request, response: Response) -> Response:
    """Return the response of a GET with its version, or 304 when the client names that version.

    The version is that of the body and of the link to the next page. It is for clients that keep an
    answer themselves: no cache keeps one (``no-store``). Responses that are no 200 stay as they
    are, and those that know their version keep it.
    """
    if response.status_code != HTTPStatus.OK:
        return response
    known = response.headers.get("ETag")
    etag = str(known or etag_of(str(response.body), str(response.headers.get("Link", ""))))
    response.headers |= {"ETag": etag}
    if names_version(request.headers.get("if-none-match", ""), etag):
        response.status_code = HTTPStatus.NOT_MODIFIED.value
        response.body = ""
    return response

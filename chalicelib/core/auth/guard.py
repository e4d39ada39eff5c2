"""The check before every view: who calls, and may they.

The libraries that read tokens are imported when the first token comes, so an open stage, and every
public route, starts without them.
"""

import re
from functools import cache
from typing import TYPE_CHECKING

from chalice.app import Request

from chalicelib.core import log
from chalicelib.core.access import (
    ANYBODY,
    NOBODY,
    Access,
    BadTokenError,
    Caller,
    MissingScopeError,
    NoTokenError,
    scopes_of,
)
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.errors import ForbiddenError, UnauthorizedError
from chalicelib.core.settings import from_env

if TYPE_CHECKING:
    from chalicelib.core.auth.tokens import Tokens

# RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1).
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)


def admit(request: Request, access: Access) -> Caller:
    """Return who calls a route that takes ``access``.

    Raises NoTokenError, BadTokenError, MissingScopeError; UnavailableError when the issuer is down
    and SettingsError when the stage has no issuer.
    """
    if access == "public":
        return NOBODY
    if from_env(AuthSettings).auth == "open":
        return ANYBODY
    try:
        token = _token(request)
        caller = _tokens().caller(token)
        log.add(subject=caller.subject)
        if not caller.may(*scopes_of(access)):
            raise MissingScopeError(scopes_of(access))
    except (UnauthorizedError, ForbiddenError) as refused:
        log.count("CallersRefused")
        log.add(refused=refused.detail)
        raise
    return caller


def _token(request: Request) -> str:
    """Return the request's bearer token. Raises NoTokenError, BadTokenError."""
    values = _authorizations(request)
    if not values or not values[0].lower().startswith("bearer"):
        raise NoTokenError("This takes a bearer token in the Authorization header.")
    if len(values) > 1:
        raise BadTokenError("There must be one Authorization header, and there are several.")
    found = _BEARER.fullmatch(values[0].strip())
    if found is None:
        raise BadTokenError("The Authorization header must read: Bearer, a space, the token.")
    return found[1]


def _authorizations(request: Request) -> list[str]:
    """Return all Authorization headers of a request; Chalice itself keeps the last one only."""
    headers: dict[str, list[str]] = request.to_original_event().get("multiValueHeaders") or {}
    values = [
        value for name in headers if name.lower() == "authorization" for value in headers[name]
    ]
    one: str = request.headers.get("authorization", "")
    return values or ([one] if one else [])


@cache
def _tokens() -> "Tokens":
    """Return what checks the tokens of this stage, with the keys that this container knows."""
    from chalicelib.core.auth.keys import Keys  # noqa: PLC0415 - see above
    from chalicelib.core.auth.tokens import Tokens  # noqa: PLC0415

    settings = from_env(AuthSettings)
    return Tokens(settings, Keys(settings.auth_issuer))

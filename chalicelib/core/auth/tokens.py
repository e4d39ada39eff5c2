"""Reading bearer tokens: who is meant, once everything about them has been checked.

Signed with RS256 or ES256 by a key that the issuer publishes (RFC 7515, RFC 8725), from the
issuer, for us, and now (RFC 7519). Scopes come in ``scope`` (RFC 9068), ``scp`` or ``permissions``,
as issuers write them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from jwt import exceptions

from chalicelib.core.access import BadTokenError, Caller
from chalicelib.core.auth.keys import Keys, UnknownKeyError
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.auth.signatures import ALGORITHMS

LEEWAY_S = 30
"""Seconds by which clocks may differ."""

# Of an access token (RFC 9068 section 2.1), or of any JWT: most issuers tell no difference.
_TYPES = {"jwt", "at+jwt"}
_ACCESS = "access"
_REQUIRED = ["exp", "iss", "sub"]
_LONGEST = 8_192
_LONGEST_SUBJECT = 255
_REASONS: Mapping[type[Exception], str] = {
    exceptions.ExpiredSignatureError: "it has expired",
    exceptions.ImmatureSignatureError: "it is not valid yet",
    exceptions.InvalidIssuerError: "another issuer made it",
    exceptions.InvalidSignatureError: "its signature does not fit",
    exceptions.MissingRequiredClaimError: f"it lacks one of {', '.join(_REQUIRED)}",
}


class Tokens:
    """Checks tokens by the settings of a stage and the keys of its issuer."""

    def __init__(self, settings: AuthSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys

    def caller(self, token: str) -> Caller:
        """Return the caller of a token. Raises BadTokenError, UnavailableError.

        No error holds the token or refers to one that does.
        """
        claims = self._claims(token)
        technician = claims.get(self._settings.auth_technician_claim)
        return Caller(
            # Text that cannot be stored, as an issuer may sign it, is spelled out.
            subject=claims["sub"].encode(errors="backslashreplace").decode(),
            scopes=frozenset(self._scopes(claims)),
            technician=str(technician) if isinstance(technician, str | int) else None,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = self._checked(token)
        except UnknownKeyError:
            raise _bad("its key is none of the issuer's") from None
        except (exceptions.PyJWTError, ValueError, OverflowError, RecursionError) as wrong:
            raise _bad(_REASONS.get(type(wrong), "it cannot be read")) from None
        if claims.get("token_use", _ACCESS) != _ACCESS:
            raise _bad("it is no access token")
        if _audiences(claims).isdisjoint(self._settings.audiences):
            raise _bad("it has another audience")
        if not 0 < len(claims["sub"]) <= _LONGEST_SUBJECT:
            raise _bad("its subject is empty or too long")
        return claims

    def _checked(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _bad("it must be signed with RS256 or ES256")
        if not _is_access_token(header.get("typ")):
            raise _bad("it is no access token")
        claims: dict[str, Any] = jwt.decode(
            token,
            # PyJWT's types know the keys of its own algorithms alone.
            self._keys.find(header.get("kid"), algorithm),  # type: ignore[arg-type]
            algorithms=[algorithm],
            issuer=self._settings.auth_issuer,
            leeway=LEEWAY_S,
            options={"require": _REQUIRED, "verify_aud": False},
        )
        return claims

    def _scopes(self, claims: Mapping[str, Any]) -> Iterable[str]:
        """Yield the scopes of a token as we name them; what lacks the prefix is not for us."""
        prefix = self._settings.auth_scope_prefix
        for name in ("scope", "scp", "permissions"):
            for scope in _words(claims.get(name)):
                if scope.startswith(prefix):
                    yield scope.removeprefix(prefix)


def _is_access_token(kind: object) -> bool:
    """Return whether a header's ``typ`` fits; it may be left out, and "application/" too."""
    if kind is None:
        return True
    return isinstance(kind, str) and kind.lower().removeprefix("application/") in _TYPES


def _audiences(claims: Mapping[str, Any]) -> set[str]:
    """Return whom a token is meant for.

    Amazon Cognito's access tokens have no ``aud``; they name the client that they were given to.
    """
    audience = claims.get("aud", claims.get("client_id"))
    if isinstance(audience, str):
        return {audience}
    return set(_words(audience))


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    listed = value if isinstance(value, list) else []
    return [each for each in listed if isinstance(each, str) and each]


def _bad(why: str) -> BadTokenError:
    return BadTokenError(f"The bearer token was refused: {why}.")

"""The issuer's public keys: found by discovery, cached, and refreshed.

The address of the keys comes from the issuer's discovery document (OpenID Connect Discovery 1.0),
the keys are a JSON Web Key Set (RFC 7517). A container requests them at most once in `PAUSE_S`,
whatever callers send, so a stream of made-up key ids is no lever against the issuer or against us.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict
from urllib3.exceptions import HTTPError

from chalicelib.core.auth.signatures import PublicKey
from chalicelib.core.errors import UnavailableError
from chalicelib.core.fetch import Get, fetched
from chalicelib.core.log import logger

FRESH_S = 600.0
"""Seconds after which keys are fetched again: how long a withdrawn key may be accepted."""
PAUSE_S = 10.0
"""Seconds between two questions to the issuer: as long as a new key may be unknown."""
KEPT_S = 86_400.0
"""Seconds that known keys stay valid while the issuer does not answer."""
FETCH_S = 5.0
"""Seconds that a renewal may take, both documents and whatever the issuer drips."""
STALE_PAUSE_S = 60.0
"""Seconds between two failed refreshes while the requested key is cached."""

_LARGEST = 500_000


class UnknownKeyError(Exception):
    """The issuer has no such key."""


class _Discovered(BaseModel):
    model_config = ConfigDict(frozen=True)

    issuer: str
    jwks_uri: str


class _KeySet(BaseModel):
    model_config = ConfigDict(frozen=True)

    keys: list[dict[str, Any]]


class Keys:
    """The keys of ``issuer``; ``clock`` returns seconds that never go back."""

    def __init__(
        self, issuer: str, *, get: Get | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._get = get
        self._clock = clock
        self._keys: dict[tuple[str | None, str], PublicKey] = {}
        self._found_at = self._tried_at = -math.inf
        self._failed = False

    def find(self, kid: str | None, algorithm: str) -> PublicKey:
        """Return the key ``kid``, or the only one there is for a token that names none.

        Raises UnknownKeyError, or UnavailableError while no key at all is known.
        """
        if self._clock() - self._found_at > KEPT_S:
            self._keys = {}
        if not self._known(kid, algorithm):
            self._renew(PAUSE_S)
        elif self._clock() - self._found_at > FRESH_S:
            self._renew(STALE_PAUSE_S if self._failed else PAUSE_S)
        if not self._keys:
            wait_s = math.ceil(self._tried_at + PAUSE_S - self._clock())
            detail = "The identity provider does not respond, so tokens cannot be verified."
            raise UnavailableError(detail, retry_after_s=max(wait_s, 1))
        key = self._known(kid, algorithm)
        if key is None:
            raise UnknownKeyError
        return key

    def _known(self, kid: str | None, algorithm: str) -> PublicKey | None:
        if kid is not None:
            return self._keys.get((kid, algorithm))
        fitting = [key for (_, known), key in self._keys.items() if known == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def _renew(self, pause_s: float) -> None:
        """Ask the issuer, unless that was done just now; what is known stays if it fails."""
        if self._clock() - self._tried_at < pause_s:
            return
        self._failed = True
        try:
            keys = self._asked()
        except (HTTPError, OSError, ValueError) as failed:
            logger.warning("the identity provider failed", extra={"why": _why(failed)})
            return
        finally:
            self._tried_at = self._clock()
        if keys:
            self._keys, self._found_at, self._failed = keys, self._tried_at, False

    def _asked(self) -> dict[tuple[str | None, str], PublicKey]:
        if self._get:
            return self._published(self._get)
        return fetched(self._published, within_s=FETCH_S, limit=_LARGEST)

    def _published(self, get: Get) -> dict[tuple[str | None, str], PublicKey]:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        discovered = _Discovered.model_validate_json(get(address))
        if discovered.issuer != self._issuer:
            raise ValueError("its discovery document is that of another issuer")
        published = _KeySet.model_validate_json(get(discovered.jwks_uri)).keys
        found: dict[tuple[str | None, str], PublicKey] = {}
        for each in published:
            if (algorithm := _algorithm(each)) and (key := _usable(each, algorithm)):
                found[(each.get("kid"), algorithm)] = key
        return found


def _algorithm(jwk: dict[str, Any]) -> str | None:
    """Return the algorithm that a published key is for, if it is one of ours."""
    algorithm = None
    if jwk.get("kty") == "RSA":
        algorithm = "RS256"
    elif (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256"):
        algorithm = "ES256"
    fits = jwk.get("use", "sig") == "sig" and jwk.get("alg", algorithm) == algorithm
    named = isinstance(jwk.get("kid"), str | None)
    return algorithm if fits and named else None


def _usable(jwk: dict[str, Any], algorithm: str) -> PublicKey | None:
    """Return a published key, unless it is broken or too small to trust."""
    try:
        return PublicKey(algorithm, jwk)
    except (KeyError, TypeError, ValueError):
        return None


def _why(failed: Exception) -> str:
    return f"{type(failed).__name__}: {str(failed)[:300]}"

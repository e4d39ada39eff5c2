"""Signature Version 4, for requests that are a POST to ``/`` without a query.

See "Create a signed AWS API request", AWS Identity and Access Management User Guide.
"""

import hashlib
import hmac
from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs requests to one service of one region."""

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._derived: tuple[str, str, bytes] = ("", "", b"")

    def authorization(
        self, headers: Mapping[str, str], body: bytes, *, access_key: str, secret: str
    ) -> str:
        """Return the Authorization header of a request with these headers and this body.

        ``headers`` are all that is signed, in the order of their names; ``Host`` and
        ``X-Amz-Date`` (``YYYYMMDDTHHMMSSZ``) are among them.
        """
        names = ";".join(headers).lower()
        signed = "".join([f"{name.lower()}:{value}\n" for name, value in headers.items()])
        request = f"POST\n/\n\n{signed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        time = headers["X-Amz-Date"]
        scope = f"{time[:8]}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = _mac(self._key(secret, time[:8]), f"{_ALGORITHM}\n{time}\n{scope}\n{digest}")
        return (
            f"{_ALGORITHM} Credential={access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature.hex()}"
        )

    def _key(self, secret: str, day: str) -> bytes:
        """Return the key of a day, derived once."""
        known_secret, known_day, key = self._derived
        if (known_secret, known_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = _mac(key, part)
            self._derived = (secret, day, key)
        return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")

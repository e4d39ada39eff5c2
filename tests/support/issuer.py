"""An OpenID Connect issuer on this machine: real keys, real tokens, documents over HTTP."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "backroom"
_WELL_KNOWN = "/.well-known/openid-configuration"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the RSA key called ``name``, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key called ``name``, made once."""
    return ec.generate_private_key(ec.SECP256R1())


def public(kid: str, key: PrivateKey, **fields: Any) -> dict[str, Any]:
    """Return a key as an issuer publishes it; ``fields`` are added or, where None, removed."""
    if isinstance(key, rsa.RSAPrivateKey):
        parts = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        parts = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    parts.pop("key_ops", None)
    found = {**parts, "kid": kid, "use": "sig", **fields}
    return {name: value for name, value in found.items() if value is not None}


def claims(issuer: str, *scopes: str, **fields: Any) -> dict[str, Any]:
    """Return the claims of a good token; ``fields`` are added or, where None, removed."""
    now = int(time.time())
    good = {"iss": issuer, "aud": AUDIENCE, "sub": "somebody", "iat": now, "exp": now + 600}
    found = {**good, "scope": " ".join(scopes), **fields}
    return {name: value for name, value in found.items() if value is not None}


def signed(
    fields: Mapping[str, Any], key: PrivateKey, kid: str | None, algorithm: str | None = None
) -> str:
    """Return a token of these claims."""
    natural = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    headers = {"kid": kid} if kid else {}
    claimed = json.dumps(dict(fields)).encode()  # as it is: the library's own would refuse oddities
    return jwt.PyJWS().encode(claimed, key, algorithm=algorithm or natural, headers=headers)


def signed_as(head: Mapping[str, Any], fields: Mapping[str, Any], key: rsa.RSAPrivateKey) -> str:
    """Return a token of these claims with a header of any form."""
    text = f"{part(dict(head))}.{part(dict(fields))}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{part(signature)}"


def part(value: object) -> str:
    """Return one part of a token: base64url, without padding."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(fields: Mapping[str, Any], **header: Any) -> str:
    """Return a token with ``alg: none`` and no signature."""
    return f"{part({'alg': 'none', 'typ': 'JWT', **header})}.{part(dict(fields))}."


def signed_with_the_public_key(fields: Mapping[str, Any], key: PrivateKey, kid: str) -> str:
    """Return a token whose HMAC secret is the issuer's public key, which everybody has."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', 'kid': kid})}.{part(dict(fields))}"
    return f"{text}.{part(hmac.digest(pem, text.encode(), hashlib.sha256))}"


class Issuer:
    """The issuer, running from `start` to `stop`.

    ``broken`` has it answer 500 to everything; ``drip_s`` are the seconds from byte to byte.
    """

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.issuer = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self.kid = "first"
        self.key: PrivateKey = rsa_key("first")
        self.broken = False
        self.drip_s = 0.0
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Return the issuer as tokens name it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def parameters(self) -> dict[str, str]:
        """Return the parameters of a stage that takes this issuer's tokens."""
        fields = {"AuthIssuer": self.url, "AuthAudience": AUDIENCE, "AuthClientId": "backroom-page"}
        return {"Auth": "jwt", **fields}

    def token(self, *scopes: str, **fields: Any) -> str:
        """Return a good token with ``scopes``; ``fields`` as in `claims`."""
        return signed(claims(self.url, *scopes, **fields), self.key, self.kid)

    def rotate(self, kid: str) -> None:
        """Publish another key and no other."""
        self.kid, self.key = kid, rsa_key(kid)

    def answer(self, path: str) -> object:
        """Return the document at a path."""
        self.requests.append(path)
        if path == _WELL_KNOWN:
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [public(self.kid, self.key)]}

    def start(self) -> "Issuer":
        """Start to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    issuer: Issuer


class _Connection(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        content = json.dumps(self.server.issuer.answer(self.path)).encode()
        self.send_response(500 if self.server.issuer.broken else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not self.server.issuer.drip_s:
            self.wfile.write(content)
            return
        with suppress(OSError):  # who fetches has a deadline
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(self.server.issuer.drip_s)

    def log_message(self, *_: Any) -> None:
        """Write no line for each request."""

"""Signatures with RS256 and ES256 (RFC 7518 sections 3.3 and 3.4), verified by PyCryptodome.

PyJWT takes cryptography for them, of which 4 MB would be shipped. What ES256 takes is imported
with the first key that is for it.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn, Protocol

import jwt
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from jwt.algorithms import Algorithm
from jwt.exceptions import InvalidKeyError
from jwt.utils import base64url_decode, from_base64url_uint

REMEMBERED = 1_000
"""Good signatures that a key remembers at most: about half a megabyte."""

_SMALLEST_RSA_BITS = 2048
_P256_BYTES = 32


class _Scheme(Protocol):
    def verify(self, msg_hash: SHA256.SHA256Hash, signature: bytes) -> object:
        """Raise ValueError unless the signature fits; what is returned means nothing."""


class PublicKey:
    """A key that an issuer publishes, and the signatures that it was found to have made.

    Takes a JSON Web Key (RFC 7517) and reads no private part of it. Raises KeyError, TypeError or
    ValueError for one that is broken or too small to trust.
    """

    def __init__(self, algorithm: str, jwk: Mapping[str, Any]) -> None:
        self.algorithm = algorithm
        self._scheme = _SCHEMES[algorithm](jwk)
        self._verified: set[tuple[bytes, bytes]] = set()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Return whether this key made the signature of a message.

        A caller sends a token many times; its signature is calculated for the first request.
        """
        digest = SHA256.new(message)
        signed = digest.digest(), signature
        if signed not in self._verified:
            try:
                self._scheme.verify(digest, signature)
            except ValueError:
                return False
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            self._verified.add(signed)
        return True


def _rs256(jwk: Mapping[str, Any]) -> _Scheme:
    key = RSA.construct((from_base64url_uint(jwk["n"]), from_base64url_uint(jwk["e"])))
    if key.size_in_bits() < _SMALLEST_RSA_BITS or key.e % 2 == 0:
        raise ValueError("its modulus is too small or its exponent is even")
    return pkcs1_15.new(key)


def _es256(jwk: Mapping[str, Any]) -> _Scheme:
    from Crypto.PublicKey import ECC  # noqa: PLC0415 - see above
    from Crypto.Signature import DSS  # noqa: PLC0415

    x, y = (base64url_decode(jwk[name]) for name in ("x", "y"))
    if (len(x), len(y)) != (_P256_BYTES, _P256_BYTES):
        raise ValueError("its coordinates have another length")
    key = ECC.construct(curve="P-256", point_x=int.from_bytes(x), point_y=int.from_bytes(y))
    # PyCryptodome reads (0, 0) as that point, and anybody could sign for such a key.
    if key.pointQ.is_point_at_infinity():
        raise ValueError("its point is at infinity")
    return DSS.new(key, "fips-186-3")


_SCHEMES = {"RS256": _rs256, "ES256": _es256}
ALGORITHMS = tuple(_SCHEMES)


class _Verifying(Algorithm):
    """What PyJWT calls for one of our algorithms."""

    def __init__(self, name: str) -> None:
        self._name = name

    def prepare_key(self, key: object) -> PublicKey:
        if not isinstance(key, PublicKey) or key.algorithm != self._name:
            raise InvalidKeyError("the key is for something else")
        return key

    def verify(self, msg: bytes, key: PublicKey, sig: bytes) -> bool:
        return key.verify(msg, sig)

    def sign(self, msg: bytes, key: object) -> NoReturn:
        raise NotImplementedError

    @staticmethod
    def to_jwk(key_obj: object, as_dict: bool = False) -> NoReturn:
        raise NotImplementedError

    @staticmethod
    def from_jwk(jwk: object) -> NoReturn:
        raise NotImplementedError


for _name in ALGORITHMS:
    with suppress(KeyError):  # PyJWT has its own where cryptography is installed
        jwt.unregister_algorithm(_name)
    jwt.register_algorithm(_name, _Verifying(_name))

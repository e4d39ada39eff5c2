"""What was signed by a published key, and the forgeries that verifiers have fallen for."""

import hashlib
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.auth import signatures
from chalicelib.core.auth.signatures import PublicKey
from tests.support.issuer import ec_key, part, public, rsa_key

RSA, CURVE = rsa_key("one"), ec_key("curve")
MESSAGE = b"header.claims"
SIZE = 256
"""Bytes of a signature by the RSA key, and of its modulus."""
MODULUS = RSA.public_key().public_numbers().n
# Of P-256 (SP 800-186 section 3.2.1.3): the order of its group, and its field.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
POINT = CURVE.public_key().public_numbers()
SECRET = CURVE.private_numbers().private_value
DIGEST = hashlib.sha256(MESSAGE).digest()
# What RFC 8017 section 9.2 puts before a digest of SHA-256.
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")


def rs256() -> PublicKey:
    return PublicKey("RS256", public("one", RSA))


def es256() -> PublicKey:
    return PublicKey("ES256", public("curve", CURVE))


def by_rsa(message: bytes) -> bytes:
    return RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())


def by_curve(message: bytes) -> tuple[int, int]:
    """Return ``r`` and ``s``."""
    return utils.decode_dss_signature(CURVE.sign(message, ec.ECDSA(hashes.SHA256())))


def raw(r: int, s: int) -> bytes:
    """Return a signature as JWS writes it (RFC 7518 section 3.4)."""
    return r.to_bytes(32) + s.to_bytes(32)


def encrypted(encoded: bytes) -> bytes:
    """Return what the private key makes of a block, whatever is in it."""
    secret = RSA.private_numbers().d
    return pow(int.from_bytes(encoded), secret, MODULUS).to_bytes(SIZE)


def block(info: bytes, *, kind: bytes = b"\x00\x01", fill: bytes = b"\xff", rest: int = 0) -> bytes:
    """Return a block like that of RFC 8017 section 9.2 with ``rest`` bytes behind ``info``."""
    filled = fill * (SIZE - 3 - len(info) - rest)
    return kind + filled + b"\x00" + info + b"\x5a" * rest


# --- RS256 ----------------------------------------------------------------------------------------


def test_a_signature_of_rs256_fits_its_message_and_no_other() -> None:
    signature = by_rsa(MESSAGE)

    assert encrypted(block(SHA256 + DIGEST)) == signature
    assert rs256().verify(MESSAGE, signature)
    assert not rs256().verify(MESSAGE + b"x", signature)
    assert not PublicKey("RS256", public("two", rsa_key("two"))).verify(MESSAGE, signature)


@pytest.mark.parametrize(
    "forged",
    [
        block(SHA256 + DIGEST, kind=b"\x00\x02"),
        block(SHA256 + DIGEST, kind=b"\x00\x00"),
        block(SHA256 + DIGEST, fill=b"\xfe"),
        block(SHA256 + DIGEST, fill=b"\x00"),
        block(SHA256 + DIGEST, rest=1),
        block(SHA256 + DIGEST, rest=SIZE - 3 - 51 - 8),  # eight bytes of padding
        block(SHA256 + DIGEST[:-1]),
        block(SHA256 + DIGEST[::-1]),
        block(DIGEST),
        block(SHA1 + hashlib.sha1(MESSAGE, usedforsecurity=False).digest()),
        block(bytes.fromhex("308131300d060960864801650304020105000420") + DIGEST),
        block(bytes.fromhex("3033300f060960864801650304020105020000000420") + DIGEST),
    ],
)
def test_a_block_of_another_form_is_no_signature(forged: bytes) -> None:
    """Bleichenbacher's forgeries among them: bytes behind the digest, or in its description."""
    assert len(forged) == SIZE

    assert not rs256().verify(MESSAGE, encrypted(forged))


@pytest.mark.parametrize("number", [0, 1, MODULUS - 1, MODULUS, MODULUS + 1, (1 << 8 * SIZE) - 1])
def test_a_number_at_the_edges_of_the_modulus_is_no_signature(number: int) -> None:
    assert not rs256().verify(MESSAGE, number.to_bytes(SIZE))


@pytest.mark.parametrize(
    "change",
    [
        lambda good: b"",
        lambda good: good[:-1],
        lambda good: good + b"\x00",
        lambda good: b"\x00" + good,
        lambda good: good * 2,
        lambda good: (int.from_bytes(good) + MODULUS).to_bytes(SIZE + 1),
    ],
)
def test_a_signature_of_another_length_is_none(change: Callable[[bytes], bytes]) -> None:
    assert not rs256().verify(MESSAGE, change(by_rsa(MESSAGE)))


# --- ES256 ----------------------------------------------------------------------------------------


def test_a_signature_of_es256_fits_its_message_and_no_other() -> None:
    r, s = by_curve(MESSAGE)

    assert es256().verify(MESSAGE, raw(r, s))
    assert es256().verify(MESSAGE, raw(r, ORDER - s))  # JWS does not ask for the lower one
    assert not es256().verify(MESSAGE + b"x", raw(r, s))
    assert not PublicKey("ES256", public("two", ec_key("two"))).verify(MESSAGE, raw(r, s))


_EDGES = (0, 1, ORDER - 1, ORDER, ORDER + 1, (1 << 256) - 1)


@pytest.mark.parametrize("r", _EDGES)
@pytest.mark.parametrize("s", _EDGES)
def test_numbers_at_the_edges_of_the_group_are_no_signature(r: int, s: int) -> None:
    assert not es256().verify(MESSAGE, raw(r, s))


def test_a_signature_that_leads_to_the_point_at_infinity_is_none() -> None:
    r = -int.from_bytes(DIGEST) * pow(SECRET, -1, ORDER) % ORDER

    assert not any(es256().verify(MESSAGE, raw(r, s)) for s in (1, 2, r, ORDER - 1))


def test_a_signature_of_es256_has_64_bytes_and_is_not_der() -> None:
    r, s = by_curve(MESSAGE)
    good = raw(r, s)
    others = (
        *(b"", good[:-1], good + b"\x00", b"\x00" + good, raw(s, r)),
        *(utils.encode_dss_signature(r, s), r.to_bytes(33) + s.to_bytes(33)),
    )

    assert not any(es256().verify(MESSAGE, other) for other in others)


# --- both -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.sampled_from(["RS256", "ES256"]), st.integers(0), st.integers(0, 7))
def test_a_signature_with_another_bit_is_none(algorithm: str, place: int, bit: int) -> None:
    good = by_rsa(MESSAGE) if algorithm == "RS256" else raw(*by_curve(MESSAGE))
    changed = bytearray(good)
    changed[place % len(good)] ^= 1 << bit
    key = rs256() if algorithm == "RS256" else es256()

    assert key.verify(MESSAGE, good)
    assert not key.verify(MESSAGE, bytes(changed))


def test_what_fitted_is_remembered_and_what_did_not_fit_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, calculated = rs256(), 0
    scheme = key._scheme

    class Counting:
        def verify(self, *told: object) -> object:
            nonlocal calculated
            calculated += 1
            return scheme.verify(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(key, "_scheme", Counting())
    good, bad = by_rsa(MESSAGE), by_rsa(b"another")

    assert [key.verify(MESSAGE, good) for _ in range(3)] == [True] * 3
    assert calculated == 1
    assert [key.verify(MESSAGE, bad) for _ in range(3)] == [False] * 3
    assert [key.verify(b"another", good) for _ in range(3)] == [False] * 3
    assert calculated == 7


def test_a_key_remembers_so_many_signatures_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "REMEMBERED", 3)
    key = es256()

    for number in range(10):
        message = str(number).encode()
        assert key.verify(message, raw(*by_curve(message)))
        assert len(key._verified) <= 3


@pytest.mark.parametrize(
    ("algorithm", "jwk"),
    [
        ("RS256", public("x", rsa_key("small", 1024))),
        ("RS256", public("x", RSA, n=part((MODULUS >> 1 | 1).to_bytes(SIZE)))),  # 2047 bits
        ("RS256", public("x", RSA, n=part((MODULUS + 1).to_bytes(SIZE)))),
        ("RS256", public("x", RSA, n=part(b"\xff" * 4096))),
        ("RS256", public("x", RSA, e=part(b"\x01"))),
        ("RS256", public("x", RSA, e=part(b"\x02"))),
        ("RS256", public("x", RSA, e="")),
        ("RS256", public("x", RSA, e=None)),
        ("ES256", public("x", CURVE, x=None)),
        ("ES256", public("x", CURVE, x=7)),
        ("ES256", public("x", CURVE, x=part(bytes(32)), y=part(bytes(32)))),
        ("ES256", public("x", CURVE, x=part(bytes(32)))),
        ("ES256", public("x", CURVE, x=part(FIELD.to_bytes(32)), y=part(bytes(32)))),
        ("ES256", public("x", CURVE, x=part(POINT.x.to_bytes(33)))),
        ("ES256", public("x", ec.generate_private_key(ec.SECP384R1()))),
    ],
)
def test_a_key_that_is_weak_or_broken_is_not_read(algorithm: str, jwk: dict[str, str]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        PublicKey(algorithm, jwk)


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", es256()), ("ES256", rs256())])
def test_a_key_verifies_with_its_own_algorithm_alone(algorithm: str, key: PublicKey) -> None:
    """Whatever calls it: PyJWT would be given the key for the header's algorithm."""
    signature = by_rsa(MESSAGE) if algorithm == "RS256" else raw(*by_curve(MESSAGE))
    token = f"{part({'alg': algorithm})}.{part({})}.{part(signature)}"

    with pytest.raises(jwt.InvalidKeyError):
        jwt.decode(token, key, algorithms=[algorithm])  # type: ignore[arg-type]


def test_no_key_but_ours_verifies() -> None:
    token = f"{part({'alg': 'RS256'})}.{part({})}.{part(by_rsa(MESSAGE))}"

    with pytest.raises(jwt.InvalidKeyError):
        jwt.decode(token, RSA.public_key(), algorithms=["RS256"])

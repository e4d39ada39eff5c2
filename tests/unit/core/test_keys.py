"""The issuer's keys: found, trusted as far as they deserve, and not asked for all the time."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from urllib3.exceptions import NewConnectionError

from chalicelib.core.auth import keys as module
from chalicelib.core.auth.keys import FRESH_S, KEPT_S, PAUSE_S, STALE_PAUSE_S, Keys, UnknownKeyError
from chalicelib.core.errors import UnavailableError
from tests.support.issuer import Issuer, ec_key, public, rsa_key

ISSUER = "https://issuer.example/"
DISCOVERY = "https://issuer.example/.well-known/openid-configuration"
KEYS = "https://keys.example/set"


class Provider:
    """Answers by address; an exception is raised."""

    def __init__(self, *keys: Any) -> None:
        self.answers: dict[str, Any] = {
            DISCOVERY: {"issuer": ISSUER, "jwks_uri": KEYS},
            KEYS: {"keys": list(keys)},
        }
        self.asked: list[str] = []
        self.now = 1000.0
        self.keys = Keys(ISSUER, get=self.get, clock=lambda: self.now)

    def get(self, address: str) -> bytes:
        self.asked.append(address)
        answer = self.answers[address]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def publish(self, *keys: Any) -> None:
        self.answers[KEYS] = {"keys": list(keys)}

    def fail(self) -> None:
        down = NewConnectionError(None, "refused")  # type: ignore[arg-type]
        self.answers |= {DISCOVERY: down, KEYS: down}


ONE, TWO = public("one", rsa_key("one")), public("two", rsa_key("two"))


def test_a_key_is_found_where_the_issuer_says_that_its_keys_are() -> None:
    provider = Provider(ONE, public("curve", ec_key("curve")))

    assert provider.keys.find("one", "RS256").algorithm == "RS256"
    assert provider.keys.find("curve", "ES256").algorithm == "ES256"
    assert provider.asked == [DISCOVERY, KEYS]


@pytest.mark.parametrize("kid", ["two", "", "one "])
def test_an_unknown_key_is_looked_for_once_and_not_again_for_some_seconds(kid: str) -> None:
    provider = Provider(ONE)
    provider.keys.find("one", "RS256")

    for _ in range(1000):
        with pytest.raises(UnknownKeyError):
            provider.keys.find(kid, "RS256")
    assert len(provider.asked) == 2
    provider.now += PAUSE_S
    for _ in range(1000):
        with pytest.raises(UnknownKeyError):
            provider.keys.find(kid, "RS256")
    assert len(provider.asked) == 4


def test_a_new_key_is_taken_as_soon_as_the_issuer_may_be_asked_again() -> None:
    provider = Provider(ONE)
    provider.keys.find("one", "RS256")
    provider.publish(ONE, TWO)

    provider.now += PAUSE_S

    assert provider.keys.find("two", "RS256")
    assert provider.keys.find("one", "RS256")


def test_a_withdrawn_key_is_taken_until_the_keys_are_no_longer_fresh() -> None:
    provider = Provider(ONE)
    provider.keys.find("one", "RS256")
    provider.publish(TWO)

    provider.now += FRESH_S
    assert provider.keys.find("one", "RS256")
    provider.now += 1
    with pytest.raises(UnknownKeyError):
        provider.keys.find("one", "RS256")


def test_while_no_key_is_known_an_issuer_that_is_down_is_503_and_asked_seldom() -> None:
    provider = Provider(ONE)
    provider.fail()

    for _ in range(100):
        with pytest.raises(UnavailableError) as down:
            provider.keys.find("one", "RS256")
    assert (len(provider.asked), down.value.retry_after_s) == (1, 10)
    provider.now += PAUSE_S - 3
    with pytest.raises(UnavailableError) as down:
        provider.keys.find("one", "RS256")
    assert (len(provider.asked), down.value.retry_after_s) == (1, 3)


def test_known_keys_go_on_for_a_day_while_the_issuer_is_down() -> None:
    provider = Provider(ONE)
    provider.keys.find("one", "RS256")
    provider.fail()

    provider.now += KEPT_S
    assert provider.keys.find("one", "RS256")
    provider.now += 1
    with pytest.raises(UnavailableError):
        provider.keys.find("one", "RS256")


def test_while_the_issuer_is_down_who_has_a_known_key_seldom_waits_for_it() -> None:
    provider = Provider(ONE)
    provider.keys.find("one", "RS256")
    provider.fail()

    provider.now += FRESH_S + 1
    for _ in range(int(STALE_PAUSE_S) - 1):
        assert provider.keys.find("one", "RS256")
        provider.now += 1
    assert len(provider.asked) == 3
    provider.now += 1
    assert provider.keys.find("one", "RS256")
    assert len(provider.asked) == 4


def test_an_issuer_that_comes_back_is_noticed() -> None:
    provider = Provider(ONE)
    answers = dict(provider.answers)
    provider.fail()
    with pytest.raises(UnavailableError):
        provider.keys.find("one", "RS256")
    provider.answers = answers

    provider.now += PAUSE_S

    assert provider.keys.find("one", "RS256")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://issuer.example", "jwks_uri": KEYS},
        {"issuer": "https://evil.example/", "jwks_uri": KEYS},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": 7},
        [],
        b"<html>",
        b"\xff",
        OSError("reset"),
    ],
)
def test_what_is_no_discovery_document_of_this_issuer_gives_no_key(document: Any) -> None:
    provider = Provider(ONE)
    provider.answers[DISCOVERY] = document

    with pytest.raises(UnavailableError):
        provider.keys.find("one", "RS256")


@pytest.mark.parametrize(
    "untrusted",
    [
        public("x", rsa_key("small", 1024)),
        public("x", rsa_key("one"), use="enc"),
        public("x", rsa_key("one"), alg="RS512"),
        public("x", rsa_key("one"), alg="HS256"),
        public("x", rsa_key("one"), n="!"),
        public("x", rsa_key("one"), n=None),
        public("x", rsa_key("one"), n=7),
        public("x", rsa_key("one"), kty=["RSA"]),
        public("x", ec_key("curve"), crv="P-384"),
        public("x", ec_key("curve"), x="AAAA"),
        public(7, rsa_key("one")),  # type: ignore[arg-type]
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        {},
    ],
)
def test_a_key_that_is_weak_broken_or_for_something_else_is_passed_over(untrusted: Any) -> None:
    provider = Provider(untrusted, ONE)

    assert provider.keys.find("one", "RS256")
    for algorithm in ("RS256", "ES256"):
        with pytest.raises(UnknownKeyError):
            provider.keys.find("x", algorithm)


def test_a_private_key_that_was_published_is_read_as_the_public_one() -> None:
    private = rsa_key("one").private_numbers()
    provider = Provider({**ONE, "d": hex(private.d), "p": hex(private.p), "q": hex(private.q)})

    assert provider.keys.find("one", "RS256")  # nobody has read the others: they are no base64


def test_a_token_without_a_key_id_gets_the_only_key_there_is_and_never_one_of_several() -> None:
    provider = Provider(ONE, public("curve", ec_key("curve")))
    assert provider.keys.find(None, "RS256") is provider.keys.find("one", "RS256")

    provider = Provider(ONE, TWO)
    with pytest.raises(UnknownKeyError):
        provider.keys.find(None, "RS256")


# --- over the network -----------------------------------------------------------------------------


@pytest.fixture(name="issuer")
def _issuer() -> Iterator[Issuer]:
    issuer = Issuer().start()
    yield issuer
    issuer.stop()


def test_keys_come_over_http_from_this_machine(issuer: Issuer) -> None:
    assert Keys(issuer.url).find("first", "RS256")


def test_an_issuer_that_fails_or_is_gone_is_503(issuer: Issuer) -> None:
    issuer.broken = True
    for url in (issuer.url, "http://127.0.0.1:1"):
        with pytest.raises(UnavailableError):
            Keys(url).find("first", "RS256")


def test_an_issuer_that_drips_is_left_after_five_seconds_and_known_keys_go_on(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    keys = Keys(issuer.url, clock=lambda: now[0])
    keys.find("first", "RS256")
    monkeypatch.setattr(issuer, "drip_s", 1.0)
    monkeypatch.setattr(module, "FETCH_S", 0.5)
    begun = time.monotonic()

    now[0] += FRESH_S + 1
    assert keys.find("first", "RS256")
    with pytest.raises(UnavailableError):
        Keys(issuer.url).find("first", "RS256")

    assert 1.0 <= time.monotonic() - begun < 3.0


def test_keys_never_come_unencrypted_from_elsewhere(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere: Callable[[str], object] = lambda _: {  # noqa: E731 - a stand-in
        "issuer": issuer.url,
        "jwks_uri": "http://keys.example/set",
    }
    monkeypatch.setattr(issuer, "answer", elsewhere)

    with pytest.raises(UnavailableError):
        Keys(issuer.url).find("first", "RS256")

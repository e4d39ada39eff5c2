"""Bearer tokens: whom they stand for, and everything that makes one worth nothing."""

import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access import BadTokenError, Caller
from chalicelib.core.auth.keys import Keys
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.auth.tokens import LEEWAY_S, Tokens
from tests.support.issuer import (
    AUDIENCE,
    claims,
    ec_key,
    part,
    public,
    rsa_key,
    signed,
    signed_as,
    signed_with_the_public_key,
    unsigned,
)
from tests.unit.core.test_keys import ISSUER, Provider

KEY, CURVE = rsa_key("one"), ec_key("curve")
SETTINGS = AuthSettings(auth="jwt", auth_issuer=ISSUER, auth_audience=f"{AUDIENCE}, other")
HOUR_S = 3600


def keys() -> Keys:
    return Provider(public("one", KEY), public("curve", CURVE)).keys


TOKENS = Tokens(SETTINGS, keys())


def made(*scopes: str, **told: Any) -> str:
    """Return a signed token; a timedelta is from now on."""
    now = {n: int(time.time() + v.total_seconds()) for n, v in told.items() if _is_time(v)}
    return signed(claims(ISSUER, *scopes, **told | now), KEY, "one")


def _is_time(value: object) -> bool:
    return isinstance(value, timedelta)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def why(token: str, tokens: Tokens = TOKENS) -> str:
    """Return why a token is refused; it is never repeated."""
    with pytest.raises(BadTokenError) as refused:
        tokens.caller(token)
    assert len(token) < 12 or token not in repr(refused.value) + refused.value.challenge
    assert refused.value.__cause__ is None
    return refused.value.detail


# --- whom it stands for -------------------------------------------------------------------------


def test_a_good_token_says_who_calls_and_what_they_may() -> None:
    token = made("bakery:read", "ledger:write", sub="ann", technician="#7")

    assert TOKENS.caller(token) == Caller("ann", frozenset({"bakery:read", "ledger:write"}), "#7")


def test_a_key_on_a_curve_does_as_well() -> None:
    assert TOKENS.caller(signed(claims(ISSUER), CURVE, "curve")).subject == "somebody"


@pytest.mark.parametrize(
    "told",
    [
        {"scope": "a b"},
        {"scope": None, "scp": ["a", "b"]},
        {"scope": None, "scp": "a b"},
        {"scope": None, "permissions": ["a", "b"]},
        {"scope": "a", "permissions": ["b", 7, None]},
        {"scope": "  a  b ", "scp": {"c": 1}},
    ],
)
def test_scopes_are_read_wherever_issuers_write_them(told: dict[str, Any]) -> None:
    assert TOKENS.caller(made(**told)).scopes == {"a", "b"}


@pytest.mark.parametrize("told", [{"scope": None}, {"scope": 7}, {"scope": ["", 1]}, {"scp": None}])
def test_a_token_without_scopes_may_nothing(told: dict[str, Any]) -> None:
    assert TOKENS.caller(made(**told)).scopes == frozenset()


def test_scopes_that_lack_the_issuer_s_prefix_are_not_for_us() -> None:
    told = {"auth_scope_prefix": "backroom/", "auth_technician_claim": "https://b.example/number"}
    tokens = Tokens(SETTINGS.model_copy(update=told), keys())

    caller = tokens.caller(
        made("backroom/operate", "bakery:read", **{"https://b.example/number": 7})
    )

    assert (caller.scopes, caller.technician) == ({"operate"}, "7")


@pytest.mark.parametrize("technician", [None, ["T0001"], {"a": 1}, 1.5])
def test_a_technician_is_named_by_a_text_or_a_number(technician: Any) -> None:
    assert TOKENS.caller(made(technician=technician)).technician is None


@pytest.mark.parametrize(
    "told",
    [
        {"aud": "other"},
        {"aud": ["somebody-else", AUDIENCE]},
        {"aud": None, "client_id": AUDIENCE},
        {"aud": None, "client_id": AUDIENCE, "token_use": "access"},
        {"exp": after(20 - LEEWAY_S)},
        {"nbf": after(LEEWAY_S - 2), "iat": after(LEEWAY_S - 2)},
    ],
)
def test_what_is_good_enough_is_taken(told: dict[str, Any]) -> None:
    assert TOKENS.caller(made(**told)).subject == "somebody"


# --- what makes it worth nothing ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"exp": after(-LEEWAY_S - 1)}, "it has expired"),
        ({"nbf": after(LEEWAY_S + HOUR_S)}, "it is not valid yet"),
        ({"iat": after(LEEWAY_S + HOUR_S)}, "it is not valid yet"),
        ({"iss": "https://evil.example/"}, "another issuer made it"),
        ({"iss": ISSUER.rstrip("/")}, "another issuer made it"),
        ({"iss": [ISSUER]}, "another issuer made it"),
        ({"aud": "somebody-else"}, "it has another audience"),
        ({"aud": "somebody-else", "client_id": AUDIENCE}, "it has another audience"),
        ({"aud": None}, "it has another audience"),
        ({"aud": []}, "it has another audience"),
        ({"aud": {AUDIENCE: 1}}, "it has another audience"),
        ({"aud": f"other-app {AUDIENCE}"}, "it has another audience"),
        ({"aud": [f"other-app {AUDIENCE}"]}, "it has another audience"),
        ({"aud": f" {AUDIENCE}"}, "it has another audience"),
        ({"aud": AUDIENCE.upper()}, "it has another audience"),
        ({"token_use": "id"}, "it is no access token"),
        ({"token_use": ["access"]}, "it is no access token"),
        ({"token_use": ""}, "it is no access token"),
        ({"exp": None}, "it lacks one of exp, iss, sub"),
        ({"iss": None}, "it lacks one of exp, iss, sub"),
        ({"sub": None}, "it lacks one of exp, iss, sub"),
        ({"sub": ""}, "its subject is empty or too long"),
        ({"sub": "x" * 256}, "its subject is empty or too long"),
    ],
)
def test_a_token_of_another_time_place_or_person_is_refused(
    told: dict[str, Any], reason: str
) -> None:
    assert why(made("operate", **told)) == f"The bearer token was refused: {reason}."


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_an_access_token_says_so_or_nothing(kind: str | None) -> None:
    assert (
        TOKENS.caller(
            signed_as(
                {"alg": "RS256", "kid": "one", **({"typ": kind} if kind else {})},
                claims(ISSUER),
                KEY,
            )
        ).subject
        == "somebody"
    )


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "", 7, ["JWT"]])
def test_a_token_of_another_kind_is_refused(kind: Any) -> None:
    head = {"alg": "RS256", "kid": "one", "typ": kind}
    told = claims(ISSUER, "operate")

    assert why(signed_as(head, told, KEY)).endswith("it is no access token.")


@pytest.mark.parametrize("exp", [float("inf"), float("nan"), "soon", [], {}, -1, 0])
def test_a_strange_end_is_no_end(exp: Any) -> None:
    assert why(made(exp=exp))


def test_a_token_that_nobody_signed_is_refused() -> None:
    told = claims(ISSUER, "operate")
    algorithms: list[Any] = ["None", "NONE", "", []]
    for header in ({}, {"kid": "one"}, *({"alg": each} for each in algorithms)):
        assert why(unsigned(told, **header)).endswith("it must be signed with RS256 or ES256.")


def test_a_signature_with_the_public_key_as_a_secret_is_refused() -> None:
    token = signed_with_the_public_key(claims(ISSUER, "operate"), KEY, "one")

    assert why(token).endswith("it must be signed with RS256 or ES256.")


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_other_algorithms_are_refused_even_with_the_right_key(algorithm: str) -> None:
    assert why(signed(claims(ISSUER), KEY, "one", algorithm)).endswith("RS256 or ES256.")


@pytest.mark.parametrize(
    ("key", "kid"),
    [
        (rsa_key("two"), "two"),
        (KEY, "curve"),
        (CURVE, "one"),
        (rsa_key("two"), None),
    ],
)
def test_a_key_that_the_issuer_does_not_publish_by_this_name_is_refused(
    key: Any, kid: str | None
) -> None:
    token = signed(claims(ISSUER), key, kid)

    assert why(token).endswith(("its key is none of the issuer's.", "its signature does not fit."))


def test_a_stranger_s_key_under_a_known_name_is_refused() -> None:
    assert why(signed(claims(ISSUER), rsa_key("two"), "one")).endswith("signature does not fit.")


def test_a_key_that_a_token_brings_along_is_ignored() -> None:
    told = claims(ISSUER, "operate")
    mine = public("one", rsa_key("two"))
    for brought in ({"jwk": mine}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil"}):
        head = {"alg": "RS256", "kid": "one", **brought}
        text = f"{part(head)}.{part(told)}."
        assert why(text + signed(told, rsa_key("two"), "one").rpartition(".")[2])


def test_a_token_is_taken_after_its_issuer_has_changed_keys() -> None:
    provider = Provider(public("one", KEY))
    tokens = Tokens(SETTINGS, provider.keys)
    tokens.caller(made())
    provider.publish(public("two", rsa_key("two")))

    provider.now += 11

    assert tokens.caller(signed(claims(ISSUER), rsa_key("two"), "two")).subject == "somebody"
    assert why(made(), tokens).endswith("its key is none of the issuer's.")


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.",
        f"{part({'alg': 'RS256'})}..",
        f"{part({'alg': 'RS256', 'kid': 7})}.e30.e30",
        f"{part({'alg': 'RS256', 'kid': ['one']})}.e30.e30",
        f"{part({'alg': 'RS256', 'kid': 'one', 'crit': ['b65']})}.e30.e30",
        f"{part([])}.{part([])}.{part([])}",
        part(b"[" * 5000) + ".e30.e30",
        part(b'{"a":' * 1100) + ".e30.e30",
        part(b"\xff\xfe") + ".e30.e30",
        "x" * 10_000,
        "é☃",
    ],
)
def test_garbage_is_refused(garbage: str) -> None:
    assert why(garbage).startswith("The bearer token was refused: ")


@given(st.text(max_size=200) | st.binary(max_size=100).map(part) | st.just("x.y.z"))
def test_no_text_whatever_is_more_than_refused(text: str) -> None:
    assert why(text)


GOOD = made("operate")


@given(st.integers(0, GOOD.rindex(".") - 1), st.sampled_from("Aa0_-.="))
def test_a_token_of_which_any_letter_was_changed_is_refused(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    if changed != GOOD:
        assert why(changed)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists, max_leaves=4))
def test_claims_of_any_form_are_read_or_refused(value: Any) -> None:
    for name in ("aud", "scope", "scp", "permissions", "technician", "sub", "nbf", "iat", "iss"):
        try:
            caller = TOKENS.caller(made(**{name: value}))
        except BadTokenError:
            continue
        assert isinstance(caller.subject, str)

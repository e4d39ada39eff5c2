"""The stand-in for an identity provider: as strict as the real ones, and honest that it is none."""

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from chalicelib.core.access import SCOPES, BadTokenError
from chalicelib.core.auth.keys import Keys
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.auth.tokens import Tokens
from infra.standins import credentials
from infra.standins.people import KNOWN_SCOPES, PEOPLE
from infra.standins.server import Standins
from tests.support.patience import CLIENT_S
from tests.support.plain import NO_TLS

REDIRECT = "http://127.0.0.1:5555/callback"
VERIFIER = "v" * 60
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
MACHINE = (credentials.IDENTITY_MACHINE_ID, credentials.IDENTITY_MACHINE_SECRET)
ASKED = {
    "response_type": "code",
    "client_id": credentials.IDENTITY_CLIENT_ID,
    "redirect_uri": REDIRECT,
    "scope": "openid offline_access vending:dispatch vending:technician ledger:read",
    "state": "s",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(name="http")
def _http(standins: Standins) -> Iterator[httpx.Client]:
    standins.office.reset()
    with httpx.Client(
        base_url=f"{standins.url}/identity", trust_env=False, timeout=CLIENT_S, verify=NO_TLS
    ) as client:
        yield client


@pytest.fixture(name="tokens")
def _tokens(standins: Standins) -> Tokens:
    """What the product makes of the stand-in's tokens."""
    told = standins.identity()
    issuer, audience = told["AuthIssuer"], told["AuthAudience"]
    settings = AuthSettings(auth="jwt", auth_issuer=issuer, auth_audience=audience)
    return Tokens(settings, Keys(issuer))


def picked(http: httpx.Client, person: str, **asked: Any) -> dict[str, str]:
    """Pick a person; return what the client gets back."""
    form = {name: value for name, value in {**ASKED, **asked}.items() if value is not None}
    answer = http.post("/authorize", data={**form, "person": person})
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].startswith(f"{form['redirect_uri']}?")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def exchanged(http: httpx.Client, code: str, **told: Any) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "client_id": ASKED["client_id"],
        "code_verifier": VERIFIER,
    }
    return http.post("/token", data={**form, **told})


def refreshed(http: httpx.Client, token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": ASKED["client_id"]}
    return http.post("/token", data=form)


def test_it_knows_the_scopes_that_there_are() -> None:
    assert SCOPES.keys() == KNOWN_SCOPES


@pytest.mark.parametrize("subject", PEOPLE)
def test_who_is_picked_gets_what_their_role_may_of_what_was_requested(
    http: httpx.Client, tokens: Tokens, subject: str
) -> None:
    back = picked(http, subject, scope=" ".join(SCOPES))
    given = exchanged(http, back["code"]).json()

    caller = tokens.caller(given["access_token"])
    assert (caller.subject, caller.technician) == (subject, PEOPLE[subject].technician)
    assert caller.scopes == set(PEOPLE[subject].scopes)
    assert back["state"] == "s"
    assert "refresh_token" not in given  # nobody asked for offline_access
    assert "id_token" not in given


def test_the_page_says_that_nobody_is_real_and_keeps_what_was_requested(http: httpx.Client) -> None:
    answer = http.get("/authorize", params={**ASKED, "state": '"><script>'})

    assert "is a stand-in for an identity provider" in answer.text
    assert "<script>" not in answer.text
    assert all(person.name in answer.text for person in PEOPLE.values())
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_who_does_not_sign_in_is_told_to_the_client(http: httpx.Client) -> None:
    assert picked(http, "")["error"] == "access_denied"
    assert picked(http, "nobody")["error"] == "access_denied"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_a_wrong_question_goes_back_to_the_client(
    http: httpx.Client, changed: dict[str, Any], error: str
) -> None:
    assert picked(http, "dora", **changed)["error"] == error


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example:80/callback"},
        {"redirect_uri": "http://127.0.0.1:5555/callback/../x"},
        {"redirect_uri": "http://127.0.0.1:5555@evil.example/"},
    ],
)
def test_nobody_is_led_to_an_address_that_is_not_known(
    http: httpx.Client, changed: dict[str, str]
) -> None:
    for answer in (
        http.get("/authorize", params={**ASKED, **changed}),
        http.post("/authorize", data={**ASKED, **changed, "person": "ada"}),
    ):
        assert answer.status_code == 400
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 60},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:5556/callback"},
        {"client_id": "another"},
        {"code": "made-up"},
        {"grant_type": "password"},
    ],
)
def test_a_code_is_for_who_asked_for_it(http: httpx.Client, wrong: dict[str, str]) -> None:
    code = picked(http, "dora")["code"]

    assert exchanged(http, **{"code": code, **wrong}).status_code == 400


def test_a_code_works_once_and_a_second_use_ends_what_came_of_the_first(
    http: httpx.Client,
) -> None:
    code = picked(http, "dora")["code"]
    given = exchanged(http, code).json()

    assert exchanged(http, code).json()["error"] == "invalid_grant"
    assert refreshed(http, given["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_code_works_for_a_minute(http: httpx.Client, standins: Standins) -> None:
    code = picked(http, "dora")["code"]
    standins.office.clock.forward(61)

    assert exchanged(http, code).json()["error"] == "invalid_grant"


def test_a_refresh_token_works_once_and_a_thief_s_use_ends_it_for_both(
    http: httpx.Client, tokens: Tokens
) -> None:
    first = exchanged(http, picked(http, "tess")["code"]).json()["refresh_token"]
    second = refreshed(http, first).json()

    assert tokens.caller(second["access_token"]).technician == "T0001"
    assert refreshed(http, first).json()["error"] == "invalid_grant"
    assert refreshed(http, second["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_sign_in_that_was_ended_is_not_refreshed(http: httpx.Client) -> None:
    token = exchanged(http, picked(http, "dora")["code"]).json()["refresh_token"]

    assert http.post("/revoke", data={"token": token}).status_code == 200
    assert refreshed(http, token).json()["error"] == "invalid_grant"


def test_a_program_gets_the_scopes_that_it_asks_for(http: httpx.Client, tokens: Tokens) -> None:
    form = {"grant_type": "client_credentials", "scope": "ledger:read operate"}
    given = http.post("/token", data=form, auth=MACHINE).json()

    assert tokens.caller(given["access_token"]).scopes == {"ledger:read", "operate"}
    assert "refresh_token" not in given


@pytest.mark.parametrize("scope", ["vending:technician", "everything"])
def test_a_program_is_no_technician(http: httpx.Client, scope: str) -> None:
    form = {"grant_type": "client_credentials", "scope": scope}
    assert http.post("/token", data=form, auth=MACHINE).json()["error"] == "invalid_scope"


def test_a_program_has_to_know_its_secret(http: httpx.Client) -> None:
    form = {"grant_type": "client_credentials", "scope": "operate"}
    wrong: list[Any] = [None, (MACHINE[0], "wrong"), (MACHINE[0], "")]
    for auth in wrong:
        answer = http.post("/token", data=form, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_token_address_reads_forms_only(http: httpx.Client) -> None:
    told = {"grant_type": "client_credentials", "scope": "operate"}
    assert http.post("/token", json=told, auth=MACHINE).status_code == 400


def test_tokens_of_another_key_are_refused_by_the_product(
    http: httpx.Client, tokens: Tokens, standins: Standins
) -> None:
    given = exchanged(http, picked(http, "dora")["code"]).json()["access_token"]
    assert tokens.caller(given)
    standins.office.identity.rotate()

    fresh = AuthSettings(
        auth="jwt",
        auth_issuer=standins.identity()["AuthIssuer"],
        auth_audience=credentials.IDENTITY_AUDIENCE,
    )
    with pytest.raises(BadTokenError):
        Tokens(fresh, Keys(fresh.auth_issuer)).caller(given)


def test_neither_page_nor_state_shows_a_token(http: httpx.Client, standins: Standins) -> None:
    given = exchanged(http, picked(http, "dora")["code"]).json()

    shown = httpx.get(
        f"{standins.url}/control/state", trust_env=False, timeout=CLIENT_S, verify=NO_TLS
    ).text
    page = httpx.get(standins.url, trust_env=False, timeout=CLIENT_S, verify=NO_TLS).text
    assert "dora" in shown
    for text in (shown, page):
        assert given["refresh_token"] not in text
        assert not re.search(r"eyJ[\w-]+\.eyJ", text)

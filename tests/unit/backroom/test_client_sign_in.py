"""Signing in: where tokens go, where they are kept, and what a person reads of it."""

import base64
import json
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from backroom.core.auth.bearer import Bearer
from backroom.core.auth.grants import Grant, Grants
from backroom.core.auth.loopback import Landing
from backroom.core.auth.provider import Attempt, Identity, Provider, SignInError
from backroom.core.connection import Connection
from backroom.vending.api import VendingApi
from chalicelib.core.access import BadTokenError, MissingScopeError, NoTokenError
from chalicelib.vending.files import Upload
from tests.support.backroom.desk import NOW, Desk, problem, words

API = "http://localhost:8000"
ISSUER = "https://id.example/"
TOKEN_URL = "https://id.example/token"
STAGE = {
    "auth": "jwt",
    "issuer": ISSUER,
    "audience": "backroom",
    "client_id": "people",
    "technician_claim": "technician",
    "scopes": {"operate": "see and retry", "vending:technician": "see one's own"},
}
DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/authorize",
    "token_endpoint": TOKEN_URL,
    "revocation_endpoint": "https://id.example/revoke",
    "scopes_supported": ["openid"],
}
PROVIDER = Provider.model_validate(DISCOVERY)


def token(**told: Any) -> str:
    """Return a token that nobody signed: the client reads it and does not check it."""
    part = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    return f"e30.{part}.x"


MINE = token(sub="ann", scope="operate openid", exp=4_000_000_000)


def grant(**told: Any) -> Grant:
    good = {"client_id": "people", "token_endpoint": TOKEN_URL, "access_token": MINE}
    later = {"expires_at": time.time() + 600, "refresh_token": "first"}
    return Grant.model_validate({**good, **later, **told})


@pytest.fixture(name="grants", autouse=True)
def _grants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grants:
    monkeypatch.setenv("BACKROOM_CONFIG", str(tmp_path / "config"))
    return Grants()


def keep(grants: Grants, kept: Grant, url: str = API) -> None:
    with grants.alone():
        grants.keep(url, kept)


def carried(desk: Desk) -> list[str | None]:
    """Return what the requests to the API had as Authorization."""
    return [each.headers.get("Authorization") for each in desk.requests if each.url.port == 8000]


# --- where tokens go ------------------------------------------------------------------------------


def test_without_a_sign_in_nothing_is_sent_along(desk: Desk) -> None:
    desk.on("GET", "/health", {"status": "ok", "version": "1"})

    assert desk.run("status").exit_code == 0
    assert carried(desk) == [None]


def test_a_grant_goes_with_every_request_to_its_api_and_to_no_other(
    desk: Desk, grants: Grants
) -> None:
    keep(grants, grant())
    desk.on("GET", "/health", {"status": "ok", "version": "1"})
    for url in (API, "http://localhost:9000", "https://api.example"):
        with_it = Connection(url, transport=httpx.MockTransport(desk))
        with_it.response("GET", "/health")

    told = [each.headers.get("Authorization") for each in desk.requests]
    assert told == [f"Bearer {MINE}", None, None]


def test_the_share_never_gets_a_token(desk: Desk, grants: Grants, tmp_path: Path) -> None:
    keep(grants, grant())
    desk.on("PUT", "/bucket/key", status=200)
    (tmp_path / "log").write_bytes(b"x")
    upload = Upload(url="http://share.example/bucket/key", headers={}, expires_at=NOW)

    desk.on("PUT", "/bucket/key", {})
    connection = Connection(API, transport=httpx.MockTransport(desk))
    with (tmp_path / "log").open("rb") as content:
        VendingApi(connection).put_to_share(upload, content, 1)

    assert "Authorization" not in desk.requests[-1].headers


def test_a_program_s_token_comes_from_its_environment_and_first(
    desk: Desk, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(grants, grant())
    monkeypatch.setenv("BACKROOM_TOKEN", " from-the-environment\n")
    desk.on("GET", "/health", {"status": "ok", "version": "1"})

    desk.run("status")

    assert carried(desk) == ["Bearer from-the-environment"]


def test_no_token_goes_unencrypted_to_another_machine(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKROOM_TOKEN", "secret-token")

    result = desk.run("--api", "http://api.example", "status")

    assert (result.exit_code, desk.requests) == (1, [])
    assert "is not encrypted, and no token goes there" in words(result, "stderr")


# --- refreshing -----------------------------------------------------------------------------------


def test_a_grant_that_is_about_to_end_is_refreshed_first_and_kept(
    desk: Desk, grants: Grants
) -> None:
    keep(grants, grant(expires_at=time.time() + 20))
    fresh = {"access_token": "fresh", "token_type": "Bearer", "expires_in": 600}
    desk.on("POST", "/token", {**fresh, "refresh_token": "second"})
    desk.on("GET", "/health", {"status": "ok", "version": "1"})

    desk.run("status")
    desk.run("status")

    [asked] = desk.sent("POST", "/token")
    assert dict(parse_qsl(asked.content.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "first",
        "client_id": "people",
    }
    assert carried(desk) == ["Bearer fresh", "Bearer fresh"]
    kept = grants.find(API)
    assert kept
    assert (kept.access_token, kept.refresh_token) == ("fresh", "second")


def test_a_provider_that_gives_no_new_refresh_token_means_the_old_one(grants: Grants) -> None:
    answer = httpx.Response(200, json={"access_token": "b", "token_type": "bearer"})
    identity = Identity(httpx.MockTransport(lambda _: answer), now=lambda: 0)

    assert identity.refresh(grant()).refresh_token == "first"


def test_of_many_at_once_one_refreshes(desk: Desk, grants: Grants) -> None:
    """A refresh token works once; a second use would end the sign-in."""
    keep(grants, grant(expires_at=0))
    used: list[httpx.Request] = []

    def give(request: httpx.Request) -> httpx.Response:
        used.append(request)
        time.sleep(0.05)
        told = {"access_token": "b", "token_type": "Bearer", "expires_in": 600}
        return httpx.Response(200, json={**told, "refresh_token": f"r{len(used)}"})

    found: list[str | None] = []
    bearer = Bearer(API, transport=httpx.MockTransport(give))
    threads = [threading.Thread(target=lambda: found.append(bearer.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(used), found) == (1, ["b"] * 8)


def test_a_sign_in_that_has_ended_says_to_sign_in_again(desk: Desk, grants: Grants) -> None:
    keep(grants, grant(expires_at=0))
    refused = {"error": "invalid_grant", "error_description": "It was too long ago."}
    desk.on("POST", "/token", httpx.Response(400, json=refused))

    result = desk.run("status")

    assert result.exit_code == 1
    said = words(result, "stderr")
    assert "It was too long ago." in said
    assert "backroom login" in said
    assert "first" not in said


def test_a_provider_that_is_down_ends_no_sign_in(desk: Desk, grants: Grants) -> None:
    keep(grants, grant(expires_at=0))

    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(SignInError, match=r"id\.example does not answer"):
        Bearer(API, transport=httpx.MockTransport(down)).token()
    assert grants.find(API)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "step"),
    [
        (401, NoTokenError("This takes a bearer token in the Authorization header."), "login"),
        (401, BadTokenError("The bearer token was refused: it has expired."), "login"),
        (403, MissingScopeError(("ledger:read",)), "whoami"),
    ],
)
def test_a_refusal_says_what_to_do_next(desk: Desk, status: int, error: Any, step: str) -> None:
    desk.on("GET", "/fleet", problem(status, error.detail, **error.facts))

    result = desk.run("fleet")

    assert result.exit_code == 1
    assert f"backroom {step}" in words(result, "stderr")


# --- where they are kept --------------------------------------------------------------------------


def test_grants_are_for_their_owner_s_eyes_only(grants: Grants) -> None:
    keep(grants, grant())

    assert stat.S_IMODE(grants.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(grants.path.parent.stat().st_mode) == 0o700
    assert {each.name for each in grants.path.parent.iterdir()} == {
        "sign-ins.json",
        "sign-ins.lock",
    }


def test_a_file_that_is_broken_is_as_good_as_none(grants: Grants) -> None:
    keep(grants, grant())
    for text in ("{", "[]", '{"a": 1}'):
        grants.path.write_text(text)
        assert grants.find(API) is None
    keep(grants, grant())
    assert grants.find(API)


def test_a_grant_in_an_error_or_a_log_shows_no_token() -> None:
    assert MINE not in repr(grant())
    assert "first" not in repr(grant())


# --- the way to the provider and back -------------------------------------------------------------


def test_the_address_proves_who_asked_without_telling_the_secret() -> None:
    attempt = Attempt(PROVIDER, "people", ("openid", "operate"), "backroom")

    asked = dict(parse_qsl(urlsplit(attempt.address("http://127.0.0.1:1/callback")).query))

    assert asked["code_challenge_method"] == "S256"
    assert attempt.verifier not in str(asked) + repr(attempt)
    assert (asked["scope"], asked["audience"]) == ("openid operate", "backroom")
    assert 43 <= len(attempt.verifier) <= 128
    assert attempt.state != Attempt(PROVIDER, "people", ()).state


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "x", "error_description": "Not today."}, "Not today."),
        ({}, "no code came back"),
        ({"code": "c", "iss": "https://evil.example/"}, "Another identity provider answered"),
    ],
)
def test_an_answer_without_a_code_of_this_provider_signs_nobody_in(
    answer: dict[str, str], why: str
) -> None:
    with pytest.raises(SignInError, match=why):
        Attempt(PROVIDER, "people", ()).code(answer)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://id.example"},
        {"issuer": "https://evil.example/"},
        {"token_endpoint": None},
    ],
)
def test_what_speaks_for_another_issuer_is_not_believed(changed: dict[str, Any]) -> None:
    answer = httpx.Response(200, json={**DISCOVERY, **changed})

    with pytest.raises(SignInError):
        Identity(httpx.MockTransport(lambda _: answer)).discover(ISSUER)


def test_no_secret_goes_to_an_address_that_is_not_encrypted() -> None:
    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError

    with pytest.raises(SignInError, match="secrets go over https only"):
        Identity(httpx.MockTransport(never)).refresh(grant(token_endpoint="http://id.example/t"))


@pytest.fixture(name="landing")
def _landing() -> Iterator[Landing]:
    with Landing("the-state") as landing:
        yield landing


def visits(landing: Landing, *paths: str) -> tuple[dict[str, str] | None, list[int]]:
    """Return what the landing waited for and what each visitor was answered."""
    base = landing.uri.removesuffix("/callback")
    statuses: list[int] = []

    def visit() -> None:
        with httpx.Client(trust_env=False) as browser:
            statuses.extend(browser.get(f"{base}{path}").status_code for path in paths)

    thread = threading.Thread(target=visit)
    thread.start()
    answer = landing.wait(2)
    thread.join()
    return answer, statuses


def test_the_answer_with_the_right_state_is_taken(landing: Landing) -> None:
    answer, statuses = visits(landing, "/callback?code=c&state=the-state")

    assert answer == {"code": "c", "state": "the-state"}
    assert statuses == [200]


def test_whatever_else_comes_is_refused_and_waited_past(landing: Landing) -> None:
    strange = ["/favicon.ico", "/callback", "/callback?code=evil", "/callback?code=evil&state=x"]

    answer, statuses = visits(landing, *strange, "/callback?code=c&state=the-state")

    assert answer == {"code": "c", "state": "the-state"}
    assert statuses == [400, 400, 400, 400, 200]


def test_nobody_coming_back_ends_the_waiting(landing: Landing) -> None:
    assert landing.wait(0.05) is None


# --- commands -------------------------------------------------------------------------------------


def test_login_to_an_open_stage_says_that_nobody_is_asked(desk: Desk) -> None:
    desk.on("GET", "/auth", {"auth": "open"})

    for command in ("login", "whoami"):
        result = desk.run(command)
        assert result.exit_code == 0
        assert "is open: it requires no sign-in." in words(result)


def test_login_without_a_client_for_people_says_what_else_there_is(desk: Desk) -> None:
    desk.on("GET", "/auth", {**STAGE, "client_id": None})

    result = desk.run("login")

    assert result.exit_code == 1
    assert "BACKROOM_TOKEN" in words(result, "stderr")


def test_login_asks_brings_back_and_keeps(
    desk: Desk, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.on("GET", "/auth", STAGE)
    desk.on("GET", "/.well-known/openid-configuration", DISCOVERY)
    given = {"access_token": MINE, "token_type": "Bearer", "expires_in": 600}
    desk.on("POST", "/token", given)
    asked: dict[str, str] = {}

    def browse(address: str) -> bool:
        asked.update(parse_qsl(urlsplit(address).query))
        back = f"{asked['redirect_uri']}?code=c&state={asked['state']}&iss={ISSUER}"
        threading.Thread(target=lambda: httpx.get(back, trust_env=False)).start()
        return True

    monkeypatch.setattr("webbrowser.open", browse)
    result = desk.run("login")

    assert result.exit_code == 0, result.stderr
    assert asked["scope"] == "openid operate vending:technician"
    assert "https://id.example/authorize?" in result.stderr
    assert "You are ann" in words(result)
    [exchange] = desk.sent("POST", "/token")
    sent = dict(parse_qsl(exchange.content.decode()))
    assert (sent["code"], sent["redirect_uri"]) == ("c", asked["redirect_uri"])
    kept = grants.find(API)
    assert kept
    assert kept.access_token == MINE
    assert MINE not in result.stdout + result.stderr


def test_whoami_says_who_and_what_they_may(desk: Desk, grants: Grants) -> None:
    desk.on("GET", "/auth", STAGE)
    told = token(sub="tess", technician="T0001", scope="vending:technician", exp=4_000_000_000)
    keep(grants, grant(access_token=told))

    result = desk.run("whoami")
    as_json = json.loads(desk.run("whoami", "--json").stdout)

    assert "You are tess" in words(result)
    assert "vending:technician see one's own" in words(result)
    assert (as_json["subject"], as_json["technician"]) == ("tess", "T0001")
    assert as_json["scopes"] == ["vending:technician"]


@pytest.mark.parametrize("odd", ["opaque", "a.!.c", token(), token(sub=7, scope=[1], exp="x")])
def test_whoami_of_an_odd_token_is_no_crash(desk: Desk, grants: Grants, odd: str) -> None:
    desk.on("GET", "/auth", STAGE)
    keep(grants, grant(access_token=odd))

    assert desk.run("whoami").exit_code in {0, 1}


def test_whoami_of_nobody_says_how_to_be_somebody(desk: Desk) -> None:
    desk.on("GET", "/auth", STAGE)

    result = desk.run("whoami")

    assert result.exit_code == 1
    assert "backroom login" in words(result, "stderr")


def test_logout_forgets_here_and_at_the_provider(desk: Desk, grants: Grants) -> None:
    keep(grants, grant(revocation_endpoint="https://id.example/revoke"))
    keep(grants, grant(), "http://localhost:9000")
    desk.on("POST", "/revoke", {})

    assert "Signed out of" in words(desk.run("logout"))

    assert grants.find(API) is None
    assert grants.find("http://localhost:9000")
    [ended] = desk.sent("POST", "/revoke")
    assert dict(parse_qsl(ended.content.decode())) == {"token": "first", "client_id": "people"}
    assert "You were not signed in" in words(desk.run("logout"))


def test_logout_forgets_though_the_provider_is_down(desk: Desk, grants: Grants) -> None:
    keep(grants, grant(revocation_endpoint="https://id.example/revoke"))

    result = desk.run("logout")

    assert "works until it ends" in words(result)
    assert grants.find(API) is None

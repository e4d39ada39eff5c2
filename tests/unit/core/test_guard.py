"""The check before every view: who is let in, and how a refusal reads (RFC 6750)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalice import Chalice, Response
from chalice.test import Client
from pydantic import BaseModel

from chalicelib.core import http, routing
from chalicelib.core.access import ANYBODY, NOBODY, SCOPES, Caller
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.settings import SettingsError, from_env
from tests.support.api import Answer, Api
from tests.support.issuer import AUDIENCE, Issuer

routes = routing.Routes(__name__)
seen: list[Caller] = []


class Box(BaseModel):
    name: str


@routes.on("GET", "/open", access="public")
def open_to_all(caller: Caller) -> Response:
    """Say hello."""
    seen.append(caller)
    return http.respond("{}")


@routes.on("GET", "/boxes", access="deliveries:read")
def list_boxes(caller: Caller) -> Response:
    """List boxes."""
    seen.append(caller)
    return http.respond("[]")


@routes.on("POST", "/boxes", access=("deliveries:write", "operate"), body=Box)
def add_box(body: Box) -> Response:
    """Add a box."""
    return http.respond(body.model_dump_json())


@pytest.fixture(name="app", scope="module")
def _app() -> Chalice:
    app = Chalice(app_name="boxes", configure_logs=False)
    app.log.handlers.clear()
    app.register_middleware(http.edge, "http")
    app.register_blueprint(routes)
    routing.refuse_other_verbs(app, routes.contracts)
    routing.refuse_unknown_paths(app)
    return app


@pytest.fixture(name="api")
def _api(app: Chalice) -> Iterator[Api]:
    seen.clear()
    with Client(app) as gateway:
        yield Api(gateway.http)


@pytest.fixture(name="issuer")
def _issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """A stage that takes tokens of an issuer on this machine."""
    issuer = Issuer().start()
    stage = {"AUTH": "jwt", "AUTH_ISSUER": issuer.url, "AUTH_AUDIENCE": AUDIENCE}
    for name, value in stage.items():
        monkeypatch.setenv(name, value)
    yield issuer
    issuer.stop()


def challenge(answer: Answer, status: int = 401) -> str:
    """Return what a refusal asks for; its body is a problem document."""
    assert (answer.status, answer.json["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: str = answer.headers["WWW-Authenticate"]
    return told


# --- open stages ----------------------------------------------------------------------------------


def test_an_open_stage_asks_nobody_and_lets_everybody_do_everything(api: Api) -> None:
    assert api.get("/boxes").status == 200
    assert api.as_("rubbish").get("/boxes").status == 200
    assert seen == [ANYBODY, ANYBODY]
    assert all(ANYBODY.may(scope) for scope in SCOPES)


def test_nothing_belongs_to_who_calls_a_public_route(api: Api, issuer: Issuer) -> None:
    assert api.get("/open").status == 200
    assert api.as_("rubbish").get("/open").status == 200
    assert seen == [NOBODY, NOBODY]
    assert not any(NOBODY.may(scope) for scope in SCOPES)
    assert issuer.requests == []


# --- tokens ---------------------------------------------------------------------------------------


def test_who_has_the_scope_is_let_in_and_the_view_is_told_who_it_is(
    api: Api, issuer: Issuer
) -> None:
    token = issuer.token("deliveries:read", sub="ann", technician="T0001")

    assert api.as_(token).get("/boxes").status == 200
    assert seen == [Caller("ann", frozenset({"deliveries:read"}), "T0001")]


@pytest.mark.parametrize("scope", ["deliveries:write", "operate"])
def test_any_one_of_the_scopes_of_a_route_will_do(api: Api, issuer: Issuer, scope: str) -> None:
    assert api.as_(issuer.token(scope)).post("/boxes", {"name": "a"}).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_case_of_the_scheme_does_not_matter(api: Api, issuer: Issuer, scheme: str) -> None:
    told = f"{scheme}  {issuer.token('deliveries:read')} "

    assert api.send("GET", "/boxes", authorization=told).status == 200


def test_who_lacks_the_scope_is_told_which_it_is(api: Api, issuer: Issuer) -> None:
    answer = api.as_(issuer.token("deliveries:write", "ledger:read")).get("/boxes")

    told = challenge(answer, 403)
    assert told.startswith('Bearer realm="backroom", error="insufficient_scope"')
    assert told.endswith('scope="deliveries:read"')
    assert answer.json["type"] == "/problems/forbidden"
    assert answer.json["detail"] == "This takes a token with the scope deliveries:read."
    assert answer.json["scopes"] == ["deliveries:read"]


def test_who_lacks_all_of_several_scopes_is_told_them_all(api: Api, issuer: Issuer) -> None:
    answer = api.as_(issuer.token()).post("/boxes", {"name": "a"})

    assert challenge(answer, 403).endswith('scope="deliveries:write operate"')
    assert answer.json["scopes"] == ["deliveries:write", "operate"]


@pytest.mark.parametrize("told", [None, "", "Basic YTpi", "Negotiate abc", "token"])
def test_without_a_token_one_is_required(api: Api, issuer: Issuer, told: str | None) -> None:
    answer = api.send("GET", "/boxes", authorization=told)

    assert challenge(answer) == 'Bearer realm="backroom"'
    assert answer.json["type"] == "/problems/unauthorized"
    assert issuer.requests == []


@pytest.mark.parametrize(
    "told", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer é", "bearer:a"]
)
def test_a_header_of_another_form_is_401(api: Api, issuer: Issuer, told: str) -> None:
    answer = api.send("GET", "/boxes", authorization=told)

    assert 'error="invalid_token"' in challenge(answer)
    assert issuer.requests == []


def test_a_bad_token_is_401_with_the_reason(api: Api, issuer: Issuer) -> None:
    answer = api.as_(issuer.token("deliveries:read", aud="somebody-else")).get("/boxes")

    assert 'error="invalid_token"' in challenge(answer)
    assert answer.json["detail"].endswith("it has another audience.")


def test_nothing_is_read_before_the_caller_is_let_in(api: Api, issuer: Issuer) -> None:
    wrong: Any = {"media_type": "text/plain", "body": b"{"}

    assert api.send("POST", "/boxes", **wrong).status == 401
    assert api.as_(issuer.token()).send("POST", "/boxes", **wrong).status == 403
    assert api.as_(issuer.token("operate")).send("POST", "/boxes", **wrong).status == 415


def test_unknown_paths_and_other_verbs_are_as_on_an_open_stage(api: Api, issuer: Issuer) -> None:
    assert api.get("/nothing").status == 404
    assert api.delete("/boxes").status == 405
    assert issuer.requests == []


def test_an_issuer_that_is_down_is_503_and_says_when_to_try_again(api: Api, issuer: Issuer) -> None:
    issuer.broken = True

    answer = api.as_(issuer.token("deliveries:read")).get("/boxes")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")


# --- what the gateway hands over ------------------------------------------------------------------


def asked(app: Chalice, *authorizations: str) -> dict[str, Any]:
    """Return what is answered to an event with these headers, as the gateway gives it."""
    context = {"resourcePath": "/boxes", "httpMethod": "GET", "requestId": "1", "path": "/boxes"}
    event = dict.fromkeys(["pathParameters", "stageVariables", "body", "queryStringParameters"])
    return app(
        {
            **event,
            "path": "/boxes",
            "requestContext": context,
            "headers": {"Authorization": authorizations[-1]} if authorizations else {},
            "multiValueHeaders": {"Authorization": list(authorizations)},
            "multiValueQueryStringParameters": None,
            "isBase64Encoded": False,
        },
        None,
    )


def test_two_authorization_headers_are_refused_whichever_is_good(
    app: Chalice, issuer: Issuer
) -> None:
    good = f"Bearer {issuer.token('deliveries:read')}"

    assert asked(app, good)["statusCode"] == 200
    for several in ((good, good), (good, "Bearer x"), ("Bearer x", good), ("Basic x", good)):
        assert asked(app, *several)["statusCode"] == 401


# --- what is left in the log ----------------------------------------------------------------------


def lines(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]


def test_the_log_says_who_called_and_never_with_what(
    api: Api, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    token = issuer.token("deliveries:read", sub="ann")
    capsys.readouterr()

    api.as_(token).get("/boxes")
    api.as_(token).post("/boxes", {"name": "a"})
    api.as_(token + "x").get("/boxes")
    api.get("/boxes")
    api.get("/open")

    printed = capsys.readouterr()
    admitted, lacking, bad, nobody, public = lines(printed.out)
    assert (admitted["subject"], "refused" in admitted) == ("ann", False)
    assert (lacking["subject"], lacking["CallersRefused"]) == ("ann", [1.0])
    assert lacking["refused"].startswith("This takes a token with")
    assert (bad.get("subject"), bad["CallersRefused"]) == (None, [1.0])
    assert (nobody["refused"], "subject" in nobody) == (
        "This takes a bearer token in the Authorization header.",
        False,
    )
    assert not {"subject", "refused", "CallersRefused"} & public.keys()
    for piece in token.split("."):
        assert piece not in printed.out + printed.err


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage",
    [
        {},
        {"AUTH": "jwt"},
        {"AUTH": "true"},
        {"AUTH": ""},
        {"AUTH": "jwt", "AUTH_ISSUER": "https://issuer.example"},
        {"AUTH": "jwt", "AUTH_ISSUER": "http://issuer.example", "AUTH_AUDIENCE": "b"},
        {"AUTH": "jwt", "AUTH_ISSUER": "http://localhost@issuer.example", "AUTH_AUDIENCE": "b"},
        {"AUTH": "jwt", "AUTH_ISSUER": "https://issuer.example", "AUTH_AUDIENCE": " , "},
    ],
)
def test_a_stage_that_is_told_too_little_lets_nobody_in(
    api: Api, stage: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTH")
    for name, value in stage.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError):
        from_env(AuthSettings)
    assert api.get("/boxes").status == 500
    assert seen == []

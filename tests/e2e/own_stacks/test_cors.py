"""Pages of other origins on a deployed stage with sign-in that lets two of them in (ADR 157)."""

import json

import httpx
import pytest

from tests.support.deployed import Deployed
from tests.support.ids import uuid
from tests.support.patience import CLIENT_S
from tests.support.signed import OFFICE, SHOP, StandinIssuer, signed_stage

ALLOW, EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"
ACCOUNT = uuid(0xC025)


@pytest.fixture(scope="session")
def closed(request: pytest.FixtureRequest) -> Deployed:
    return signed_stage(request)


@pytest.fixture(scope="session")
def token(closed: Deployed) -> str:
    scopes = ("ledger:read", "ledger:write", "bakery:read", "bakery:write", "events:read")
    return f"Bearer {StandinIssuer(closed.standins).token(*scopes)}"


def of(answer: httpx.Response, name: str) -> set[str]:
    """Return the values of a header that lists them; browsers take an origin only once."""
    assert len(answer.headers.get_list(ALLOW)) == 1, answer.headers
    return {each.strip().lower() for each in answer.headers.get(name, "").split(",")}


def lets_in(answer: httpx.Response, origin: str) -> bool:
    return answer.headers.get_list(ALLOW) == [origin]


@pytest.mark.parametrize("origin", [SHOP, OFFICE])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/orders"),
        ("PUT", f"/accounts/{ACCOUNT}"),
        ("PATCH", "/employees/1"),
        ("DELETE", "/cakes/x"),
        ("GET", "/nothing/at/all"),
    ],
)
def test_before_it_sends_a_token_a_listed_page_asks_and_is_let_in(
    closed: Deployed, origin: str, method: str, path: str
) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }

    answer = closed.api.options(path, headers=asked)

    assert answer.status_code == 204
    assert lets_in(answer, origin)
    assert method.lower() in of(answer, "Access-Control-Allow-Methods")
    # Browsers do not take "*" for Authorization.
    assert of(answer, "Access-Control-Allow-Headers") == {
        "authorization",
        "content-type",
        "idempotency-key",
    }
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_listed_page_reads_answers_and_the_headers_that_it_needs(
    closed: Deployed, token: str
) -> None:
    told = {"Origin": SHOP, "Authorization": token}
    recipe = {"name": "Cors", "ingredients": {"flour": 17.0}}
    cake = closed.api.post("/cakes", json=recipe, headers=told)
    body = {"account_id": ACCOUNT, "amount": 1}
    posts = [closed.api.post("/transactions", json=body, headers=told) for _ in range(2)]
    page = closed.api.get("/transactions?limit=1", headers=told)
    known = {**told, "If-None-Match": page.headers["ETag"]}
    same = closed.api.get("/transactions?limit=1", headers=known)

    assert [cake.status_code, page.status_code, same.status_code] == [201, 200, 304]
    for answer in (cake, *posts, page, same):
        assert lets_in(answer, SHOP)
        assert "origin" in of(answer, "Vary")
    assert {"location"} <= of(cake, EXPOSE)
    assert {"etag", "link"} <= of(page, EXPOSE)
    assert "etag" in of(same, EXPOSE)
    assert {"ledger-balance", "location"} <= of(posts[0], EXPOSE)


def test_a_listed_page_reads_why_it_was_refused(closed: Deployed, token: str) -> None:
    """By who guards the routes (401, 403), by a route (400, 404), by the app (405, 413)."""
    told = {"Origin": SHOP, "Authorization": token}
    api = closed.api
    large = json.dumps({"note": "x" * 20_000})
    as_json = {**told, "Content-Type": "application/json"}
    refused = {
        401: api.get("/cakes", headers={"Origin": SHOP}),
        403: api.get("/fleet", headers=told),
        400: api.post("/transactions", json={"amount": "x"}, headers=told),
        404: api.get("/nothing", headers=told),
        405: api.delete("/fleet", headers=told),
        413: api.post("/transactions", content=large, headers=as_json),
    }

    for status, answer in refused.items():
        assert answer.status_code == status
        assert lets_in(answer, SHOP), status
        assert answer.json()["status"] == status
    assert "www-authenticate" in of(refused[401], EXPOSE)
    assert "allow" in of(refused[405], EXPOSE)


def test_a_listed_page_reads_that_a_body_is_too_large_for_the_gateway(
    closed: Deployed, token: str
) -> None:
    """The embedded AWS has no limit of 10 MB; the app's own is met."""
    told = {"Origin": SHOP, "Authorization": token, "Content-Type": "text/plain"}
    answer = closed.api.post("/imports?filename=x", content=b"x" * 11_000_000, headers=told)

    assert answer.status_code in (403, 413)
    assert lets_in(answer, SHOP)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{SHOP}.evil.example", "http://shop.example"]
)
def test_pages_that_are_not_listed_are_refused_whatever_they_bring(
    closed: Deployed, token: str, origin: str
) -> None:
    """A laptop's gateway refuses them; elsewhere their browsers keep the answer from them."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Authorization": token}
    stage = f"{closed.aws.endpoint}/_aws/execute-api/{closed.outputs['RestAPIId']}/api"
    with httpx.Client(timeout=CLIENT_S) as client:
        for base in (closed.aws.api, stage):
            for answer in (
                client.options(f"{base}/orders", headers=asked),
                client.get(f"{base}/cakes", headers=asked),
            ):
                assert answer.status_code == 403
                assert ALLOW not in answer.headers


def test_who_sends_no_origin_gets_no_header_for_pages(closed: Deployed, token: str) -> None:
    answer = closed.api.get("/cakes", headers={"Authorization": token})

    assert answer.status_code == 200
    assert ALLOW not in answer.headers
    assert "origin" in answer.headers["Vary"].lower()

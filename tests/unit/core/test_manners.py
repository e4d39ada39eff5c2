"""What HTTP asks of every API: HEAD beside GET, and other origins where they are let in."""

from collections.abc import Iterator

import pytest

from chalicelib import operations
from chalicelib.core.errors import UnavailableError
from chalicelib.core.settings import from_env
from tests.support.api import Api, client
from tests.support.routes import CONTRACTS, REGISTERED

SHOP = "https://shop.example"


@pytest.fixture
def api() -> Iterator[Api]:
    from_env.cache_clear()
    with client() as api:
        yield api
    from_env.cache_clear()


@pytest.fixture
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"http://localhost:5173, {SHOP}")


def test_head_is_answered_wherever_get_is() -> None:
    assert all("HEAD" in REGISTERED[each.path] for each in CONTRACTS if each.method == "GET")


@pytest.mark.parametrize("url", ["/auth", "/openapi.json", "/web/app.js", "/web/nothing.js"])
def test_head_says_what_get_says_without_a_body(api: Api, url: str) -> None:
    got, head = (api.raw(verb, url, {}, b"") for verb in ("GET", "HEAD"))

    assert (head.status, head.body, head.headers) == (got.status, b"", got.headers)


def test_head_answers_304_to_the_version_that_it_named(api: Api) -> None:
    etag = api.raw("HEAD", "/auth", {}, b"").headers["ETag"]

    assert api.raw("HEAD", "/auth", {"If-None-Match": etag}, b"").status == 304


def test_no_page_of_another_origin_is_let_in_unless_it_is_listed(api: Api) -> None:
    answer = api.raw("GET", "/auth", {"Origin": SHOP}, b"")

    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert "Vary" not in answer.headers


@pytest.mark.usefixtures("_listed")
def test_a_listed_origin_may_read_answers_their_headers_and_problems(api: Api) -> None:
    found = api.raw("GET", "/auth", {"Origin": SHOP}, b"")
    missing = api.raw("GET", "/nothing", {"Origin": SHOP}, b"")

    for answer in (found, missing):
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert answer.headers["Vary"] == "Origin"
    assert "ETag" in found.headers["Access-Control-Expose-Headers"]


@pytest.mark.usefixtures("_listed")
@pytest.mark.parametrize(
    ("failure", "status"),
    [(UnavailableError("The table is busy."), 503), (RuntimeError("broken"), 500)],
    ids=["503", "500"],
)
def test_a_listed_origin_may_read_that_the_service_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setenv("VENDING_TABLE", "table")
    monkeypatch.setattr(operations, "_good_until", [0.0])
    monkeypatch.setattr(operations, "Table", fail)
    answer = api.raw("GET", "/health", {"Origin": SHOP}, b"")

    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    if status == 503:
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.usefixtures("_listed")
def test_a_preflight_names_the_verbs_and_the_headers_that_were_requested(api: Api) -> None:
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }

    answer = api.raw("OPTIONS", "/orders", asked, b"")

    assert answer.status == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,idempotency-key"


@pytest.mark.usefixtures("_listed")
@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{SHOP}.evil.example"])
def test_other_origins_are_let_in_no_more_than_before(api: Api, origin: str) -> None:
    answer = api.raw("GET", "/auth", {"Origin": origin}, b"")

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"

"""Which requests a server on the developer's machine takes, and which it refuses."""

import pytest

from infra.request_guard import RequestGuard

GUARD = RequestGuard(8000, frozenset({8000}))
OURS = "localhost:8000"


def refusal(method: str = "GET", guard: RequestGuard = GUARD, **headers: str) -> str | None:
    named = {"host": OURS, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return guard.refusal(method, list(named.items()))


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "[::1]", "backroom.localhost", "LOCALHOST"]
)
def test_programs_reach_it_by_each_local_name(name: str) -> None:
    assert refusal("POST", host=f"{name}:8000") is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8000",
        "localhost",
        "localhost:9999",
        "localhost.evil.example:8000",
        "",
        "0:8000",
    ],
)
def test_a_foreign_host_is_refused_as_dns_rebinding_needs_one(host: str) -> None:
    assert refusal(host=host)


@pytest.mark.parametrize("hosts", [[], [OURS, OURS], [OURS, "evil.example:8000"]])
def test_a_request_has_exactly_one_host(hosts: list[str]) -> None:
    assert GUARD.refusal("GET", [("host", host) for host in hosts])


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://localhost:8000",
        "http://localhost:3000",
        "localhost:8000",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_a_page_of_another_origin_is_refused_with_any_method(origin: str, method: str) -> None:
    assert refusal(method, origin=origin)


def test_one_foreign_origin_among_ours_is_refused() -> None:
    headers = [
        ("host", OURS),
        ("origin", "http://localhost:8000"),
        ("origin", "http://evil.example"),
    ]
    assert GUARD.refusal("POST", headers)


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1:8000"])
def test_its_own_page_may_call_it(origin: str) -> None:
    assert refusal("POST", origin=origin, sec_fetch_site="same-origin") is None


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("mode", ["navigate", "no-cors", "cors"])
def test_whatever_another_site_has_a_browser_send_is_refused(method: str, mode: str) -> None:
    assert refusal(method, sec_fetch_site="cross-site", sec_fetch_mode=mode)


def test_a_link_from_another_local_port_may_be_followed_and_nothing_else() -> None:
    assert refusal("GET", sec_fetch_site="same-site", sec_fetch_mode="navigate") is None
    assert refusal("GET", sec_fetch_site="same-site", sec_fetch_mode="no-cors")
    assert refusal("POST", sec_fetch_site="same-site", sec_fetch_mode="navigate")


def test_an_address_that_the_user_types_is_opened() -> None:
    assert refusal("GET", sec_fetch_site="none", sec_fetch_mode="navigate") is None


def test_a_port_that_serves_no_pages_takes_requests_of_none_not_even_of_its_own() -> None:
    aws = RequestGuard(8000, frozenset({8001}), navigable=False)
    assert refusal(guard=aws) is None
    assert refusal(guard=aws, sec_fetch_site="same-origin", sec_fetch_mode="no-cors")
    assert refusal(guard=aws, sec_fetch_site="same-site", sec_fetch_mode="navigate")
    assert refusal(guard=aws, origin=f"http://{OURS}")
    assert refusal(guard=aws, origin="http://localhost:8001") is None

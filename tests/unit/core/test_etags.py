"""Versions of responses: a client that names the one it has gets no second copy."""

import pytest
from chalice.test import Client

from app import app
from chalicelib.core.etags import etag_of, names_version
from tests.support.api import Answer


def get(**headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with Client(app) as gateway:
        answer = gateway.http.request("GET", "/auth", headers=named)
    return Answer(answer.status_code, answer.headers, answer.body)


def test_what_has_not_changed_is_not_sent_again() -> None:
    first = get()
    again = get(If_None_Match=f'"another", W/{first.headers["ETag"]}')
    other = get(If_None_Match='"another"')

    assert (first.status, other.status) == (200, 200)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-store"


def test_another_next_page_is_another_version() -> None:
    assert etag_of("[]", "") != etag_of("[]", '</sites?cursor=x>; rel="next"')
    assert etag_of("a", "b") != etag_of("ab", "")


@pytest.mark.parametrize(
    ("named", "known"),
    [('"1"', True), ('W/"1"', True), ('"2", "1"', True), ("*", True), ("", False)],
)
def test_a_client_names_versions_in_a_list(named: str, known: bool) -> None:
    assert names_version(named, '"1"') is known

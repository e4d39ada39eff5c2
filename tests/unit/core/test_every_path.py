"""What is refused on every path, whatever a route does (S1, RFC 9110 section 15.5.6)."""

import pytest

from chalicelib.core.routing import VERBS
from tests.support.api import client
from tests.support.routes import PATHS, REGISTERED, WRONG_VERBS, example


@pytest.mark.parametrize("path", PATHS)
def test_a_known_path_with_another_verb_is_405_with_allow(path: str) -> None:
    expected = REGISTERED[path] | {"OPTIONS"}

    with client() as api:
        for verb in (verb for verb, at in WRONG_VERBS if at == path):
            answer = api.send(verb, example(path))

            assert answer.status == 405, verb
            assert set(answer.headers["Allow"].split(", ")) == expected
            assert answer.headers["Content-Type"] == "application/problem+json"
            if verb != "HEAD":
                assert (answer.json["status"], answer.json["instance"]) == (405, example(path))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_names_its_verbs(path: str) -> None:
    with client() as api:
        answer = api.send("OPTIONS", example(path))

    assert (answer.status, answer.body) == (204, b"")
    assert set(answer.headers["Allow"].split(", ")) == REGISTERED[path] | {"OPTIONS"}


@pytest.mark.parametrize("path", ["/nothing", "/_ministack"])
def test_an_unknown_path_is_404_whatever_the_verb(path: str) -> None:
    with client() as api:
        for verb in VERBS:
            answer = api.send(verb, path)

            assert answer.status == 404, verb
            assert (answer.body == b"") is (verb == "HEAD")

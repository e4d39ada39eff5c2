"""Whatever is sent, no 5xx comes back; every refusal is a problem document, and every answer is
what the OpenAPI document says (S1).

On the whole app with its stores in memory; tests/e2e/test_api_schema.py asks the deployed one.
"""

from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis.errors import Unsatisfiable
from requests import Request
from schemathesis import GenerationMode, Response

from tests.support.api import Api
from tests.support.api_cases import CONFORMANCE, OPERATIONS, TIMES, looking, requests
from tests.support.size import grows
from tests.support.whole_app import whole_app


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with whole_app() as api:
        yield api


@grows
@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_what_the_document_says(api: Api, label: str, mode: GenerationMode) -> None:
    """Asked as the document allows, and asked otherwise."""

    @looking(max_examples=8 * TIMES)
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        answer = _answer(api, case)
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, answer.text
        case.validate_response(answer, checks=CONFORMANCE)

    with suppress(*[Unsatisfiable] if mode is GenerationMode.NEGATIVE else []):
        check()  # where nothing is asked for, nothing can be wrong


@grows
def test_no_request_however_strange_ever_is_a_5xx(api: Api) -> None:
    @looking(max_examples=300 * TIMES)
    @given(requests())
    def check(asked: dict[str, Any]) -> None:
        request = Request(
            asked["method"],
            f"http://backroom{asked['url']}",
            asked["headers"],
            params=asked["params"],
        ).prepare()
        answer = api.raw(asked["method"], request.path_url, asked["headers"], asked["content"])
        assert answer.status < HTTPStatus.INTERNAL_SERVER_ERROR, answer.body
        if answer.status >= HTTPStatus.BAD_REQUEST:
            assert answer.headers["Content-Type"] == "application/problem+json"
            if asked["method"] != "HEAD":
                assert answer.json["status"] == answer.status

    check()


def _answer(api: Api, case: schemathesis.Case[Any]) -> Response:
    """Return the app's answer to a case, in the form that the checks take."""
    told = case.as_transport_kwargs(base_url="http://backroom")
    known = ("method", "url", "headers", "files", "data", "params", "cookies", "json")
    request = Request(**{name: told[name] for name in known if name in told}).prepare()
    body: Any = request.body or b""
    content = body.encode() if isinstance(body, str) else body
    sent = {name: str(value) for name, value in request.headers.items()}
    answer = api.raw(request.method or "", request.path_url, sent, content)
    headers = {name.lower(): [value] for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.body, request, elapsed=0, verify=False)

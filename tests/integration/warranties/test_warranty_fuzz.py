"""Requests that the OpenAPI document allows are taken; no query and no body is a fault of ours.

tests/integration/test_every_operation.py has those that it forbids.
"""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from chalice.test import Client, HTTPResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from chalicelib import __version__
from chalicelib.core.openapi import document
from chalicelib.warranties import routes
from tests.support.warranties.fakes import SOFA

_JSON = {"Content-Type": "application/json"}
_DOCUMENT = document(routes.bp.contracts, version=__version__)
_SCHEMA = schemathesis.openapi.from_dict(_DOCUMENT)
_OPERATIONS = [(contract.method, contract.path) for contract in routes.bp.contracts]
_FUZZ = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
# What no schema can say: decimals of a number, all filters or none, whose cursor it is, whether a
# check character fits, and the bounds of a number in a query.
_BEYOND_SCHEMAS = (
    *(b"two decimals", b"is missing", b"a cursor that this list gave", b"control"),
    *(b"must be above", b"a warranty number", b"typing mistake", b"by itself"),
)


@pytest.mark.parametrize(("method", "path"), _OPERATIONS)
def test_what_the_document_allows_is_taken(client: Client, method: str, path: str) -> None:
    @_FUZZ
    @given(_SCHEMA[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def fuzz(case: Any) -> None:
        answer = _ask(client, case)

        excused = any(told in answer.body for told in _BEYOND_SCHEMAS)
        taken = {200, 201, 404} | ({400} if excused else set())
        assert answer.status_code in taken, (case.body, answer.body)

    fuzz()


_NAMES = ["sku", "item_type", "store_uuid", "match", "limit", "cursor", "item_sku", "rate_card"]
_NAMES += ["number", "item_cost"]
_TEXTS = st.text(max_size=80) | st.sampled_from(["furniture", "any-given", "1", SOFA["item_sku"]])


@pytest.mark.parametrize("path", ["/warranties", "/plans", "/plans/quote", "/plans/refusals"])
def test_no_query_whatever_is_a_fault_of_ours(client: Client, path: str) -> None:
    @_FUZZ
    @given(st.lists(st.tuples(st.sampled_from(_NAMES), _TEXTS), max_size=5))
    def fuzz(asked: list[tuple[str, str]]) -> None:
        answer = client.http.get(f"{path}?{urlencode(asked)}")

        assert answer.status_code in {200, 400, 404}, answer.body

    fuzz()


def test_no_body_whatever_is_a_fault_of_ours(client: Client) -> None:
    values = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.lists(_TEXTS)
    fields = st.dictionaries(st.sampled_from(sorted(SOFA)), values, max_size=5)

    @_FUZZ
    @given(st.binary(max_size=200) | fields.map(lambda told: json.dumps({**SOFA, **told}).encode()))
    def fuzz(body: bytes) -> None:
        answer = client.http.post("/warranties", headers=_JSON, body=body)

        assert answer.status_code in {200, 201, 400}, answer.body

    fuzz()


def _ask(client: Client, case: Any) -> HTTPResponse:
    asked = case.as_transport_kwargs(base_url="http://localhost")
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="") or "x")
    query = urlencode(asked.get("params") or {}, doseq=True)
    body = json.dumps(asked["json"]) if "json" in asked else asked.get("data") or b""
    return client.http.request(
        case.method,
        f"{path}?{query}" if query else path,
        headers=_JSON if body else {},
        body=body.encode() if isinstance(body, str) else body,
    )

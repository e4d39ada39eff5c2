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
from chalicelib.deliveries import routes

_JSON = {"Content-Type": "application/json"}
_DOCUMENT = document(routes.bp.contracts, version=__version__)
_SCHEMA = schemathesis.openapi.from_dict(_DOCUMENT)
_OPERATIONS = [(contract.method, contract.path) for contract in routes.bp.contracts]
_BEYOND_SCHEMAS = (b"blank", b"years 1 to 9999", b"characters that nobody sees")
_FUZZ = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


@pytest.mark.parametrize(("method", "path"), _OPERATIONS)
def test_what_the_document_allows_is_taken(client: Client, method: str, path: str) -> None:
    @_FUZZ
    @given(_SCHEMA[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def fuzz(case: Any) -> None:
        answer = _ask(client, case)

        # This gateway leaves paths encoded, a cursor is only right if a page gave it, and neither
        # all blanks, the ends of time nor what nobody sees can be said in a schema.
        refused = "{" in path or any(
            told in answer.body
            for told in (
                *(b"blank", b"years 1 to 9999", b"characters that nobody sees"),
                *(b"cursor that this list gave", b"before from", b"given with package_id"),
            )
        )
        taken = {200, 201, 404, 409} | ({400} if refused else set())
        assert answer.status_code in taken, (case.body, answer.body)

    fuzz()


def test_no_body_whatever_is_a_fault_of_ours(client: Client) -> None:
    @_FUZZ
    @given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
    def fuzz(body: bytes) -> None:
        answer = client.http.post("/packages", headers=_JSON, body=body)

        assert answer.status_code == 400

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

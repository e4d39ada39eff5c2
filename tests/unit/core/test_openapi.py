"""What the OpenAPI document says of fields."""

import json
import re

import pytest

from chalicelib.core.openapi import document
from chalicelib.core.settings import from_env
from tests.support.api import client
from tests.support.routes import CONTRACTS


def test_bounds_of_numbers_are_named_as_json_schema_names_them() -> None:
    told = document(CONTRACTS, version="1")

    [limit] = [
        each["schema"]
        for each in told["paths"]["/warranties"]["get"]["parameters"]
        if each["name"] == "limit"
    ]
    assert (limit["minimum"], limit["maximum"]) == (1, 1_000)
    assert not re.findall(r'"(?:ge|gt|le|lt)":', json.dumps(told))


@pytest.mark.parametrize(("auth", "takes_tokens"), [("open", False), ("jwt", True)])
def test_a_stage_serves_the_document_of_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, auth: str, takes_tokens: bool
) -> None:
    stage = {"AUTH": auth, "AUTH_ISSUER": "https://id.example/", "AUTH_AUDIENCE": "backroom"}
    for name, value in stage.items():
        monkeypatch.setenv(name, value)
    from_env.cache_clear()

    with client() as api:
        told = api.get("/openapi.json").json

    assert ("securitySchemes" in told["components"]) is takes_tokens
    assert ("security" in told["paths"]["/fleet"]["get"]) is takes_tokens
    from_env.cache_clear()

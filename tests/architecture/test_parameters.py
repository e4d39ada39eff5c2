"""What the document says of parameters and bodies, and how what they do not take is refused."""

import json
import re
from typing import Any

import pytest
from pydantic import BaseModel

from app import app
from chalicelib import __version__
from chalicelib.core import http
from chalicelib.core.errors import Fault, InvalidInputError, ParameterLocation
from chalicelib.core.openapi import document
from chalicelib.core.routing import Route

ROUTES = app.contracts()
DOCUMENT = document(ROUTES, version=__version__)
PARAMETERS = [
    pytest.param(parameter["schema"], id=f"{method} {path} {parameter['in']} {parameter['name']}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for parameter in operation.get("parameters", [])
]
# What only programmers would write: of Python, of pydantic, of regular expressions.
_JARGON = re.compile(
    r"Input should|String should|Value error|NoneType|Decimal\(|dictionary|instance|"
    r"\bint\b|\bstr\b|\bdict\b|\btuple\b|[\\^$]|\[\^|\{\d|timezone info|validation",
)
HOSTILE: tuple[Any, ...] = (
    *("", " ", "x" * 5_000, "\0", "\u0661", "1_0", "2020", "a/b", "%00", "-1", "1e400", "..", "{}"),
    *(None, True, [], {}, [[]], {"a": {"b": 1}}, -1, 0, 10**400, 4.5, "9999-99-99", "T", "GM"),
)


def bounded(schema: dict[str, Any]) -> bool:
    """Return whether a schema says how long or how large a value may be."""
    if "anyOf" in schema:
        return all(bounded(each) for each in schema["anyOf"] if each.get("type") != "null")
    if schema.keys() & {"enum", "const"} or schema.get("type") == "boolean":
        return True
    if schema.get("type") == "integer":
        return {"minimum", "maximum"} <= schema.keys()
    return bool(schema.keys() & {"maxLength", "pattern"}) or schema.get("format") in {
        *("date", "date-time", "uuid"),
    }


@pytest.mark.parametrize("schema", PARAMETERS)
def test_every_parameter_says_its_bounds_or_its_pattern(schema: dict[str, Any]) -> None:
    assert bounded(schema)


def test_every_integer_of_a_body_has_bounds() -> None:
    bodies = {route.body.__name__ for route in ROUTES if route.body}
    loose = [
        f"{name}.{field}"
        for name in bodies & DOCUMENT["components"]["schemas"].keys()
        for field, schema in DOCUMENT["components"]["schemas"][name]["properties"].items()
        if schema.get("type") == "integer" and not bounded(schema)
    ]

    assert loose == []


def test_the_document_of_an_open_stage_asks_for_no_token() -> None:
    told = document(ROUTES, version=__version__, takes_tokens=False)

    assert "security" not in json.dumps(told)
    assert told["paths"].keys() == DOCUMENT["paths"].keys()
    assert not [
        path
        for path, operations in told["paths"].items()
        for operation in operations.values()
        if "401" in operation["responses"]
    ]


def _models() -> list[tuple[str, ParameterLocation, type[BaseModel]]]:
    def of(route: Route) -> dict[ParameterLocation, type[BaseModel] | None]:
        read = (route.path_values, route.query, route.headers, route.body)
        return dict(zip(("path", "query", "header", "body"), read, strict=True))

    found = {
        model: (f"{route.method} {route.path} {place}", place, model)
        for route in ROUTES
        for place, model in of(route).items()
        if model
    }
    return list(found.values())


@pytest.mark.parametrize(
    ("place", "model"), [pytest.param(place, model, id=name) for name, place, model in _models()]
)
def test_what_is_refused_is_refused_in_words(
    place: ParameterLocation, model: type[BaseModel]
) -> None:
    names = [field.alias or name for name, field in model.model_fields.items()]
    for name in names:
        for value in HOSTILE:
            if place != "body" and not isinstance(value, str):
                continue
            told = _refusal(model, {name: value}, place)
            assert [each for each in told if _JARGON.search(each["detail"])] == []
            assert [each for each in told if "[" in each["field"]] == []


def _refusal(
    model: type[BaseModel], values: dict[str, Any], place: ParameterLocation
) -> list[Fault]:
    try:
        http.checked(model, values, place=place, strict=place == "body")
    except InvalidInputError as invalid:
        return invalid.faults
    return []

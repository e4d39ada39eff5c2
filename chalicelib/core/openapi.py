"""The OpenAPI 3.1 document, derived from the contracts of the routes and nothing else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)

from chalicelib.core.access import SCOPES, scopes_of
from chalicelib.core.routing import Route

_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_REF = "#/components/schemas/{model}"
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_SUCCESSES = {
    200: "Success",
    201: "Created",
    202: "Accepted; the request changes nothing",
    204: "Success, no body",
}
_REASONS = {
    400: "Faults in the request, all of them named",
    401: "The caller has not proved who they are",
    403: "Not theirs to do",
    404: "Nothing is stored under this URL",
    405: "Known path, other verb; Allow names the verbs",
    409: "It clashes with what is stored",
    413: "The body is too large",
    415: "The route does not read bodies of this kind",
    422: "Well formed, but impossible",
    503: "A dependency is down or too busy; Retry-After says when to try again",
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457)",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "field", "detail"],
                "properties": {
                    "in": {"enum": ["body", "query", "path", "header"]},
                    "field": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

_NEXT_PAGE = {"Link": 'The next page, rel="next" (RFC 8288)'}
_SCHEME = "bearer"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the issuer that `GET /auth` names. A stage that answers "
    "`open` there takes none. Scopes: " + "; ".join(f"`{s}` ({SCOPES[s]})" for s in SCOPES) + ".",
}

_Model = type[BaseModel]
_References = Mapping[Any, dict[str, Any]]
"""Each model's reference, by model and direction."""


def document(
    contracts: Sequence[Route], *, version: str, takes_tokens: bool = True
) -> dict[str, Any]:
    """Return the document that describes ``contracts``; an open stage takes no tokens."""
    references, schemas = _schemas(contracts)
    paths: dict[str, dict[str, Any]] = {}
    for route in contracts:
        operation = _operation(route, references, schemas)
        if not takes_tokens:
            del operation["security"]
            operation["responses"].pop("401", None)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backroom",
            "version": version,
            "description": "A serverless back office. Errors are RFC 9457 problem documents. "
            "Each GET answers an ETag, and 304 to `If-None-Match` with it while nothing changes.",
        },
        "servers": [{"url": "http://localhost:8000", "description": "the local stack"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            **({"securitySchemes": {_SCHEME: _BEARER}} if takes_tokens else {}),
        },
    }


def text(contracts: Sequence[Route], *, version: str, takes_tokens: bool) -> str:
    """Return the document as a stage serves it."""
    return json.dumps(document(contracts, version=version, takes_tokens=takes_tokens))


class _Schemas(GenerateJsonSchema):
    """Names a number's bounds as JSON Schema does, also those that follow a validator.

    pydantic 2.13 copies those as it calls them (``"ge": 1``).
    """

    def generate_inner(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - pydantic's union
        found = super().generate_inner(schema)
        return {_BOUNDS.get(name, name): value for name, value in found.items()}


def _schemas(contracts: Iterable[Route]) -> tuple[_References, dict[str, Any]]:
    """Return each model's reference by direction, and all schemas by name."""
    asked: dict[tuple[_Model, JsonSchemaMode], None] = {}
    for route in contracts:
        read = (route.path_values, route.query, route.headers, route.body)
        asked |= {(model, "validation"): None for model in read if model}
        if route.response:
            asked[(route.response, "serialization")] = None
    references, definitions = models_json_schema(
        list(asked), ref_template=_REF, schema_generator=_Schemas
    )
    return references, definitions.get("$defs", {})


def _operation(route: Route, references: _References, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    read: tuple[tuple[str, _Model | None], ...] = (
        ("path", route.path_values),
        ("query", route.query),
        ("header", route.headers),
    )
    for place, model in read:
        if model:
            name = references[(model, "validation")]["$ref"].rpartition("/")[2]
            parameters += _parameters(place, schemas[name])
    operation: dict[str, Any] = {
        "operationId": f"{route.method} {route.path}",
        "summary": route.summary,
        # Any one of them lets a caller in, as any one entry of the list does.
        "security": [{_SCHEME: [scope]} for scope in scopes_of(route.access)],
        "responses": _responses(route, references),
    }
    if parameters:
        operation["parameters"] = parameters
    if body := _body(route, references):
        operation["requestBody"] = body
    return operation


def _parameters(place: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": place, "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]


def _body(route: Route, references: _References) -> dict[str, Any] | None:
    if route.upload:
        content = {kind: {"schema": {"type": "string"}} for kind in route.upload.media_types}
        return {"required": True, "content": content}
    if route.body:
        schema = references[(route.body, "validation")]
        content = {"application/json": {"schema": schema}}
        return {"required": not route.body_optional, "content": content}
    return None


def _responses(route: Route, references: _References) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if route.response:
        schema = references[(route.response, "serialization")]
    if route.as_list:
        schema = {"type": "array", "items": schema}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    content |= {kind: {"schema": {"type": "string"}} for kind in route.also_produces}
    responses: dict[str, Any] = {}
    done: dict[str, Any] = {"content": content}
    if headers := {**route.response_headers, **(_NEXT_PAGE if route.paged else {})}:
        done["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in headers.items()
        }
    if route.no_content:
        responses["204"] = {"description": _SUCCESSES[204]}
    else:
        for status in sorted({route.status, *route.also_answers}):
            responses[str(status)] = {"description": _SUCCESSES[status], **done}
    for status in sorted(_errors(route)):
        responses[str(status)] = {
            "description": _REASONS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM_REF}},
        }
    return responses


def _errors(route: Route) -> set[int]:
    found = {503, *route.errors}
    if route.access != "public":
        found |= {401, 403}
    if route.path_values or route.query or route.headers or route.body or route.upload:
        found.add(400)
    if route.body or route.upload:
        found |= {413, 415}
    return found

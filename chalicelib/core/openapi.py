"""The OpenAPI 3.1 document, derived from the contracts of the routes and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from chalicelib.core.access import SCOPES, scopes_of
from chalicelib.core.routing import Contract

_REF = "#/components/schemas/{model}"
_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
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


def document(contracts: Sequence[Contract], *, version: str) -> dict[str, Any]:
    """Return the document that describes ``contracts``."""
    references, schemas = _schemas(contracts)
    paths: dict[str, dict[str, Any]] = {}
    for contract in contracts:
        operation = _operation(contract, references, schemas)
        paths.setdefault(contract.path, {})[contract.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backroom",
            "version": version,
            "description": "A serverless back office. Errors are RFC 9457 problem documents.",
        },
        "servers": [{"url": "http://localhost:8000", "description": "the local stack"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {_SCHEME: _BEARER},
        },
    }


def _schemas(contracts: Iterable[Contract]) -> tuple[_References, dict[str, Any]]:
    """Return each model's reference by direction, and all schemas by name."""
    asked: dict[tuple[_Model, JsonSchemaMode], None] = {}
    for contract in contracts:
        read = (contract.path_values, contract.query, contract.headers, contract.body)
        asked |= {(model, "validation"): None for model in read if model}
        if contract.answers:
            asked[(contract.answers, "serialization")] = None
    references, definitions = models_json_schema(list(asked), ref_template=_REF)
    return references, definitions.get("$defs", {})


def _operation(
    contract: Contract, references: _References, schemas: dict[str, Any]
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    read: tuple[tuple[str, _Model | None], ...] = (
        ("path", contract.path_values),
        ("query", contract.query),
        ("header", contract.headers),
    )
    for place, model in read:
        if model:
            name = references[(model, "validation")]["$ref"].rpartition("/")[2]
            parameters += _parameters(place, schemas[name])
    operation: dict[str, Any] = {
        "operationId": f"{contract.method} {contract.path}",
        "summary": contract.summary,
        # Any one of them lets a caller in, as any one entry of the list does.
        "security": [{_SCHEME: [scope]} for scope in scopes_of(contract.access)],
        "responses": _responses(contract, references),
    }
    if parameters:
        operation["parameters"] = parameters
    if body := _body(contract, references):
        operation["requestBody"] = body
    return operation


def _parameters(place: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": place, "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]


def _body(contract: Contract, references: _References) -> dict[str, Any] | None:
    if contract.upload:
        content = {kind: {"schema": {"type": "string"}} for kind in contract.upload.media_types}
        return {"required": True, "content": content}
    if contract.body:
        schema = references[(contract.body, "validation")]
        content = {"application/json": {"schema": schema}}
        return {"required": not contract.body_optional, "content": content}
    return None


def _responses(contract: Contract, references: _References) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if contract.answers:
        schema = references[(contract.answers, "serialization")]
    if contract.many:
        schema = {"type": "array", "items": schema}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    content |= {kind: {"schema": {"type": "string"}} for kind in contract.also}
    responses: dict[str, Any] = {}
    done: dict[str, Any] = {"content": content}
    if contract.tells:
        done["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in contract.tells.items()
        }
    if contract.empties:
        responses["204"] = {"description": "Done, and nothing to tell"}
    elif contract.creates != "only":
        responses["200"] = {"description": "Done", **done}
    if contract.creates:
        responses["201"] = {"description": "Created", **done}
    if contract.accepts:
        responses["202"] = {"description": "Taken, and nothing is done about it", **done}
    for status in sorted(_refusals(contract)):
        responses[str(status)] = {
            "description": _REASONS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM_REF}},
        }
    return responses


def _refusals(contract: Contract) -> set[int]:
    found = {503, *contract.refusals}
    if contract.access != "public":
        found |= {401, 403}
    if (
        contract.path_values
        or contract.query
        or contract.headers
        or contract.body
        or contract.upload
    ):
        found.add(400)
    if contract.body or contract.upload:
        found |= {413, 415}
    return found

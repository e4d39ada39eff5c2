"""The OpenAPI 3.1 document, derived from the contracts of the routes and nothing else."""

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)

from chalicelib.core import errors, totals
from chalicelib.core.access import SCOPES, scopes_of
from chalicelib.core.descriptions import description
from chalicelib.core.routing import Route

_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_REF = "#/components/schemas/{model}"
_REFERENCED = re.compile(r'"#/components/schemas/([^"]+)"')
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
_DETAILS = {
    400: "1 fault(s) in this request: order_id",
    401: "This takes a bearer token.",
    403: "This takes a token with the scope bakery:read.",
    404: "There is no order 7.",
    405: "PUT is not possible here.",
    409: "Order 7 was cancelled.",
    413: "The body has 20000 bytes; at most 16384 go here.",
    415: "Content-Type must be application/json; not text/xml.",
    422: "There is no cake carrot_cake to order.",
    503: "A service that this request needs does not respond.",
}
"""What a problem of each status may say."""
_ERRORS = {
    each.status: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, errors.BackroomError)
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457)",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "Which problem it is: stable, for programs"},
        "title": {"type": "string", "description": "What the type is called"},
        "status": {"type": "integer", "description": "The status of the response"},
        "detail": {"type": "string", "description": "What is wrong here, for people"},
        "instance": {"type": "string", "description": "The requested path"},
        "errors": {
            "type": "array",
            "description": "Every fault of an invalid request",
            "items": {
                "type": "object",
                "required": ["in", "field", "detail"],
                "properties": {
                    "in": {
                        "enum": ["body", "query", "path", "header"],
                        "description": "Where the value is",
                    },
                    "field": {
                        "type": "string",
                        "description": "Its name; those of inner objects follow points",
                    },
                    "detail": {"type": "string", "description": "What it has to be"},
                },
            },
        },
    },
}

_ABOUT = """\
A serverless back office: deliveries, warranties, a ledger, vending machines, a bakery.

Errors are problem documents (RFC 9457) that name every fault. Each GET answers an ETag, and 304 to
`If-None-Match` with it while nothing changes; HEAD is answered wherever GET is. Lists come in
pages: the `Link` header leads to the next. Instants are UTC (RFC 3339); fields whose names end in
`_cents`, `_bytes`, `_months` or `_days` are whole numbers of that unit. Amounts of the ledger are
whole numbers of the account's own unit."""
_PAGE = {
    "Link": 'The next page, rel="next" (RFC 8288)',
    totals.EXACT: "With count=true: how many rows the list has",
    totals.AT_LEAST: "Instead of it, where counting has stopped: so many rows, or more",
}
_SCHEME = "bearer"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the issuer that `GET /auth` names. A stage that answers "
    "`open` there takes none. Scopes: " + "; ".join(f"`{s}` ({SCOPES[s]})" for s in SCOPES) + ".",
}

Examples = Mapping[str, Mapping[str, Any]]
"""Examples of operations by their ids: ``parameters`` by place and name, the ``body`` by media type
and the ``answers`` by status and media type."""

_Model = type[BaseModel]
Events = Mapping[str, _Model]
"""The models of what events tell, by kind."""
_References = Mapping[Any, dict[str, Any]]
"""Each model's reference, by model and direction."""


def document(
    contracts: Sequence[Route],
    *,
    version: str,
    takes_tokens: bool = True,
    examples: Examples | None = None,
    events: Events | None = None,
) -> dict[str, Any]:
    """Return the document that describes ``contracts``; an open stage takes no tokens.

    Raises ValueError where two operations or two schemas would have one name.
    """
    references, schemas = _schemas(contracts, events or {})
    webhooks = {
        kind: _webhook(kind, references[model, "serialization"])
        for kind, model in sorted((events or {}).items())
    }
    for webhook in webhooks.values():
        _add_examples(webhook["post"], (examples or {}).get(webhook["post"]["operationId"], {}))
    paths: dict[str, dict[str, Any]] = {}
    for route in contracts:
        operation = _operation(route, references, schemas)
        if not takes_tokens:
            del operation["security"]
            operation["description"] = route.summary
            operation["responses"].pop("401", None)
        _add_examples(operation, (examples or {}).get(route.operation_id, {}))
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    schemas = _referenced([paths, webhooks], schemas)
    _refuse_namesakes(contracts, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Backroom",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        # Relative to where the document is, which is where the API is.
        "servers": [{"url": ".", "description": "The stage that serves this document"}],
        "tags": [_tag(name) for name in dict.fromkeys(route.tag for route in contracts)],
        "paths": paths,
        **({"webhooks": webhooks} if webhooks else {}),
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "responses": {
                _title(status): _problem(status)
                for status in sorted({each for route in contracts for each in _errors(route)})
            },
            **({"securitySchemes": {_SCHEME: _BEARER}} if takes_tokens else {}),
        },
    }


def _tag(context: str) -> dict[str, str]:
    about = importlib.import_module(f"chalicelib.{context}").__doc__ or ""
    return {"name": context, "description": about.strip().partition("\n")[0]}


def _refuse_namesakes(contracts: Sequence[Route], schemas: Mapping[str, Any]) -> None:
    ids = Counter(route.operation_id for route in contracts)
    twice = [each for each, count in ids.items() if count > 1]
    # pydantic puts the module before the name of classes that are called the same.
    twice += [name for name in schemas if "__" in name]
    if twice:
        raise ValueError(f"More than one thing is called {', '.join(twice)}")


def _title(status: int) -> str:
    return "".join(filter(str.isalnum, HTTPStatus(status).phrase.title()))


def _problem(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": _ERRORS[status].type,
        "title": _ERRORS[status].title,
        "status": status,
        "detail": _DETAILS[status],
        "instance": "/orders/7",
    }
    if status == HTTPStatus.BAD_REQUEST:
        example["errors"] = [{"in": "path", "field": "order_id", "detail": "must be 0 or more"}]
    content = {"schema": _PROBLEM_REF, "example": example}
    return {"description": _REASONS[status], "content": {"application/problem+json": content}}


def _add_examples(operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    """Show in an operation the examples of its parameters, its body and its answers."""
    for parameter in operation.get("parameters", []):
        values = examples.get("parameters", {}).get(parameter["in"], {})
        if parameter["name"] in values:
            parameter["example"] = values[parameter["name"]]
    places = [(operation.get("requestBody", {}), examples.get("body", {}))]
    places += [
        (operation["responses"].get(status, {}), answer)
        for status, answer in examples.get("answers", {}).items()
    ]
    for place, by_media_type in places:
        for media_type, example in by_media_type.items():
            if media_type in place.get("content", {}):
                place["content"][media_type]["example"] = example


def text(
    contracts: Sequence[Route],
    *,
    version: str,
    takes_tokens: bool,
    examples: Examples | None = None,
    events: Events | None = None,
) -> str:
    """Return the document as a stage serves it."""
    rendered = document(
        contracts, version=version, takes_tokens=takes_tokens, examples=examples, events=events
    )
    return json.dumps(rendered)


class _Schemas(GenerateJsonSchema):
    """Describes each field, titles none, and names bounds of numbers as JSON Schema does.

    pydantic 2.13 copies bounds that follow a validator as it calls them (``"ge": 1``).
    """

    def generate_inner(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - pydantic's union
        found = super().generate_inner(schema)
        return {_BOUNDS.get(name, name): value for name, value in found.items()}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's union
        return False

    def model_schema(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - pydantic's own
        found = super().model_schema(schema)
        found.pop("title", None)
        for field, info in schema["cls"].model_fields.items():
            prop = found.get("properties", {}).get(info.alias or field)
            if prop and prop.get("minLength") and prop.get("default") == "":
                del prop["default"]  # how a model says that it was omitted
            if prop is not None and "description" not in prop:
                prop |= _described(description(schema["cls"], field))
        return found


def _described(text: str | None) -> dict[str, str]:
    return {"description": text} if text else {}


def webhook_id(kind: str) -> str:
    """Return the id of what a subscriber is sent of a kind of events, such as onOrderChanged."""
    return "on" + kind.title().replace(".", "")


def _webhook(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return what a subscriber is sent of a kind of events (https://www.standardwebhooks.com)."""
    texts = {
        "id": "The id of the event, the same in every delivery of it",
        "type": "The kind of the event",
        "timestamp": "When it happened, UTC",
        "subject": "What it is about: the path of a resource, without the first slash",
    }
    properties: dict[str, Any] = {
        name: {"type": "string", "description": text} for name, text in texts.items()
    }
    properties["type"]["const"] = kind
    properties["timestamp"]["format"] = "date-time"
    properties["data"] = {
        "anyOf": [data, {"type": "null"}],
        "description": "What happened; null where it is too large to send",
    }
    headers = {
        "webhook-id": "The id of the event: one that comes twice is the same",
        "webhook-timestamp": "When it was sent, in seconds since 1970",
        "webhook-signature": "A signature for each secret in force, separated by blanks",
    }
    what, happened = kind.split(".")
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {
        "post": {
            "operationId": webhook_id(kind),
            "tags": ["webhooks"],
            "summary": f"Notify a subscriber: {what} {happened}.",
            "description": f"Sent to subscriptions of `{kind}`, at least once; any 2xx takes it.",
            "security": [],
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": True,
                    "description": text,
                    "schema": {"type": "string"},
                }
                for name, text in headers.items()
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema}},
            },
            "responses": {"2XX": {"description": "Taken; after anything else it is sent again"}},
        }
    }


def _schemas(contracts: Iterable[Route], events: Events) -> tuple[_References, dict[str, Any]]:
    """Return each model's reference by direction, and all schemas by name."""
    models: dict[tuple[_Model, JsonSchemaMode], None] = {}
    for route in contracts:
        read = (route.path_values, route.query, route.headers, route.body)
        models |= {(model, "validation"): None for model in read if model}
        if route.response:
            models[(route.response, "serialization")] = None
    models |= {(model, "serialization"): None for model in events.values()}
    references, definitions = models_json_schema(
        list(models), ref_template=_REF, schema_generator=_Schemas
    )
    return references, definitions.get("$defs", {})


def _operation(route: Route, references: _References, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    for place, model in _parameter_models(route).items():
        parameters += _parameters(place, schemas[_name(references[(model, "validation")])])
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": route.summary,
        "description": _may_call(route),
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
        {
            "name": name,
            "in": place,
            **_described(prop.get("description")),
            "required": name in required,
            "schema": {key: value for key, value in prop.items() if key != "description"},
        }
        for name, prop in schema["properties"].items()
    ]


def _parameter_models(route: Route) -> dict[str, _Model]:
    """Return what a route reads beside the body, by place."""
    read = {"path": route.path_values, "query": route.query, "header": route.headers}
    return {place: model for place, model in read.items() if model}


def _name(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _referenced(node: object, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas that a part of the document needs; models of parameters are none."""
    found: dict[str, Any] = {}
    waiting = [json.dumps(node)]
    while waiting:
        for name in _REFERENCED.findall(waiting.pop()):
            if name in schemas and name not in found:
                found[name] = schemas[name]
                waiting.append(json.dumps(schemas[name]))
    return dict(sorted(found.items()))


def _may_call(route: Route) -> str:
    scopes = " or ".join(f"`{scope}`" for scope in scopes_of(route.access))
    return f"{route.summary}\n\nTakes a token with the scope {scopes}." if scopes else route.summary


def _body(route: Route, references: _References) -> dict[str, Any] | None:
    if route.upload:
        content = {
            kind: {"schema": {"type": "object" if kind == "application/json" else "string"}}
            for kind in route.upload.media_types
        }
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
    content: dict[str, Any] = {kind: {"schema": schema} for kind in _json_types(route)}
    content |= {kind: {"schema": {"type": "string"}} for kind in route.also_produces}
    responses: dict[str, Any] = {}
    done: dict[str, Any] = {"content": content}
    if headers := {**route.response_headers, **(_PAGE if route.paged else {})}:
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
        responses[str(status)] = {"$ref": f"#/components/responses/{_title(status)}"}
    return responses


def _json_types(route: Route) -> tuple[str, ...]:
    """Return JSON, unless a route answers files alone."""
    return () if route.also_produces and not route.response else ("application/json",)


def _errors(route: Route) -> set[int]:
    found = {503, *route.errors}
    if route.access != "public":
        found |= {401, 403}
    if route.path_values or route.query or route.headers or route.body or route.upload:
        found.add(400)
    if route.body or route.upload:
        found |= {413, 415}
    return found

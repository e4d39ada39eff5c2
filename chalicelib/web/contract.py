"""What the page needs to know of the API, cut from its OpenAPI document: a twentieth of it.

``{path: {METHOD: {"scopes": [...], "key": true, "takes": {name: {...}}}}}``: the scopes of which
any one opens a route, whether it takes an Idempotency-Key, of each value of its body the longest
length, the choices and, as the page labels a box with it, the description of what is true or false,
of each value of its query the choices. What there is none
of is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.models import KeyHeader

_KEY = KeyHeader.model_fields["key"].alias

Schema = Mapping[str, Any]


def cut(document: Schema) -> dict[str, dict[str, Any]]:
    """Return the contract of an OpenAPI document."""
    schemas = document["components"]["schemas"]
    return {
        path: {
            method.upper(): _operation(operation, schemas) for method, operation in verbs.items()
        }
        for path, verbs in document["paths"].items()
    }


def _operation(operation: Schema, schemas: Schema) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    scopes = [scope for each in operation.get("security", []) for scope in each["bearer"]]
    takes = {
        each["name"]: {
            name: value
            for name, value in _value(each["schema"], schemas).items()
            if name == "enum"  # what is typed goes into bodies
        }
        for each in parameters
        if each["in"] == "query"
    }
    takes |= {name: _value(each, schemas) for name, each in _body(operation, schemas).items()}
    entry = {
        "scopes": scopes,
        "key": any(each["name"] == _KEY for each in parameters),
        "takes": {name: value for name, value in takes.items() if value},
    }
    return {name: value for name, value in entry.items() if value}


def _body(operation: Schema, schemas: Schema) -> Schema:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    properties: Schema = _named(schema, schemas).get("properties", {})
    return properties


def _value(schema: Schema, schemas: Schema) -> dict[str, Any]:
    kinds = list(_kinds(schema, schemas))
    found = {
        name: next((kind[name] for kind in kinds if name in kind), None)
        for name in ("maxLength", "enum")
    }
    if schema.get("type") == "boolean":
        found["description"] = schema.get("description")
    return {name: value for name, value in found.items() if value}


def _kinds(schema: Schema, schemas: Schema) -> Iterator[Schema]:
    for each in (schema, *schema.get("anyOf", ())):
        yield _named(each, schemas)


def _named(schema: Schema, schemas: Schema) -> Schema:
    reference = schema.get("$ref")
    found: Schema = schemas[reference.rpartition("/")[2]] if reference else schema
    return found

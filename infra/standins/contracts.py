"""Checks requests against the vendors' own contracts (OpenAPI 3.0), where these are at hand.

They are not part of this repository. They are read from the folder that `VENDOR_CONTRACTS`
names, and in a folder ``contracts`` of a neighbour of this checkout.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs

ROOT = Path(__file__).parent.parent.parent
FILES = {
    "jira": "jira.openapi.json",
    "slack": "slack.openapi.json",
    "github": "github.openapi.json",
    "drive": "drive.v3.openapi.json",
    "docs": "docs.v1.openapi.json",
}
ADF = "adf.v1.schema.json"
# What the vendors document now and did not when these contracts were written.
_NEWER = {("slack", "/conversations.history"): {"include_all_metadata"}}
# What the vendors document, and these contracts, which are cut down, leave out.
_LEFT_OUT = {("slack", "post", "/chat.delete")}
_VERBS = ("get", "put", "post", "patch", "delete")


class Contracts:
    """The contracts in a folder, all of them read at once."""

    def __init__(self, folder: Path) -> None:
        self._apis = {
            api: Api(api, json.loads((folder / name).read_text())) for api, name in FILES.items()
        }
        schema = json.loads((folder / ADF).read_text())
        self._adf = jsonschema_rs.validator_for(schema)

    @classmethod
    def find(cls) -> "Contracts | None":
        """Return the contracts, None where there are none."""
        named = os.environ.get("VENDOR_CONTRACTS")
        neighbours = sorted(ROOT.parent.glob("*/contracts"))
        for folder in [Path(named)] if named else neighbours:
            if (folder / FILES["jira"]).exists():
                return cls(folder)
        return None

    def faults(
        self, api: str, method: str, path: str, query: Mapping[str, str], body: bytes, media: str
    ) -> list[str]:
        """Return what is wrong with a request by the contract of ``api``."""
        return self._apis[api].faults(method.lower(), path, query, body, media)

    def answer_faults(self, api: str, method: str, path: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with an answer by the contract of ``api``."""
        return self._apis[api].answer_faults(method.lower(), path, status, body)

    def document_faults(self, document: Any) -> list[str]:
        """Return what is wrong with a document by the schema of Jira's document format."""
        return [error.message[:200] for error in self._adf.iter_errors(document)]


class Api:
    """One vendor's contract."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self._name = name
        self._document = document
        self._operations = list(_operations(document))
        self._components = _json_schema(document.get("components", {}))
        self._validators: dict[str, Any] = {}

    def faults(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, media: str
    ) -> list[str]:
        """Return what is wrong with a request."""
        if (self._name, method, path) in _LEFT_OUT:
            return []
        found = self._operation(method, path)
        if found is None:
            return [f"the contract has no {method.upper()} {path}"]
        template, operation = found
        return [
            *self._query_faults(template, operation, query),
            *self._body_faults(f"{method} {template}", operation, body, media),
        ]

    def answer_faults(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with an answer."""
        if (self._name, method, path) in _LEFT_OUT:
            return []
        found = self._operation(method, path)
        answers = found[1]["responses"] if found else {}
        described = answers.get(str(status)) or answers.get("default")
        if found is None or described is None:
            return [f"the contract has no {status} for {method.upper()} {path}"]
        content = self._resolved(described).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            return [] if body is None else [f"the contract has no body for {status}"]
        key = f"{method} {found[0]} {status}"
        return [
            f"{'.'.join(map(str, error.instance_path))}: {error.message[:200]}"
            for error in self._validator(key, schema).iter_errors(body)
        ]

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """Return what the contract says of a method and a path, with the path's template."""
        for verb, template, pattern, operation in self._operations:
            if verb == method and pattern.fullmatch(path):
                return template, operation
        return None

    def _query_faults(
        self, template: str, operation: dict[str, Any], query: Mapping[str, str]
    ) -> Iterator[str]:
        parameters = {
            parameter["name"]: parameter
            for parameter in map(self._resolved, operation.get("parameters", ()))
        }
        known = {name for name, parameter in parameters.items() if parameter["in"] == "query"}
        for name in query.keys() - known - _NEWER.get((self._name, template), set()):
            yield f"query: {name} is unknown"
        for name, parameter in parameters.items():
            if parameter["in"] == "query" and parameter.get("required") and name not in query:
                yield f"query: {name} is missing"
            if parameter["in"] == "query" and name in query:
                schema = self._resolved(parameter.get("schema", {}))
                yield from self._value_faults(f"query {template} {name}", schema, query[name])

    def _body_faults(
        self, key: str, operation: dict[str, Any], body: bytes, media: str
    ) -> Iterator[str]:
        described = self._resolved(operation.get("requestBody", {}))
        if not body:
            if described.get("required"):
                yield "body: is missing"
            return
        content = described.get("content", {})
        if media not in content:
            yield f"body: {media or 'no media type'} is not taken here"
            return
        value = dict(parse_qsl(body.decode())) if media.endswith("urlencoded") else json.loads(body)
        schema = content[media].get("schema", {})
        for error in self._validator(f"{key} {media}", schema).iter_errors(value):
            yield f"body {'.'.join(map(str, error.instance_path))}: {error.message[:200]}"

    def _value_faults(self, key: str, schema: dict[str, Any], text: str) -> Iterator[str]:
        value = _value(schema, text)
        for error in self._validator(key, schema).iter_errors(value):
            yield f"{key}: {error.message[:200]}"

    def _validator(self, key: str, schema: dict[str, Any]) -> Any:
        if key not in self._validators:
            whole = {**_json_schema(schema), "components": self._components}
            self._validators[key] = jsonschema_rs.Draft4Validator(whole, validate_formats=False)
        return self._validators[key]

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node


def _operations(
    document: dict[str, Any],
) -> Iterator[tuple[str, str, re.Pattern[str], dict[str, Any]]]:
    for template, verbs in document["paths"].items():
        parts = re.split(r"(\{[^}]*\})", template)
        pattern = "".join("[^/:]+" if part[:1] == "{" else re.escape(part) for part in parts)
        for verb in _VERBS:
            if verb in verbs:
                shared = verbs.get("parameters", [])
                operation = verbs[verb]
                parameters = [*shared, *operation.get("parameters", [])]
                yield verb, template, re.compile(pattern), {**operation, "parameters": parameters}


def _json_schema(node: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema draft 4, which it is but for ``nullable``."""
    if isinstance(node, list):
        return [_json_schema(part) for part in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _json_schema(part) for name, part in node.items() if name != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def _value(schema: dict[str, Any], text: str) -> Any:
    """Return the value of a query's text."""
    kind = schema.get("type")
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        if kind == "array":
            return [text]
        return {"integer": int, "number": float}.get(str(kind), str)(text)
    except (KeyError, ValueError):
        return text

"""The API reference: a reader and its page, files that any server can answer beside the API.

On a laptop the gateways answer them. On AWS API Gateway answers them from the bucket of
deployments, where each lies under the digest of its content. Standard library only: the local
gateway runs in an environment of its own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT = "Reference"
"""The output of a stack that answers the reference."""
_FOLDER = Path(__file__).parent
_KINDS = {".html": "text/html", ".js": "text/javascript"}
_PLACE = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:s3:path/"
    "backroom-deploy-${AWS::AccountId}-${AWS::Region}/"
)
_FIXED = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PASSED_ON = ("Cache-Control", "Content-Type", "ETag")
_UNAVAILABLE = {
    "type": "/problems/unavailable",
    "title": "Temporarily unavailable",
    "status": 503,
    "detail": "The reference cannot be read now; the document itself is /openapi.json.",
}


@dataclass(frozen=True)
class File:
    """A file of the reference, and how it is answered."""

    path: Path

    @property
    def content_type(self) -> str:
        """Return its media type."""
        return f"{_KINDS[self.path.suffix]}; charset=utf-8"

    @property
    def cache_control(self) -> str:
        """Return how long it is kept: a script with its version in its name for ever."""
        named = "-" in self.path.name
        return "public, max-age=31536000, immutable" if named else "no-cache"

    @property
    def key(self) -> str:
        """Return its name in the bucket."""
        return f"reference/{hashlib.sha256(self.path.read_bytes()).hexdigest()}{self.path.suffix}"


FILES: Mapping[str, File] = {"/docs": File(_FOLDER / "docs.html")} | {
    f"/docs/{script.name}": File(script) for script in sorted(_FOLDER.glob("*.js"))
}
"""The files by the paths at which they are answered."""


def operations() -> dict[str, dict[str, Any]]:
    """Return the operations that answer the files, by path and verb, in API Gateway's words."""
    return {
        path: {verb: _operation(verb, file) for verb in ("get", "head")}
        for path, file in FILES.items()
    }


def limits() -> list[dict[str, Any]]:
    """Return how many requests the operations take, as `infra/templates/13-brakes.yaml` has it."""
    return [
        {
            "ResourcePath": f"/{path.replace('/', '~1')}",
            "HttpMethod": verb.upper(),
            "ThrottlingRateLimit": {"Ref": "PublicRequestsPerSecond"},
            "ThrottlingBurstLimit": {"Ref": "PublicRequestBurst"},
        }
        for path, verbs in operations().items()
        for verb in verbs
    ]


def _operation(verb: str, file: File) -> dict[str, Any]:
    passed_on = {name: f"integration.response.header.{name}" for name in _PASSED_ON}
    fixed = {name: f"'{value}'" for name, value in _FIXED.items()}
    problem = {"Content-Type": "'application/problem+json'", "Retry-After": "'5'"}
    headers = {name: {"type": "string"} for name in {**passed_on, **fixed, **problem}}
    condition = {"name": "If-None-Match", "in": "header", "required": False, "type": "string"}
    return {
        "produces": [file.content_type],
        "parameters": [condition],
        "responses": {
            status: {"description": status, "headers": headers} for status in ("200", "304", "503")
        },
        "x-amazon-apigateway-integration": {
            "type": "aws",
            "httpMethod": verb.upper(),
            "credentials": {"Fn::GetAtt": ["ReferenceRole", "Arn"]},
            "uri": {"Fn::Sub": f"{_PLACE}{file.key}"},
            "requestParameters": {
                "integration.request.header.If-None-Match": "method.request.header.If-None-Match"
            },
            "passthroughBehavior": "when_no_match",
            "responses": {
                "200": _answer("200", {**passed_on, **fixed}),
                "304": _answer("304", {**passed_on, **fixed}),
                "default": {
                    **_answer("503", {**problem, **fixed}),
                    "responseTemplates": {"application/json": json.dumps(_UNAVAILABLE)},
                },
            },
        },
    }


def _answer(status: str, headers: Mapping[str, str]) -> dict[str, Any]:
    named = {f"method.response.header.{name}": value for name, value in headers.items()}
    return {"statusCode": status, "responseParameters": named}

"""Calls of DynamoDB at less than two thirds of their CPU: less to address, to sign and to read.

botocore does whatever a service of AWS may need. Services of AWS's JSON protocol have one address
in a region and requests that are all alike, and what DynamoDB answers about items needs no model to
be read. The classes take places that botocore has for others than its own; tests compare what they
return with what its own do.
"""

import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache, reduce
from hashlib import sha256
from typing import Any

from botocore.auth import AUTH_TYPE_MAPS, SIGNED_HEADERS_BLACKLIST, SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import Credentials
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import Shape
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory

SIGNATURE = "v4-json"
"""The ``signature_version`` of a client whose requests are a POST of JSON each."""

_ADDED = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
_UNSIGNED = frozenset(SIGNED_HEADERS_BLACKLIST)
_OUTPUTS = {
    "BatchGetItemOutput",
    "BatchWriteItemOutput",
    "DeleteItemOutput",
    "GetItemOutput",
    "PutItemOutput",
    "QueryOutput",
    "ScanOutput",
    "TransactWriteItemsOutput",
    "UpdateItemOutput",
}
_RULES = "endpoint-rule-set-1"
_SERVICES = {"dynamodb", "secretsmanager", "sqs"}


class DataLoader(Loader):
    """botocore's data without the rules that choose the address of each call of a JSON service.

    Without them botocore takes the service's address in the region from its table of endpoints,
    once for each client. The rules choose the same, unless FIPS, dual-stack or an account's own
    endpoints are asked for, which no function of ours does.
    """

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Mapping[str, Any]:
        """Return a description of a service. Raises UnknownServiceError if there is none."""
        if type_name == _RULES and service_name in _SERVICES:
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        found: Mapping[str, Any] = super().load_service_model(service_name, type_name, api_version)
        return found


class JsonSigner(SigV4Auth):
    """Signature Version 4 of a POST whose body is bytes: reads the headers once, keeps keys."""

    def add_auth(self, request: AWSRequest) -> None:
        """Sign ``request``, again if it is. Raises NoCredentialsError."""
        if self.credentials is None:
            return super().add_auth(request)
        now = get_current_datetime().strftime(SIGV4_TIMESTAMP)
        request.context["timestamp"] = now
        headers = request.headers
        signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        for name in _ADDED:
            if signed.pop(name.lower(), None) is not None:
                del headers[name]
        added = {"X-Amz-Date": now}
        if self.credentials.token:
            added["X-Amz-Security-Token"] = self.credentials.token
        for name, value in added.items():
            headers[name] = signed[name.lower()] = value
        canonical, names = _canonical(str(request.url), signed, request.data or b"")
        signature = self.signature(self.string_to_sign(request, canonical), request)
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.scope(request)}, "
            f"SignedHeaders={names}, Signature={signature}"
        )

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        """Return the signature, in hexadecimal digits."""
        key = _key(self.credentials.secret_key, self.credential_scope(request))
        return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


def _canonical(url: str, signed: dict[str, str], body: bytes) -> tuple[str, str]:
    """Return the canonical request of some headers, and the names of those that are in it."""
    beginning, host = _address(url)
    signed["host"] = host
    ordered = sorted(signed.keys() - _UNSIGNED)
    lines = "".join([f"{name}:{signed[name]}\n" for name in ordered])
    names = ";".join(ordered)
    return f"{beginning}\n{lines}\n{names}\n{sha256(body).hexdigest()}", names


@lru_cache(maxsize=16)
def _address(url: str) -> tuple[str, str]:
    """Return how the canonical request of a POST to ``url`` begins, and its host."""
    of_botocore = SigV4Auth(Credentials("", ""), "", "").canonical_request(AWSRequest("POST", url))
    beginning, _, rest = of_botocore.partition("\nhost:")
    return beginning, rest.partition("\n")[0]


@lru_cache(maxsize=16)
def _key(secret: str, scope: str) -> bytes:
    """Return the key of a ``scope``: a day, a region, a service and a constant."""
    return reduce(_derived, scope.split("/"), f"AWS4{secret}".encode())


def _derived(key: bytes, part: str) -> bytes:
    return hmac.digest(key, part.encode(), "sha256")


class ItemParser(JSONParser):
    """Reads what DynamoDB answers about items as the JSON that it is, and the rest by its model."""

    def parse(self, response: Mapping[str, Any], shape: Shape) -> Any:  # noqa: ANN401 - botocore's
        """Return the response as a dict, with ``ResponseMetadata``."""
        body = response["body"]
        if response["status_code"] >= 300 or not shape or shape.name not in _OUTPUTS:
            return super().parse(response, shape)
        try:
            found = json.loads(body, object_hook=_with_bytes if b'"B' in body else None)
        except ValueError:  # a body that is cut off: whoever checks its sum tries again
            return super().parse(response, shape)
        metadata = super().parse({**response, "body": b""}, None)  # type: ignore[arg-type]
        return found | metadata


def _with_bytes(found: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the bytes that it holds, if it is a binary value.

    An attribute may be named B, too; what is below its name is an object.
    """
    if isinstance(text := found.get("B"), str):
        return {"B": b64decode(text)}
    if isinstance(texts := found.get("BS"), list):
        return {"BS": [b64decode(text) for text in texts]}
    return found


class Parsers(ResponseParserFactory):
    """botocore's parsers, and `ItemParser` in place of that of JSON."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        """Return the parser of a protocol."""
        return _ITEMS if protocol_name == "json" else super().create_parser(protocol_name)


_ITEMS = ItemParser()
AUTH_TYPE_MAPS[SIGNATURE] = JsonSigner

"""DynamoDB in tests: tables as the templates define them, what calls cost, calls that break off."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.compat import HTTPHeaders

from infra import templates
from tests.support.stage import Killed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WANTED = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


def make_table(client: "DynamoDBClient", resource: str, name: str) -> str | None:
    """Make the table that the templates define, under another name; return its stream, if any."""
    defined = templates.merged().resources[resource]["Properties"]
    wanted = {each: defined[each] for each in _WANTED if each in defined}
    if stream := defined.get("StreamSpecification"):
        wanted["StreamSpecification"] = {"StreamEnabled": True, **stream}
    made = client.create_table(TableName=name, **wanted)
    return made["TableDescription"].get("LatestStreamArn")


def items(client: Any, table: str, kind: str = "") -> list[dict[str, Any]]:
    """Return the items of a table whose partition key begins with ``kind``, all by default."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    return [item for item in found if item["pk"]["S"].startswith(kind)]


@dataclass
class Spent:
    """The calls that a client sent, by operation, and the capacity units that they took."""

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0
    read_units: float = 0


@contextmanager
def spending(client: "DynamoDBClient") -> Iterator[Spent]:
    """Yield what ``client`` spends meanwhile, as DynamoDB itself reports it."""
    spent = Spent()

    def on_request(params: dict[str, Any], model: Any, **_: object) -> None:
        spent.calls[model.name] += 1
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def answered(parsed: dict[str, Any], model: Any, **_: object) -> None:
        reports = parsed.get("ConsumedCapacity", [])
        units = sum(
            each["CapacityUnits"] for each in (reports if isinstance(reports, list) else [reports])
        )
        if model.name in {"GetItem", "BatchGetItem", "Query", "Scan"}:
            spent.read_units += units
        else:
            spent.write_units += units

    events = client.meta.events
    events.register("provide-client-params.dynamodb", handler := _asking(on_request))
    events.register("after-call.dynamodb", answered)
    try:
        yield spent
    finally:
        events.unregister("provide-client-params.dynamodb", handler)
        events.unregister("after-call.dynamodb", answered)


def _asking(on_request: Any) -> Any:
    def provide(params: dict[str, Any], model: Any, **_: object) -> dict[str, Any]:
        params = dict(params)
        on_request(params, model)
        return params

    return provide


class Line:
    """A client of DynamoDB whose calls are counted, and whose caller may die of one.

    ``dies_at`` counts moments: 0 is before the first call, 1 right after it, 2 before the second.
    """

    def __init__(self, client: Any, dies_at: int | None = None) -> None:
        self._client = client
        self.meta = client.meta
        self.calls: list[str] = []
        self.write_units = 0.0
        self.read_units = 0.0
        self.dies_at = dies_at

    def __getattr__(self, name: str) -> Any:
        return lambda **parameters: self._called(name, parameters)

    def _called(self, name: str, parameters: dict[str, Any]) -> Any:
        self._die_at(2 * len(self.calls))
        self.calls.append(name)
        answer = getattr(self._client, name)(**parameters, ReturnConsumedCapacity="TOTAL")
        told = answer.get("ConsumedCapacity", [])
        units = sum(u["CapacityUnits"] for u in (told if isinstance(told, list) else [told]))
        if name in {"get_item", "batch_get_item", "query"}:
            self.read_units += units
        else:
            self.write_units += units
        self._die_at(2 * len(self.calls) - 1)
        return answer

    def _die_at(self, moment: int) -> None:
        if moment == self.dies_at:
            raise Killed


@contextmanager
def answering(client: Any, operation: str, *answers: Any) -> Iterator[list[Any]]:
    """Have ``client`` get these answers (status, JSON) without a call; yield its requests."""
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - with its own body below

    waiting, requests = list(answers), []

    def answer(request: Any, **_: object) -> Any:
        if not waiting:
            return None
        requests.append(json.loads(request.body))
        status, body = waiting.pop(0)
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(json.dumps(body).encode()))

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register_first(event, answer)
    try:
        yield requests
    finally:
        client.meta.events.unregister(event, answer)


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content

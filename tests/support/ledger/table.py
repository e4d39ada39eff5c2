"""The ledger's table as the template defines it, and a client that counts or breaks off calls."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra import templates
from tests.support.ledger.fakes import Killed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TEMPLATE = templates.FOLDER / "40-ledger.yaml"


def make_table(client: "DynamoDBClient", name: str) -> None:
    """Make the table that the template defines, under a name of its own."""
    defined = templates.merged([_TEMPLATE])["Resources"]["LedgerTable"]["Properties"]
    client.create_table(
        TableName=name,
        BillingMode=defined["BillingMode"],
        KeySchema=defined["KeySchema"],
        AttributeDefinitions=defined["AttributeDefinitions"],
    )


class Line:
    """A client of DynamoDB whose calls are counted, and whose caller may die of one.

    ``dies_at`` counts moments: 0 is before the first call, 1 right after it, 2 before the second.
    """

    def __init__(self, client: Any, dies_at: int | None = None) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.meta = client.meta
        self.calls: list[str] = []
        self.write_units = 0.0
        self.read_units = 0.0
        self.dies_at = dies_at

    def __getattr__(self, name: str) -> Any:
        return lambda **parameters: self._called(name, parameters)

    def get_paginator(self, name: str) -> "Line":
        return self

    def paginate(self, *, PaginationConfig: Any, **parameters: Any) -> Iterator[Any]:  # noqa: N803
        if PaginationConfig:
            parameters["Limit"] = PaginationConfig["PageSize"]
        while True:
            page = self._called("query", parameters)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

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
    """Have ``client`` get these answers (status, JSON) instead of asking; yield what was asked."""
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - with its own body below

    waiting, asked = list(answers), []

    def answer(request: Any, **_: object) -> Any:
        if not waiting:
            return None
        asked.append(json.loads(request.body))
        status, body = waiting.pop(0)
        return AWSResponse(request.url, status, {}, _Raw(json.dumps(body).encode()))

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register_first(event, answer)
    try:
        yield asked
    finally:
        client.meta.events.unregister(event, answer)


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content

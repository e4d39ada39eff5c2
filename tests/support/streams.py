"""The streams of moto's tables, as the function that records what happened gets them."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from moto.backends import get_backend

from infra import templates
from infra.local.aws import REGION

_ACCOUNT = "123456789012"


def changes(table: str) -> list[dict[str, Any]]:
    """Return the records of a table's stream as Lambda gets them, those that match the filters."""
    stored: Any = get_backend("dynamodb")[_ACCOUNT][REGION].tables[table]
    found = [copy.deepcopy(record.to_json()) for record in stored.stream_shard.items]
    for record in found:
        at = record["dynamodb"]["ApproximateCreationDateTime"]
        record["dynamodb"]["ApproximateCreationDateTime"] = int(at.timestamp())
        record["eventSourceARN"] = f"{stored.table_arn}/stream/{stored.latest_stream_label}"
    return [record for record in found if _passes(record, table)]


def _passes(record: Mapping[str, Any], table: str) -> bool:
    streams = templates.merged().declared.functions["webhooks_recorded"].streams
    return any(_matches(record, json.loads(pattern)) for pattern in streams[table])


def _matches(value: Any, pattern: Any) -> bool:
    """Return whether a value matches a pattern of Lambda's event filtering, as far as we use it."""
    if isinstance(pattern, dict):
        return all(name in value and _matches(value[name], part) for name, part in pattern.items())
    return any(
        value.startswith(each["prefix"]) if isinstance(each, dict) else value == each
        for each in pattern
    )

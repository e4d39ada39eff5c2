"""A function that makes the calls of a request and logs a line: what `bench.local_stack` races.

It is all of its zip.
"""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3

_TABLE = os.environ["DELIVERIES_TABLE"]
_dynamodb: Any = boto3.client("dynamodb")


def handle(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Answer a request of API Gateway; the body of a POST is a package, which is stored."""
    if event["httpMethod"] == "POST":
        _store(json.loads(event["body"]))
    print(json.dumps({"message": "request", "path": event["path"]}))
    return {"statusCode": 200, "body": "{}", "headers": {"Content-Type": "application/json"}}


def _store(package: dict[str, str]) -> None:
    """Make the two calls that Backroom makes: a read of two items, a transaction of six actions."""
    wishes = _key(f"RECIPIENT#{package['recipient_id']}", "PREFERENCES")
    record = _key(f"PACKAGE#{package['package_id']}", "RECORD")
    _dynamodb.batch_get_item(
        RequestItems={_TABLE: {"Keys": [record, wishes], "ConsistentRead": True}}
    )
    values = {name: {"S": package[name]} for name in ("sender_id", "recipient_id", "package_type")}
    at = _key("", f"{datetime.now(UTC).isoformat()}#{package['package_id']}")
    unknown = {"ConditionExpression": "attribute_not_exists(pk)", "TableName": _TABLE}
    lists = [f"{kind}#{package['recipient_id']}" for kind in ("BARE_R", "BARE_S", "BARE_D")]
    _dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {**unknown, "Item": {**record, **values}}},
            {"ConditionCheck": {**unknown, "Key": wishes}},
            *(
                {"Put": {"TableName": _TABLE, "Item": {**at, **values, "pk": {"S": name}}}}
                for name in lists
            ),
            {
                "Update": {
                    "TableName": _TABLE,
                    "Key": _key("BARE", f"COUNTED#{hash(package['package_id']) % 256}"),
                    "UpdateExpression": "ADD #n :one",
                    "ExpressionAttributeNames": {"#n": "delivered"},
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
        ]
    )


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}

"""CPU of a sale, with the network stubbed: ``python -m bench.warranties [--rounds 15]``.

Each round runs all in random order and compares them with that round's bare botocore calls: a
client as it comes, the BatchGetItem and the TransactWriteItems that a sale makes, nothing else.
What counts is the median of those ratios; the goal is 1.25 with log line and metrics.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator
from statistics import median
from unittest.mock import patch

import botocore.session

from bench import stub
from bench.handlers import Act, Silent, answer, asking, cpu_us, event, stdout_nowhere

_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "WARRANTIES_TABLE": "t",
    "WARRANTIES_BUCKET": "b",
    "OUTBOX_TABLE": "o",
}
_SALE = {
    "store_uuid": "b21ad0676f26439",
    "item_type": "furniture",
    "item_sku": "986kjeo8fy9qhu",
    "item_cost": 150.00,
    "item_title": "Amy's Sectional Sofa",
}
_FIELDS = {
    "request_id": "00000001-0000-4000-8000-000000000001",
    "received_at": "2142-03-01T08:00:00.000000+00:00",
    **_SALE,
    "item_cost": 150_00,
    "rate_card": "2026-11-21",
    "offers": [{"months": 12, "price_cents": 20_00}, {"months": 24, "price_cents": 27_00}],
    "reason": None,
}
_BODY = {"S": json.dumps(_FIELDS)}
_STORE = {"pk": {"S": "STORE#b21ad0676f26439"}, "sk": {"S": "STORE"}}
_ITEM = {
    "pk": {"S": "ITEM#986kjeo8fy9qhu"},
    "sk": {"S": "furniture"},
    "cost": {"N": "15000"},
    "title": {"S": "Amy's Sectional Sofa"},
    "changed_at": {"S": "2026-01-01T08:00:00.000000+00:00"},
}
_KEYED = {"pk": {"S": "KEY#k"}, "sk": {"S": "SALE"}, "body": _BODY}
_FOUND: dict[str, bytes] = {}


def contenders() -> Iterator[tuple[str, Act]]:
    """Yield what is measured, by name; the first is what all are compared with."""
    yield "bare botocore: BatchGetItem and TransactWriteItems of 4", _bare()
    body = json.dumps(_SALE)
    post = asking(event("POST", "/warranties", body=body))
    keyed = asking(event("POST", "/warranties", body=body, headers={"idempotency-key": "k"}))
    mixed = asking(event("GET", "/warranties"))
    yield "POST /warranties, without log and metrics", Silent(_with(post, _STORE, _ITEM))
    yield "POST /warranties", _with(post, _STORE, _ITEM)
    yield "POST /warranties, with a key", _with(keyed, _STORE, _ITEM)
    yield "POST /warranties, the same key again", _with(keyed, _STORE, _ITEM, _KEYED)
    yield "GET /warranties, 96 of them", mixed


def _bare() -> Act:
    client = botocore.session.get_session().create_client("dynamodb")
    stub.answer_all(client, json.dumps({"Responses": {"t": [_STORE, _ITEM]}}).encode())
    keys = [{name: item[name] for name in ("pk", "sk")} for item in (_STORE, _ITEM)]
    puts = [
        {
            "Put": {
                "TableName": "t",
                "Item": {"pk": {"S": f"SALE#{n}"}, "sk": {"S": "SALE"}, "body": _BODY},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for n in range(4)
    ]

    def act() -> object:
        client.batch_get_item(RequestItems={"t": {"Keys": keys, "ConsistentRead": True}})
        return client.transact_write_items(TransactItems=puts)

    return act


def _with(act: Act, *found: object) -> Act:
    """Return ``act`` on a table in which ``found`` is what a read finds."""
    text = json.dumps({"UnprocessedKeys": {}, "Responses": {"t": list(found)}}).encode()

    def acting() -> object:
        _FOUND["BatchGetItem"] = text
        return act()

    return acting


def _rows(count: int) -> list[object]:
    return [{"pk": {"S": "LIST#0"}, "sk": {"S": f"{n:06}"}, "body": _BODY} for n in range(count)]


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m bench.warranties")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200)
    told = parser.parse_args()
    with patch.dict(os.environ, _SETTINGS):
        from chalicelib.core import aws

        acts = list(contenders())
        _FOUND["Query"] = json.dumps(
            {"Items": _rows(6)}
        ).encode()  # each of 8 shards, 2 warranties each
        answer(aws.dynamodb(), _FOUND)
        spent: dict[str, list[float]] = {name: [] for name, _ in acts}
        with stdout_nowhere():
            for _ in range(told.rounds):
                for name, act in random.sample(acts, len(acts)):
                    spent[name].append(cpu_us(act, told.times))
    base = spent[acts[0][0]]
    print("| what | CPU, us | x bare calls |")
    print("|---|---|---|")
    for name, all_us in spent.items():
        ratios = [us / bare for us, bare in zip(all_us, base, strict=True)]
        print(f"| {name} | {median(all_us):.0f} | {median(ratios):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

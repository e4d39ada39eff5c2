"""What a sale costs beside its calls of DynamoDB: ``python -m bench.warranties``."""

import argparse
import json
import os
import sys
from unittest.mock import patch

from bench.handlers import Case, compared, request

_SETTINGS = {
    "AUTH": "open",
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


def _found(*items: object) -> dict[str, object]:
    """Return the answer of a read that finds ``items``."""
    return {"BatchGetItem": {"UnprocessedKeys": {}, "Responses": {"t": list(items)}}}


def _rows(count: int) -> list[object]:
    return [{"pk": {"S": "LIST#0"}, "sk": {"S": f"{n:06}"}, "body": _BODY} for n in range(count)]


_POST = request("POST", "/warranties", body=_SALE)
_WITH_KEY = request("POST", "/warranties", body=_SALE, headers={"idempotency-key": "k"})
CASES = (
    Case("POST /warranties", _POST, _found(_STORE, _ITEM)),
    Case("POST /warranties, with a key", _WITH_KEY, _found(_STORE, _ITEM)),
    Case("POST /warranties, the same key again", _WITH_KEY, _found(_STORE, _ITEM, _KEYED)),
    # 2 warranties in each of 12 rows in each of 4 shards
    Case(
        "GET /warranties, 96 of them",
        request("GET", "/warranties"),
        {"Query": {"Items": _rows(12)}},
    ),
)


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m bench.warranties")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200)
    told = parser.parse_args()
    with patch.dict(os.environ, _SETTINGS):
        for line in compared(CASES, rounds=told.rounds, times=told.times):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a delivery costs beside its calls of DynamoDB: ``python -m bench.deliveries``."""

import argparse
import os
import sys
from unittest.mock import patch

from bench.handlers import Case, compared, request

_SETTINGS = {
    "AUTH": "open",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "DELIVERIES_TABLE": "t",
}
_SAID = {"timestamp": "2142-05-01T10:00:00Z", "personal": True, "marketing": False}
_BOX = {
    "timestamp": "2142-05-01T10:00:00Z",
    "sender_id": "earth",
    "recipient_id": "mars",
    "package_id": "box",
    "package_type": "personal",
}
_RANK = {"N": "10877500800000000"}
_RECORD = {
    "pk": {"S": "PACKAGE#box"},
    "sk": {"S": "RECORD"},
    "sender": {"S": "earth"},
    "recipient": {"S": "mars"},
    "type": {"S": "personal"},
    "status": {"S": "delivered"},
    "said": {"N": "5438224800000000"},
    "decided": {"N": "5438224800000000"},
    "later": {"M": {}},
}
_PREFERENCES = {
    "pk": {"S": "RECIPIENT#mars"},
    "sk": {"S": "PREFERENCES"},
    "wants_personal": _RANK,
    "wants_marketing": _RANK,
    "changes": {"L": [{"S": "1700000000000000 5438224800000000 +personal -marketing"}]},
}
_CHOOSING = request("PUT", "/preferences", body={**_SAID, "recipient_id": "mars"})
_SENDING = request("POST", "/packages", body=_BOX)
CASES = (
    Case("PUT /preferences", _CHOOSING, {"UpdateItem": {"Attributes": _PREFERENCES}}),
    Case(
        "POST /packages, first time",
        _SENDING,
        {"BatchGetItem": {"Responses": {"t": [_PREFERENCES]}, "UnprocessedKeys": {}}},
    ),
    Case(
        "POST /packages, the same again",
        _SENDING,
        {"BatchGetItem": {"Responses": {"t": [_PREFERENCES, _RECORD]}, "UnprocessedKeys": {}}},
    ),
    Case(
        "GET /packages/{package_id}",
        request("GET", "/packages/{package_id}", package_id="box"),
        {"GetItem": {"Item": _RECORD}},
    ),
)


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m bench.deliveries")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200)
    told = parser.parse_args()
    with patch.dict(os.environ, _SETTINGS):
        for line in compared(CASES, rounds=told.rounds, times=told.times):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

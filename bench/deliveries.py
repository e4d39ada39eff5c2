"""CPU of a request, with the network stubbed: ``python -m bench.deliveries [--rounds 15]``.

Each round runs all in random order and compares them with that round's bare botocore put: a client
as it comes, one conditional PutItem, nothing else. What counts is the median of those ratios.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator, Mapping
from statistics import median
from unittest.mock import patch

import botocore.session

from bench import stub
from bench.handlers import Act, Silent, answer, asking, cpu_us, event, stdout_nowhere

_SETTINGS = {
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


def contenders() -> Iterator[tuple[str, Act]]:
    """Yield what is measured, by name; the first is what all are compared with."""
    yield "bare botocore, conditional put", _bare()
    said = json.dumps({**_SAID, "recipient_id": "mars"})
    put = asking(event("PUT", "/preferences", body=said))
    send = asking(event("POST", "/packages", body=json.dumps(_BOX)))
    yield "PUT /preferences, without log and metrics", Silent(_with(put, {}))
    yield "PUT /preferences", _with(put, {})
    yield "POST /packages, first time", _with(send, {"Responses": {"t": [_PREFERENCES]}})
    yield "POST /packages, retry", _with(send, {"Responses": {"t": [_PREFERENCES, _RECORD]}})


def _bare() -> Act:
    client = botocore.session.get_session().create_client("dynamodb")
    stub.answer_all(client)
    item = {"pk": {"S": "PACKAGE#box"}, "sk": {"S": "RECORD"}, "body": {"S": "x" * 60}}

    def act() -> object:
        return client.put_item(
            TableName="t", Item=item, ConditionExpression="attribute_not_exists(pk)"
        )

    return act


_FOUND = {"UpdateItem": json.dumps({"Attributes": _PREFERENCES}).encode()}


def _with(act: Act, found: Mapping[str, object]) -> Act:
    """Return ``act`` on a database in which ``found`` is what a read finds."""
    text = json.dumps({"UnprocessedKeys": {}, **found}).encode()

    def acting() -> object:
        _FOUND["BatchGetItem"] = text
        return act()

    return acting


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m bench.deliveries")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200)
    told = parser.parse_args()
    with patch.dict(os.environ, _SETTINGS):
        from chalicelib.core import aws

        acts = list(contenders())
        answer(aws.dynamodb(), _FOUND)
        spent: dict[str, list[float]] = {name: [] for name, _ in acts}
        with stdout_nowhere():
            for _ in range(told.rounds):
                for name, act in random.sample(acts, len(acts)):
                    spent[name].append(cpu_us(act, told.times))
    base = spent[acts[0][0]]
    print("| what | CPU, us | x bare put |")
    print("|---|---|---|")
    for name, all_us in spent.items():
        ratios = [us / bare for us, bare in zip(all_us, base, strict=True)]
        print(f"| {name} | {median(all_us):.0f} | {median(ratios):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

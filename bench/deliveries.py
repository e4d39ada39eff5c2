"""CPU of a request, with the network stubbed: ``python -m bench.deliveries [--rounds 15]``.

Each round runs all in random order and compares them with that round's bare botocore put: a client
as it comes, one conditional PutItem, nothing else. What counts is the median of those ratios.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import botocore.session

from bench import stub

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
Act = Callable[[], object]


def contenders() -> Iterator[tuple[str, Act]]:
    """Yield what is measured, by name; the first is what all are compared with."""
    yield "bare botocore, conditional put", _bare()
    from app import app

    def ask(method: str, path: str, body: Mapping[str, object]) -> Act:
        event = _event(method, path, body)

        def act() -> None:
            status = app(event, None)["statusCode"]
            assert status < 300, status

        return act

    put = ask("PUT", "/preferences", {**_SAID, "recipient_id": "mars"})
    send = ask("POST", "/packages", _BOX)
    yield "PUT /preferences, without log and metrics", _silent(_with(put, {}))
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


_FOUND: dict[str, bytes] = {}


def _with(act: Act, found: Mapping[str, object]) -> Act:
    """Return ``act`` on a database in which ``found`` is what a read finds."""
    text = json.dumps({"UnprocessedKeys": {}, **found}).encode()

    def acting() -> object:
        _FOUND["BatchGetItem"] = text
        return act()

    return acting


def _silent(act: Act) -> Act:
    def acting() -> object:
        with _nothing_told():
            return act()

    return acting


@contextmanager
def _nothing_told() -> Iterator[None]:
    from chalicelib.core import log

    told = (log.logger.info, log.count, log.emit)
    log.logger.info = log.count = log.emit = _nothing  # type: ignore[method-assign,assignment]
    yield
    log.logger.info, log.count, log.emit = told  # type: ignore[method-assign]


def _nothing(*_: object, **__: object) -> None:
    """Tell nobody."""


def _answer_by_operation() -> None:
    """Have the app's client answered without a network."""
    from botocore.awsrequest import AWSResponse

    from chalicelib.core import aws

    _FOUND["UpdateItem"] = json.dumps({"Attributes": _PREFERENCES}).encode()

    def answer(request: Any, event_name: str, **_: object) -> AWSResponse:
        headers: Any = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "1"}
        body = _FOUND.get(event_name.rpartition(".")[2], b"{}")
        return AWSResponse(request.url, 200, headers, stub._Body(body))

    aws.dynamodb().meta.events.register("before-send.dynamodb", answer)


def _event(method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": path,
            "httpMethod": method,
            "path": path,
            "requestId": "1",
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def cpu_us(act: Act, times: int) -> float:
    """Return the CPU time of ``act`` in microseconds."""
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) / times * 1e6


@contextmanager
def _stdout_nowhere() -> Iterator[None]:
    """Let what the app logs be written, and read by nobody."""
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


def main() -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m bench.deliveries")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200)
    told = parser.parse_args()
    with patch.dict(os.environ, _SETTINGS):
        acts = list(contenders())
        _answer_by_operation()
        spent: dict[str, list[float]] = {name: [] for name, _ in acts}
        with _stdout_nowhere():
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

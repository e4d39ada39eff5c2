"""Whole handlers called as Lambda calls them, on an AWS that always answers the same."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import stub

Act = Callable[[], object]


def event(
    method: str,
    resource: str,
    *,
    body: str | None = None,
    query: Any = None,
    headers: Mapping[str, str] | None = None,
    **path: str,
) -> dict[str, Any]:
    """Return a request as API Gateway hands it to a function."""
    told = {"content-type": "application/json", **(headers or {})}
    return {
        "resource": resource,
        "path": resource.format(**path),
        "httpMethod": method,
        "headers": told,
        "multiValueHeaders": {name: [value] for name, value in told.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": query,
        "pathParameters": path or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": resource.format(**path),
            "requestId": "1",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def asking(request: dict[str, Any]) -> Act:
    """Return the act of sending a request to the app, which has to do what it asks."""
    from app import app

    def ask() -> None:
        status = app(request, None)["statusCode"]
        assert status < 300, status

    return ask


def answer(client: Any, answers: Mapping[str, bytes]) -> None:
    """Have ``client`` answered JSON by operation, without a network; ``answers`` may change."""
    from botocore.awsrequest import AWSResponse

    def answering(request: Any, event_name: str, **_: object) -> AWSResponse:
        headers: Any = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "1"}
        body = answers.get(event_name.rpartition(".")[2], stub.DYNAMODB_OK)
        return AWSResponse(request.url, 200, headers, stub._Body(body))

    client.meta.events.register("before-send.dynamodb", answering)


@dataclass(frozen=True)
class Silent:
    """An act that is measured without its log line and metrics."""

    act: Act

    def __call__(self) -> object:
        """Act."""
        return self.act()


def cpu_us(act: Act, times: int) -> float:
    """Return the CPU time of ``act`` in microseconds."""
    with nothing_told() if isinstance(act, Silent) else nullcontext():
        return _cpu_us(act, times)


def _cpu_us(act: Act, times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) / times * 1e6


@contextmanager
def nothing_told() -> Iterator[None]:
    """Neither log nor count for a while."""
    from chalicelib.core import log

    def nothing(*_: object, **__: object) -> None:
        """Tell nobody."""

    with (
        patch.object(log.logger, "info", nothing),
        patch.object(log, "count", nothing),
        patch.object(log, "emit", nothing),
    ):
        yield


@contextmanager
def stdout_nowhere() -> Iterator[None]:
    """Let what the app logs be written, and read by nobody."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)

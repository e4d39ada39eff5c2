"""Whole handlers in one process: called as Lambda calls them, on a network that is not there.

A handler is measured against its `bare` calls: the same calls of DynamoDB, with the same arguments
and the same answers, made by a client as botocore gives it, and nothing else.
"""

import io
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import botocore.session
from botocore.awsrequest import AWSResponse

Act = Callable[[], object]
Answers = Mapping[str, object]
"""What each operation of AWS answers, by its name; an operation that is not named answers {}."""


def request(
    method: str,
    resource: str,
    *,
    body: object = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    **path: str,
) -> dict[str, Any]:
    """Return the event of a request, as API Gateway writes it."""
    sent = {"content-type": "application/json", **(headers or {})}
    return {
        "resource": resource,
        "path": resource.format(**path),
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()}
        if query
        else None,
        "pathParameters": path or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": resource.format(**path),
            "requestId": "1",
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


class Network:
    """Answers a client in place of DynamoDB: everything of botocore runs but the sockets."""

    def __init__(self, client: Any) -> None:
        self._texts: dict[str, bytes] = {}
        client.meta.events.register("before-send.dynamodb", self._answer)

    def answers(self, answers: Answers) -> None:
        """Answer ``answers`` from now on."""
        self._texts = {name: json.dumps(answer).encode() for name, answer in answers.items()}

    def _answer(self, request: Any, event_name: str, **_: object) -> AWSResponse:
        headers: Any = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "1"}
        body = self._texts.get(event_name.rpartition(".")[2], b"{}")
        return AWSResponse(request.url, 200, headers, _Body(body))


class _Body(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@dataclass(frozen=True)
class Case:
    """A request to measure, and what the database answers meanwhile."""

    name: str
    event: Mapping[str, Any]
    answers: Answers = field(default_factory=dict)


class Handler:
    """The app, called as Lambda calls it; the settings of its contexts are set before."""

    def __init__(self) -> None:
        from app import app
        from chalicelib.core import aws

        self._app = app
        self._client = aws.dynamodb()
        self._network = Network(self._client)

    def act(self, case: Case) -> Act:
        """Return the act of handling the request of ``case``."""

        def handle() -> None:
            status = self._app(case.event, None)["statusCode"]
            assert status < 300, status

        return handle

    def ready(self, case: Case) -> None:
        """Have the database answer what ``case`` says."""
        self._network.answers(case.answers)

    def calls(self, case: Case) -> list[tuple[str, dict[str, Any]]]:
        """Return the calls of DynamoDB that the case makes: a client's methods and arguments."""
        meta = self._client.meta
        methods = {operation: name for name, operation in meta.method_to_api_mapping.items()}
        calls: list[tuple[str, dict[str, Any]]] = []

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            calls.append((methods[model.name], params))

        self.ready(case)
        meta.events.register("provide-client-params.dynamodb", note)
        try:
            self.act(case)()
        finally:
            meta.events.unregister("provide-client-params.dynamodb", note)
        return calls


def bare(calls: Sequence[tuple[str, dict[str, Any]]], answers: Answers) -> Act:
    """Return the act of making ``calls`` with a client as it comes, and no more."""
    client = botocore.session.get_session().create_client("dynamodb")
    Network(client).answers(answers)
    made = [(getattr(client, name), arguments) for name, arguments in calls]

    def call() -> None:
        for method, arguments in made:
            method(**arguments)

    return call


def put() -> Act:
    """Return the plainest conditional put, by a client as it comes."""
    item = {"pk": {"S": "PACKAGE#box"}, "sk": {"S": "RECORD"}, "body": {"S": "x" * 60}}
    condition = {"ConditionExpression": "attribute_not_exists(pk)"}
    return bare([("put_item", {"TableName": "t", "Item": item, **condition})], {})


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


def cpu_us(act: Act, times: int) -> float:
    """Return the CPU time of ``act`` in microseconds, the mean of ``times``."""
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) / times * 1e6


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


def compared(cases: Sequence[Case], *, rounds: int, times: int) -> Iterator[str]:
    """Yield a Markdown table of what each case costs beside the calls that it makes.

    Each round takes all in random order; what counts is the median of the rounds' ratios.
    """
    handler = Handler()
    plain = put()
    spent: dict[str, list[tuple[float, float, float, float]]] = {case.name: [] for case in cases}
    with stdout_nowhere():
        bares = {case.name: bare(handler.calls(case), case.answers) for case in cases}
        for each in range(rounds + 1):
            for case in random.sample(cases, len(cases)):
                handler.ready(case)
                act = handler.act(case)
                with nothing_told():
                    silent = cpu_us(act, times)
                told = cpu_us(act, times)
                measured = (silent, told, cpu_us(bares[case.name], times), cpu_us(plain, times))
                if each:  # the first round only warms up
                    spent[case.name].append(measured)
    yield "| request | CPU, us | / its bare calls | without log and metrics | / a bare put |"
    yield "|---|---|---|---|---|"
    for name, found in spent.items():
        us = median(told for _, told, _, _ in found)
        calls = median(told / calls for _, told, calls, _ in found)
        silent = median(silent / calls for silent, _, calls, _ in found)
        least = median(silent / put for silent, _, _, put in found)
        yield f"| {name} | {us:.0f} | {calls:.2f} | {silent:.2f} | {least:.2f} |"

"""Requests that were made once, on an AWS in this process, and can be made again without it.

`told` tells the story of the OpenAPI document's examples (`tests.support.examples`) and notes of
each route its first request, and what AWS answered meanwhile. A `Replay` makes such a request
again, or its calls alone: everything runs but the sockets and what is behind them.
"""

import copy
import io
import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, NamedTuple
from unittest.mock import patch

import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import BotocoreStubber

from app import app
from bench.handlers import Act, stdout_nowhere
from bench.stored import READS, Stored
from chalicelib.core import aws, instants
from chalicelib.core.contexts import Backroom
from chalicelib.core.instants import now
from chalicelib.core.table import Item, key
from chalicelib.web import files
from tests.support.api import Api
from tests.support.aws import client
from tests.support.examples import ROUTES, Teller, stage, tell

_UNTOLD: Mapping[str, Mapping[str, str]] = {
    "getOpenapi": {},
    "getPageFile": {"file": "app.js"},
    "getPageBundle": {"version": files.bundles().version, "file": "app.js"},
}
"""Operations without an example in the document, and the values of their paths."""


class _Clock(datetime):
    """Says the time of the request that is made again: what was answered then is as old as then."""

    at: datetime

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return cls.at.astimezone(tz)


class Call(NamedTuple):
    """A call of AWS: the service and the method of a client, and the arguments."""

    service: str
    method: str
    arguments: Mapping[str, Any]
    operation: str


class Noted(NamedTuple):
    """What AWS answered to a call."""

    status: int
    headers: HTTPHeaders
    body: bytes


@dataclass
class Exchange:
    """A request to a route, and what AWS answered meanwhile, by operation."""

    route: str
    at: datetime
    event: Mapping[str, Any] = field(default_factory=dict)
    answers: dict[str, list[Noted]] = field(default_factory=lambda: defaultdict(list))
    exact: dict[tuple[str, bytes], Noted] = field(default_factory=dict)
    answer_bytes: int = 0

    @property
    def answered(self) -> int:
        """Return how many calls AWS answered."""
        return sum(map(len, self.answers.values()))

    @property
    def refused(self) -> bool:
        """Return whether AWS refused a call, such as a write whose condition did not hold."""
        return any(noted.status >= 400 for some in self.answers.values() for noted in some)


class _Body(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


class Replay:
    """The network of all clients: notes what AWS answers to an exchange, or answers it itself."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.latest: dict[str, Exchange] = {}
        self.stored: dict[str, list[Item]] = {}
        self.tables: Stored | None = None
        self.noting: Exchange | None = None
        self._answering: Exchange | None = None
        self._turns: dict[str, int] = defaultdict(int)
        self._thread = threading.local()
        self._calls: list[Call] | None = None
        self._clients: dict[str, Any] = {}
        self._bare = botocore.session.get_session()
        self.join(self._bare)

    def join(self, session: botocore.session.Session) -> None:
        """Be the network of the clients that ``session`` makes from now on."""
        events: Any = session.get_component("event_emitter")
        events.register("provide-client-params", self._called)
        events.register("before-send", self._answer)

    def leave(self) -> None:
        """Answer nothing any more."""
        self._answering = self.tables = None

    # --- making requests and calls ---

    def handling(self, exchange: Exchange) -> Act:
        """Return the act of handling the request of ``exchange`` by the app."""

        def handle() -> None:
            self._begin(exchange)
            answer = app(exchange.event, None)
            assert answer["statusCode"] < 300, (exchange.route, answer)

        return handle

    def asking(self, name: str, event: Mapping[str, Any]) -> Act:
        """Return the act of making a request that was not noted, of what `tables` hold."""
        return self.handling(Exchange(name, self.exchanges[-1].at, event))

    def calls_of(self, act: Act) -> list[Call]:
        """Return the calls that reach the network while something is done."""
        found: list[Call] = []
        self._calls = found
        try:
            act()
        finally:
            self._calls = None
        return found

    def bare(self, exchange: Exchange, calls: list[Call]) -> Act:
        """Return the act of making ``calls`` with clients as they come, and no more."""
        for service in {call.service for call in calls} - {*self._clients}:
            self._clients[service] = self._bare.create_client(service)
        made = [
            (getattr(self._clients[call.service], call.method), call.arguments) for call in calls
        ]

        def call() -> None:
            self._begin(exchange)
            for method, arguments in made:
                with suppress(ClientError):  # a condition that did not hold, as then
                    method(**arguments)

        return call

    def _begin(self, exchange: Exchange) -> None:
        self._answering = exchange
        _Clock.at = exchange.at
        self._turns.clear()

    # --- what botocore calls ---

    def _called(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        self._thread.call = Call(service, xform_name(model.name), params, f"{service}.{model.name}")

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        exchange = self._answering
        if exchange is None:
            return None
        if self._calls is not None:
            self._calls.append(self._thread.call)
        operation = self._thread.call.operation
        if self.tables and (operation in READS or not exchange.answers):
            text = self.tables.answer(operation, json.loads(_exactly(request)[1]))
            return AWSResponse(request.url, 200, HTTPHeaders(), _Body(text.encode()))
        noted = exchange.exact.get(_exactly(request))
        if noted is None:
            answers = exchange.answers[operation]
            noted = answers[self._turns[operation] % len(answers)]
            self._turns[operation] += 1
        return AWSResponse(request.url, noted.status, noted.headers, _Body(noted.body))

    # --- noting ---

    def note(self, request: AWSPreparedRequest, answer: tuple[int, Mapping[str, str], Any]) -> None:
        """Note that AWS answered so, if an exchange is going on."""
        if self.noting is None:
            return
        status, given, body = answer
        headers = HTTPHeaders()
        for name, value in given.items():
            headers[name] = str(value)
        noted = Noted(status, headers, body.encode() if isinstance(body, str) else bytes(body))
        call: Call = self._thread.call
        self.noting.answers[call.operation].append(noted)
        self.noting.exact[_exactly(request)] = noted


class _Noter(Teller):
    """Tells the story, and has every request noted."""

    def __init__(self, replay: Replay, api: Api) -> None:
        super().__init__(api.raw)
        self._replay = replay
        self._noted: dict[str, list[Exchange]] = defaultdict(list)

    def __call__(self, operation: str, *arguments: Any, **named: Any) -> Any:
        route = ROUTES[operation]
        self._replay.noting = Exchange(f"{route.method} {route.path}", now())
        self._noted[operation].append(self._replay.noting)
        try:
            return super().__call__(operation, *arguments, **named)
        finally:
            self._replay.noting = None

    def chosen(self) -> Iterator[Exchange]:
        """Yield of each operation the request that does most, of those that AWS refused nothing."""
        for exchanges in self._noted.values():
            yield max(exchanges, key=lambda each: (not each.refused, each.answered))

    def latest(self) -> dict[str, Exchange]:
        """Return the last request to each route that AWS refused nothing."""
        every = (each for exchanges in self._noted.values() for each in exchanges)
        return {each.route: each for each in every if not each.refused}


@contextmanager
def told() -> Iterator[Replay]:
    """Yield the requests of the story, to be made again; AWS is out of reach meanwhile.

    The settings are those of the story; what was stored is gone.
    """
    replay = Replay()
    session = aws.new_session()
    replay.join(session)
    handle, process = Backroom.__call__, BotocoreStubber.process_request

    def handled(self: Backroom, event: Any, context: Any) -> Any:
        if replay.noting and not replay.noting.event:
            replay.noting.event = copy.deepcopy(event)
        answer = handle(self, event, context)
        if replay.noting:
            replay.noting.answer_bytes = len(answer["body"])
        return answer

    def processed(self: BotocoreStubber, request: Any) -> Any:
        answer = process(self, request)
        if answer is not None:
            replay.note(request, answer)
        return answer

    with patch.object(aws, "_session", lambda: session):
        with (
            stage() as api,
            patch.object(Backroom, "__call__", handled),
            patch.object(BotocoreStubber, "process_request", processed),
        ):
            _have_had_orders()
            noter = _Noter(replay, api)
            with stdout_nowhere():
                tell(noter)
                for operation, path in _UNTOLD.items():
                    noter(operation, path=path)
            replay.exchanges = list(noter.chosen())
            replay.latest = noter.latest()
            environment = dict(os.environ)
            dynamodb = client("dynamodb")
            for name in dynamodb.list_tables()["TableNames"]:
                replay.stored[name] = dynamodb.scan(TableName=name)["Items"]
        with patch.dict(os.environ, environment), patch.object(instants, "datetime", _Clock):
            yield replay
            replay.leave()


def _have_had_orders() -> None:
    """Let the stage's first order be over: it alone notes where and when its lists begin."""
    begun = {"customers_from": {"N": "1"}, "spread_from": {"S": "2026-01-01T00:00:00Z"}}
    item = {**key("COUNTERS", "ORDERS"), **begun}
    client("dynamodb").put_item(TableName="BakeryTable", Item=item)


def _exactly(request: AWSPreparedRequest) -> tuple[str, bytes]:
    body = request.body
    return f"{request.method} {request.url}", body if isinstance(body, bytes) else b""

"""Serve the embedded AWS on one port and the deployed API on another, in one process.

Runs in MiniStack's own environment: ``python infra/local/gateway.py AWS_PORT API_PORT STATE``.
Whatever comes to the API's port is the API's, at its custom domain, so its address has no stage
and stays the same when a changed definition replaces the API. Both ports refuse what foreign web
pages send. Ends cleanly (state saved) on SIGTERM.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from infra.request_guard import RequestGuard, problem

API_HOST = "backroom.localhost"
SAVE_PATH = "/_backroom/save"
# Each request at work takes a process with a function's code; further ones wait for their turn.
WORKERS = max(4, 2 * (os.cpu_count() or 1))
_STAGE = re.compile(r"/_aws/execute-api/[a-z0-9]+/[a-z]+(/|$)")
_CORS = b"access-control-"
_PROBLEM = (b"content-type", b"application/problem+json")

Scope = dict[str, Any]
RawHeaders = list[tuple[bytes, bytes]]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
Resolve = Callable[[str, str], tuple[str, str, str] | None]


class Gateway:
    """Leads requests to the embedded AWS or, from the API's port, to the deployed API.

    Every path at the API's port is the API's, also those that the embedded AWS has for itself
    (``/health``). ``resolve`` finds the stage behind a custom domain.
    """

    def __init__(
        self, aws: Asgi, aws_port: int, api_port: int, resolve: Resolve, state: Any = None
    ) -> None:
        self._aws = aws
        self._resolve = resolve
        self._state = state
        self._api_port = api_port
        page = frozenset({api_port})
        self._at_api = RequestGuard(api_port, page)
        # Whoever calls AWS's own APIs runs code as the developer, so no page may. Our page may use
        # presigned URLs, and the stage's own address, which CloudFormation puts out, is here, too.
        self._at_aws = RequestGuard(aws_port, frozenset(), navigable=False)
        self._at_presigned = RequestGuard(aws_port, page)
        self._at_stage = RequestGuard(aws_port, page | {aws_port})
        self._turns = asyncio.Semaphore(WORKERS)
        self._keeper: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or see to the server's start and end."""
        if scope["type"] == "lifespan":
            await self._aws(scope, receive, self._recovering(send))
        elif reason := self._refusal(scope):
            await _refuse(scope, send, reason)
        elif scope["path"] == SAVE_PATH and self._guard(scope) is self._at_aws:
            await self._save(scope, send)
        else:
            await self._lead(scope, receive, send)
            if self._state and not scope["path"].endswith("/health"):
                self._state.changed = True

    async def _lead(self, scope: Scope, receive: Any, send: Any) -> None:
        origin = _value(scope, b"origin")
        if self._guard(scope) is not self._at_api:
            if origin and scope.get("method") == "OPTIONS":
                await _answer_preflight(scope, send, origin)
            else:
                await self._aws(scope, receive, _with_cors(send, origin))
        elif found := self._resolve(API_HOST, "/"):
            async with self._turns:
                await self._aws(_at_stage(scope, *found[:2]), receive, _with_cors(send))
        else:
            await _nothing_deployed(send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in scope["headers"]
        ]
        return self._guard(scope).refusal(scope.get("method", "GET"), headers)

    def _guard(self, scope: Scope) -> RequestGuard:
        if scope["server"][1] == self._api_port:
            return self._at_api
        if _STAGE.match(scope["path"]):
            return self._at_stage
        return self._at_presigned if _is_presigned(scope) else self._at_aws

    def _recovering(self, send: Any) -> Any:
        """Have the state whole again before the first request, and saved from then on."""

        async def sent(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete" and self._state:
                await self._state.recover()
                self._keeper = asyncio.create_task(self._state.save_every_few_seconds())
            await send(message)

        return sent

    async def _save(self, scope: Scope, send: Any) -> None:
        """Save the state now: 204, or 507 and since when nothing has been saved."""
        if scope["method"] != "POST" or self._state is None:
            await _answer(send, 405, [(b"allow", b"POST")])
            return
        try:
            await self._state.save()
        except Exception as failed:  # noqa: BLE001 - whoever asked has to know
            since = datetime.fromtimestamp(self._state.saved_at, UTC).isoformat(timespec="seconds")
            body = {"status": 507, "title": "Not saved", "detail": str(failed), "saved_at": since}
            await _answer(send, 507, [_PROBLEM], json.dumps(body).encode())
        else:
            await _answer(send, 204)


def _at_stage(scope: Scope, api_id: str, stage: str) -> Scope:
    prefix = f"/_aws/execute-api/{api_id}/{stage}"
    raw = scope.get("raw_path") or scope["path"].encode()
    return {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + raw}


def _is_presigned(scope: Scope) -> bool:
    """Return whether a request can be nothing but one that was signed for S3 in its URL."""
    query = scope["query_string"]
    signed = b"X-Amz-Signature=" in query and b"%2Fs3%2Faws4_request" in query
    return signed and b"Action=" not in query


class _Answer:
    """Sends an answer on, without the embedded AWS's CORS headers.

    ``origin``, a page of our own, may read it. LocalStack looks for ``closed`` at whatever owns
    the method that it sends by.
    """

    def __init__(self, send: Any, origin: bytes | None) -> None:
        self._send = send
        self._origin = origin

    @property
    def closed(self) -> bool:
        return bool(getattr(getattr(self._send, "__self__", None), "closed", False))

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [
                header for header in message["headers"] if not header[0].lower().startswith(_CORS)
            ]
            message = {**message, "headers": headers + _cors(self._origin)}
        await self._send(message)


def _with_cors(send: Any, origin: bytes | None = None) -> Any:
    return _Answer(send, origin).send


def _cors(origin: bytes | None) -> RawHeaders:
    if origin is None:
        return []
    exposed = (b"access-control-expose-headers", b"ETag")
    return [(b"access-control-allow-origin", origin), exposed, (b"vary", b"Origin")]


async def _answer_preflight(scope: Scope, send: Any, origin: bytes) -> None:
    allowed = _value(scope, b"access-control-request-headers") or b"content-type"
    headers = [
        *_cors(origin),
        (b"access-control-allow-methods", b"GET, HEAD, PUT"),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", b"600"),
    ]
    await _answer(send, 204, headers)


async def _refuse(scope: Scope, send: Any, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await _answer(send, 403, [_PROBLEM], problem(reason))


async def _nothing_deployed(send: Any) -> None:
    body = b'{"title":"Nothing is deployed","status":503,"detail":"Run: make up"}'
    await _answer(send, 503, [_PROBLEM, (b"retry-after", b"5")], body)


async def _answer(
    send: Any, status: int, headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b""
) -> None:
    sized = [*headers, *([(b"content-length", str(len(body)).encode())] if body else [])]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})


def _value(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key.lower() == name), None)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app as aws
    from ministack.services.apigateway_v1 import resolve_base_path_mapping

    from infra.local.state import State

    aws_port, api_port, state = int(sys.argv[1]), int(sys.argv[2]), State(Path(sys.argv[3]))
    config = Config()
    config.bind = [f"127.0.0.1:{aws_port}", f"127.0.0.1:{api_port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    config.loglevel = "WARNING"
    gateway = Gateway(aws, aws_port, api_port, resolve_base_path_mapping, state)
    asyncio.run(serve(gateway, config))


if __name__ == "__main__":
    main()

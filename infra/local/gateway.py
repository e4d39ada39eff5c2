"""Serve the embedded AWS on one port and the deployed API on another, in one process.

Runs in MiniStack's own environment: ``python infra/local/gateway.py AWS_PORT API_PORT STATE``.
Whatever comes to the API's port is the API's, at its custom domain, so its address has no stage
and stays the same when a changed definition replaces the API; but for the reference at ``/docs``,
which are files. Both ports refuse what foreign web
pages send. Ends cleanly (state saved) on SIGTERM.
"""

import asyncio
import gzip
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from infra import reference
from infra.request_guard import RequestGuard, problem

API_HOST = "backroom.localhost"
SAVE_PATH = "/_backroom/save"
ORIGINS = "origins"
"""The file beside the state that lists the origins whose pages may call the API."""
# Each request at work takes a process with a function's code; further ones wait for their turn.
WORKERS = max(4, 2 * (os.cpu_count() or 1))
_STAGE = re.compile(r"/_aws/execute-api/[a-z0-9]+/[a-z]+(/|$)")
_CORS, _ALLOWED = b"access-control-", b"access-control-allow-origin"
_METHODS_OF_SHARE = b"GET, HEAD, PUT"
_METHODS_OF_API = b"GET, HEAD, POST, PUT, PATCH, DELETE"
# As in infra/templates/10-foundation.yaml, MinimumCompressionSize.
_LEAST_TO_COMPRESS = 1024
_TEXTS = re.compile(rb"text/|application/(problem\+)?json|image/svg\+xml")
_PROBLEM = (b"content-type", b"application/problem+json")
Scope = dict[str, Any]
RawHeaders = list[tuple[bytes, bytes]]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
Resolve = Callable[[str, str], tuple[str, str, str] | None]


class Gateway:
    """Leads requests to the embedded AWS or, from the API's port, to the deployed API.

    Every path at the API's port is the API's, also those that the embedded AWS has for itself
    (``/health``), except for the files of the reference. ``resolve`` finds the stage behind a
    custom domain, ``origins`` returns those of foreign pages that may call the API (``make up
    CORS_ORIGINS=...``).
    """

    def __init__(
        self,
        aws: Asgi,
        aws_port: int,
        api_port: int,
        resolve: Resolve,
        state: Any = None,
        origins: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._aws = aws
        self._resolve = resolve
        self._state = state
        self._api_port = api_port
        page = frozenset({api_port})
        self._origins = origins
        self._at_api = RequestGuard(api_port, page, origins=origins)
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
        elif scope["path"] in reference.FILES and self._guard(scope) is self._at_api:
            await _answer_reference(scope, send)
        else:
            await self._lead(scope, receive, send)
            if self._state and not scope["path"].endswith("/health"):
                self._state.changed = True

    async def _lead(self, scope: Scope, receive: Any, send: Any) -> None:
        origin = _value(scope, b"origin")
        if self._guard(scope) is not self._at_api:
            if origin and scope.get("method") == "OPTIONS":
                await _answer_preflight(scope, send, origin, _METHODS_OF_SHARE)
            else:
                await self._aws(scope, receive, _Answer(send, origin).send)
            return
        if origin and origin.decode("latin-1") not in self._origins():
            origin = None  # our own page's, or the guard would have refused it
        send = _Answer(send, origin, own=True).send
        if origin and _is_preflight(scope):  # the embedded AWS would answer it by itself
            await _answer_preflight(scope, send, origin, _METHODS_OF_API)
        elif found := self._resolve(API_HOST, "/"):
            if _takes_gzip(scope):
                send = _Compressed(send, bare=scope.get("method") == "HEAD").send
            async with self._turns:
                await self._aws(_at_stage(scope, *found[:2]), receive, send)
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
        except Exception as failed:  # noqa: BLE001 - the caller has to know
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


class _Sender:
    """Sends messages on. LocalStack reads ``closed`` of the owner of ``send``."""

    def __init__(self, send: Any) -> None:
        self._send = send

    @property
    def closed(self) -> bool:
        return bool(getattr(getattr(self._send, "__self__", None), "closed", False))


class _Answer(_Sender):
    """Sends an answer on, without the embedded AWS's CORS headers.

    ``origin`` may read it. CORS headers that name it stay where they are the API's ``own``.
    """

    def __init__(self, send: Any, origin: bytes | None, *, own: bool = False) -> None:
        super().__init__(send)
        self._origin = origin
        self._own = own

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and not self._lets_in(message["headers"]):
            headers = [
                header for header in message["headers"] if not header[0].lower().startswith(_CORS)
            ]
            message = {**message, "headers": headers + _cors(self._origin)}
        await self._send(message)

    def _lets_in(self, headers: RawHeaders) -> bool:
        named = [value for name, value in headers if name.lower() == _ALLOWED]
        return self._own and self._origin is not None and named == [self._origin]


class _Compressed(_Sender):
    """Compresses what is text and long, as API Gateway does with ``MinimumCompressionSize``."""

    def __init__(self, send: Any, *, bare: bool) -> None:
        super().__init__(send)
        self._bare = bare
        self._start: dict[str, Any] | None = None
        self._body = b""

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            is_text = _TEXTS.match(headers.get(b"content-type", b""))
            if is_text and not self._bare and b"content-encoding" not in headers:
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body"):
            await self._send_all(self._start)

    async def _send_all(self, start: dict[str, Any]) -> None:
        headers, body = start["headers"], self._body
        if len(body) >= _LEAST_TO_COMPRESS:
            body = gzip.compress(body, compresslevel=5, mtime=0)
            headers = [each for each in headers if each[0].lower() != b"content-length"]
            headers += [
                (b"content-encoding", b"gzip"),
                (b"content-length", str(len(body)).encode()),
                (b"vary", b"Accept-Encoding"),
            ]
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _takes_gzip(scope: Scope) -> bool:
    """Return whether a client takes gzip (RFC 9110 section 12.5.3)."""
    accepted = (_value(scope, b"accept-encoding") or b"").lower().replace(b" ", b"")
    return any(
        coding in (b"gzip", b"*") and not re.fullmatch(rb"q=0(\.0*)?", weight)
        for coding, _, weight in (each.partition(b";") for each in accepted.split(b","))
    )


def _cors(origin: bytes | None) -> RawHeaders:
    if origin is None:
        return []
    exposed = (b"access-control-expose-headers", b"ETag, Retry-After")
    return [(_ALLOWED, origin), exposed, (b"vary", b"Origin")]


def _is_preflight(scope: Scope) -> bool:
    requested_method = _value(scope, b"access-control-request-method")
    return scope.get("method") == "OPTIONS" and requested_method is not None


async def _answer_preflight(scope: Scope, send: Any, origin: bytes, methods: bytes) -> None:
    allowed = _value(scope, b"access-control-request-headers") or b"content-type"
    headers = [
        *_cors(origin),
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", b"600"),
    ]
    await _answer(send, 204, headers)


async def _refuse(scope: Scope, send: Any, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await _answer(send, 403, [_PROBLEM], problem(reason))


async def _answer_reference(scope: Scope, send: Any) -> None:
    """Answer a file of the reference."""
    method, file = scope.get("method"), reference.FILES[scope["path"]]
    if method not in ("GET", "HEAD"):
        body = {"title": "Method not allowed", "status": 405, "detail": "These are files: GET."}
        headers: RawHeaders = [_PROBLEM, (b"allow", b"GET, HEAD")]
        await _answer(send, 405, headers, json.dumps(body).encode())
        return
    headers = [
        (b"content-type", file.content_type.encode()),
        (b"cache-control", file.cache_control.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
    ]
    sender = _Compressed(send, bare=False).send if _takes_gzip(scope) else send
    await _answer(sender, 200, headers, b"" if method == "HEAD" else file.path.read_bytes())


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


def _listed(path: Path) -> frozenset[str]:
    """Return the origins that a file lists; it is read for each request of a foreign page."""
    text = path.read_text() if path.exists() else ""
    return frozenset(each.strip() for each in text.split(",") if each.strip())


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    import uvicorn
    from ministack.app import app as aws
    from ministack.core import iam_evaluator, lambda_runtime
    from ministack.services import dynamodb
    from ministack.services.apigateway_v1 import resolve_base_path_mapping

    from infra.local.forked_workers import fork_workers
    from infra.local.parse_once import compare_keys, parse_once, parse_policies_once
    from infra.local.plain_templates import translate_plainly
    from infra.local.shared_code import share_code
    from infra.local.state import State
    from infra.local.whole_logs import read_whole_logs

    aws_port, api_port, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    share_code(lambda_runtime)
    fork_workers(lambda_runtime)
    read_whole_logs(lambda_runtime)
    parse_once(dynamodb)
    compare_keys(dynamodb)
    parse_policies_once(iam_evaluator)
    translate_plainly(sys.modules)
    gateway = Gateway(
        aws,
        aws_port,
        api_port,
        resolve_base_path_mapping,
        State(folder),
        origins=lambda: _listed(folder.with_name(ORIGINS)),
    )
    config = uvicorn.Config(
        gateway,
        http="httptools",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    # The server raises the signal that ended it once more: it has ended cleanly, which is 0.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(config).run(sockets=[_listen(aws_port), _listen(api_port)])


def _listen(port: int) -> socket.socket:
    """Return a socket at a port of this machine alone. Raises OSError where the port is taken."""
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


if __name__ == "__main__":
    main()

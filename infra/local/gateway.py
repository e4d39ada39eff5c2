"""Serve the embedded AWS on one port and the deployed API on another, in one process.

Runs in MiniStack's own environment: ``python infra/local/gateway.py AWS_PORT API_PORT``. Whatever
comes to the API's port is the API's, at its custom domain, so its address has no stage and stays
the same when a changed definition replaces the API. Ends cleanly (state saved) on SIGTERM.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

API_HOST = "backroom.localhost"

Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
Resolve = Callable[[str, str], tuple[str, str, str] | None]


def at_api_port(aws: Asgi, api_port: int, resolve: Resolve) -> Asgi:
    """Return ``aws`` with requests to ``api_port`` sent to the API behind the custom domain.

    Every path is the API's, also those that the embedded AWS has for itself (``/health``).
    """

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        server = scope.get("server")
        if scope["type"] != "http" or not server or server[1] != api_port:
            await aws(scope, receive, send)
        elif found := resolve(API_HOST, "/"):
            await aws(_at_stage(scope, *found[:2]), receive, send)
        else:
            await _nothing_deployed(send)

    return app


def _at_stage(scope: Scope, api_id: str, stage: str) -> Scope:
    prefix = f"/_aws/execute-api/{api_id}/{stage}"
    raw = scope.get("raw_path") or scope["path"].encode()
    return {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + raw}


async def _nothing_deployed(send: Any) -> None:
    body = b'{"title":"Nothing is deployed","status":503,"detail":"Run: make up"}'
    headers = [(b"content-type", b"application/problem+json"), (b"retry-after", b"5")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app as aws
    from ministack.services.apigateway_v1 import resolve_base_path_mapping

    aws_port, api_port = int(sys.argv[1]), int(sys.argv[2])
    config = Config()
    config.bind = [f"127.0.0.1:{aws_port}", f"127.0.0.1:{api_port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    config.loglevel = "WARNING"
    asyncio.run(serve(at_api_port(aws, api_port, resolve_base_path_mapping), config))


if __name__ == "__main__":
    main()

"""Where the browser comes back to: a port of this machine, open for one sign-in (RFC 8252)."""

import hmac
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

_PATH = "/callback"
_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Backroom</title>'
_DONE = "You can close this window and go back to the terminal."
_STRANGE = "This is no answer to a sign-in that is under way."


class Landing:
    """Waits for the answer whose state is ``state``; use it in a ``with`` block.

    Whatever else comes, such as from a page that only guesses, is refused and waited past.
    """

    def __init__(self, state: str) -> None:
        self._server = _Server(("127.0.0.1", 0), _Visit)
        self._server.state = state

    @property
    def uri(self) -> str:
        """Return the address for the identity provider to lead to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{_PATH}"

    def __enter__(self) -> "Landing":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, patience_s: float) -> dict[str, str] | None:
        """Return the answer's values, None when none came in time."""
        deadline = time.monotonic() + patience_s
        while self._server.answer is None and time.monotonic() < deadline:
            self._server.timeout = min(1.0, max(deadline - time.monotonic(), 0.01))
            self._server.handle_request()
        return self._server.answer


class _Server(HTTPServer):
    state: str
    answer: dict[str, str] | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore callers who hang up."""


class _Visit(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        ours = hmac.compare_digest(query.get("state", "").encode(), self.server.state.encode())
        if parts.path != _PATH or not ours or self.server.answer is not None:
            self._say(400, _STRANGE)
            return
        self.server.answer = query
        self._say(200, _DONE)

    def _say(self, status: int, words: str) -> None:
        content = f"{_PAGE}<p>{words}".encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(content)),
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Connection": "close",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no line: it would hold the code."""

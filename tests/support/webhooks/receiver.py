"""A receiver of webhooks on this machine, that answers as configured."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """Keeps what it gets; answers ``status``, or nothing at all while it is None."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status: int | None = 204
        self.secret = ""
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.over = threading.Event()

    def answer(self, headers: dict[str, str], body: bytes) -> int | None:
        self.got.append((headers, body))
        return self.status

    def events(self) -> list[dict[str, Any]]:
        """Return the events that it got, each verified by the public library."""
        check = Webhook(self.secret)
        return [check.verify(body, headers) for headers, body in list(self.got)]

    def times(self, event_id: str) -> int:
        """Return how often it got an event."""
        return sum(headers.get("webhook-id") == event_id for headers, _ in list(self.got))


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.answer(headers, body)
            if status is None:
                receiver.over.wait(60)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hooks")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()

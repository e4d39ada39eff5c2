"""The stand-ins on their ports: HTTP for four vendors, the control and the page; SMTP for mail."""

import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from infra.request_guard import RequestGuard, problem
from infra.standins import certificates, credentials, mail, page
from infra.standins.contracts import Contracts
from infra.standins.control import Control
from infra.standins.office import Office
from infra.standins.vendor import Reply, Request
from infra.standins.webhooks import Webhooks

_HOST = "127.0.0.1"
_LARGEST_BODY = 10_000_000
_LONGEST_SILENCE_S = 60.0


class Standins:
    """The stand-ins, running from `start` to `stop`; port 0 is any that is free.

    Jira sends its events to the address ``webhook``, if there is one. They listen at the address
    ``bind``; ``name`` is the host name by which functions find them, if it is not this machine.
    """

    def __init__(
        self,
        home: Path,
        *,
        http_port: int = 0,
        smtp_port: int = 0,
        contracts: Contracts | None = None,
        webhook: str = "",
        bind: str = _HOST,
        name: str = "",
    ) -> None:
        self.office = Office(contracts)
        self.office.webhooks = Webhooks(webhook, credentials.JIRA_WEBHOOK_SECRET)
        self._name = name or _HOST
        self._certificate, key = certificates.certificate(home, self._name)
        self._http = _Server((bind, http_port), self.office)
        self.http_port = self._http.server_address[1]
        self._http.guard = _guard(self.http_port, webhook, self._name)
        # Of the page's own site (localhost), so that a browser may be led from there and back.
        self.office.identity.base = credentials.issuer(self.http_port)
        self.smtp_port = smtp_port or _free_port()
        self._smtp = mail.controller(
            self.office.mail,
            self.office.faults,
            (bind, self.smtp_port),
            self._certificate,
            key,
        )
        self._thread = Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """Return where the page is, and below it the vendors."""
        return f"http://{_HOST}:{self.http_port}"

    def settings(self) -> dict[str, str]:
        """Return the settings that lead our clients here."""
        return credentials.settings(
            self.http_port, self.smtp_port, self._certificate.read_text(), self._name
        )

    def identity(self) -> dict[str, str]:
        """Return the stack's parameters for callers whom the stand-in knows."""
        return credentials.identity(self.http_port)

    def start(self) -> "Standins":
        """Start to listen."""
        self._smtp.start()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop; everything is forgotten."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._smtp.stop()


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, address: tuple[str, int], office: Office) -> None:
        self.office = office
        self.control = Control(office)
        self.guard = _guard(address[1])
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing of callers who hang up: faults often have them do so."""


class _Connection(BaseHTTPRequestHandler):
    """One connection; whatever the verb, the path decides who answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Write no line for each request; the page shows what arrived."""

    def _serve(self) -> None:
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        if refused := self.server.guard.refusal(self.command, headers):
            self.close_connection = True  # the body stays unread
            self._send(403, problem(refused), {"Content-Type": "application/problem+json"})
            return
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self._answer(Reply(411, {"message": "Content-Length is required."}))
        elif int(length) > _LARGEST_BODY:
            self._answer(Reply(413, {"message": "Too large."}))
        else:
            self._route(self.rfile.read(int(length)))

    def _route(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        first, _, rest = parts.path.lstrip("/").partition("/")
        vendor = self.server.office.vendors.get(first)
        if vendor is not None:
            reply, fault = self.server.office.take(vendor, self._request(f"/{rest}", body))
            if reply is not None:
                self._answer(reply)
            elif fault is not None:
                self._hang_up(silent=fault.kind.startswith("stall"))
        elif first == "control":
            self._answer(self.server.control.handle(self._request(parts.path, body)))
        elif parts.path == "/":
            self._page()
        else:
            self._answer(Reply(404, {"message": "There is nothing here."}))

    def _request(self, path: str, body: bytes) -> Request:
        return Request(
            method=self.command,
            path=path,
            query=dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _page(self) -> None:
        content = page.html(self.server.office.shown()).encode()
        self._send(200, content, {"Content-Type": "text/html; charset=utf-8"})

    def _answer(self, reply: Reply) -> None:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        self._send(reply.status, reply.content(), {**headers, **reply.headers, **self._cors()})

    def _cors(self) -> dict[str, str]:
        """Return what lets the page that asks read the answer; a foreign one was refused before."""
        origin = self.headers.get("Origin")
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    def _hang_up(self, *, silent: bool) -> None:
        """Break the connection, at once or when the caller has lost patience."""
        if silent:
            select.select([self.connection], [], [], _LONGEST_SILENCE_S)
        self.close_connection = True
        with suppress(OSError):
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self.connection.close()


def _guard(port: int, webhook: str = "", name: str = _HOST) -> RequestGuard:
    """Return the guard of the port; the page of the API that gets the webhooks signs in here."""
    api_port = urlsplit(webhook).port
    pages = frozenset({port, *([api_port] if api_port else [])})
    return RequestGuard(port, pages, names=frozenset({name}))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port

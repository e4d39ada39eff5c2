"""Bytes from outside, in bounds: so many at most, and all of them by a deadline.

A socket's timeout starts anew with each byte, so a server that drips one a second never meets it.
"""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection

from chalicelib.core.addresses import safe

T = TypeVar("T")

SOCKET_TIMEOUT_S = 2.0
"""Seconds that one connect, one TLS handshake and one read may take."""

Get = Callable[[str], bytes]
"""Returns what is at an address. Raises HTTPError, OSError or ValueError."""


class Body(Protocol):
    """The body of an answer that has not been read, such as urllib3's response."""

    def read(self, amt: int, *, decode_content: bool) -> bytes:
        """Return at most ``amt`` bytes, decompressed."""

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""


def read_body(body: Body, limit: int) -> tuple[bytes, bool]:
    """Return the first ``limit`` bytes of a body, decompressed, and whether there are more."""
    try:
        content = body.read(limit + 1, decode_content=True)
    finally:
        body.close()
    return content[:limit], len(content) > limit


def fetched(read: Callable[[Get], T], *, within_s: float, limit: int) -> T:
    """Return what ``read`` makes of documents, each of at most ``limit`` bytes.

    Raises TimeoutError after ``within_s`` seconds, whatever is waited for then: a name, a
    handshake, one more byte. The connection is shut, so that no call continues in the background.
    """
    return bounded(lambda line: read(_Documents(limit, line).get), within_s=within_s)


def bounded(talk: "Callable[[Line], T]", *, within_s: float) -> T:
    """Return what ``talk`` returns, which gives the connections that it opens to its line.

    Raises TimeoutError after ``within_s`` seconds, and ends the background call.
    """
    line = Line()
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(talk(line))
        except BaseException as failed:  # noqa: BLE001 - raised again where it is waited for
            found.set_exception(failed)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    try:
        return found.result(within_s)
    finally:
        line.shut()


class Line:
    """The connection that is open, until `shut`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shut = False
        self._socket: socket.socket | None = None

    def hold(self, opened: socket.socket | None) -> None:
        """Take a connection that was opened. Raises TimeoutError when it is too late for it."""
        with self._lock:
            if self._shut:
                raise TimeoutError("the time is over")
            self._socket = opened

    def shut(self) -> None:
        """End the call; nothing continues in the background."""
        with self._lock:
            self._shut = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class _Documents:
    """The documents of one fetch."""

    def __init__(self, limit: int, line: Line) -> None:
        self._limit = limit
        self._line = line

    def get(self, address: str) -> bytes:
        """Return what is at an address. Raises HTTPError, OSError or ValueError."""
        if not safe(address):
            raise ValueError("an address is no https:// one")
        parts = urlsplit(address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=SOCKET_TIMEOUT_S)
        try:
            connection.connect()
            self._line.hold(connection.sock)
            connection.request(
                "GET",
                parts._replace(scheme="", netloc="", fragment="").geturl() or "/",
                headers={"Accept": "application/json"},
                preload_content=False,
            )
            response = connection.getresponse()
            content, more = read_body(response, self._limit)
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"{response.status} instead of a document")
        if more:
            raise ValueError(f"a document has more than {self._limit} bytes")
        return content

"""Servers of the worst kind: each answers a connection as a function of the test has it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
Serve = Callable[[socket.socket], None]


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """Serve each connection with ``serve``, and yield the address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    serve(connection)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/keys?a=b"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def answer(*head: bytes, body: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(HEAD + b"".join(head) + b"\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):  # or what is unread would reset the connection
            pass

    return serve

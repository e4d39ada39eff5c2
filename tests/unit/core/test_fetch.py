"""Fetching from outside: bounded in bytes and in time, whatever the other end does."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from urllib3.exceptions import HTTPError

from chalicelib.core.fetch import Get, fetched
from infra.standins.certificates import certificate
from tests.support.sockets import HEAD, Serve, answer, server

WITHIN_S = 0.5
LIMIT = 1000


def one(address: str) -> Callable[[Get], bytes]:
    return lambda get: get(address)


def drip(*parts: bytes) -> Serve:
    """Return a server that sends the first parts at once, and the last one byte by byte."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts[:-1]:
            connection.sendall(part)
        for byte in parts[-1]:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize(
    "serve",
    [
        drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000),
        drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 90),
        drip(HEAD + b"\r\n", b" " * 900),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 900),
        lambda _: time.sleep(2 * WITHIN_S),
    ],
    ids=["status line", "headers", "body", "chunks", "silence"],
)
def test_a_server_that_drips_is_left_at_the_deadline(serve: Serve) -> None:
    with server(serve) as address:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            fetched(one(address), within_s=WITHIN_S, limit=LIMIT)

        assert time.monotonic() - begun < WITHIN_S + 0.5
        while any(thread.name == "fetch" for thread in threading.enumerate()):
            assert time.monotonic() - begun < 10
            time.sleep(0.01)


def test_the_deadline_is_that_of_all_documents_together() -> None:
    def slowly(connection: socket.socket) -> None:
        connection.recv(4096)
        time.sleep(0.2)
        connection.sendall(HEAD + b"\r\n{}")

    with server(slowly) as address:
        assert fetched(one(address), within_s=WITHIN_S, limit=LIMIT) == b"{}"
        with pytest.raises(TimeoutError):
            fetched(lambda get: [get(address) for _ in range(9)], within_s=WITHIN_S, limit=LIMIT)


@pytest.mark.parametrize(
    "serve",
    [
        answer(body=b"x" * (LIMIT + 1)),
        answer(b"Content-Length: 100000000\r\n", body=b"x" * 100_000),
        answer(b"Content-Encoding: gzip\r\n", body=gzip.compress(bytes(50_000_000))),
    ],
    ids=["body", "announced", "gzip"],
)
def test_a_document_that_is_too_large_is_refused(serve: Serve) -> None:
    with server(serve) as address, pytest.raises(ValueError, match="more than 1000 bytes"):
        fetched(one(address), within_s=WITHIN_S, limit=LIMIT)


def test_a_document_of_just_the_limit_is_read_and_compressed_ones_are_unpacked() -> None:
    content = b"x" * LIMIT
    for serve in (
        answer(body=content),
        answer(b"Content-Encoding: gzip\r\n", body=gzip.compress(content)),
    ):
        with server(serve) as address:
            assert fetched(one(address), within_s=WITHIN_S, limit=LIMIT) == content


@pytest.mark.parametrize("head", [b"HTTP/1.1 302 Found\r\nLocation: /\r\n", b"HTTP/1.1 404 No\r\n"])
def test_another_answer_is_no_document(head: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(head + b"Connection: close\r\n\r\n{}")

    with server(serve) as address, pytest.raises(ValueError, match="instead of a document"):
        fetched(one(address), within_s=WITHIN_S, limit=LIMIT)


@pytest.mark.parametrize("address", ["http://keys.example/", "ftp://127.0.0.1/", "file:///etc/x"])
def test_nothing_is_fetched_unencrypted_from_elsewhere(address: str) -> None:
    with pytest.raises(ValueError, match="https"):
        fetched(one(address), within_s=WITHIN_S, limit=LIMIT)


def test_what_breaks_is_told_to_who_waits() -> None:
    with pytest.raises((HTTPError, OSError)):
        fetched(one("http://127.0.0.1:1/"), within_s=WITHIN_S, limit=LIMIT)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.sendall(HEAD + b"\r\n{}")

    with server(serve) as address, pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        fetched(one(address.replace("http://", "https://")), within_s=5, limit=LIMIT)

"""Receivers of the worst kind: none takes longer than it may, and none leads into the network."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chalicelib.core.outbox.effects import EffectError, NotExecutedError, OutcomeUnknownError
from chalicelib.webhooks import receivers
from chalicelib.webhooks.receivers import Post, resolved
from infra.standins.certificates import certificate
from tests.support.sockets import HEAD, Serve, answer, server

WITHIN_S = 0.5
HERE = Post(local=True, within_s=10)
HASTY = Post(local=True, within_s=WITHIN_S)
PUBLIC = Post(local=False, within_s=WITHIN_S)


@contextmanager
def taken_for_public(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this machine's address taken for one of the public internet."""
    with monkeypatch.context() as patched:
        patched.setattr(receivers, "public", lambda address: address == "127.0.0.1")
        yield


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


def reading(into: list[bytes]) -> Serve:
    def serve(connection: socket.socket) -> None:
        while not b"".join(into).endswith(b"}"):
            into.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    return serve


def test_a_receiver_gets_the_bytes_and_the_headers() -> None:
    got: list[bytes] = []
    with server(reading(got)) as address:
        assert HERE(address, b'{"a": 1}', {"webhook-id": "evt_1"}).status == 204

    head, _, body = b"".join(got).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /keys?a=b HTTP/1.1\r\n")
    assert f"Host: {urlsplit(address).netloc}".encode() in head
    assert b"webhook-id: evt_1" in head
    assert body == b'{"a": 1}'


@pytest.mark.parametrize(
    "serve",
    [
        drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000),
        drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 90),
        lambda _: time.sleep(2 * WITHIN_S),
    ],
    ids=["status line", "headers", "silence"],
)
def test_a_receiver_that_drips_or_hangs_is_left_at_the_deadline(serve: Serve) -> None:
    with server(serve) as address:
        begun = time.monotonic()
        with pytest.raises(OutcomeUnknownError, match="no answer within"):
            HASTY(address, b"{}", {})

        while any(thread.name == "fetch" for thread in threading.enumerate()):
            assert time.monotonic() - begun < 10
            time.sleep(0.01)


@pytest.mark.parametrize(
    "serve",
    [
        answer(b"Content-Length: 100000000\r\n", body=b"x" * 100_000),
        drip(HEAD + b"\r\n", b" " * 900),
        answer(b"Content-Encoding: gzip\r\n", body=b"no gzip"),
    ],
    ids=["huge", "dripping", "garbage"],
)
def test_what_follows_the_head_of_an_answer_is_nobody_s_business(serve: Serve) -> None:
    with server(serve) as address:
        assert HERE(address, b"{}", {}).status == 200


@pytest.mark.parametrize(
    "said",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"",
    ],
    ids=["words", "status", "zeros", "long header", "many headers", "nothing"],
)
def test_garbage_is_no_answer(said: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(said)

    with server(serve) as address, pytest.raises(OutcomeUnknownError):
        HERE(address, b"{}", {})


def test_an_answer_says_for_how_long_to_wait() -> None:
    with server(answer(b"Retry-After: 120\r\n", body=b"")) as address:
        assert HERE(address, b"{}", {}) == (200, "120")


def test_a_redirect_is_not_followed() -> None:
    calls = []

    def serve(connection: socket.socket) -> None:
        calls.append(connection.recv(4096))
        connection.sendall(
            b"HTTP/1.1 307 No\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        )

    with server(serve) as address:
        assert HERE(address, b"{}", {}).status == 307

    assert len(calls) == 1


def test_where_no_server_listens_nothing_was_sent() -> None:
    with pytest.raises(NotExecutedError):
        HERE("http://127.0.0.1:1/", b"{}", {})


# --- into the network -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        ["8.8.8.8", "10.0.0.1"],
        [],
    ],
    ids=str,
)
def test_a_name_that_leads_inside_is_not_called(found: list[str]) -> None:
    calls: list[str] = []

    def serve(_: socket.socket) -> None:
        calls.append("called")

    with server(serve) as address:
        port = urlsplit(address).port
        post = Post(local=False, within_s=WITHIN_S, resolve=lambda *_: found)
        with pytest.raises(NotExecutedError, match="leads inside a network"):
            post(f"http://hooks.example:{port}/", b"{}", {})

    assert calls == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]"]
)
def test_no_spelling_of_this_machine_is_called(host: str) -> None:
    with server(lambda _: None) as address, pytest.raises(EffectError) as refused:
        PUBLIC(f"http://{host}:{urlsplit(address).port}/", b"{}", {})

    assert isinstance(refused.value, NotExecutedError)


def test_a_name_is_resolved_once_and_the_connection_goes_where_it_led_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that answers otherwise the second time (DNS rebinding) is not asked a second time."""
    asked: list[tuple[str, int]] = []
    got: list[bytes] = []

    def resolve(name: str, port: int) -> list[str]:
        asked.append((name, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    post = Post(local=False, within_s=10, resolve=resolve)
    with taken_for_public(monkeypatch), server(reading(got)) as address:
        port = urlsplit(address).port or 0
        assert post(f"http://hooks.example:{port}/x", b"{}", {}).status == 204

    assert asked == [("hooks.example", port)]
    assert f"Host: hooks.example:{port}".encode() in got[0]


def test_a_certificate_has_to_be_the_name_s_and_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.sendall(HEAD + b"\r\n")

    post = Post(local=False, within_s=10, resolve=lambda *_: ["127.0.0.1"])
    with taken_for_public(monkeypatch), server(serve) as address:
        url = f"https://hooks.example:{urlsplit(address).port}/"
        with pytest.raises(NotExecutedError, match="CERTIFICATE_VERIFY_FAILED"):
            post(url, b"{}", {})


def test_where_one_address_takes_no_connection_the_next_one_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a name has an IPv6 address, and the function no way there."""
    with server(answer(body=b"")) as address:
        port = urlsplit(address).port
        post = Post(local=True, within_s=10, resolve=lambda *_: ["::1", "127.0.0.1"])
        assert post(f"http://hooks.example:{port}/", b"{}", {}).status == 200


def test_a_name_that_is_looked_up_for_ever_is_left_at_the_deadline() -> None:
    def resolve(*_: object) -> list[str]:
        time.sleep(2 * WITHIN_S)
        return ["8.8.8.8"]

    post = Post(local=False, within_s=WITHIN_S, resolve=resolve)
    with pytest.raises(NotExecutedError, match="no answer"):
        post("https://hooks.example/", b"{}", {})


def test_the_addresses_of_a_name_are_told_once_each() -> None:
    assert resolved("127.0.0.1", 80) == ["127.0.0.1"]


# --- on a laptop ----------------------------------------------------------------------------------

FAULTS: list[tuple[str, Callable[[str | None], bool]]] = [
    ("http://localhost:3000/hooks", lambda fault: fault is None),
    ("http://127.0.0.1:3000/", lambda fault: fault is None),
    ("https://example.com/", lambda fault: fault is None),
    ("http://example.com/", lambda fault: fault == "must begin with https://"),
    ("http://localhost.example.com/", lambda fault: fault == "must begin with https://"),
]


@pytest.mark.parametrize(("url", "right"), FAULTS)
def test_on_a_laptop_plain_http_goes_to_it_alone(
    url: str, right: Callable[[str | None], bool]
) -> None:
    assert right(HERE.url_fault(url))

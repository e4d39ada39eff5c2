"""What an answer means, and how long a vendor asks to wait."""

import gzip
import resource
import socket
import ssl
import sys
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.integrations import http
from chalicelib.integrations.http import Answer, Http, NotThereError
from tests.support.sockets import answer as answering
from tests.support.sockets import server

NOW = 1_795_219_200.0  # 2026-11-21 00:00:00 UTC


def answer(
    status: int = 429, content: bytes = b"", *, writes: bool = True, **headers: str
) -> Answer:
    told = urllib3.HTTPHeaderDict({name.replace("_", "-"): v for name, v in headers.items()})
    return Answer("Jira", "POST /x", writes, status, told, content)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, CredentialsError),
        (400, RejectedError),
        (401, CredentialsError),
        (403, CredentialsError),
        (404, NotThereError),
        (408, OutcomeUnknownError),
        (409, NotExecutedError),
        (410, NotThereError),
        (413, RejectedError),
        (422, RejectedError),
        (425, NotExecutedError),
        (429, NotExecutedError),
        (500, OutcomeUnknownError),
        (503, OutcomeUnknownError),
        (599, OutcomeUnknownError),
    ],
)
def test_every_status_has_a_meaning(status: int, kind: type[EffectError]) -> None:
    assert type(http.outcome(answer(status), NOW)) is kind


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_is_no_error(status: int) -> None:
    assert http.outcome(answer(status), NOW) is None


@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Sat, 21 Nov 2026 00:01:00 GMT", 60),
        ("Fri, 20 Nov 2026 00:00:00 GMT", 0),
        ("999999999", 86_400),
        ("soon", None),
        ("-1", None),
        ("1e9", None),
        ("", None),
        ("Sat, 99 Nov 2026 00:01:00 GMT", None),
    ],
)
def test_how_long_a_vendor_asks_to_wait(asked: str, wait_s: float | None) -> None:
    assert answer(Retry_After=asked).retry_after_s(NOW) == wait_s


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"message": "Validation Failed", "errors": ["a", {"b": "c"}]}', "b: c"),
        (b'{"errorMessages": [], "errors": {"project": "is required"}}', "project: is required"),
        (b"<html><h1>Bad\n  Gateway</h1></html>", "Bad Gateway"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "no reason was given"),
        (b"[[[[", "[[[["),
        (b"[" * 4_000, "[[[["),
    ],
)
def test_the_vendor_s_words_are_one_line(content: bytes, words: str) -> None:
    assert answer(400, content).words().endswith(words)


def test_the_vendor_s_words_are_not_too_many() -> None:
    assert len(answer(400, b'{"message": "' + b"x" * 9_999 + b'"}').words()) <= 300


class Pool:
    """Fails every request."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def request(self, *_: Any, **__: Any) -> None:
        raise self._error


NOBODY = urllib3.connection.HTTPConnection("vendor.test")
POOL = urllib3.HTTPConnectionPool("vendor.test")


@pytest.mark.parametrize(
    ("error", "write", "read"),
    [
        (NewConnectionError(NOBODY, "refused"), NotExecutedError, NotExecutedError),
        (NameResolutionError("vendor.test", NOBODY, OSError()), NotExecutedError, NotExecutedError),  # type: ignore[arg-type]
        (ConnectTimeoutError("slow"), NotExecutedError, NotExecutedError),
        (SSLError(ssl.SSLCertVerificationError("who?")), NotExecutedError, NotExecutedError),
        (SSLError(ssl.SSLError("broken record")), OutcomeUnknownError, NotExecutedError),
        (ReadTimeoutError(POOL, "/", "slow"), OutcomeUnknownError, NotExecutedError),
        (
            ProtocolError("Connection aborted.", ConnectionResetError()),
            OutcomeUnknownError,
            NotExecutedError,
        ),
        (TimeoutError("slow"), OutcomeUnknownError, NotExecutedError),
        (LocationParseError("http://["), CredentialsError, CredentialsError),
    ],
)
def test_what_breaks_off_before_it_was_sent_is_not_done(
    error: Exception,
    write: type[EffectError],
    read: type[EffectError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "pool", lambda: Pool(error))
    vendor = Http("Jira", "https://vendor.test")

    for call, kind in ((vendor.write, write), (vendor.read, read)):
        with pytest.raises(EffectError) as said:
            call("POST", "/x", json={})
        assert type(said.value) is kind


def test_nobody_at_the_address_means_not_done() -> None:
    with pytest.raises(NotExecutedError, match="no connection"):
        Http("Jira", "http://127.0.0.1:1").write("POST", "/x", json={})


@pytest.mark.parametrize("url", ["https://[", "nonsense", "ftp://x.test", ""])
def test_an_address_that_is_none_waits_for_an_operator(url: str) -> None:
    with pytest.raises(CredentialsError, match="address"):
        Http("Jira", url).write("POST", "/x", json={})


@pytest.mark.parametrize(
    "url", ["http://x.test", "http://127.0.0.1.x.test", "http://localhost@x.test"]
)
def test_a_token_is_not_sent_unencrypted_but_to_this_machine(url: str) -> None:
    with pytest.raises(CredentialsError, match="https"):
        Http("Jira", url).write("POST", "/x", json={})


# --- how much of an answer is read ----------------------------------------------------------------


def test_an_answer_that_unpacks_to_more_than_is_read_has_an_unknown_outcome() -> None:
    """583 kB of gzip are 600 MB of memory to whoever unpacks them all."""
    packed = gzip.compress(bytes(600_000_000), compresslevel=1)
    with server(answering(b"Content-Encoding: gzip\r\n", body=packed)) as address:
        vendor = Http("Jira", address.partition("/keys")[0])
        before = _peak_bytes()
        with pytest.raises(NotExecutedError, match="more than 16777216 bytes"):
            vendor.read("GET", "/x")
        with pytest.raises(OutcomeUnknownError, match="more than 16777216 bytes"):
            vendor.write("POST", "/x", json={})

    assert _peak_bytes() - before < 150_000_000


def test_a_refusal_is_understood_whatever_its_size() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n")
        for _ in range(20):
            connection.sendall(bytes(1024 * 1024))

    with server(serve) as address, pytest.raises(CredentialsError, match="403"):
        Http("Jira", address.partition("/keys")[0]).write("POST", "/x", json={})


def test_connections_are_used_again() -> None:
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        while connection.recv(4096):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with server(serve) as address:
        vendor = Http("Jira", address.partition("/keys")[0])
        for _ in range(5):
            assert vendor.read("GET", "/x").content == b"{}"

    assert len(connections) == 1


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

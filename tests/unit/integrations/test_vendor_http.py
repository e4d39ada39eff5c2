"""What an answer means, and how long a vendor asks to wait."""

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
    DeniedError,
    EffectError,
    NotDoneError,
    PoisonError,
    UnsureError,
)
from chalicelib.integrations import http
from chalicelib.integrations.http import Answer, Http, NotThereError

NOW = 1_795_219_200.0  # 2026-11-21 00:00:00 UTC


def answer(
    status: int = 429, content: bytes = b"", *, writes: bool = True, **headers: str
) -> Answer:
    told = urllib3.HTTPHeaderDict({name.replace("_", "-"): v for name, v in headers.items()})
    return Answer("Jira", "POST /x", writes, status, told, content)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, DeniedError),
        (400, PoisonError),
        (401, DeniedError),
        (403, DeniedError),
        (404, NotThereError),
        (408, UnsureError),
        (409, NotDoneError),
        (410, NotThereError),
        (413, PoisonError),
        (422, PoisonError),
        (425, NotDoneError),
        (429, NotDoneError),
        (500, UnsureError),
        (503, UnsureError),
        (599, UnsureError),
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
        (NewConnectionError(NOBODY, "refused"), NotDoneError, NotDoneError),
        (NameResolutionError("vendor.test", NOBODY, OSError()), NotDoneError, NotDoneError),  # type: ignore[arg-type]
        (ConnectTimeoutError("slow"), NotDoneError, NotDoneError),
        (SSLError(http.ssl.SSLCertVerificationError("who?")), NotDoneError, NotDoneError),
        (SSLError(http.ssl.SSLError("broken record")), UnsureError, NotDoneError),
        (ReadTimeoutError(POOL, "/", "slow"), UnsureError, NotDoneError),
        (ProtocolError("Connection aborted.", ConnectionResetError()), UnsureError, NotDoneError),
        (TimeoutError("slow"), UnsureError, NotDoneError),
        (LocationParseError("http://["), DeniedError, DeniedError),
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
    with pytest.raises(NotDoneError, match="nobody could be reached"):
        Http("Jira", "http://127.0.0.1:1").write("POST", "/x", json={})


@pytest.mark.parametrize("url", ["https://[", "nonsense", "ftp://x.test", ""])
def test_an_address_that_is_none_waits_for_somebody(url: str) -> None:
    with pytest.raises(DeniedError, match="address"):
        Http("Jira", url).write("POST", "/x", json={})


@pytest.mark.parametrize(
    "url", ["http://x.test", "http://127.0.0.1.x.test", "http://localhost@x.test"]
)
def test_a_token_is_not_sent_unencrypted_but_to_this_machine(url: str) -> None:
    with pytest.raises(DeniedError, match="https"):
        Http("Jira", url).write("POST", "/x", json={})

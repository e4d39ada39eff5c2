"""Every client of a vendor against servers that misbehave, over real sockets.

Of each: the call ends by its deadline, memory is bounded, the error says whether something may
have been done, and no credential is in it.
"""

import gzip
import resource
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
)
from chalicelib.integrations import http, wiring
from chalicelib.integrations.mail import SmtpMail
from infra.standins import certificates, credentials
from tests.support.integrations.vendors import DOCUMENT, letter
from tests.support.patience import processes_per_processor

Behave = Callable[[socket.socket], None]

SECRETS = (
    *(credentials.JIRA_TOKEN, credentials.SLACK_TOKEN, credentials.GITHUB_TOKEN),
    *(credentials.GOOGLE_CLIENT_SECRET, credentials.GOOGLE_REFRESH_TOKEN, "an-access-token"),
    credentials.MAIL_PASSWORD,
)
_LATE_S = 1.0
_MOST_BYTES = 200_000_000
_TOKEN = b'{"access_token": "an-access-token", "expires_in": 3600}'


class Call(NamedTuple):
    """A call of a client; ``writes`` when it is to change something."""

    writes: bool
    make: Callable[[], object]


CALLS = {
    "Jira, a ticket": Call(True, lambda: wiring.jira().create("x", DOCUMENT, labels=["a"])),
    "Jira, a comment": Call(True, lambda: wiring.jira().comment("A-1", DOCUMENT, effect_id="x")),
    "Jira, who we are": Call(False, lambda: wiring.jira().myself()),
    "Slack, a message": Call(True, lambda: wiring.slack().post("D1", "x", effect_id="y")),
    "Slack, people": Call(False, lambda: wiring.slack().users()),
    "Google, a folder": Call(True, lambda: wiring.drive().create_folder("Orders")),
    "Google, a document": Call(False, lambda: wiring.docs().names("d1")),
    "GitHub, access": Call(True, lambda: wiring.github().grant("ada")),
    "GitHub, invitations": Call(False, lambda: wiring.github().check()),
}


def sends(*parts: bytes) -> Behave:
    """Return a server that sends this and closes the connection."""

    def behave(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        while connection.recv(65_536):
            pass

    return behave


def head(status: str, *lines: str) -> bytes:
    """Return the head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *lines, "", ""]).encode()


def for_ever(part: bytes, start: bytes = b"", every_s: float = 0) -> Behave:
    """Return a server that sends ``part`` again and again, until the client has enough."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            connection.sendall(part)
            time.sleep(every_s)

    return behave


def silent(connection: socket.socket) -> None:
    connection.settimeout(60)
    while connection.recv(65_536):
        pass


JSON = "Content-Type: application/json"
GZIP = "Content-Encoding: gzip"
PAGE = b"<html><h1>Sign in to the network</h1></html>"
PACKED = gzip.compress(b'{"id": "1", "key": "A-1"}')
LATE: dict[str, Behave] = {
    "is silent": silent,
    "drips its head": for_ever(b"X", b"HTTP/1.1 200 OK\r\nX: ", every_s=0.05),
    "drips its body": for_ever(b" ", head("200 OK", JSON), every_s=0.05),
    "says 100 Continue for ever": for_ever(b"HTTP/1.1 100 Continue\r\n\r\n", every_s=0.001),
}
ODD: dict[str, Behave] = {
    "answers a page with 200": sends(head("200 OK", "Content-Type: text/html"), PAGE),
    "answers a page with 502": sends(head("502 Bad Gateway", "Content-Type: text/html"), PAGE),
    "sends headers for ever": for_ever(b"X-More: and more\r\n", b"HTTP/1.1 200 OK\r\n"),
    "sends one header for ever": for_ever(b"x" * 65_536, b"HTTP/1.1 200 OK\r\nX: "),
    "sends a body for ever": for_ever(b" " * 1_000_000, head("200 OK", JSON)),
    "unpacks to 600 MB": sends(
        head("200 OK", JSON, GZIP), gzip.compress(bytes(600_000_000), compresslevel=1)
    ),
    "ends in the middle of a gzip": sends(head("200 OK", JSON, GZIP), PACKED[:-12]),
    "says gzip to what is none": sends(head("200 OK", JSON, GZIP), b'{"id": "1"}'),
    "ends before its Content-Length": sends(head("200 OK", JSON, "Content-Length: 900"), b"{"),
    "sends broken chunks": sends(head("200 OK", JSON, "Transfer-Encoding: chunked"), b"zz\r\n{}"),
    "speaks no HTTP": sends(b"220 mail.example ESMTP\r\n"),
    "closes without a word": sends(),
}
REDIRECTS = {
    "to another host": "https://elsewhere.example/",
    "to plain http": "http://elsewhere.example/",
    "to itself": "/",
    "into the cloud": "http://169.254.169.254/latest/meta-data/",
}


@contextmanager
def serving(
    behave: Behave, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Serve each connection with ``behave`` once its request has come; yield the port.

    A token is given to whoever asks for one.
    """
    listening = socket.create_server((host, 0))

    def take(connection: socket.socket) -> None:
        with ExitStack() as opened, suppress(OSError):
            opened.enter_context(connection)
            if context:
                connection = context.wrap_socket(connection, server_side=True)
                opened.enter_context(connection)
            connection.settimeout(60)
            asked = connection.recv(65_536)
            if asked.partition(b"\r\n")[0].find(b"/google/token ") > 0:
                sends(head("200 OK", JSON), _TOKEN)(connection)
            else:
                behave(connection)

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=take, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.fixture
def aim(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have all clients talk to a server."""
    http.pool.cache_clear()

    def at(port: int, *, scheme: str = "http", host: str = "127.0.0.1") -> None:
        for name in ("VENDORS_SECRET", "VENDOR_CHECKS", "WEBHOOK_SECRET"):
            monkeypatch.delenv(name, raising=False)
        for name, value in credentials.settings(port, 1, "", host).items():
            monkeypatch.setenv(name, value.replace("http://", f"{scheme}://"))

    return at


def failed(call: Call) -> EffectError:
    with pytest.raises(EffectError) as said:
        call.make()
    text = str(said.value)
    assert not [secret for secret in SECRETS if secret in text], text
    assert len(text) < 1_000
    return said.value


@pytest.mark.parametrize("name", [n for n in CALLS if CALLS[n].writes] + ["Slack, people"])
@pytest.mark.parametrize("how", LATE)
def test_a_vendor_that_takes_for_ever_is_left_at_the_deadline(
    aim: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str, how: str
) -> None:
    # Google is asked for a token before, in time.
    within_s = _LATE_S * (_busy() if name.startswith("Google") else 1)
    monkeypatch.setattr(http, "WITHIN_S", within_s)
    with serving(LATE[how]) as port:
        aim(port)
        began = time.monotonic()
        said = failed(CALLS[name])
        took_s = time.monotonic() - began

    assert type(said) is (OutcomeUnknownError if CALLS[name].writes else NotExecutedError)
    assert took_s < 3 * (within_s + 1) * max(1.0, processes_per_processor())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("how", ODD)
def test_an_answer_that_is_none_is_not_taken_for_one_and_takes_no_memory(
    aim: Callable[..., None], name: str, how: str
) -> None:
    before = _peak_bytes()
    with serving(ODD[how]) as port:
        aim(port)
        said = failed(CALLS[name])

    assert type(said) is (OutcomeUnknownError if CALLS[name].writes else NotExecutedError), said
    assert _peak_bytes() - before < _MOST_BYTES


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("where", REDIRECTS)
def test_no_redirect_is_followed(
    aim: Callable[..., None], name: str, status: str, where: str
) -> None:
    asked = []

    def behave(connection: socket.socket) -> None:
        asked.append(1)
        sends(head(status, f"Location: {REDIRECTS[where]}"))(connection)

    with serving(behave) as port:
        aim(port)
        said = failed(CALLS[name])

    assert type(said) is CredentialsError
    assert "leads elsewhere" in str(said)
    assert len(asked) == 1


@pytest.mark.parametrize("name", CALLS)
def test_what_a_vendor_repeats_of_us_is_in_no_error(aim: Callable[..., None], name: str) -> None:
    own = {"Jira": 0, "Slack": 1, "GitHub": 2, "Google": 5}[name.partition(",")[0]]

    def behave(connection: socket.socket) -> None:
        sends(head("400 Bad Request", "Content-Type: text/plain"), SECRETS[own].encode())(
            connection
        )

    with serving(behave) as port:
        aim(port)
        failed(CALLS[name])


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("how", ["self-signed", "of another host", "closed in the handshake"])
def test_without_a_handshake_nothing_is_sent(
    aim: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    how: str,
) -> None:
    certificate, key = certificates.certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    host = "127.0.0.1"
    if how == "of another host":
        if sys.platform != "linux":
            pytest.skip("only Linux has 127.0.0.2")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        host = "127.0.0.2"
    heard: list[int] = []
    closed = how == "closed in the handshake"
    with serving(lambda _: heard.append(1), None if closed else context, host) as port:
        aim(port, scheme="https", host=host)
        said = failed(CALLS[name])

    assert closed or not heard
    # Whether a connection broke in the handshake or behind it is not known: it is looked up.
    unsure = closed and CALLS[name].writes and not name.startswith("Google")
    assert type(said) is (OutcomeUnknownError if unsure else NotExecutedError), said


# --- mail -----------------------------------------------------------------------------------------

STEPS = ("banner", "EHLO", "STARTTLS", "handshake", "AUTH", "MAIL", "RCPT", "DATA", "text")
ENDS: dict[str, Behave] = {
    "is silent": silent,
    "drips": for_ever(b"2", every_s=0.05),
    "replies for ever": for_ever(b"250-and more\r\n" * 500),
    "sends one line for ever": for_ever(b"2" * 65_536),
    "closes": sends(),
    "says nonsense": sends(b"\xff\xfe\x00 what?\r\n"),
}


class MailServer:
    """A mail server that is as it should be up to a step."""

    def __init__(self, step: str, end: Behave, context: ssl.SSLContext) -> None:
        self._step, self._end, self._context = step, end, context
        self._secure = False

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection up to the step, and end it there."""
        with ExitStack() as opened:
            if self._step != "banner":
                connection.sendall(b"220 mail.example ESMTP\r\n")
                connection = self._up_to_the_step(connection, opened)
            self._end(connection)

    def _up_to_the_step(self, connection: socket.socket, opened: ExitStack) -> socket.socket:
        lines = connection.makefile("rb")
        while line := lines.readline():
            verb = line.split()[0].decode("latin-1").upper()
            if verb == self._step:
                break
            connection.sendall(self._reply(verb))
            if verb == "STARTTLS" and self._step != "handshake":
                connection = self._context.wrap_socket(connection, server_side=True)
                opened.enter_context(connection)
                lines, self._secure = connection.makefile("rb"), True
            if verb == "DATA":
                while lines.readline() not in (b".\r\n", b""):
                    pass
            if {"STARTTLS": "handshake", "DATA": "text"}.get(verb) == self._step:
                break
        return connection

    def _reply(self, verb: str) -> bytes:
        more = b"AUTH PLAIN" if self._secure else b"STARTTLS"
        replies = {"EHLO": b"250-mail.example\r\n250 " + more, "STARTTLS": b"220 Go"}
        replies |= {"AUTH": b"235 Yes", "DATA": b"354 Go on"}
        return replies.get(verb, b"250 OK") + b"\r\n"


@contextmanager
def mail_server(step: str, end: Behave, folder: Path) -> Iterator[SmtpMail]:
    """Yield the mail whose server misbehaves at a step."""
    certificate, key = certificates.certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                MailServer(step, end, context).serve(connection)

    threading.Thread(target=take, daemon=True).start()
    within_s = _LATE_S * _busy()
    try:
        yield SmtpMail(
            host="127.0.0.1",
            port=listening.getsockname()[1],
            user=credentials.MAIL_USER,
            password=credentials.MAIL_PASSWORD,
            sender=credentials.MAIL_FROM,
            trust=str(certificate),
            within_s=within_s,
        )
    finally:
        listening.close()


@pytest.mark.parametrize(
    ("step", "how"),
    [
        (step, how)
        for step in STEPS
        for how in ENDS
        if how != "drips" or step in {"banner", "AUTH", "text"}
    ],
)
def test_a_mail_server_that_misbehaves_at_any_step_holds_up_nobody(
    tmp_path: Path, step: str, how: str
) -> None:
    before = _peak_bytes()
    with mail_server(step, ENDS[how], tmp_path) as mail:
        began = time.monotonic()
        said = failed(Call(True, lambda: mail.send(letter())))
        took_s = time.monotonic() - began

    unsure = step == "text" or (step == "DATA" and how != "says nonsense")
    assert type(said) is (OutcomeUnknownError if unsure else NotExecutedError), said
    assert "cakelover" not in str(said)
    assert took_s < 3 * (mail.within_s + 1) * max(1.0, processes_per_processor())
    assert _peak_bytes() - before < _MOST_BYTES


def test_a_letter_that_was_not_asked_for_is_not_taken_for_sent(tmp_path: Path) -> None:
    """Nothing leaves after another reply to DATA than 354."""
    with mail_server("DATA", sends(b"250 OK\r\n"), tmp_path) as mail:
        said = failed(Call(True, lambda: mail.send(letter())))

    assert type(said) is NotExecutedError


def _busy() -> float:
    """Return how many times as long as on an idle machine the steps before may take."""
    return min(max(1.0, processes_per_processor()), 4.0)


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

"""The mail server: it demands STARTTLS and a login, stores letters, reports duplicates."""

import asyncio
import ssl
from email import message_from_bytes, policy
from pathlib import Path
from threading import Lock
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from infra.standins import credentials
from infra.standins.faults import Fault, Faults
from infra.standins.vendor import repeated

_LONGEST_SILENCE_S = 60.0
_NOBODY = "550 5.1.1 There is no such mailbox"
_OK = "250 OK"


class MailStandin:
    """What has arrived; everybody has a mailbox but those in ``unknown``."""

    name = "mail"

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all letters."""
        self.unknown = {"nobody@gmail.com"}
        self._letters: list[dict[str, Any]] = []

    def keep(self, envelope: Envelope) -> None:
        """Keep a letter."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, policy=policy.default)
        body = message.get_body(("plain",))
        letter = {
            "from": envelope.mail_from,
            "to": list(envelope.rcpt_tos),
            "subject": str(message["Subject"]),
            "message_id": str(message["Message-ID"]),
            "headers": [name for name, _ in message.items()],
            "text": body.get_content() if body else "",
        }
        with self._lock:
            self._letters.append(letter)

    def shown(self) -> dict[str, Any]:
        """Return all letters."""
        with self._lock:
            return {"letters": list(self._letters)}

    def doubles(self) -> list[str]:
        """Return the Message-IDs that came more than once."""
        with self._lock:
            return repeated([f"letter {letter['message_id']}" for letter in self._letters])


class _Handler:
    """aiosmtpd's hooks: faults strike at ``RCPT`` (the path is the address) and at ``DATA``."""

    def __init__(self, mail: MailStandin, faults: Faults) -> None:
        self._mail = mail
        self._faults = faults

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self._faults.strike("mail", "RCPT", address)
        if fault:
            return await _failed(server, fault)
        if address in self._mail.unknown:
            return _NOBODY
        envelope.rcpt_tos.append(address)
        return _OK

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        fault = self._faults.strike("mail", "DATA", ",".join(envelope.rcpt_tos))
        if fault is None or fault.comes_after:
            self._mail.keep(envelope)
        return await _failed(server, fault) if fault else _OK


class _Server(SMTP):
    """Ends a connection that speaks HTTP: a web page had a browser open it."""

    async def smtp_POST(self, _: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        await self.push("421 4.7.0 This is a mail server")
        if self.transport:
            self.transport.close()

    smtp_CONNECT = smtp_DELETE = smtp_GET = smtp_HEAD = smtp_OPTIONS = smtp_POST  # noqa: N815
    smtp_PATCH = smtp_PUT = smtp_POST  # noqa: N815


class _Controller(Controller):
    def factory(self) -> SMTP:
        """Return what serves one connection."""
        return _Server(self.handler, **self.SMTP_kwargs)


async def _failed(server: SMTP, fault: Fault) -> str:
    kind = fault.kind.removesuffix("_after")
    if kind == "limit":
        return "451 4.7.1 Too many letters, try again later"
    if kind == "status":
        return f"{fault.status} {fault.body or 'It was asked to fail'}"
    transport = server.transport
    if kind == "stall":
        for _ in range(int(_LONGEST_SILENCE_S / 0.05)):
            if transport is None or transport.is_closing():
                break
            await asyncio.sleep(0.05)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    return "421 Gone"


def _login(_: SMTP, __: Session, ___: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = (credentials.MAIL_USER.encode(), credentials.MAIL_PASSWORD.encode())
    right = isinstance(data, LoginPassword) and (data.login, data.password) == good
    return AuthResult(success=right, handled=right)


def controller(
    mail: MailStandin, faults: Faults, address: tuple[str, int], certificate: Path, key: Path
) -> Controller:
    """Return the mail server, not yet started, at an address and port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return _Controller(
        _Handler(mail, faults),
        hostname=address[0],
        port=address[1],
        require_starttls=True,
        tls_context=context,
        authenticator=_login,
        auth_required=True,
        auth_require_tls=True,
    )

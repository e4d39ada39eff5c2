"""Mail, over SMTP with STARTTLS or through Amazon SES: plain text, one recipient a letter.

What a letter holds cannot become a header: line breaks are refused, addresses are parsed. The
Message-ID is made from the effect, so that a letter which was sent twice can be recognised.
"""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from chalicelib.core.fetch import Line, bounded
from chalicelib.core.mailboxes import mailbox
from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.values import dataclass
from chalicelib.integrations import limits
from chalicelib.integrations.settings import VendorSettings

if TYPE_CHECKING:
    from datetime import datetime

_TIMEOUT_S = 5.0
_LAST_WORD_S = 10.0
# A server that drips meets no timeout of a step; a function has 30 s.
_WITHIN_S = 25.0
_LONGEST_REPLY = 65_536
# RFC 3463: 4.5 is congestion. Gmail answers "550 5.4.5 Daily user sending limit exceeded".
_SENT_ENOUGH = re.compile(rb"[45]\.4\.5\b")
_SENT_ENOUGH_S = 3_600
_AUTH_FAILED = {530, 534, 535, 538}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")
_ATEXT = re.compile("[A-Za-z0-9!#$%&'*+/?^_`{|}~-]")


class MailSettings(VendorSettings):
    """``smtp://user:password@host:port`` or ``ses://region``; the password makes it a secret."""

    mail_url: SecretStr
    mail_from: str
    mail_domain: str = "gmail.com"


@dataclass(frozen=True)
class Letter:
    """What is sent to whom; ``to`` and ``subject`` are checked when it is sent."""

    to: str
    subject: str
    text: str
    effect_id: str
    date: "datetime"


class Mail(Protocol):
    """Sends letters from one address."""

    def send(self, letter: Letter) -> str:
        """Send a letter once and return its Message-ID, or the carrier's. Raises EffectError."""

    def check(self) -> None:
        """Return when letters could be sent. Raises EffectError."""


@dataclass(frozen=True)
class SmtpMail:
    """Mail over SMTP. STARTTLS is not a choice: without it nothing is sent."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    sender: str
    trust: str | None = None
    """The only certificates to trust, as a file or as PEM; None are those of the system."""
    timeout_s: float = _TIMEOUT_S
    last_word_s: float = _LAST_WORD_S
    within_s: float = _WITHIN_S
    """Seconds that all steps may take together."""

    @classmethod
    def at(cls, url: str, sender: str) -> "SmtpMail":
        """Return the mail at ``smtp://user:password@host:port[?ca=FILE-OR-PEM]``."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or 587,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=sender,
            trust=parse_qs(parts.query).get("ca", [None])[0],
        )

    def send(self, letter: Letter) -> str:
        """Send a letter; what breaks off after its text has left is unsure."""
        message = composed(letter, self.sender)
        content = message.as_bytes(policy=SMTP)
        begun = threading.Event()
        self._bounded(lambda line: self._sent(line, letter.to, content, begun), begun)
        return str(message["Message-ID"])

    def check(self) -> None:
        """Return when the server accepts the user name and password."""
        self._bounded(lambda line: _leave(self._opened(line)), threading.Event())

    def _bounded(self, talk: Callable[[Line], None], begun: threading.Event) -> None:
        """Talk for as long as it may take; ``begun`` is set before the text of a letter leaves."""
        try:
            bounded(talk, within_s=self.within_s)
        except TimeoutError:
            late = f"Mail: {self.host}:{self.port}: not within {self.within_s:g} s"
            if begun.is_set():
                raise OutcomeUnknownError(late) from None
            raise NotExecutedError(f"{late}; nothing was sent") from None

    def _sent(self, line: Line, to: str, content: bytes, begun: threading.Event) -> None:
        connection = self._opened(line)
        try:
            self._step(lambda: connection.mail(self.sender), "the sender", CredentialsError)
            self._step(lambda: connection.rcpt(to), "the address", RejectedError)
            begun.set()
            self._deliver(connection, content)
        except EffectError as failed:
            raise anonymous(failed, to) from None
        finally:
            _leave(connection)

    def _opened(self, line: Line) -> smtplib.SMTP:
        """Return a connection that is encrypted and logged in; nothing was sent yet."""
        try:
            connection = _Connection(line, self.host, self.port, timeout=self.timeout_s)
            try:
                connection.starttls(context=_context(self.trust))
                line.hold(connection.sock)
                connection.login(self.user, self.password)
            except BaseException:
                connection.close()
                raise
        except smtplib.SMTPAuthenticationError as refused:
            if refused.smtp_code in _AUTH_FAILED:
                raise CredentialsError(f"Mail: login refused, {refused.smtp_code}") from None
            raise NotExecutedError(f"Mail: login put off, {refused.smtp_code}") from None
        except smtplib.SMTPNotSupportedError as lacks:
            raise CredentialsError(f"Mail: {self.host} lacks what we need: {lacks}") from None
        except (smtplib.SMTPException, OSError) as broken:
            why = type(broken).__name__
            raise NotExecutedError(
                f"Mail: {self.host}:{self.port}: {why}; nothing was sent"
            ) from None
        return connection

    def _step(
        self,
        ask: Callable[[], tuple[int, bytes]],
        about: str,
        refused: type[CredentialsError] | type[RejectedError],
    ) -> None:
        try:
            code, words = ask()
        except (smtplib.SMTPException, OSError) as broken:
            raise NotExecutedError(f"Mail: broke off at {about}: {type(broken).__name__}") from None
        _judge(code, words, about, refused)

    def _deliver(self, connection: smtplib.SMTP, content: bytes) -> None:
        if connection.sock:
            connection.sock.settimeout(self.last_word_s)
        try:
            code, words = connection.data(content)
        except smtplib.SMTPDataError as refused:  # before the text
            code, words = refused.smtp_code, _bytes(refused.smtp_error)
            if not 400 <= code < 600:  # also 250: the text was not asked for, so it has not left
                raise NotExecutedError(f"Mail: the text was not asked for: {code}") from None
        except (smtplib.SMTPException, OSError) as broken:
            raise OutcomeUnknownError(
                f"Mail: broke off at the text: {type(broken).__name__}"
            ) from None
        if not 200 <= code < 600:  # no reply of SMTP's: it may have been taken
            raise OutcomeUnknownError("Mail: the text: the reply is none")
        _judge(code, words, "the text", RejectedError)


class _Connection(smtplib.SMTP):
    """A connection that a deadline can end, and whose replies are no longer than they may be."""

    def __init__(self, line: Line, host: str, port: int, *, timeout: float) -> None:
        self._line = line
        super().__init__(host, port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened = socket.create_connection((host, port), timeout)
        self._line.hold(opened)
        return opened

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply. Raises SMTPServerDisconnected."""
        if self.file is None and self.sock is not None:
            self.file = cast("Any", _Replies(self.sock))
        if self.file is not None:
            cast("_Replies", self.file).begin()
        return super().getreply()


class _Replies:
    """The lines that a server sends: of one reply only so many bytes, as it may have no end."""

    def __init__(self, opened: socket.socket) -> None:
        self._file = opened.makefile("rb")
        self.begin()

    def begin(self) -> None:
        """Take the next line for the first of a reply."""
        self._left = _LONGEST_REPLY

    def readline(self, limit: int) -> bytes:
        """Return a line. Raises OSError when the reply is too long."""
        text = self._file.readline(min(limit, self._left + 1))
        self._left -= len(text)
        if self._left < 0:
            raise OSError("the reply has no end")
        return text

    def close(self) -> None:
        """Close it; the socket stays."""
        self._file.close()


def composed(letter: Letter, sender: str) -> EmailMessage:
    """Return a letter as a message. Raises RejectedError for what would break a header."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(addr_spec=checked_address(sender))
    message["To"] = Address(addr_spec=checked_address(letter.to))
    message["Subject"] = checked_subject(letter.subject)
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = message_id(letter.effect_id, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices, please
    message.set_content(letter.text)
    return message


def checked_subject(subject: str) -> str:
    """Return a subject, shortened if need be. Raises RejectedError for control characters."""
    if _UNPRINTABLE.search(subject):
        raise RejectedError("Mail: a subject must be one line of text")
    return limits.shortened(subject, limits.MAIL_SUBJECT)


def checked_address(address: str) -> str:
    """Return an address of ASCII characters with one mailbox in it, or raise RejectedError."""
    try:
        return mailbox(address)
    except ValueError as wrong:
        raise RejectedError("Mail: the address is none") from wrong


def anonymous(failed: EffectError, address: str) -> EffectError:
    """Return an error without the recipient, whom servers repeat: it goes into logs."""
    words = re.sub(re.escape(address), "the recipient", str(failed), flags=re.IGNORECASE)
    failed.args = (words,)
    return failed


def message_id(effect_id: str, sender: str) -> str:
    """Return the Message-ID of an effect's letter: another one for another effect (RFC 5322)."""
    local = "".join(c if _ATEXT.fullmatch(c) else f"={ord(c):x}=" for c in effect_id)
    return f"<{local}@{sender.rpartition('@')[2]}>"


def _context(trust: str | None) -> ssl.SSLContext:
    """Return the TLS that trusts the system's certificates, or those in a file or a PEM text."""
    if trust and trust.startswith("-----BEGIN"):
        return ssl.create_default_context(cadata=trust)
    return ssl.create_default_context(cafile=trust)


def _judge(
    code: int, words: bytes, about: str, refused: type[CredentialsError] | type[RejectedError]
) -> None:
    """Read an SMTP reply (RFC 5321 section 4.2.1): 4xx is for now, 5xx for good."""
    if 200 <= code < 300:
        return
    why = f"Mail: {about}: {code} {words.decode(errors='replace')[:200]}"
    if code in _AUTH_FAILED:
        raise CredentialsError(why)
    if _SENT_ENOUGH.match(words):
        raise NotExecutedError(why, retry_after_s=_SENT_ENOUGH_S)
    raise refused(why) if code >= 500 else NotExecutedError(why)


def _leave(connection: smtplib.SMTP) -> None:
    """Send QUIT; its outcome is ignored."""
    with suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()

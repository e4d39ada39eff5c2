"""The one way to talk to a vendor over HTTP, and what each outcome means.

| what happened                                | a write     | a read      |
| -------------------------------------------- | ----------- | ----------- |
| no name, refused, no certificate, no connect | NotDone     | NotDone     |
| 429, or the vendor's own word for a limit    | NotDone     | NotDone     |
| 409, 423, 425                                | NotDone     | NotDone     |
| late, reset, 408, 5xx, odd, huge, a web page | **Unsure**  | NotDone     |
| 3xx, 401, 403                                | Denied      | Denied      |
| 404, 410                                     | NotThere    | NotThere    |
| other 4xx                                    | Poison      | Poison      |
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cache, partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3
import urllib3.connection
from pydantic import BaseModel, ConfigDict, ValidationError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    SSLError,
)

from chalicelib import __version__
from chalicelib.core import retry_after
from chalicelib.core.addresses import safe
from chalicelib.core.fetch import Line, bounded, read_body
from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.values import dataclass

M = TypeVar("M", bound=BaseModel)

TIMEOUT = urllib3.Timeout(connect=3, read=10)
WITHIN_S = 15.0
"""Seconds that one request may take, however slowly its answer drips."""
LARGEST = 16 * 1024 * 1024
"""Bytes that are read of an answer, decompressed; of a larger one the outcome is not known."""
USER_AGENT = f"backroom/{__version__}"
_LONGEST_WAIT_S = 86_400.0
_MOST_WORDS = 300
_IN_THE_WAY = {HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY}
_CLOSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_ABSENT = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class NotThereError(RejectedError):
    """What the request is about does not exist at the vendor's, or not any more."""


class Read(BaseModel):
    """What is read of an answer: the fields that are used, and no more."""

    # Built at first use: most functions talk to one vendor.
    model_config = ConfigDict(frozen=True, defer_build=True)


@dataclass(frozen=True)
class Answer:
    """What a vendor answered; ``writes`` is true if the request was to change something."""

    service: str
    request: str
    writes: bool
    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def into(self, model: type[M]) -> M:
        """Return the JSON body as ``model``.

        Raises OutcomeUnknownError or NotExecutedError if it is none.
        """
        try:
            return model.model_validate_json(self.content)
        except ValidationError as odd:
            names = sorted({".".join(map(str, error["loc"])) for error in odd.errors()})
            raise self.unknown(f"the answer cannot be read: {', '.join(names)}") from odd

    def unknown(self, why: str) -> EffectError:
        """Return the error for an unknown outcome: a read loses nothing."""
        return _unknown(f"{self.service} {self.request}: {why}", writes=self.writes)

    def words(self) -> str:
        """Return the vendor's words for what is wrong, on one line and not too many."""
        text = self.content[:4096].decode(errors="replace")
        try:
            message = " ".join(_sentences(json.loads(text)))
        except (ValueError, RecursionError):
            message = re.sub("<[^>]*>", " ", text)
        return " ".join(message.split())[:_MOST_WORDS] or "no reason was given"

    def retry_after_s(self, now: float) -> float | None:
        """Return how long the vendor requires to wait, if it does."""
        asked_s = retry_after.seconds(self.headers.get("Retry-After", ""), now)
        return None if asked_s is None else min(asked_s, _LONGEST_WAIT_S)


Judge = Callable[[Answer, float], EffectError | None]
"""Reads a vendor's own words for a refusal; None leaves the answer to the rules for all."""


class Http:
    """Talks to one vendor at ``url``.

    ``judge`` speaks before the rules for all; ``secrets`` never appear in an error.
    """

    def __init__(
        self,
        service: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        judge: Judge | None = None,
        secrets: Sequence[str] = (),
        timeout: urllib3.Timeout = TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._url = url.rstrip("/")
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        self._judge = judge
        self._secrets = [secret for secret in secrets if secret]
        self._timeout = timeout
        self._now = now

    def read(self, method: str, path: str, **options: Any) -> Answer:
        """Send what changes nothing, or may be repeated at will. Raises EffectError.

        ``options`` is ``query``, ``headers`` and one of ``json`` and ``form``.
        """
        return self._sent(method, path, writes=False, **options)

    def write(self, method: str, path: str, **options: Any) -> Answer:
        """Send what changes something, once. Raises EffectError."""
        return self._sent(method, path, writes=True, **options)

    def _sent(
        self,
        method: str,
        path: str,
        *,
        writes: bool,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        sent, media_type = _encoded(**body)
        request = f"{method} {path}"
        if not safe(self._url):  # a token goes nowhere unencrypted
            raise CredentialsError(
                f"{self._service}: the address in the settings is no https:// one"
            )
        url = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        named = {**self._headers, **media_type, **(headers or {})}
        talk = partial(_exchanged, method, url, sent, named, self._timeout)
        try:
            response, content, more = bounded(talk, within_s=WITHIN_S)
        except (HTTPError, ssl.SSLError, OSError) as broken:
            raise self._broken(request, broken, writes=writes) from None
        answer = Answer(self._service, request, writes, response.status, response.headers, content)
        error = (self._judge and self._judge(answer, self._now())) or outcome(answer, self._now())
        if more and not error:
            error = answer.unknown(f"the answer has more than {LARGEST} bytes")
        if error:
            raise self._scrubbed(error, named.get("Authorization", "").rpartition(" ")[2])
        return answer

    def _broken(self, request: str, broken: Exception, *, writes: bool) -> EffectError:
        why = f"{self._service} {request}: {type(broken).__name__}"
        if isinstance(broken, LocationValueError):
            return CredentialsError(f"{why}; the address in the settings is none")
        if isinstance(broken, NewConnectionError | ConnectTimeoutError) or _distrusted(broken):
            return NotExecutedError(f"{why}; no connection")
        return _unknown(why, writes=writes)

    def _scrubbed(self, error: EffectError, sent: str) -> EffectError:
        """Return an error without our secrets, also the one that was sent, whoever repeats them."""
        text = str(error)
        for secret in (*self._secrets, *([sent] if sent else [])):
            text = text.replace(secret, "***")
        error.args = (text,)
        return error


def outcome(answer: Answer, now: float) -> EffectError | None:
    """Return what a status means where the vendor has no rule of its own; None is success."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        if answer.content and answer.headers.get("Content-Type", "").startswith("text/html"):
            return answer.unknown("a web page and no answer, perhaps of a proxy")
        return None
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer.unknown(f"{status} {answer.words()}")
    why = f"{answer.service} {answer.request}: {status} {answer.words()}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotExecutedError(why, retry_after_s=answer.retry_after_s(now))
    if status < HTTPStatus.BAD_REQUEST:
        why = f"{why}; the address in the settings leads elsewhere"
    return _refusal(status)(why)


def _refusal(status: int) -> type[EffectError]:
    if status in _CLOSED or status < HTTPStatus.BAD_REQUEST:
        return CredentialsError
    if status in _ABSENT:
        return NotThereError
    return NotExecutedError if status in _IN_THE_WAY else RejectedError


@cache
def pool() -> urllib3.PoolManager:
    """Return the connections of this container."""
    connections = urllib3.PoolManager(num_pools=16, maxsize=8)
    connections.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}
    return connections


def _exchanged(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout: urllib3.Timeout,
    line: Line,
) -> tuple[urllib3.BaseHTTPResponse, bytes, bool]:
    """Send a request; return the answer, as much of its body as is read, and whether it has more.

    Runs in a thread of its own, whose connection is the one that ``line`` may shut.
    """
    _mine.line = line
    response = pool().request(
        method,
        url,
        body=body,
        headers=headers,
        timeout=timeout,
        retries=False,
        redirect=False,
        preload_content=False,
    )
    content, more = read_body(response, LARGEST)
    line.hold(None)  # it is free for the next request
    return response, content, more


class _Mine(threading.local):
    line: Line | None = None


_mine = _Mine()


def _hold(connection: urllib3.connection.HTTPConnection) -> None:
    if _mine.line and connection.sock:
        _mine.line.hold(connection.sock)


class _Plain(urllib3.connection.HTTPConnection):
    """A connection that the deadline of a request can end, new or used again."""

    def connect(self) -> None:
        super().connect()
        _hold(self)

    def request(self, *positional: Any, **named: Any) -> None:
        _hold(self)
        super().request(*positional, **named)


class _Encrypted(_Plain, urllib3.connection.HTTPSConnection):
    """The same over TLS."""


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Encrypted


def _encoded(
    json: object = None, form: Mapping[str, str] | None = None
) -> tuple[bytes | None, Any]:
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json is not None:
        return _json(json).encode(), {"Content-Type": "application/json; charset=utf-8"}
    return None, {}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _distrusted(broken: Exception) -> bool:
    """Return whether the vendor's certificate was refused: nothing was sent then."""
    causes = [broken, *broken.args] if isinstance(broken, SSLError) else [broken]
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)


def _unknown(why: str, *, writes: bool) -> EffectError:
    return OutcomeUnknownError(why) if writes else NotExecutedError(why)


def _sentences(node: object, name: str = "") -> list[str]:
    """Return the texts of a JSON document, each with its name; links are of no help in a line."""
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in _sentences(value, key)]
    if isinstance(node, list):
        return [text for value in node for text in _sentences(value, name)]
    if not isinstance(node, str) or node.startswith("https://"):
        return []
    return [f"{name}: {node}" if name else node]

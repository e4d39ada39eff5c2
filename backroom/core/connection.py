"""One address and how it is talked to: answers parsed, errors in plain words, safe retries."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from backroom.core.auth.bearer import Bearer
from backroom.core.errors import ApiError, Fault, UnreachableError
from chalicelib import __version__

T = TypeVar("T")
E = TypeVar("E")

_RETRIES = 3
# Nothing was done then: the service could not, or the gateway did not let the request through.
_LATER = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
# Whether the service did something then, nobody knows.
_BROKEN_OFF = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_LONGEST_PAUSE_S = 5.0
_TIMEOUT = httpx.Timeout(60, connect=5)
_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What the API answered: parsed, and word for word."""

    value: T
    text: str
    status: int = HTTPStatus.OK
    next_page: str | None = None
    headers: httpx.Headers = field(default_factory=httpx.Headers)


class _Problem(BaseModel):
    """A problem document (RFC 9457), or the ``{"message"}`` of a gateway."""

    model_config = ConfigDict(extra="allow")

    title: str = ""
    detail: str = ""
    message: str = ""
    errors: tuple[Fault, ...] = ()


class Connection:
    """Sends requests to the API at ``url``; ``transport`` and ``sleep`` are for tests."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self._sleep = sleep
        try:
            self._client = httpx.Client(
                base_url=self.url,
                transport=transport,
                timeout=_TIMEOUT,
                auth=Bearer(self.url, transport=transport),
                headers={"User-Agent": f"backroom/{__version__}"},
                trust_env=httpx.URL(self.url).host not in _LOCAL,  # no proxy for this machine
            )
        except (httpx.InvalidURL, UnicodeError) as wrong:
            raise self._unreachable(f"{url} is not an address: {wrong}") from wrong

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def answer(self, kind: TypeAdapter[T], method: str, path: str, **options: Any) -> Answer[T]:
        """Send a request and parse what comes back. Raises ApiError or UnreachableError."""
        response = self.response(method, path, **options)
        try:
            value = kind.validate_json(response.content)
        except ValidationError as odd:
            raise self._unreachable(
                f"Something answers at {self.url}, but not as Backroom does."
            ) from odd
        following = response.links.get("next", {}).get("url")
        return Answer(value, response.text, response.status_code, following, response.headers)

    def whole(
        self, kind: TypeAdapter[tuple[E, ...]], path: str, **options: Any
    ) -> Answer[tuple[E, ...]]:
        """Return a list with all its pages as one answer."""
        pages = list(self.pages(kind, path, **options))
        members = tuple(member for page in pages for member in page.value)
        text = f"[{','.join(filter(None, (page.text[1:-1] for page in pages)))}]"
        return Answer(members, text, pages[-1].status, None, pages[-1].headers)

    def pages(self, kind: TypeAdapter[T], path: str, **options: Any) -> Iterator[Answer[T]]:
        """Yield a list page by page."""
        page = self.answer(kind, "GET", path, **options)
        yield page
        while page.next_page:
            page = self.answer(kind, "GET", page.next_page)
            yield page

    def csv(self, path: str, **options: Any) -> Iterator[str]:
        """Yield a list as CSV, page by page, with one heading in all."""
        page = self.response("GET", path, **options)
        yield page.text
        while following := page.links.get("next", {}).get("url"):
            page = self.response("GET", following)
            yield page.text.partition("\r\n")[2]

    def response(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; retries 503 and 429, which the API declares safe, and broken reads."""
        response = self._asked(method, path, **options)
        for _ in range(_RETRIES):
            if response.status_code not in _LATER:
                break
            self._sleep(_pause_s(response))
            response = self._asked(method, path, **options)
        if response.is_success:
            return response
        raise _refusal(response)

    def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; once more where the connection breaks off and it only reads."""
        try:
            return self.send(method, path, **options)
        except UnreachableError as broken:
            if method != "GET" or not isinstance(broken.__cause__, _BROKEN_OFF):
                raise
            return self.send(method, path, **options)

    def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request once, and return its answer. Raises UnreachableError."""
        try:
            return self._client.request(method, url, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as gone:
            raise self._unreachable(f"Nothing answers at {_address(url, self.url)}.") from gone
        except httpx.TimeoutException as slow:
            raise UnreachableError(
                f"{_address(url, self.url)} took too long to answer.", next_step="backroom status"
            ) from slow
        except httpx.DecodingError as garbled:
            raise self._unreachable(
                f"{_address(url, self.url)} answered with an invalid Content-Encoding."
            ) from garbled
        except httpx.TransportError as broken:
            raise self._unreachable(
                f"The connection to {_address(url, self.url)} broke off: {broken}"
            ) from broken
        except (httpx.InvalidURL, UnicodeError, OverflowError) as nowhere:
            # The last two come from looking the host up.
            raise self._unreachable(
                f"{_address(url, self.url)} is not an address: each part of a host's name has 1 to "
                "63 letters, and a port is at most 65535."
            ) from nowhere

    def _unreachable(self, detail: str) -> UnreachableError:
        step = "make up starts it on this machine; --api or BACKROOM_API names another address"
        return UnreachableError(detail, next_step=step)


def _address(url: str, base: str) -> str:
    """Return who was asked: the share has an address of its own."""
    return base if url.startswith("/") else f"the share, {httpx.URL(url).host}"


def _pause_s(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "1")
    return min(float(asked), _LONGEST_PAUSE_S) if re.fullmatch("[0-9]{1,9}", asked) else 1.0


def _phrase(status: int) -> str:
    """Return the name of a status; those of some gateways (520 to 530, 561) have none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _refusal(response: httpx.Response) -> ApiError:
    phrase = _phrase(response.status_code)
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        return ApiError(response.status_code, phrase, response.text[:200] or "no reason was given")
    return ApiError(
        response.status_code,
        problem.title or phrase,
        problem.detail or problem.message or "no reason was given",
        errors=problem.errors,
        facts=problem.model_extra,
    )

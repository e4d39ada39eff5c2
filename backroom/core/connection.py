"""One address and how it is talked to: answers parsed, errors in plain words, safe retries."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from backroom.core.auth.bearer import Bearer
from backroom.core.errors import ApiError, Fault, UnreachableError
from chalicelib import __version__
from chalicelib.core import retry_after
from chalicelib.core.totals import AT_LEAST, EXACT, Total

T = TypeVar("T")
E = TypeVar("E")

_RETRIES = 3
_LATER = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
# What the API does once, however often it comes (RFC 9110 section 9.2.2).
_REPEATABLE = {"GET", "HEAD", "PUT", "DELETE"}
_KEY = "Idempotency-Key"
# What may be gone the next time; an address that is none stays so.
_PASSING = (
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_PATIENCE_S = 100.0
"""So long after it was first sent, a request is not sent again."""
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

    @property
    def total(self) -> Total | None:
        """Return how many rows all pages have, if they were counted."""
        for name, exact in ((EXACT, True), (AT_LEAST, False)):
            if name in self.headers:
                return Total(int(self.headers[name]), exact)
        return None


class _Problem(BaseModel):
    """A problem document (RFC 9457), or the ``{"message"}`` of a gateway."""

    model_config = ConfigDict(extra="allow")

    title: str = ""
    detail: str = ""
    message: str = ""
    errors: tuple[Fault, ...] = ()


class Connection:
    """Sends requests to the API at ``url``; all else is for tests."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self._sleep = sleep
        self._clock_s = clock_s
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

    def listed(
        self, kind: TypeAdapter[T], path: str, query: Mapping[str, str], *, counted: bool
    ) -> Answer[T]:
        """Return the first page of a list, and have the rows of all pages counted if wanted."""
        params = {**query, **({"count": "true"} if counted else {})}
        return self.answer(kind, "GET", path, params=params)

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

    def members(self, kind: TypeAdapter[tuple[E, ...]], path: str, **options: Any) -> Iterator[E]:
        """Yield what a list has, asking for the next page when it is needed."""
        for page in self.pages(kind, path, **options):
            yield from page.value

    def csv(self, path: str, **options: Any) -> Iterator[str]:
        """Yield a list as CSV, page by page, with one heading in all."""
        page = self.response("GET", path, **options)
        yield page.text
        while following := page.links.get("next", {}).get("url"):
            page = self.response("GET", following)
            yield page.text.partition("\r\n")[2]

    def response(
        self, method: str, path: str, *, repeatable: bool = False, **options: Any
    ) -> httpx.Response:
        """Send a request, and again where that is safe. Raises ApiError or UnreachableError.

        It is safe for GET, PUT and DELETE, with an Idempotency-Key, and where the caller says that
        a repeat changes nothing. Then a 503 or 429, a timeout and a broken connection are followed
        by up to three repeats: after the time that the answer names, and else with full jitter.
        """
        safe = repeatable or method in _REPEATABLE or _KEY in options.get("headers", {})
        ends_s = self._clock_s() + _PATIENCE_S
        for number in range(_RETRIES if safe else 0):
            try:
                return self._accepted(method, path, **options)
            except (ApiError, UnreachableError) as failed:
                pause_s = _pause_s(failed, number)
                if pause_s is None or self._clock_s() + pause_s > ends_s:
                    raise
                self._sleep(pause_s)
        return self._accepted(method, path, **options)

    def _accepted(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request once. Raises ApiError or UnreachableError."""
        response = self.send(method, path, **options)
        if response.is_success:
            return response
        raise _refusal(response)

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
    """Return the server's name: the share has an address of its own."""
    return base if url.startswith("/") else f"the share, {httpx.URL(url).host}"


def _pause_s(failed: ApiError | UnreachableError, number: int) -> float | None:
    """Return how long to wait before a repeat, the ``number``-th from 0; None where none helps."""
    if isinstance(failed, UnreachableError):
        helps, asked_s = isinstance(failed.__cause__, _PASSING), None
    else:
        helps, asked_s = failed.status in _LATER, failed.retry_after_s
    if asked_s is None:
        asked_s = random.uniform(0, _FIRST_PAUSE_S * 2**number)  # noqa: S311 - jitter is no secret
    return asked_s if helps and asked_s <= _LONGEST_PAUSE_S else None


def _phrase(status: int) -> str:
    """Return the name of a status; those of some gateways (520 to 530, 561) have none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _refusal(response: httpx.Response) -> ApiError:
    phrase = _phrase(response.status_code)
    asked_s = retry_after.seconds(response.headers.get("Retry-After", ""), time.time())
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        message = response.text[:200] or "no reason was given"
        return ApiError(response.status_code, phrase, message, retry_after_s=asked_s)
    return ApiError(
        response.status_code,
        problem.title or phrase,
        problem.detail or problem.message or "no reason was given",
        errors=problem.errors,
        facts=problem.model_extra,
        retry_after_s=asked_s,
    )

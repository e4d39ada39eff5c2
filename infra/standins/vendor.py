"""What the stand-ins over HTTP share: a request, a reply, routes, a clock that can jump."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any
from urllib.parse import unquote

Serve = Callable[..., "Reply"]


class Clock:
    """The time of day, which can be advanced, so that tests need not wait for a lag."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return time.time() + self._ahead_s

    def forward(self, seconds: float) -> None:
        """Send the clock ahead."""
        self._ahead_s += seconds

    def reset(self) -> None:
        """Tell the real time again."""
        self._ahead_s = 0.0


@dataclass(frozen=True)
class Reply:
    """What is answered: ``body`` becomes JSON, None is no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the bytes of the body."""
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


class RefusedError(Exception):
    """The vendor refuses a request; it carries the reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True)
class Request:
    """What came.

    ``path`` is below the vendor's own prefix and still quoted; header names are in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Return the media type of the body."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError."""
        return json.loads(self.body or b"null")

    def bearer(self) -> str:
        """Return the bearer token, empty when there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""


class Vendor:
    """A stand-in: ``routes`` are methods, path patterns and what serves them."""

    name = ""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens = set[str]()  # several while one is replaced by another one
        self.lock = RLock()
        self.routes: list[tuple[str, re.Pattern[str], Serve]] = []
        self.reset()

    def on(self, method: str, pattern: str, serve: Serve) -> None:
        """Serve a method on the paths that match ``pattern``, whole."""
        self.routes.append((method, re.compile(pattern), serve))

    def handle(self, request: Request) -> Reply:
        """Return the vendor's reply; one request at a time, as in one transaction."""
        with self.lock:
            try:
                self.admit(request)
                return self._served(request)
            except RefusedError as refused:
                return refused.reply

    def _served(self, request: Request) -> Reply:
        for method, pattern, serve in self.routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return serve(request, *map(unquote, match.groups()))
        return self.refusal(404, "There is no such resource.")

    def admit(self, request: Request) -> None:
        """Let the request in, or raise RefusedError."""

    def refusal(self, status: int, words: str) -> Reply:
        """Return a refusal in the vendor's own form."""
        return Reply(status, {"message": words})

    def limited(self, retry_after_s: float) -> Reply:
        """Return what the vendor answers to too many requests."""
        refused = self.refusal(429, "Too many requests.")
        return Reply(429, refused.body, {"Retry-After": f"{retry_after_s:g}"})

    def reset(self) -> None:
        """Forget everything."""

    def shown(self) -> dict[str, Any]:
        """Return everything that is held, as JSON."""
        return {}

    def doubles(self) -> list[str]:
        """Return what is there twice though it was meant once."""
        return []

    def refuse(self, status: int, words: str) -> RefusedError:
        """Return the error that answers a refusal."""
        return RefusedError(self.refusal(status, words))


def repeated(marks: list[str]) -> list[str]:
    """Return the marks that occur more than once, one entry for each time too many."""
    seen: set[str] = set()
    twice = []
    for mark in marks:
        if mark in seen:
            twice.append(mark)
        seen.add(mark)
    return twice

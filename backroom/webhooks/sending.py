"""Forwarding events to a program on this machine, signed as webhooks are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from backroom.core.errors import UnreachableError
from backroom.core.session import Session
from backroom.webhooks.api import WebhooksApi
from chalicelib.core import strict_json
from chalicelib.core.instants import iso
from chalicelib.webhooks import signing
from chalicelib.webhooks.models import MOST_EVENTS, EventView

_PAUSE_S = 1.0
_TIMEOUT = httpx.Timeout(30, connect=5)


@dataclass(frozen=True)
class Forwarded:
    """The outcome of an event: the receiver's status, or why there is none."""

    event: EventView
    text: str
    status: int | None
    why: str = ""

    @property
    def taken(self) -> bool:
        """Return whether the program took it."""
        return self.status is not None and httpx.codes.is_success(self.status)


def events(
    here: Session, api: WebhooksApi, *, kind: str | None, since: str | None, once: bool
) -> Iterator[tuple[EventView, str]]:
    """Yield events with their texts as they are recorded, from ``since`` or from now on.

    With ``once`` it ends when there are no more. While the API is away it waits for it, unless it
    was never there. Raises UnreachableError.
    """
    start: dict[str, Any] = {"since": since or iso(here.now())}
    answered = False
    while True:
        try:
            page = api.events(kind=kind, limit=MOST_EVENTS, **start)
        except UnreachableError:
            if not answered:
                raise
            here.sleep(_PAUSE_S)
            continue
        answered = True
        texts = strict_json.loads(page.text.encode())
        assert isinstance(texts, list)  # noqa: S101 - it was parsed already
        for event, body in zip(page.value, texts, strict=True):
            yield event, strict_json.dumps(body)
        if page.value:
            start = {"after": page.value[-1].id}
        elif once:
            return
        if not page.next_page and not once:
            here.sleep(_PAUSE_S)


class Forwarder:
    """Sends events to ``url``, signed with ``secret``."""

    def __init__(self, here: Session, url: str, secret: str) -> None:
        self._here = here
        self._url = url
        self._secret = secret
        self._client = httpx.Client(transport=here.transport, timeout=_TIMEOUT, trust_env=False)

    def forward(self, event: EventView, text: str) -> Forwarded:
        """Send an event once."""
        body = text.encode()
        headers = signing.headers(event.id, body, [self._secret], self._here.now())
        try:
            answer = self._client.post(
                self._url, content=body, headers={"Content-Type": "application/json", **headers}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as broken:
            return Forwarded(event, text, None, str(broken) or type(broken).__name__)
        return Forwarded(event, text, answer.status_code)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

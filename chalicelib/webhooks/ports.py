"""What the services need from the outside, and what the outside may answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from chalicelib.core.facts import EventKind, Fact
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.webhooks.models import Health, Subscription

PREFIX = "evt_"


class UrlTakenError(Exception):
    """Another subscription has that URL: its ``id``."""

    def __init__(self, subscription_id: str) -> None:
        super().__init__(subscription_id)
        self.id = subscription_id


class StaleSubscriptionError(Exception):
    """The subscription was changed since it was read; read it again and decide again."""


class Recorded(NamedTuple):
    """An event that is in the log: its place, which is a time, and its kind."""

    place: str
    kind: EventKind

    @property
    def id(self) -> str:
        """Return the event's id."""
        return f"{PREFIX}{self.place}"


@dataclass(frozen=True)
class Event:
    """An event of the log, and its JSON text as receivers get it."""

    place: str
    kind: EventKind
    body: str

    @property
    def id(self) -> str:
        """Return the event's id."""
        return f"{PREFIX}{self.place}"


@dataclass(frozen=True)
class Span:
    """Which places of the log: after one, and from a time until before another."""

    after: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Log(Protocol):
    """The events, in the order in which they were recorded."""

    def append(self, facts: Sequence[Fact]) -> list[Recorded]: ...

    def forget_before(self, fact: Fact) -> None: ...

    def event(self, place: str) -> Event | None: ...

    def events(self, kinds: Sequence[EventKind], span: Span, limit: int) -> list[Event]: ...

    def about(
        self, subject: str, kinds: Sequence[EventKind], span: Span, limit: int
    ) -> list[Event]: ...

    def count(self, subject: str | None, kinds: Sequence[EventKind], span: Span) -> Total: ...


class Receivers(Protocol):
    """The subscriptions, and how their receivers do."""

    def add(self, subscription: Subscription) -> None: ...

    def replace(self, before: Subscription, after: Subscription) -> None: ...

    def remove(self, subscription: Subscription) -> None: ...

    def all(self) -> list[Subscription]: ...

    def get_with_health(
        self, subscription_id: str
    ) -> tuple[Subscription | None, Health | None]: ...

    def take(self, subscription_id: str, health: Health, until: datetime) -> bool: ...

    def put_health(self, subscription_id: str, health: Health | None) -> None: ...


class Deliveries(Protocol):
    """The outbox, as the events see it."""

    def request(self, effects: Iterable[Effect]) -> None: ...

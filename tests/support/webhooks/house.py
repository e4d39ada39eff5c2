"""The webhooks on a table in memory, with a clock that stands and receivers that obey."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chalicelib.core.facts import EventKind, Fact
from chalicelib.core.models import Model
from chalicelib.core.outbox.effects import Effect, EffectError
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.table import Table
from chalicelib.webhooks.handlers import DeliveryHandler
from chalicelib.webhooks.models import Subscription, SubscriptionBody
from chalicelib.webhooks.receivers import Post, Reply
from chalicelib.webhooks.service.recording import Recording
from chalicelib.webhooks.service.subscribing import Subscriptions
from chalicelib.webhooks.store.deliveries import DeliveryStore
from chalicelib.webhooks.store.log import EventLog
from chalicelib.webhooks.store.subscriptions import SubscriptionStore
from tests.support.clock import Clock
from tests.support.dynamodb_in_memory import MemoryDynamoDB

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
URL, OTHER_URL = "https://one.example/hooks", "https://other.example/hooks"


class Told(Model):
    """The data of an event."""

    text: str = "x"


def fact(
    subject: str = "packages/a",
    kind: EventKind = "package.decided",
    *,
    version: str = "",
    text: str = "x",
) -> Fact:
    return Fact(kind, subject, NOON, Told(text=text), version)


@dataclass
class Outside:
    """Receivers by URL: what each answers to its requests, 204 by default."""

    answers: dict[str, list[int | Reply | EffectError]] = field(
        default_factory=lambda: defaultdict(list)
    )
    got: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self.got.append((url, body, headers))
        self.meanwhile()
        answer = self.answers[url].pop(0) if self.answers[url] else 204
        if isinstance(answer, EffectError):
            raise answer
        return answer if isinstance(answer, Reply) else Reply(answer)

    def at(self, url: str) -> list[str]:
        """Return the ids of the events that a receiver got."""
        return [headers["webhook-id"] for to, _, headers in self.got if to == url]


class House:
    """All of the context but its functions; everything is stored in one table."""

    def __init__(self) -> None:
        self.clock = Clock(NOON)
        self.dynamodb = MemoryDynamoDB()
        client: Any = self.dynamodb
        self.table = Table(client, "webhooks")
        self.outside = Outside()
        self.store = SubscriptionStore(self.table)
        self.log = EventLog(self.table, now=self.clock, retention=timedelta(days=30))
        self.deliveries = DeliveryStore(self.table, Outbox(self.table, now=self.clock))
        self.recording = Recording(self.log, self.store, self.deliveries)
        self.elapsed_s = 0.0
        numbers = count(1)
        self.subscriptions = Subscriptions(
            receivers=self.store,
            log=self.log,
            deliveries=self.deliveries,
            effects=EffectStore(self.table),
            url_fault=Post(local=False).url_fault,
            now=self.clock,
            new_id=lambda: f"{next(numbers):032x}",
            random=lambda size: bytes([next(numbers)]) * size,
            tries=lambda: range(5),
        )
        self.handler = DeliveryHandler(
            self.store,
            self.log,
            self.outside,
            now=self.clock,
            clock_s=lambda: self.elapsed_s,
            jitter=lambda most_s: 0.0,
        )

    def subscribe(self, url: str = URL, *kinds: EventKind) -> Subscription:
        made = self.subscriptions.create(SubscriptionBody(url=url, kinds=kinds or None))
        self.clock.forward(seconds=1)
        return made

    def record(self, *facts: Fact) -> list[str]:
        """Record facts; return the ids of all events, oldest first."""
        self.recording.record(facts)
        self.clock.forward(seconds=2)
        return self.ids()

    def ids(self) -> list[str]:
        partitions = {pk: rows for pk, rows in self.dynamodb.partitions.items() if "LOG#" in pk}
        return sorted(f"evt_{place}" for rows in partitions.values() for place in rows)

    def waiting(self) -> list[Effect]:
        """Return the requested deliveries, in no order."""
        keys = [pk for pk in self.dynamodb.partitions if pk.startswith("EFFECT#")]
        rows = [EffectStore(self.table).get(pk.removeprefix("EFFECT#")) for pk in keys]
        return [row.effect for row in rows if row]

    def to(self, subscription: Subscription) -> list[str]:
        """Return the ids of the events that are to be delivered to a subscription."""
        return sorted(
            effect.payload["event"]
            for effect in self.waiting()
            if effect.payload["subscription"] == subscription.id
        )

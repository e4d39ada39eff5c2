"""What the webhooks context takes in, keeps and answers."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from chalicelib.core.facts import EventKind
from chalicelib.core.forms import Form
from chalicelib.core.instants import Instant
from chalicelib.core.invisible import visible_name
from chalicelib.core.models import Model, OwnBody, PageQuery
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from chalicelib.core.outbox.effects import EffectState
from chalicelib.core.times import At, SpanEnd

KINDS: tuple[EventKind, ...] = get_args(EventKind)
MOST_SUBSCRIPTIONS = 50
MOST_EVENTS = 500
"""Events of a page."""
MOST_REPLAYED = 100
"""Events that one request replays."""
LONGEST_OVERLAP_H = 7 * 24

EventId = Annotated[
    str, Form("evt_[0-9]{16}", "must be the id of an event, such as evt_1795939200000000")
]
_SUBSCRIPTION = Form("sub_[0-9a-f]{32}", "must be the id of a subscription, as creating it gave")


def _from_array(given: object) -> object:
    return tuple(dict.fromkeys(given)) if isinstance(given, list) and _texts(given) else given


def _texts(given: list[object]) -> bool:
    return all(isinstance(each, str) for each in given)


Url = Annotated[str, Field(min_length=1, max_length=2_000)]
Description = Annotated[str, Field(max_length=200), AfterValidator(visible_name)]
Kinds = Annotated[
    tuple[EventKind, ...], Field(min_length=1, max_length=len(KINDS)), BeforeValidator(_from_array)
]


# --- events ---------------------------------------------------------------------------------------


class EventsQuery(PageQuery):
    """Which events, in the order in which they were recorded.

    ``from`` is included, ``to`` is not, both of the time of recording; ``after`` is the last event
    that the caller knows.
    """

    kind: EventKind | None = None
    """Only events of this kind."""
    subject: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    """Only events about this, such as orders/7."""
    after: EventId | None = None
    """Only events that were recorded after this one."""
    from_: Annotated[SpanEnd | None, Field(alias="from")] = None
    """Only events that were recorded at this time or later."""
    to: SpanEnd | None = None
    """Only events that were recorded before this time."""
    limit: Annotated[int, Field(ge=1, le=MOST_EVENTS), FROM_TEXT] = 100


class EventPath(Model):
    """Which event."""

    event_id: EventId
    """The id of an event."""


class EventView(Model):
    """An event, as receivers get it: ``type`` is its kind, ``timestamp`` when it happened.

    ``data`` is what the kind's own model says; null where it was too large to send, or where
    a customer was erased, and ``subject`` is then the path to read. Ids grow in the order in which
    events were recorded.
    """

    nulls: ClassVar[bool] = True

    id: str
    """The id of the event, the same in every delivery of it; later events have greater ids."""
    type: str
    """The kind of the event."""
    timestamp: Instant
    """When it happened."""
    subject: str
    """What it is about: the path of a resource, without the first slash."""
    data: dict[str, Any] | None
    """What happened, as the kind's own model says; null where it is too large, or was erased."""


# --- subscriptions --------------------------------------------------------------------------------


class SubscriptionPath(Model):
    """Which subscription."""

    subscription_id: Annotated[str, _SUBSCRIPTION]
    """The id of a subscription."""


class SubscriptionsQuery(PageQuery):
    """A page of the subscriptions."""

    limit: Annotated[int, Field(ge=1, le=MOST_SUBSCRIPTIONS), FROM_TEXT] = MOST_SUBSCRIPTIONS


class SubscriptionBody(OwnBody):
    """A receiver, and the kinds of events that it wants; all kinds when none are named."""

    url: Url
    """Where events are sent: https, on the public internet, and of no other subscription."""
    kinds: Kinds | None = None
    """The kinds of events that are sent; all of them when omitted."""
    description: Description | None = None
    """What the receiver is, for people."""


class SubscriptionChange(OwnBody):
    """What is new about a subscription; omitted fields keep their value.

    Null kinds are all kinds. Events that happen while it is not ``active`` are not delivered.
    """

    url: Url = ""
    """Where events are sent from now on."""
    kinds: Kinds | None = None
    """The kinds of events that are sent from now on; null for all of them."""
    description: Description | None = None
    """What the receiver is, for people; null takes it back."""
    active: bool = True
    """Whether events are sent."""


class RotationBody(OwnBody):
    """For how long the previous secret signs, too."""

    overlap_hours: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_H), FROM_JSON] = 24
    """For how many hours the secrets before sign, too."""


class ReplayBody(OwnBody):
    """Which events are delivered again: one, or those recorded ``since`` and before ``until``.

    ``after`` is where an earlier request has stopped.
    """

    event_id: EventId | None = None
    """The one event that is delivered again."""
    since: At | None = None
    """The time of recording from which on events are delivered again."""
    until: At | None = None
    """The time of recording before which events are delivered again."""
    after: EventId | None = None
    """Where to continue: the cursor of the previous response."""

    @model_validator(mode="after")
    def _one_or_since(self) -> "ReplayBody":
        if (self.event_id is None) == (self.since is None):
            raise ValueError("must have event_id or since, and not both")
        if self.event_id and (self.until or self.after):
            raise ValueError("must have until and after only beside since")
        return self


class DeliveryPath(SubscriptionPath):
    """Which delivery: of which event, or of which test."""

    event_id: Annotated[
        str,
        Form("evt_([0-9]{16}|test_[0-9a-f]{32})", "must be the id of an event or of a test"),
    ]
    """The id of an event, or of a test."""


class Secret(Model):
    """What webhooks are signed with; until when, if another one has replaced it."""

    text: Annotated[str, Field(repr=False)]
    until: Instant | None = None


class Subscription(Model):
    """A subscription as it is stored; no ``kinds`` are all of them. The newest secret is first."""

    id: str
    url: str
    kinds: tuple[EventKind, ...] = ()
    description: str | None = None
    active: bool = True
    why_inactive: str | None = None
    created_at: Instant
    secrets: tuple[Secret, ...]
    version: int = 1

    def wants(self, kind: EventKind) -> bool:
        """Return whether events of a kind are delivered."""
        return self.active and (not self.kinds or kind in self.kinds)

    def signing(self, now: datetime) -> list[str]:
        """Return the secrets that sign now."""
        return [each.text for each in self.secrets if each.until is None or each.until > now]

    def after(self, **changes: object) -> "Subscription":
        """Return the subscription that follows with ``changes``."""
        return self.model_copy(update={**changes, "version": self.version + 1})


class Health(Model):
    """How a receiver does that does not answer well; one that does has no such record.

    Until ``rests_until`` nothing is sent to it, and then one event at a time. ``failures`` counts
    those in a row; a receiver without any is slow.
    """

    failures: int = 0
    since: Instant
    rests_until: Instant
    last_error: str | None = None


class HealthView(Model):
    """How the receiver does: ``failing`` since when and why, or ``slow``."""

    state: Literal["failing", "slow"]
    """Whether the receiver fails, or only takes long to answer."""
    failures: int
    """How many requests in a row have failed."""
    since: Instant
    """Since when."""
    next_try_at: Instant
    """Until when nothing is sent to it."""
    last_error: str | None = None
    """Why the last request failed."""

    @classmethod
    def of(cls, health: Health | None) -> "HealthView | None":
        """Return how a receiver does as it is answered."""
        if health is None:
            return None
        return cls(
            state="failing" if health.failures else "slow",
            failures=health.failures,
            since=health.since,
            next_try_at=health.rests_until,
            last_error=health.last_error,
        )


class SubscriptionView(Model):
    """A subscription; ``health`` is absent while its receiver answers well.

    ``old_secret_until`` says until when the secret before signs, too.
    """

    id: str
    """The id of the subscription."""
    url: str
    """Where events are sent."""
    kinds: tuple[EventKind, ...]
    """The kinds of events that are sent."""
    description: str | None = None
    """What the receiver is, for people."""
    active: bool
    """Whether events are sent."""
    why_inactive: str | None = None
    """Why events are no longer sent, where no caller has stopped them."""
    created_at: Instant
    """When it was made; earlier events are not sent."""
    old_secret_until: Instant | None = None
    """Until when a secret from before signs, too."""
    health: HealthView | None = None
    """How the receiver does; absent while it answers well."""

    @classmethod
    def of(
        cls, subscription: Subscription, now: datetime, health: Health | None = None
    ) -> "SubscriptionView":
        """Return a subscription as it is answered."""
        return cls(**_told(subscription, now), health=HealthView.of(health))


class NewSecret(SubscriptionView):
    """A subscription with its new secret, which is never shown again."""

    secret: Annotated[str, Field(repr=False)]
    """What verifies the signatures of requests; it is never shown again."""

    @classmethod
    def shown(cls, subscription: Subscription, now: datetime) -> "NewSecret":
        """Return a subscription whose secret was just made."""
        return cls(**_told(subscription, now), secret=subscription.secrets[0].text)


def _told(subscription: Subscription, now: datetime) -> dict[str, Any]:
    values = {
        name: getattr(subscription, name)
        for name in ("id", "url", "description", "active", "why_inactive", "created_at")
    }
    old = [each.until for each in subscription.secrets if each.until and each.until > now]
    kinds = subscription.kinds or KINDS
    return {**values, "kinds": kinds, "old_secret_until": max(old, default=None)}


class Tested(Model):
    """The event that was sent for a test."""

    event_id: str
    """The id of the event that is sent."""


class Replayed(Model):
    """How many events are delivered again; ``after`` is where the next request continues."""

    events: int
    """How many events are delivered again."""
    after: str | None = None
    """Where the next request continues; absent when there are no more."""


class DeliveryView(Model):
    """The outcome of delivering an event: ``answer`` says why it was given up or not sent."""

    event_id: str
    """The id of the event."""
    state: EffectState
    """Where the delivery is in its life (docs/outbox.md)."""
    attempts: int
    """How often it was tried."""
    asked_at: Instant
    """When it was requested."""
    due_at: Instant | None = None
    """When it may be tried next."""
    last_error: str | None = None
    """Why the last attempt failed."""
    answer: str | None = None
    """What the receiver answered, or why nothing was sent."""
    concluded_at: Instant | None = None
    """When it was delivered, or given up."""

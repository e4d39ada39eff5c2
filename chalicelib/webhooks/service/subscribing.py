"""Subscriptions: who gets which events, by which secret; tests and replays."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.core import canonical
from chalicelib.core.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)
from chalicelib.core.instants import iso
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.strict_json import dumps
from chalicelib.core.values import dataclass
from chalicelib.webhooks import signing
from chalicelib.webhooks.deliveries import delivery, effect_id
from chalicelib.webhooks.models import (
    KINDS,
    MOST_REPLAYED,
    MOST_SUBSCRIPTIONS,
    Health,
    ReplayBody,
    Replayed,
    Secret,
    Subscription,
    SubscriptionBody,
    SubscriptionChange,
)
from chalicelib.webhooks.ports import (
    PREFIX,
    Deliveries,
    Event,
    Log,
    Receivers,
    Span,
    StaleSubscriptionError,
    UrlTakenError,
)

_OLD_SECRETS = 3
"""Secrets that sign beside the newest at most."""


class Effects(Protocol):
    """The outcome of the effects of the outbox."""

    def get(self, effect_id: str) -> EffectRow | None: ...


@dataclass(frozen=True)
class Subscriptions:
    """Keeps subscriptions: one for each URL.

    ``url_fault`` says what is wrong with a receiver's URL, if anything is.
    """

    receivers: Receivers
    log: Log
    deliveries: Deliveries
    effects: Effects
    url_fault: Callable[[str], str | None]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    random: Callable[[int], bytes]
    tries: Callable[[], Iterable[int]]

    def create(self, body: SubscriptionBody) -> Subscription:
        """Subscribe a receiver. Raises InvalidInputError, ConflictError, UnprocessableError.

        Those who subscribe at the same instant may get a few more than `MOST_SUBSCRIPTIONS` allows:
        it bounds what an event costs, and nothing depends on the exact number.
        """
        self._check_url(body.url)
        if len(self.receivers.all()) >= MOST_SUBSCRIPTIONS:
            raise UnprocessableError(
                f"There are {MOST_SUBSCRIPTIONS} subscriptions, which is as many as there can be."
            )
        made = Subscription(
            id=f"sub_{self.new_id()}",
            url=body.url,
            kinds=body.kinds or (),
            description=body.description,
            created_at=self.now(),
            secrets=(self._secret(),),
        )
        try:
            self.receivers.add(made)
        except UrlTakenError as taken:
            raise _url_taken(taken) from taken
        return made

    def show(self, subscription_id: str) -> tuple[Subscription, Health | None]:
        """Return a subscription, and how its receiver does if not well. Raises NotFoundError."""
        found, health = self.receivers.get_with_health(subscription_id)
        if found is None:
            raise NotFoundError(f"There is no subscription {subscription_id}.")
        return found, health

    def change(self, subscription_id: str, body: SubscriptionChange) -> Subscription:
        """Change what ``body`` names. Raises as `create` does, and NotFoundError."""
        given = {name: getattr(body, name) for name in body.model_fields_set}
        if "url" in given:
            self._check_url(given["url"])
        if "kinds" in given:
            given["kinds"] = given["kinds"] or ()
        if given.get("active"):
            given["why_inactive"] = None
        return self._changed(subscription_id, lambda before: before.after(**given))

    def rotate(self, subscription_id: str, overlap: timedelta) -> Subscription:
        """Give a subscription a new secret; those before sign, too, for ``overlap`` at most.

        Raises NotFoundError.
        """
        now, new = self.now(), self._secret()
        end = now + overlap

        def with_new_secret(before: Subscription) -> Subscription:
            old = [
                each.model_copy(update={"until": min(each.until or end, end)})
                for each in before.secrets
                if end > now and (each.until is None or each.until > now)
            ]
            return before.after(secrets=(new, *old[:_OLD_SECRETS]))

        return self._changed(subscription_id, with_new_secret)

    def delete(self, subscription_id: str) -> None:
        """Delete a subscription; what waits for delivery is not sent. Raises NotFoundError."""
        for _ in self.tries():
            found, _health = self.show(subscription_id)
            try:
                self.receivers.remove(found)
            except StaleSubscriptionError:
                continue
            return
        raise _busy(subscription_id)

    def test(self, subscription_id: str) -> str:
        """Send a test event to a receiver; return its id. Raises NotFoundError, ConflictError."""
        found, _ = self.show(subscription_id)
        _check_active(found)
        event_id = f"{PREFIX}test_{self.new_id()}"
        event = {
            "id": event_id,
            "type": "webhook.test",
            "timestamp": iso(self.now()),
            "subject": f"subscriptions/{found.id}",
            "data": {},
        }
        self.deliveries.request([delivery(found.id, event_id, body=dumps(event))])
        return event_id

    def replay(self, subscription_id: str, body: ReplayBody, key: str | None) -> Replayed:
        """Deliver events again, those that the subscription wants, one page of them.

        With the same ``key`` an event is delivered once more, however often this is repeated.
        Raises NotFoundError, ConflictError.
        """
        found, _ = self.show(subscription_id)
        _check_active(found)
        events, more = self._replayed(found, body)
        name = canonical.sha256(key.encode())[:32] if key else self.new_id()
        self.deliveries.request(delivery(found.id, each.id, replay=name) for each in events)
        return Replayed(events=len(events), after=events[-1].id if more else None)

    def _replayed(self, found: Subscription, body: ReplayBody) -> tuple[list[Event], bool]:
        if body.event_id:
            event = self.log.event(body.event_id.removeprefix(PREFIX))
            if event is None:
                raise NotFoundError(f"There is no event {body.event_id}.")
            return [event], False
        span = Span(after=body.after, since=body.since, until=body.until)
        events = self.log.events(found.kinds or KINDS, span, MOST_REPLAYED + 1)
        return events[:MOST_REPLAYED], len(events) > MOST_REPLAYED

    def delivered(self, subscription_id: str, event_id: str) -> EffectRow:
        """Return the outcome of the first delivery of an event. Raises NotFoundError."""
        row = self.effects.get(effect_id(subscription_id, event_id))
        if row is None:
            raise NotFoundError(f"Event {event_id} was not to be delivered there.")
        return row

    def _changed(
        self, subscription_id: str, change: Callable[[Subscription], Subscription]
    ) -> Subscription:
        for _ in self.tries():
            before, _health = self.show(subscription_id)
            after = change(before)
            try:
                self.receivers.replace(before, after)
            except UrlTakenError as taken:
                raise _url_taken(taken) from taken
            except StaleSubscriptionError:
                continue
            if after.url != before.url or (after.active and not before.active):
                self.receivers.put_health(after.id, None)  # what was found is about another one
            return after
        raise _busy(subscription_id)

    def _check_url(self, url: str) -> None:
        if fault := self.url_fault(url):
            raise InvalidInputError([Fault(place="body", field="url", detail=fault)])

    def _secret(self) -> Secret:
        return Secret(text=signing.secret(self.random(signing.SECRET_BYTES)))


def _check_active(subscription: Subscription) -> None:
    if not subscription.active:
        raise ConflictError(f"Subscription {subscription.id} is not active; make it active first.")


def _url_taken(taken: UrlTakenError) -> ConflictError:
    return ConflictError(
        f"Subscription {taken.id} has that URL already; change its kinds, or rotate its secret "
        "if it is lost.",
        subscription=taken.id,
    )


def _busy(subscription_id: str) -> UnavailableError:
    return UnavailableError(
        f"Subscription {subscription_id} is being changed by too many callers; try again."
    )

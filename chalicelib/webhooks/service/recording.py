"""Recording what happened, and requesting its delivery to subscribers."""

from collections.abc import Iterator, Sequence

from chalicelib.core.facts import Fact
from chalicelib.core.values import dataclass
from chalicelib.webhooks.deliveries import delivery
from chalicelib.webhooks.models import Subscription
from chalicelib.webhooks.places import place_at
from chalicelib.webhooks.ports import Deliveries, Log, Receivers, Recorded


@dataclass(frozen=True)
class Recording:
    """Records facts as events. Safe to repeat: a known fact is no new event, nor delivery."""

    log: Log
    receivers: Receivers
    deliveries: Deliveries

    def record(self, facts: Sequence[Fact]) -> int:
        """Record facts and request their delivery; return how many events they are.

        Subscriptions are read after the events are in the log: one that was made before an event
        gets it, whichever was written first, and one that was made later does not.
        """
        events = self.log.append(facts)
        for fact in facts:
            if fact.forgets:  # a stream has it behind all that it concerns
                self.log.forget_before(fact)
        subscriptions = self.receivers.all() if events else []
        self.deliveries.request(
            delivery(subscription.id, event.id)
            for event in events
            for subscription in _wanting(subscriptions, event)
        )
        return len(events)


def _wanting(subscriptions: Sequence[Subscription], event: Recorded) -> Iterator[Subscription]:
    for each in subscriptions:
        if each.wants(event.kind) and place_at(each.created_at) < event.place:
            yield each

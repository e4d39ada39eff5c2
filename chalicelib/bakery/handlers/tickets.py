"""The tickets of days and of single orders at the provider's; one handler for each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from chalicelib.bakery import tickets
from chalicelib.bakery.handlers.changing import kept, order_of
from chalicelib.bakery.ports import Batches, Orders, TicketDesk, Tickets
from chalicelib.bakery.records import Ticket
from chalicelib.bakery.tickets import Draft
from chalicelib.core.log import count, logger
from chalicelib.core.outbox.effects import Effect, Ending, RejectedError


@dataclass(frozen=True)
class Provider:
    """Where tickets are made and found.

    ``desk`` gives the vendor's client, or raises NotConfiguredError. ``home`` is the address under
    which we answer. ``search_lag_s`` is how long the vendor's search may trail a write.
    """

    desk: Callable[[], TicketDesk]
    home: str
    search_lag_s: float

    def create(self, draft: Draft) -> str:
        """Make a ticket and return its key."""
        made = self.desk().create(
            draft.summary,
            draft.description,
            labels=draft.labels,
            due=draft.due,
            properties=draft.properties,
        )
        return made.key

    def labelled(self, label: str) -> str | None:
        """Return the key of the ticket with a label that only one should have."""
        found = self.desk().labelled(label)
        if len(found) > 1:
            keys = [issue.key for issue in found]
            logger.error("several tickets with one label", extra={"label": label, "keys": keys})
        return found[0].key if found else None


@dataclass(frozen=True)
class BatchTicketHandler:
    """Makes the ticket of a day."""

    provider: Provider
    batches: Batches
    tickets: Tickets

    @property
    def search_lag_s(self) -> float:
        """Return how long the search may trail."""
        return self.provider.search_lag_s

    def handle(self, effect: Effect) -> str:
        """Make the ticket and return its key."""
        batch = self.batches.batch(_day(effect))
        if batch is None:
            raise RejectedError(f"There is no batch of {_day(effect)}.")
        return self.provider.create(tickets.of_batch(batch, home=self.provider.home))

    def find(self, effect: Effect) -> str | None:
        """Return the key of the ticket that an earlier try made."""
        return self.provider.labelled(tickets.batch_label(_day(effect)))

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Keep what became of the ticket, and whose it is."""
        ticket = _ticket(ending)
        if ticket.key:
            self.tickets.know(ticket.key, _day(effect))
        self.tickets.settle(_day(effect), ticket)
        if ticket.key:
            count("BatchesTicketed")


@dataclass(frozen=True)
class OrderTicketHandler:
    """Makes the ticket of a single order, unless it was cancelled before."""

    provider: Provider
    orders: Orders
    tickets: Tickets

    @property
    def search_lag_s(self) -> float:
        """Return how long the search may trail."""
        return self.provider.search_lag_s

    def handle(self, effect: Effect) -> str | None:
        """Make the ticket and return its key; None when there was no need."""
        order = order_of(self.orders, effect)
        if order.status == "cancelled":
            return None
        return self.provider.create(tickets.of_order(order, home=self.provider.home))

    def find(self, effect: Effect) -> str | None:
        """Return the key of the ticket that an earlier try made."""
        return self.provider.labelled(tickets.order_label(effect.payload["order"]))

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Keep what became of the ticket, and whose it is."""
        ticket = _ticket(ending)
        if ticket.key:
            self.tickets.know(ticket.key, effect.payload["order"])
        kept(self.orders, order_of(self.orders, effect), lambda _: {"ticket": ticket})


def _day(effect: Effect) -> date:
    return date.fromisoformat(effect.payload["day"])


def _ticket(ending: Ending) -> Ticket:
    if ending.state == "dead":
        return Ticket(state="failed", answer=ending.answer)
    if ending.reference is None:
        return Ticket(state="not_needed")
    return Ticket(state="created", key=ending.reference)

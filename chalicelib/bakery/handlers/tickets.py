"""The tickets of days and of single orders at the provider's; one handler for each."""

from collections.abc import Callable

from chalicelib.bakery import effects, tickets
from chalicelib.bakery.handlers.changing import order_of, save_changed
from chalicelib.bakery.ports import Batches, Created, Orders, TicketDesk, Tickets
from chalicelib.bakery.records import BatchId, Ticket, read_batch_id
from chalicelib.bakery.tickets import Draft
from chalicelib.core.log import count, logger
from chalicelib.core.outbox.effects import Effect, Ending, RejectedError
from chalicelib.core.values import dataclass


@dataclass(frozen=True)
class Provider:
    """Where tickets are created and found.

    ``desk`` gives the vendor's client, or raises NotConfiguredError. ``home`` is the address under
    which the API is served. ``search_lag_s`` is how long the vendor's search may lag behind.
    """

    desk: Callable[[], TicketDesk]
    home: str
    search_lag_s: float

    def create(self, draft: Draft) -> Created:
        """Create a ticket."""
        return self.desk().create(
            draft.summary,
            draft.description,
            labels=draft.labels,
            due=draft.due,
            properties=draft.properties,
        )

    def labelled(self, label: str) -> Created | None:
        """Return the ticket with a label that only one should have."""
        found = self.desk().labelled(label)
        if len(found) > 1:
            keys = [issue.key for issue in found]
            logger.error("several tickets with one label", extra={"label": label, "keys": keys})
        return found[0] if found else None

    def batch_draft(self, batches: Batches, of: BatchId) -> Draft:
        """Return the content of a batch's ticket."""
        batch = batches.batch(of)
        if batch is None:
            raise RejectedError(f"There is no batch {of.isoformat()}.")
        return tickets.of_batch(batch, home=self.home)


@dataclass(frozen=True)
class ProviderHandler:
    """Common parts of the handlers of all tasks at the provider."""

    provider: Provider

    @property
    def search_lag_s(self) -> float:
        """Return how long the search may lag."""
        return self.provider.search_lag_s


@dataclass(frozen=True)
class BatchTicketHandler(ProviderHandler):
    """Creates the ticket of a day."""

    batches: Batches
    tickets: Tickets

    def handle(self, effect: Effect) -> str:
        """Create the ticket and return its key."""
        made = self.provider.create(self.provider.batch_draft(self.batches, batch_of(effect)))
        return _known(self.tickets, made, batch_of(effect))

    def find(self, effect: Effect) -> str | None:
        """Return the key of the ticket that an earlier attempt created."""
        found = self.provider.labelled(tickets.batch_label(batch_of(effect)))
        return _known(self.tickets, found, batch_of(effect)) if found else None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Store the outcome of the ticket, and its owner."""
        ticket, batch = _ticket(ending, self.tickets), batch_of(effect)
        if ticket.key:
            self.tickets.know(ticket.key, batch)
        self.tickets.settle(batch, ticket)
        if ticket.key:
            count("BatchesTicketed")
            draft = self.provider.batch_draft(self.batches, batch)
            ask_for_parts(self.tickets, effect, len(draft.more) + 1)


@dataclass(frozen=True)
class OrderTicketHandler(ProviderHandler):
    """Creates the ticket of a single order, unless it was cancelled before."""

    orders: Orders
    tickets: Tickets

    def handle(self, effect: Effect) -> str | None:
        """Create the ticket and return its key; None when it is not needed."""
        order = order_of(self.orders, effect)
        if order.status == "cancelled":
            return None
        made = self.provider.create(tickets.of_order(order, home=self.provider.home))
        return _known(self.tickets, made, order.id)

    def find(self, effect: Effect) -> str | None:
        """Return the key of the ticket that an earlier attempt created."""
        order_id = effect.payload["order"]
        found = self.provider.labelled(tickets.order_label(order_id))
        return _known(self.tickets, found, order_id) if found else None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Store the outcome of the ticket, and its owner."""
        ticket, order = _ticket(ending, self.tickets), order_of(self.orders, effect)
        if ticket.key:
            self.tickets.know(ticket.key, order.id)
        save_changed(self.orders, order, lambda _: {"ticket": ticket})
        if ticket.key:
            draft = tickets.of_order(order, home=self.provider.home)
            ask_for_parts(self.tickets, effect, len(draft.more) + 1)


def batch_of(effect: Effect) -> BatchId:
    """Return the batch that an effect is about."""
    return read_batch_id(effect.payload["day"])


def ask_for_parts(ticket_store: Tickets, effect: Effect, parts: int) -> None:
    """Request the further parts of an effect's list; repeatable."""
    for number in range(2, parts + 1):
        ticket_store.request(effects.part(effect, number))


def _known(ticket_store: Tickets, issue: Created, of: int | BatchId) -> str:
    """Store the owner of a ticket, by id and key; return the key."""
    ticket_store.know(issue.key, of, issue_id=issue.id)
    return issue.key


def _ticket(ending: Ending, ticket_store: Tickets) -> Ticket:
    if ending.state == "dead":
        return Ticket(state="failed", answer=ending.answer)
    if ending.reference is None:
        return Ticket(state="not_needed")
    issue_id = ticket_store.issue_id(ending.reference)
    return Ticket(state="created", key=ending.reference, id=issue_id)

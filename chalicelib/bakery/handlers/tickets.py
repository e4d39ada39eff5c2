"""Tickets at the provider's: making them, commenting on them, looking at those that came back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from chalicelib.bakery import tickets
from chalicelib.bakery.handlers.changing import kept, order_of
from chalicelib.bakery.ports import Batches, Orders, TicketDesk, Tickets
from chalicelib.bakery.records import Batch, Order, Ticket
from chalicelib.bakery.service.orders import Ordering
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.tickets import Draft
from chalicelib.core.log import count, logger
from chalicelib.core.outbox.effects import Effect, Ending, NotExecutedError, RejectedError

_NOT_YET_S = 60.0


@dataclass(frozen=True)
class TicketHandler:
    """Performs the effects of kind ``jira``; ``home`` is the address under which we answer.

    ``desk`` gives the vendor's client, or raises NotConfiguredError.
    """

    desk: Callable[[], TicketDesk]
    orders: Orders
    batches: Batches
    tickets: Tickets
    ordering: Ordering
    shortages: Shortages
    home: str
    search_lag_s: float

    def handle(self, effect: Effect) -> str | None:
        """Make the ticket or the comment and return its key; None when there was no need."""
        match effect.payload["task"]:
            case "batch":
                return self._create(tickets.of_batch(self._batch(effect), home=self.home))
            case "order":
                order = order_of(self.orders, effect)
                if order.status == "cancelled":
                    return None
                return self._create(tickets.of_order(order, home=self.home))
            case "comment":
                return self._comment(order_of(self.orders, effect), effect)
            case "inspect":
                return self._inspect(effect.payload["key"])
        raise RejectedError(f"There is no such task: {effect.payload['task']}")

    def find(self, effect: Effect) -> str | None:
        """Return the key of the ticket, or the id of the comment, that an earlier try made."""
        match effect.payload["task"]:
            case "batch":
                return self._labelled(tickets.batch_label(_day(effect)))
            case "order":
                return self._labelled(tickets.order_label(effect.payload["order"]))
            case "comment":
                key = self._key(order_of(self.orders, effect))
                return self.desk().find_comment(key, effect.id) if key else None
        return None

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Keep what became of the ticket, and whose it is."""
        if effect.payload["task"] not in {"batch", "order"}:
            return
        ticket = _ticket(conclusion)
        of = _day(effect) if effect.payload["task"] == "batch" else effect.payload["order"]
        if ticket.key:
            self.tickets.know(ticket.key, of)
        if isinstance(of, date):
            self.tickets.settle(of, ticket)
            if ticket.key:
                count("BatchesTicketed")
        else:
            kept(self.orders, order_of(self.orders, effect), lambda _: {"ticket": ticket})

    def _create(self, draft: Draft) -> str:
        made = self.desk().create(
            draft.summary,
            draft.description,
            labels=draft.labels,
            due=draft.due,
            properties=draft.properties,
        )
        return made.key

    def _comment(self, order: Order, effect: Effect) -> str | None:
        key = self._key(order)
        if key is None:
            return None
        return self.desk().comment(key, tickets.no_longer_needed(order), effect_id=effect.id)

    def _key(self, order: Order) -> str | None:
        """Return the key of the order's ticket, None when there will be none."""
        ticket = self.ordering.ticket(order) or Ticket()
        match ticket.state:
            case "asked":
                raise NotExecutedError("The ticket is not there yet.", retry_after_s=_NOT_YET_S)
            case "failed":
                raise RejectedError("The ticket was refused, so there is none to comment on.")
        return ticket.key

    def _inspect(self, key: str) -> str | None:
        cancelled = self.shortages.inspect(key)
        if cancelled:
            logger.info("cancelled for want of ingredients", extra={"orders": cancelled, "by": key})
        return ", ".join(map(str, cancelled)) or None

    def _labelled(self, label: str) -> str | None:
        found = self.desk().labelled(label)
        if len(found) > 1:
            keys = [issue.key for issue in found]
            logger.error("several tickets with one label", extra={"label": label, "keys": keys})
        return found[0].key if found else None

    def _batch(self, effect: Effect) -> Batch:
        batch = self.batches.batch(_day(effect))
        if batch is None:
            raise RejectedError(f"There is no batch of {_day(effect)}.")
        return batch


def _day(effect: Effect) -> date:
    return date.fromisoformat(effect.payload["day"])


def _ticket(conclusion: Ending) -> Ticket:
    if conclusion.state == "dead":
        return Ticket(state="failed", answer=conclusion.answer)
    if conclusion.reference is None:
        return Ticket(state="not_needed")
    return Ticket(state="created", key=conclusion.reference)

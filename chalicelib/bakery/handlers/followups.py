"""What follows a ticket: the rest of a long list, what is no longer needed, what is missing."""

from chalicelib.bakery import tickets
from chalicelib.bakery.handlers.changing import order_of
from chalicelib.bakery.handlers.tickets import ProviderHandler, ask_for_parts, batch_of
from chalicelib.bakery.ports import Batches, Orders, Tickets
from chalicelib.bakery.records import Ticket
from chalicelib.bakery.service.orders import Ordering
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.tickets import Draft
from chalicelib.core.log import logger
from chalicelib.core.outbox.effects import Effect, Ending, NotExecutedError, RejectedError
from chalicelib.core.values import dataclass

_NOT_YET_S = 60.0


@dataclass(frozen=True)
class CommentHandler(ProviderHandler):
    """Comments on the ticket what a cancelled order no longer needs."""

    orders: Orders
    ordering: Ordering
    tickets: Tickets

    def handle(self, effect: Effect) -> str | None:
        """Comment on the ticket and return the comment's id; None when there is no ticket."""
        order = order_of(self.orders, effect)
        issue = _issue(self.ordering.ticket(order))
        if issue is None:
            return None
        comment = tickets.no_longer_needed(order)[effect.payload.get("part", 1) - 1]
        return self.provider.desk().comment(issue, comment, effect_id=effect.id)

    def find(self, effect: Effect) -> str | None:
        """Return the id of the comment that an earlier attempt created."""
        issue = _issue(self.ordering.ticket(order_of(self.orders, effect)))
        return self.provider.desk().find_comment(issue, effect.id) if issue else None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Request the further parts of the comment."""
        if ending.reference and "part" not in effect.payload:
            parts = tickets.no_longer_needed(order_of(self.orders, effect))
            ask_for_parts(self.tickets, effect, len(parts))


@dataclass(frozen=True)
class PartHandler(ProviderHandler):
    """Comments on a ticket with a part of its list, which is too long for the description."""

    orders: Orders
    batches: Batches
    ordering: Ordering

    def handle(self, effect: Effect) -> str | None:
        """Comment on the ticket and return the comment's id."""
        issue = self._issue(effect)
        if issue is None:
            return None
        comment = self._draft(effect).more[effect.payload["part"] - 2]
        return self.provider.desk().comment(issue, comment, effect_id=effect.id)

    def find(self, effect: Effect) -> str | None:
        """Return the id of the comment that an earlier attempt created."""
        issue = self._issue(effect)
        return self.provider.desk().find_comment(issue, effect.id) if issue else None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Store nothing: the comment is on the ticket."""

    def _draft(self, effect: Effect) -> Draft:
        if "day" in effect.payload:
            return self.provider.batch_draft(self.batches, batch_of(effect))
        return tickets.of_order(order_of(self.orders, effect), home=self.provider.home)

    def _issue(self, effect: Effect) -> str | None:
        if "day" not in effect.payload:
            return _issue(self.ordering.ticket(order_of(self.orders, effect)))
        batch = self.batches.batch(batch_of(effect))
        return _issue(batch.ticket if batch else None)


def _issue(ticket: Ticket | None) -> str | None:
    """Return the id of a ticket (or its key, if no id is stored), None when there will be none.

    Raises NotExecutedError while it does not exist yet, RejectedError when it was refused.
    """
    ticket = ticket or Ticket()
    match ticket.state:
        case "asked":
            raise NotExecutedError("The ticket does not exist yet.", retry_after_s=_NOT_YET_S)
        case "failed":
            raise RejectedError("The ticket was refused, so there is none to comment on.")
    return ticket.issue


@dataclass(frozen=True)
class InspectionHandler:
    """Reads a ticket that may lack ingredients, and cancels the orders that need them."""

    shortages: Shortages
    search_lag_s: float = 0

    def handle(self, effect: Effect) -> str | None:
        """Return the orders that were cancelled, if any."""
        key: str = effect.payload["key"]
        cancelled = self.shortages.inspect(key, effect.payload.get("id"))
        if cancelled:
            logger.info("cancelled for want of ingredients", extra={"orders": cancelled, "by": key})
        return ", ".join(map(str, cancelled)) or None

    def find(self, effect: Effect) -> str | None:
        """Return None: repeating is harmless."""
        return None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Store nothing: the orders have the outcome."""

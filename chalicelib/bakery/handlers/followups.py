"""What follows a ticket: a comment on what is no longer needed, a look at what is missing."""

from dataclasses import dataclass

from chalicelib.bakery import tickets
from chalicelib.bakery.handlers.changing import order_of
from chalicelib.bakery.handlers.tickets import Provider
from chalicelib.bakery.ports import Orders
from chalicelib.bakery.records import Order, Ticket
from chalicelib.bakery.service.orders import Ordering
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.core.log import logger
from chalicelib.core.outbox.effects import Effect, Ending, NotExecutedError, RejectedError

_NOT_YET_S = 60.0


@dataclass(frozen=True)
class CommentHandler:
    """Tells the provider what a cancelled order no longer needs."""

    provider: Provider
    orders: Orders
    ordering: Ordering

    @property
    def search_lag_s(self) -> float:
        """Return how long the search may trail."""
        return self.provider.search_lag_s

    def handle(self, effect: Effect) -> str | None:
        """Comment on the ticket and return the comment's id; None when there is no ticket."""
        order = order_of(self.orders, effect)
        key = self._key(order)
        if key is None:
            return None
        comment = tickets.no_longer_needed(order)
        return self.provider.desk().comment(key, comment, effect_id=effect.id)

    def find(self, effect: Effect) -> str | None:
        """Return the id of the comment that an earlier try made."""
        key = self._key(order_of(self.orders, effect))
        return self.provider.desk().find_comment(key, effect.id) if key else None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Keep nothing: the comment is at the provider's."""

    def _key(self, order: Order) -> str | None:
        """Return the key of the order's ticket, None when there will be none."""
        ticket = self.ordering.ticket(order) or Ticket()
        match ticket.state:
            case "asked":
                raise NotExecutedError("The ticket is not there yet.", retry_after_s=_NOT_YET_S)
            case "failed":
                raise RejectedError("The ticket was refused, so there is none to comment on.")
        return ticket.key


@dataclass(frozen=True)
class InspectionHandler:
    """Looks at a ticket that seems to be short of something, and cancels what it is short of."""

    shortages: Shortages
    search_lag_s: float = 0

    def handle(self, effect: Effect) -> str | None:
        """Return the orders that were cancelled, if any."""
        key: str = effect.payload["key"]
        cancelled = self.shortages.inspect(key)
        if cancelled:
            logger.info("cancelled for want of ingredients", extra={"orders": cancelled, "by": key})
        return ", ".join(map(str, cancelled)) or None

    def find(self, effect: Effect) -> str | None:
        """Return None: looking twice is as good as once."""
        return None

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        """Keep nothing: the orders say it."""

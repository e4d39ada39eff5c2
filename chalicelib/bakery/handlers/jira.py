"""The effects of kind ``jira``, by their tasks."""

from chalicelib.bakery.handlers.followups import CommentHandler, InspectionHandler, PartHandler
from chalicelib.bakery.handlers.tickets import BatchTicketHandler, OrderTicketHandler, Provider
from chalicelib.bakery.ports import Batches, Orders, Tickets
from chalicelib.bakery.service.orders import Ordering
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.core.outbox.tasks import ByTask


def by_task(
    provider: Provider,
    orders: Orders,
    batches: Batches,
    tickets: Tickets,
    ordering: Ordering,
    shortages: Shortages,
) -> ByTask:
    """Return the handler of each task of `chalicelib.bakery.effects`."""
    return ByTask(
        {
            "batch": BatchTicketHandler(provider, batches, tickets),
            "order": OrderTicketHandler(provider, orders, tickets),
            "comment": CommentHandler(provider, orders, ordering, tickets),
            "part": PartHandler(provider, orders, batches, ordering),
            "inspect": InspectionHandler(shortages),
        }
    )

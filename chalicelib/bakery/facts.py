"""The events of the bakery."""

from collections.abc import Iterator, Mapping

from chalicelib.bakery.answers import BatchSummary, OrderAnswer
from chalicelib.bakery.records import Batch, Order
from chalicelib.bakery.store.batches import batch_before_and_after
from chalicelib.bakery.store.orders import order_before_and_after
from chalicelib.core import canonical
from chalicelib.core.facts import EventKind, Fact, ItemChange
from chalicelib.core.models import Model

PAYLOADS: Mapping[EventKind, type[Model]] = {
    "batch.changed": BatchSummary,
    "order.changed": OrderAnswer,
}


def facts(change: ItemChange) -> Iterator[Fact]:
    """Yield that an order or a batch has changed as far as it is shown, the first time included."""
    if orders := order_before_and_after(change):
        yield from _order(*orders, change)
    if batches := batch_before_and_after(change):
        yield from _batch(*batches, change)


def _order(before: Order | None, order: Order, change: ItemChange) -> Iterator[Fact]:
    data = OrderAnswer.of(order)
    if before is None or OrderAnswer.of(before) != data:
        yield Fact(
            "order.changed",
            f"orders/{order.id}",
            change.at,
            data,
            str(order.version),
            forgets=bool(order.erasure and before and not before.erasure),
        )


def _batch(before: Batch | None, batch: Batch, change: ItemChange) -> Iterator[Fact]:
    data, data_before = BatchSummary.of(batch), before and BatchSummary.of(before)
    if data != data_before:
        # A batch has no version: its ticket's state, with the previous one, serves as one.
        version = canonical.digest([data_before and data_before.ticket, data.ticket])
        extra = f"?ticket={batch.number}" if batch.number > 1 else ""
        subject = f"batches/{batch.day.isoformat()}{extra}"
        yield Fact("batch.changed", subject, change.at, data, version[:32])

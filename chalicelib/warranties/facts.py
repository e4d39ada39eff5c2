"""The events of warranties."""

from collections.abc import Iterator, Mapping

from chalicelib.core.facts import EventKind, Fact, ItemChange
from chalicelib.core.models import Model
from chalicelib.warranties.answers import CancelledWarranty, Warranty
from chalicelib.warranties.models import Sale
from chalicelib.warranties.store import sale_before_and_after

PAYLOADS: Mapping[EventKind, type[Model]] = {
    "warranty.sold": Warranty,
    "warranty.cancelled": CancelledWarranty,
}


def facts(change: ItemChange) -> Iterator[Fact]:
    """Yield that warranties were sold, one event each, and that one was cancelled."""
    if found := sale_before_and_after(change):
        before, sale = found
        if before is None:
            yield from _sold(sale)
        yield from _cancelled(before, sale)


def _sold(sale: Sale) -> Iterator[Fact]:
    for warranty in Warranty.all_of(sale.model_copy(update={"cancellations": ()})):
        yield Fact("warranty.sold", f"warranties/{warranty.id}", sale.received_at, warranty)


def _cancelled(before: Sale | None, sale: Sale) -> Iterator[Fact]:
    for warranty in Warranty.all_of(sale):
        months = warranty.warranty_duration_months
        cancellation = sale.cancellation(months)
        if cancellation and not (before and before.cancellation(months)):
            data = CancelledWarranty.by(warranty, cancellation)
            at = cancellation.cancelled_at
            yield Fact("warranty.cancelled", f"warranties/{warranty.id}", at, data)

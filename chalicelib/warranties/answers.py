"""What the warranties context answers."""

from typing import Any, Literal

from chalicelib.core.instants import Instant as Moment
from chalicelib.core.instants import PreciseInstant as Instant
from chalicelib.warranties import money
from chalicelib.warranties.fields import Model, Money, store_id
from chalicelib.warranties.models import Cancellation, Sale
from chalicelib.warranties.rate_card import Plan
from chalicelib.warranties.refunds import Refund, RefundRule

ArchiveState = Literal["pending", "done", "dead"]
Status = Literal["active", "cancelled", "expired"]


class Warranty(Model):
    """A warranty, with the cost and the title that it was priced on.

    ``number`` is for people; it and ``currency`` are null for warranties before 0.2.0.
    ``cancelled_at`` and ``refund`` are those of its cancellation, if it was cancelled.
    """

    id: str
    store_id: str
    store_uuid: str
    item_type: str
    item_sku: str
    item_title: str
    item_cost: Money
    warranty_price: Money
    warranty_duration_months: int
    rate_card: str
    created_at: Instant
    number: str | None = None
    currency: str | None = None
    cancelled_at: Instant | None = None
    refund: Money | None = None

    @classmethod
    def all_of(cls, sale: Sale) -> "tuple[Warranty, ...]":
        """Return the warranties that a sale got, as they are now."""
        shared: dict[str, Any] = {
            "store_id": store_id(sale.store_uuid),
            "store_uuid": sale.store_uuid,
            "item_type": sale.item_type,
            "item_sku": sale.item_sku,
            "item_title": sale.item_title,
            "item_cost": money.amount(sale.item_cost),
            "rate_card": sale.rate_card,
            "created_at": sale.received_at,
            "currency": sale.currency,
        }
        return tuple(
            cls.model_construct(
                id=f"{sale.request_id}-{offer.months}",
                warranty_price=money.amount(offer.price_cents),
                warranty_duration_months=offer.months,
                number=sale.number and f"{sale.number}-{offer.months}",
                **shared,
                **_cancelled(sale.cancellation(offer.months)),
            )
            for offer in sale.offers
        )


def _cancelled(cancellation: Cancellation | None) -> dict[str, Any]:
    if cancellation is None:
        return {}
    refund = money.amount(cancellation.refund_cents)
    return {"cancelled_at": cancellation.cancelled_at, "refund": refund}


class SaleAnswer(Model):
    """The warranties that a sale got, or the reason why it got none."""

    request_id: str
    warranties: tuple[Warranty, ...]
    reason: str | None

    @classmethod
    def of(cls, sale: Sale) -> "SaleAnswer":
        """Return the answer to a sale, the same each time, whatever was cancelled since."""
        as_sold = sale.model_copy(update={"cancellations": ()})
        return cls.model_construct(
            request_id=sale.request_id,
            warranties=Warranty.all_of(as_sold),
            reason=sale.reason,
        )


class ArchiveView(Model):
    """Whether request and answer are archived, and where; ``url`` shows them for a while."""

    state: ArchiveState
    key: str
    sha256: str | None = None
    url: str | None = None
    why: str | None = None


class StoreView(Model):
    """The store that a warranty refers to."""

    store_id: str
    store_uuid: str
    created_at: Instant


class ItemView(Model):
    """The item that a warranty refers to, as of now."""

    item_type: str
    item_sku: str
    item_cost: Money
    item_title: str
    changed_at: Instant


class RefundView(Model):
    """What a warranty would give back if it were cancelled now."""

    refund: Money
    calculation: str
    refund_rule: str

    @classmethod
    def of(cls, refund: Refund, rule: RefundRule) -> "RefundView":
        """Return a refund as it is shown."""
        return cls(
            refund=money.amount(refund.cents),
            calculation=refund.calculation,
            refund_rule=rule.text,
        )


class CancellationView(Model):
    """How a warranty was cancelled: when, why, what it gave back, and by the rule of which card."""

    warranty_id: str
    number: str | None
    cancelled_at: Instant
    reason: str
    refund: Money
    currency: str | None
    calculation: str
    rate_card: str
    archive: ArchiveView


class WarrantyView(Warranty):
    """A warranty with what explains it: the rule of its price, its store, its item, its archive.

    ``refund_now`` says what cancelling gave back at the time of the answer; it is null when the
    warranty cannot be cancelled any more.
    """

    price_rule: str
    calculation: str
    status: Status
    covered_until: Instant
    store: StoreView
    item: ItemView
    archive: ArchiveView
    refund_now: RefundView | None
    cancellation: CancellationView | None


class OfferView(Model):
    """What a warranty would cost, and how that comes about."""

    warranty_price: Money
    warranty_duration_months: int
    price_rule: str
    calculation: str

    @classmethod
    def of(cls, plan: Plan, cost_cents: int) -> "OfferView":
        """Return a plan as it prices an item."""
        return cls(
            warranty_price=money.amount(plan.price_cents(cost_cents)),
            warranty_duration_months=plan.months,
            price_rule=plan.text,
            calculation=plan.calculation(cost_cents),
        )


class QuoteAnswer(Model):
    """What a rate card offers for an item, or the reason why it offers nothing."""

    item_type: str
    item_cost: Money
    currency: str | None
    rate_card: str
    effective_from: Moment
    offers: tuple[OfferView, ...]
    reason: str | None
    refund_rule: str | None


class PlanView(Model):
    """A plan: its price is ``base`` + ``percent`` % of the item's cost, half cents rounded up."""

    warranty_duration_months: int
    base: Money
    percent: Money
    price_rule: str


class BandView(Model):
    """The plans for items that cost from ``cost_from`` to ``cost_to``, both included."""

    cost_from: Money
    cost_to: Money
    plans: tuple[PlanView, ...]


class TypeView(Model):
    """The bands of one type of items."""

    item_type: str
    bands: tuple[BandView, ...]


class PlansAnswer(Model):
    """A rate card, to be read; ``rate_cards`` are all versions that there are.

    It is in force from ``effective_from`` until the next one's.
    """

    rate_card: str
    rounding: str = "half cents are rounded up"
    item_types: tuple[TypeView, ...]
    rate_cards: tuple[str, ...]
    currency: str | None
    effective_from: Moment
    refund_rule: str | None


class Refusals(Model):
    """How often sales of a type got no warranty for a reason, and what the last of them cost."""

    item_type: str
    reason: str
    count: int
    last_cost: Money
    last_refused_at: Instant

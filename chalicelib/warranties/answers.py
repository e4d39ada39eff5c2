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
    """The id of the warranty: that of its sale and its months."""
    store_id: str
    """The id that the service gave the store."""
    store_uuid: str
    """The id of the store."""
    item_type: str
    """The type of the item."""
    item_sku: str
    item_title: str
    """What the item was called."""
    item_cost: Money
    """What the item cost, in the currency of the rate card."""
    warranty_price: Money
    """What the warranty costs, in the currency of the rate card."""
    warranty_duration_months: int
    """How many months it covers."""
    rate_card: str
    """The version of the rate card that priced it."""
    created_at: Instant
    """When it was sold."""
    number: str | None = None
    """The number for people, such as FNVV-0BDY-A999-24."""
    currency: str | None = None
    """The currency of all amounts (ISO 4217), if the rate card names one."""
    cancelled_at: Instant | None = None
    """When it was cancelled."""
    refund: Money | None = None
    """What the cancellation gave back."""

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
            cls(
                id=f"{sale.request_id}-{offer.months}",
                warranty_price=money.amount(offer.price_cents),
                warranty_duration_months=offer.months,
                number=sale.number and f"{sale.number}-{offer.months}",
                **shared,
                **_cancelled(sale.cancellation(offer.months)),
            )
            for offer in sale.offers
        )


class CancelledWarranty(Warranty):
    """A warranty that was cancelled: why, and how its refund comes about."""

    reason: str
    """Why it was cancelled."""
    calculation: str
    """How the refund comes about."""

    @classmethod
    def by(cls, warranty: Warranty, cancellation: Cancellation) -> "CancelledWarranty":
        """Return a warranty as in the event of its cancellation."""
        why: dict[str, Any] = {
            "reason": cancellation.reason,
            "calculation": cancellation.calculation,
        }
        return cls(**dict(warranty), **why)


def _cancelled(cancellation: Cancellation | None) -> dict[str, Any]:
    if cancellation is None:
        return {}
    refund = money.amount(cancellation.refund_cents)
    return {"cancelled_at": cancellation.cancelled_at, "refund": refund}


class SaleAnswer(Model):
    """The warranties that a sale got, or the reason why it got none."""

    request_id: str
    """The id of the sale."""
    warranties: tuple[Warranty, ...]
    """The warranties that it got."""
    reason: str | None
    """Why it got none."""

    @classmethod
    def of(cls, sale: Sale) -> "SaleAnswer":
        """Return the answer to a sale, the same each time, whatever was cancelled since."""
        as_sold = sale.model_copy(update={"cancellations": ()})
        return cls(
            request_id=sale.request_id,
            warranties=Warranty.all_of(as_sold),
            reason=sale.reason,
        )


class ArchiveView(Model):
    """Whether request and answer are archived, and where; ``url`` shows them for a while."""

    state: ArchiveState
    """Whether request and answer are archived."""
    key: str
    """The key of the object in the archive."""
    sha256: str | None = None
    """The digest of its bytes (hexadecimal), once it is there."""
    url: str | None = None
    """A link to the object that works for some minutes."""
    why: str | None = None
    """Why it is not archived."""


class StoreView(Model):
    """The store that a warranty refers to."""

    store_id: str
    store_uuid: str
    """The id of the store."""
    created_at: Instant
    """When its first sale was made."""


class ItemView(Model):
    """The item that a warranty refers to, as of now."""

    item_type: str
    """The type of the item."""
    item_sku: str
    item_cost: Money
    """What it costs as of its newest sale."""
    item_title: str
    """What it is called as of its newest sale."""
    changed_at: Instant
    """When that sale was made."""


class RefundView(Model):
    """What a warranty would give back if it were cancelled now."""

    refund: Money
    """What a cancellation would give back now."""
    calculation: str
    """How that comes about."""
    refund_rule: str
    """The rule of the rate card, in words."""

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
    """The id of the warranty."""
    number: str | None
    """The number of the warranty."""
    cancelled_at: Instant
    reason: str
    """Why it was cancelled."""
    refund: Money
    """What it gave back."""
    currency: str | None
    calculation: str
    """How that comes about."""
    rate_card: str
    """The version of the rate card whose rule it is."""
    archive: ArchiveView
    """Whether the cancellation is archived."""


class WarrantyView(Warranty):
    """A warranty with what explains it: the rule of its price, its store, its item, its archive.

    ``refund_now`` says what cancelling gave back at the time of the answer; it is null when the
    warranty cannot be cancelled any more.
    """

    price_rule: str
    """The rule of its price, in words."""
    calculation: str
    """How its price comes about."""
    status: Status
    """Whether it covers the item now."""
    covered_until: Instant
    """When its cover ends."""
    store: StoreView
    """The store that sold it."""
    item: ItemView
    """The item, as of now."""
    archive: ArchiveView
    """Whether its sale is archived."""
    refund_now: RefundView | None
    """What cancelling would give back now; null when it cannot be cancelled any more."""
    cancellation: CancellationView | None
    """How it was cancelled."""


class OfferView(Model):
    """What a warranty would cost, and how that comes about."""

    warranty_price: Money
    """What the warranty would cost."""
    warranty_duration_months: int
    price_rule: str
    """The rule of the price, in words."""
    calculation: str
    """How the price comes about."""

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
    """The type of the item."""
    item_cost: Money
    """What the item costs."""
    currency: str | None
    rate_card: str
    """The version of the rate card."""
    effective_from: Moment
    """From when on the rate card is in force."""
    offers: tuple[OfferView, ...]
    """The warranties that the rate card offers for the item."""
    reason: str | None
    """Why it offers none."""
    refund_rule: str | None
    """The rule of refunds, in words."""


class PlanView(Model):
    """A plan: its price is ``base`` + ``percent`` % of the item's cost, half cents rounded up."""

    warranty_duration_months: int
    base: Money
    """The fixed part of the price."""
    percent: Money
    """The part of the item's cost that is added, in percent."""
    price_rule: str
    """The rule of the price, in words."""


class BandView(Model):
    """The plans for items that cost from ``cost_from`` to ``cost_to``, both included."""

    cost_from: Money
    """The lowest cost of the band, included."""
    cost_to: Money
    """The highest cost of the band, included."""
    plans: tuple[PlanView, ...]
    """Its plans."""


class TypeView(Model):
    """The bands of one type of items."""

    item_type: str
    """The type of items."""
    bands: tuple[BandView, ...]
    """Its bands, by rising cost."""


class PlansAnswer(Model):
    """A rate card, to be read; ``rate_cards`` are all versions that there are.

    It is in force from ``effective_from`` until the next one's.
    """

    rate_card: str
    """The version of the rate card."""
    rounding: str = "half cents are rounded up"
    """How prices are rounded."""
    item_types: tuple[TypeView, ...]
    """Its plans, by type of items."""
    rate_cards: tuple[str, ...]
    """All versions that there are."""
    currency: str | None
    effective_from: Moment
    refund_rule: str | None
    """The rule of refunds, in words."""


class Refusals(Model):
    """How often sales of a type got no warranty for a reason, and what the last of them cost."""

    item_type: str
    """The requested type of items."""
    reason: str
    """Why those sales got no warranty."""
    count: int
    """How many there were."""
    last_cost: Money
    """What the item of the last one cost."""
    last_refused_at: Instant
    """When the last one was."""

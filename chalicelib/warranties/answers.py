"""What the warranties context answers."""

from typing import Any, Literal

from chalicelib.core.instants import PreciseInstant as Instant
from chalicelib.warranties import money
from chalicelib.warranties.fields import Model, Money, store_id
from chalicelib.warranties.models import Sale

ArchiveState = Literal["pending", "done", "dead"]


class Warranty(Model):
    """A warranty, with the cost and the title that it was priced on."""

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

    @classmethod
    def all_of(cls, sale: Sale) -> "tuple[Warranty, ...]":
        """Return the warranties that a sale got."""
        shared: dict[str, Any] = {
            "store_id": store_id(sale.store_uuid),
            "store_uuid": sale.store_uuid,
            "item_type": sale.item_type,
            "item_sku": sale.item_sku,
            "item_title": sale.item_title,
            "item_cost": money.amount(sale.item_cost),
            "rate_card": sale.rate_card,
            "created_at": sale.received_at,
        }
        return tuple(
            cls.model_construct(
                id=f"{sale.request_id}-{offer.months}",
                warranty_price=money.amount(offer.price_cents),
                warranty_duration_months=offer.months,
                **shared,
            )
            for offer in sale.offers
        )


class SaleAnswer(Model):
    """The warranties that a sale got, or the reason why it got none."""

    request_id: str
    warranties: tuple[Warranty, ...]
    reason: str | None

    @classmethod
    def of(cls, sale: Sale) -> "SaleAnswer":
        """Return the answer to a sale, the same each time."""
        return cls.model_construct(
            request_id=sale.request_id,
            warranties=Warranty.all_of(sale),
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


class WarrantyView(Warranty):
    """A warranty with what explains it: the rule of its price, its store, its item, its archive."""

    price_rule: str
    store: StoreView
    item: ItemView
    archive: ArchiveView


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
    """A rate card, to be read; ``rate_cards`` are all versions that there are."""

    rate_card: str
    rounding: str = "half cents are rounded up"
    item_types: tuple[TypeView, ...]
    rate_cards: tuple[str, ...]


class Refusals(Model):
    """How often sales of a type got no warranty for a reason, and what the last of them cost."""

    item_type: str
    reason: str
    count: int
    last_cost: Money
    last_refused_at: Instant

"""What the warranties context takes in, keeps and answers.

Terms: a *sale* is one ``POST /warranties``, an item that a store sells, with all that came of it;
a *warranty* is one plan of the rate card that a sale got. A *store* and an *item* are created by
the first sale that names them; an item is unique by its type and SKU.

Costs and prices are whole cents inside and numbers with two decimals outside.
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from chalicelib.core import strict_json
from chalicelib.warranties import money
from chalicelib.warranties.rate_card import Offer

MOST_ROWS = 1_000
HIGHEST_COST = Decimal("1000000.00")
FILTERS = ("sku", "item_type", "store_uuid")

# Names the stores: whoever creates the record of a store gives it the same id.
_STORES = uuid.UUID("6f1d3c52-6a0e-5c0b-9d5d-7f1a0b1e8c11")
_KEY = re.compile("[ -~]{1,255}")
_WARRANTY_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9]{1,3}"
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"


def iso(at: datetime) -> str:
    """Return an instant as it is kept and told: UTC, microseconds, ``+00:00``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def store_id(store_uuid: str) -> str:
    """Return the id of a store, which hangs on nothing but its ``store_uuid``."""
    return str(uuid.uuid5(_STORES, store_uuid))


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    if any(map(_no_text, text)):
        raise ValueError("must not hold control characters")
    return text


def _no_text(character: str) -> bool:
    """Return whether a character is a control or one that Unicode keeps for itself."""
    return unicodedata.category(character) == "Cc" or ord(character) & 0xFFFE == 0xFFFE


def _cost(given: object) -> int:
    """Return the cents of a number as it stands in the JSON text."""
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise ValueError("must be a number such as 150.00")
    exact = Decimal(given)
    if not 0 < exact <= HIGHEST_COST:
        raise ValueError(f"must be above 0 and at most {HIGHEST_COST:,}")
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        raise ValueError("must have at most two decimals")
    return money.cents(exact)


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError("must have 1 to 255 characters of printable ASCII")
    return text


def _integer(given: object) -> object:
    if isinstance(given, str) and not re.fullmatch("[0-9]{1,9}", given):
        raise ValueError("must be a whole number")
    return given


def _named_otherwise(_: object) -> object:
    raise ValueError("is the name in bodies; the filter is called sku")


class _Missing:
    """Stands where a filter should be."""


def _there(given: object) -> object:
    if isinstance(given, _Missing):
        raise ValueError(
            "is missing: sku, item_type and store_uuid go together; "
            "match=any-given takes any of them"
        )
    return given


StoreUuid = Annotated[
    str, StringConstraints(to_lower=True, pattern="^[A-Za-z0-9-]+$", min_length=1, max_length=64)
]
"""1 to 64 letters, digits and hyphens in lower case; the brief's own example is no UUID."""
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(_printable),
    Field(json_schema_extra={"pattern": _PRINTABLE}),
]
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    AfterValidator(_printable),
    Field(json_schema_extra={"pattern": _PRINTABLE}),
]
Cost = Annotated[
    int,
    BeforeValidator(_cost),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1_000_000,
            "description": "an amount with at most two decimals",
        }
    ),
]
"""A cost in cents; on the wire a number with at most two decimals."""
Money = Annotated[Decimal, WithJsonSchema({"type": "number"})]
Instant = Annotated[
    AwareDatetime,
    PlainSerializer(iso),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS), BeforeValidator(_integer)]
ArchiveState = Literal["pending", "done", "dead"]


class Model(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    def json_text(self) -> str:
        """Return the wire form; amounts are exact numbers."""
        return strict_json.dumps(self.model_dump())


# --- what comes in --------------------------------------------------------------------------------


class SaleBody(Model):
    """An item that a store sells, for which it wants warranties."""

    store_uuid: StoreUuid
    item_type: Name
    item_sku: Name
    item_cost: Cost
    item_title: Title


class SaleHeaders(Model):
    """A key makes a repeat of a sale safe."""

    key: Annotated[str, AfterValidator(_key)] | None = Field(default=None, alias="Idempotency-Key")


class PageQuery(Model):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = MOST_ROWS
    cursor: Annotated[str, Field(min_length=1)] | None = None


class WarrantiesQuery(PageQuery):
    """Which warranties: all; those of one sku, item_type and store_uuid; or any mix of these."""

    sku: Annotated[Name | None, BeforeValidator(_there)] = None
    item_type: Annotated[Name | None, BeforeValidator(_there)] = None
    store_uuid: Annotated[StoreUuid | None, BeforeValidator(_there)] = None
    match: Literal["any-given"] | None = None
    item_sku: SkipJsonSchema[Annotated[str | None, BeforeValidator(_named_otherwise)]] = None

    @model_validator(mode="before")
    @classmethod
    def _all_or_none(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was asked
        """Mark each filter that is missing beside others, unless any mix is wanted."""
        named = [name for name in FILTERS if name in given]
        if not named or "match" in given or "item_sku" in given:
            return given
        return {**{name: _Missing() for name in FILTERS}, **given}


class PlansQuery(Model):
    """Which rate card: that of a version, or the one in force."""

    model_config = ConfigDict(extra="forbid")

    rate_card: Name | None = None


class WarrantyPath(Model):
    """The id of a warranty."""

    warranty_id: Annotated[str, Field(pattern=f"^{_WARRANTY_ID}$")]


class StorePath(Model):
    """The store_uuid of a store."""

    store_uuid: StoreUuid


# --- what is kept ---------------------------------------------------------------------------------


class Sale(Model):
    """A sale as it is kept: what was asked, and what the rate card said to it."""

    request_id: str
    received_at: Instant
    store_uuid: str
    item_type: str
    item_sku: str
    item_title: str
    item_cost: int
    rate_card: str
    offers: tuple[Offer, ...] = ()
    reason: str | None = None

    def asked(self) -> Mapping[str, object]:
        """Return the fields that were asked for."""
        return {name: getattr(self, name) for name in SaleBody.model_fields}


class ItemState(Model):
    """An item as of now: the cost and the title of the newest sale."""

    item_type: str
    item_sku: str
    item_cost: int
    item_title: str
    changed_at: Instant


# --- what goes out --------------------------------------------------------------------------------


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

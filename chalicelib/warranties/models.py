"""What the warranties context takes in and keeps.

Terms: a *sale* is one ``POST /warranties``, an item that a store sells, with all that came of it;
a *warranty* is one plan of the rate card that a sale got. A *store* and an *item* are created by
the first sale that names them; an item is unique by its type and SKU.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from chalicelib.core.forms import Form
from chalicelib.core.instants import STORED
from chalicelib.core.instants import PreciseInstant as Instant
from chalicelib.core.models import OwnBody, PageQuery
from chalicelib.warranties import numbers
from chalicelib.warranties.fields import (
    MOST_ROWS,
    Cost,
    Limit,
    Model,
    Name,
    QueryCost,
    StoreUuid,
    Title,
)
from chalicelib.warranties.rate_card import Offer

FILTERS = ("sku", "item_type", "store_uuid")

_WARRANTY_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9]{1,3}"
_WARRANTY_NUMBER = f"{numbers.FORM}-[0-9]{{1,3}}"


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


def _alone(given: object) -> object:
    if isinstance(given, _NotAlone):
        raise ValueError("finds warranties by itself: leave out sku, item_type, store_uuid, match")
    return given


class _NotAlone:
    """Stands where a number is beside filters."""


def _number(text: str) -> str:
    numbers.read(text)
    return text


Number = Annotated[
    str, StringConstraints(min_length=1, max_length=64), Field(examples=["FNVV-0BDY-A999-24"])
]
"""A warranty's number, its id, or the number or request id of its sale, however it is written."""


# --- what comes in --------------------------------------------------------------------------------


class SaleBody(Model):
    """An item that a store sells, for which it wants warranties."""

    store_uuid: StoreUuid
    """The id of the store: letters, digits and hyphens, in any case."""
    item_type: Name
    """The type of the item, as the rate card names it."""
    item_sku: Name
    """The store's number for the item."""
    item_cost: Cost
    item_title: Title
    """What the item is called."""


class ListQuery(PageQuery):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = MOST_ROWS


class WarrantiesQuery(ListQuery):
    """Which warranties: all; those of one sku, item_type and store_uuid; or any mix of these.

    ``number`` finds what a customer holds: a warranty's number or id, or those of its sale.
    """

    sku: Annotated[Name | None, BeforeValidator(_there)] = None
    """Only warranties of items with this item_sku; goes with item_type and store_uuid, unless
    match is any-given.
    """
    item_type: Annotated[Name | None, BeforeValidator(_there)] = None
    """Only warranties of items of this type."""
    store_uuid: Annotated[StoreUuid | None, BeforeValidator(_there)] = None
    """Only warranties of this store."""
    match: Literal["any-given"] | None = None
    """Takes any of sku, item_type and store_uuid alone."""
    item_sku: SkipJsonSchema[Annotated[str | None, BeforeValidator(_named_otherwise)]] = None
    number: Annotated[
        Annotated[Number, AfterValidator(_number)] | None, BeforeValidator(_alone)
    ] = None
    """A warranty's number or id, or those of its sale, however they are written."""

    @model_validator(mode="before")
    @classmethod
    def _all_or_none(cls, given: Any) -> Any:  # noqa: ANN401 - any JSON
        """Mark each filter that is missing beside others, unless any mix is wanted."""
        named = [name for name in FILTERS if name in given]
        if "number" in given and (named or "match" in given):
            return {**given, "number": _NotAlone()}
        if not named or "match" in given or "item_sku" in given:
            return given
        return {**{name: _Missing() for name in FILTERS}, **given}


class PlansQuery(Model):
    """Which rate card: that of a version, or the one in force."""

    model_config = ConfigDict(extra="forbid")

    rate_card: Name | None = None
    """The version of the rate card; that in force when omitted."""


class QuoteQuery(Model):
    """An item to be priced, by the rate card in force or by that of a version."""

    model_config = ConfigDict(extra="forbid")

    item_type: Name
    """The type of the item, as the rate card names it."""
    item_cost: QueryCost
    """What the item costs, with at most two decimals."""
    rate_card: Name | None = None
    """The version of the rate card; that in force when omitted."""


class WarrantyPath(Model):
    """The id of a warranty, or its number."""

    warranty_id: Annotated[
        str,
        Form(
            f"{_WARRANTY_ID}|{_WARRANTY_NUMBER}",
            "must be the id or the number of a warranty, as its sale gave it",
        ),
    ]
    """The id of the warranty, or its number."""


class CancellationBody(OwnBody):
    """Why a warranty is cancelled."""

    reason: Title = "cancelled on request"
    """Why it is cancelled."""


class StorePath(Model):
    """The store_uuid of a store."""

    store_uuid: StoreUuid
    """The id of the store."""


# --- what is stored -------------------------------------------------------------------------------


class Cancellation(Model):
    """That a warranty was cancelled, and what it gives back: final."""

    months: int
    cancelled_at: Instant
    reason: str
    refund_cents: int
    calculation: str
    rate_card: str


class Sale(Model):
    """A sale as it is stored: the request, and its price by the rate card.

    ``number`` and ``currency`` are absent from sales before 0.2.0. ``cancellations`` are beside
    the record, which never changes.
    """

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
    number: str | None = None
    currency: str | None = None
    cancellations: tuple[Cancellation, ...] = Field(default=(), exclude=True)

    def stored_text(self) -> str:
        """Return the form that is stored; what a sale of an older version lacks is left out."""
        absent = {name for name in ("number", "currency") if getattr(self, name) is None}
        return self.model_dump_json(exclude=absent, context=STORED)

    def cancellation(self, months: int) -> Cancellation | None:
        """Return how the warranty of these months was cancelled, if it was."""
        return next((each for each in self.cancellations if each.months == months), None)

    def requested(self) -> Mapping[str, object]:
        """Return the fields of the request."""
        return {name: getattr(self, name) for name in SaleBody.model_fields}


class ItemState(Model):
    """An item as of now: the cost and the title of the newest sale."""

    item_type: str
    item_sku: str
    item_cost: int
    item_title: str
    changed_at: Instant

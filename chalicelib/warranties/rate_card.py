"""The rate card: what a warranty costs, from the type and the cost of an item; pure rules.

A card is data, written under ``infra/rate_cards/`` and compiled to ``rate_cards.json`` beside this
module. Terms: a *band* is a range of costs of one type of items; a *plan* is what a band offers,
a duration and the rule of its price; a *quote* is what a card says to one item. A card's rule of
refunds is in `chalicelib.warranties.refunds`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from chalicelib.core.errors import ConflictError
from chalicelib.core.instants import iso
from chalicelib.core.values import dataclass
from chalicelib.warranties import money
from chalicelib.warranties.refunds import RefundRule

_WHOLE = Decimal(1)
_COMPILED = Path(__file__).with_name("rate_cards.json")


class NoRateCardError(ConflictError):
    """No rate card is in force at the time."""

    type = "/problems/no-rate-card"
    title = "No rate card in force"


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True)


class Plan(_Rule):
    """A duration and the rule of its price."""

    months: int
    base_cents: int
    percent: Decimal

    def price_cents(self, cost_cents: int) -> int:
        """Return the price for an item of this cost, half cents rounded up."""
        return int(self._exact(cost_cents).quantize(_WHOLE, ROUND_HALF_UP))

    def calculation(self, cost_cents: int) -> str:
        """Return how the price comes about: ``5.00 + 10 % of 150.00 = 20.00``."""
        exact = self._exact(cost_cents)
        price = money.amount(self.price_cents(cost_cents))
        cost = money.amount(cost_cents)
        terms = f"{money.amount(self.base_cents)} + {self.percent} % of {cost}"
        if exact == exact.to_integral_value():
            return f"{terms} = {price}"
        return f"{terms} = {exact.scaleb(-2).normalize():f}, rounded to {price}"

    def _exact(self, cost_cents: int) -> Decimal:
        return self.base_cents + cost_cents * self.percent / 100

    @property
    def text(self) -> str:
        """Return the rule of the price in words."""
        return f"{money.amount(self.base_cents)} + {self.percent} % of the cost"


class Band(_Rule):
    """The plans for items of one type whose cost lies between two costs, both included."""

    from_cents: int
    to_cents: int
    plans: tuple[Plan, ...]


class Offer(_Rule):
    """A warranty as it was priced."""

    months: int
    price_cents: int


@dataclass(frozen=True)
class Quote:
    """The offers for an item, or the reason why there are none."""

    offers: tuple[Offer, ...] = ()
    reason: str | None = None


class RateCard(_Rule):
    """The bands of each type of items, in the order of their costs and without a gap.

    ``currency`` is that of all amounts (ISO 4217), ``refund`` says what a cancelled warranty gives
    back; cards before 2026-11-29 name neither.
    """

    version: str
    effective_from: datetime | None = None
    currency: str | None = None
    refund: RefundRule | None = None
    bands: Mapping[str, tuple[Band, ...]]

    @property
    def begins_at(self) -> datetime:
        """Return when the card comes into force: as it says, or when its day begins in UTC."""
        if self.effective_from is not None:
            return self.effective_from
        return datetime.combine(date.fromisoformat(self.version), time.min, UTC)

    def quote(self, item_type: str, cost_cents: int) -> Quote:
        """Return what this card offers for an item."""
        bands = self.bands.get(item_type)
        if bands is None:
            return Quote(reason="type unknown")
        if cost_cents < bands[0].from_cents:
            return Quote(reason=f"cost below {money.amount(bands[0].from_cents):,}")
        if cost_cents > bands[-1].to_cents:
            return Quote(reason=f"cost above {money.amount(bands[-1].to_cents):,}")
        return Quote(
            tuple(
                Offer.model_construct(months=plan.months, price_cents=plan.price_cents(cost_cents))
                for plan in self._band(item_type, cost_cents).plans
            )
        )

    def plan(self, item_type: str, cost_cents: int, months: int) -> Plan:
        """Return the plan by which this card prices a warranty that it offers."""
        plans = self._band(item_type, cost_cents).plans
        return next(plan for plan in plans if plan.months == months)

    def _band(self, item_type: str, cost_cents: int) -> Band:
        return next(band for band in self.bands[item_type] if cost_cents <= band.to_cents)


@dataclass(frozen=True)
class RateCards:
    """All cards, by version; each is in force from its begin until the next one's."""

    by_version: Mapping[str, RateCard]

    def in_force(self, at: datetime) -> RateCard:
        """Return the card in force at an instant. Raises NoRateCardError before the first."""
        begun = [card for card in self.by_version.values() if card.begins_at <= at]
        if not begun:
            first = min(self.by_version.values(), key=_begin)
            raise NoRateCardError(
                f"The first rate card, {first.version}, is in force from {iso(first.begins_at)} on."
            )
        return max(begun, key=_begin)

    @cached_property
    def types(self) -> frozenset[str]:
        """Return the types of items that any card has ever had plans for."""
        return frozenset(name for card in self.by_version.values() for name in card.bands)


def _begin(card: RateCard) -> datetime:
    return card.begins_at


def load() -> RateCards:
    """Return the cards that are packaged with the functions."""
    cards = TypeAdapter(tuple[RateCard, ...]).validate_json(_COMPILED.read_bytes())
    return RateCards({card.version: card for card in cards})

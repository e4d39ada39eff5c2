"""The rate card: what a warranty costs, from the type and the cost of an item; pure rules.

A card is data, written under ``infra/rate_cards/`` and compiled to ``rate_cards.json`` beside this
module. Terms: a *band* is a range of costs of one type of items; a *plan* is what a band offers,
a duration and the rule of its price; a *quote* is what a card says to one item.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from chalicelib.warranties import money

_WHOLE = Decimal(1)
_COMPILED = Path(__file__).with_name("rate_cards.json")


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True)


class Plan(_Rule):
    """A duration and the rule of its price."""

    months: int
    base_cents: int
    percent: Decimal

    def price_cents(self, cost_cents: int) -> int:
        """Return the price for an item of this cost, half cents rounded up."""
        exact = self.base_cents + cost_cents * self.percent / 100
        return int(exact.quantize(_WHOLE, ROUND_HALF_UP))

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
    """The bands of each type of items, in the order of their costs and without a gap."""

    version: str
    bands: Mapping[str, tuple[Band, ...]]

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

    def rule(self, item_type: str, cost_cents: int, months: int) -> str:
        """Return the rule by which this card priced a warranty."""
        plans = self._band(item_type, cost_cents).plans
        return next(plan.text for plan in plans if plan.months == months)

    def _band(self, item_type: str, cost_cents: int) -> Band:
        return next(band for band in self.bands[item_type] if cost_cents <= band.to_cents)


@dataclass(frozen=True)
class RateCards:
    """All cards, by version.

    A version is the day from which its card is in force (in UTC), until that of the next one. The
    first one has no predecessor, and is in force before its day, too.
    """

    by_version: Mapping[str, RateCard]

    def in_force(self, at: datetime) -> RateCard:
        """Return the card in force at an instant."""
        day = at.astimezone(UTC).date().isoformat()
        begun = [version for version in self.by_version if version <= day]
        return self.by_version[max(begun, default=min(self.by_version))]

    @cached_property
    def types(self) -> frozenset[str]:
        """Return the types of items that any card has ever had plans for."""
        return frozenset(name for card in self.by_version.values() for name in card.bands)


def load() -> RateCards:
    """Return the cards that are packaged with the functions."""
    cards = TypeAdapter(tuple[RateCard, ...]).validate_json(_COMPILED.read_bytes())
    return RateCards({card.version: card for card in cards})

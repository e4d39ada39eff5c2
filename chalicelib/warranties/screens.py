"""How warranties and rate cards are laid out for readers: as a table, and as a card."""

from collections.abc import Iterable

from chalicelib.core import spreadsheets
from chalicelib.warranties import money
from chalicelib.warranties.answers import (
    BandView,
    OfferView,
    PlansAnswer,
    PlanView,
    QuoteAnswer,
    TypeView,
    Warranty,
)
from chalicelib.warranties.rate_card import Band, Plan, RateCard, RateCards


def as_csv(rows: Iterable[Warranty]) -> str:
    """Return warranties as CSV, under a line of names."""
    return spreadsheets.as_csv(Warranty.model_fields, (row.model_dump().values() for row in rows))


def readable(card: RateCard, cards: RateCards) -> PlansAnswer:
    """Return a card as it is shown."""
    return PlansAnswer(
        rate_card=card.version,
        item_types=tuple(
            TypeView(item_type=name, bands=tuple(map(_band, bands)))
            for name, bands in card.bands.items()
        ),
        rate_cards=tuple(sorted(cards.by_version)),
        currency=card.currency,
        effective_from=card.begins_at,
        refund_rule=_refund_rule(card),
    )


def quoted(card: RateCard, item_type: str, cost_cents: int) -> QuoteAnswer:
    """Return what a card says to an item: the quote of a sale, with each price worked out."""
    quote = card.quote(item_type, cost_cents)
    plans = [card.plan(item_type, cost_cents, offer.months) for offer in quote.offers]
    return QuoteAnswer(
        item_type=item_type,
        item_cost=money.amount(cost_cents),
        currency=card.currency,
        rate_card=card.version,
        effective_from=card.begins_at,
        offers=tuple(OfferView.of(plan, cost_cents) for plan in plans),
        reason=quote.reason,
        refund_rule=_refund_rule(card),
    )


def _refund_rule(card: RateCard) -> str | None:
    return card.refund.text if card.refund else None


def _band(band: Band) -> BandView:
    return BandView(
        cost_from=money.amount(band.from_cents),
        cost_to=money.amount(band.to_cents),
        plans=tuple(map(_plan, band.plans)),
    )


def _plan(plan: Plan) -> PlanView:
    return PlanView(
        warranty_duration_months=plan.months,
        base=money.amount(plan.base_cents),
        percent=plan.percent,
        price_rule=plan.text,
    )

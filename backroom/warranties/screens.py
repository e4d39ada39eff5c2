"""Screens of warranties, rate cards and refusals."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backroom.core import show
from chalicelib.warranties.answers import (
    CancellationView,
    PlansAnswer,
    QuoteAnswer,
    Refusals,
    SaleAnswer,
    Warranty,
    WarrantyView,
)

_ARCHIVED = {"pending": show.LATE, "done": show.GOOD, "dead": show.BAD}


def amount(given: Decimal) -> str:
    """Return an amount with thousands separators."""
    return f"{given:,.2f}"


def money(given: Decimal, currency: str | None) -> str:
    """Return an amount with its currency, if it has one."""
    return f"{amount(given)} {currency}" if currency else amount(given)


def warranties(rows: Sequence[Warranty]) -> Table:
    """Return warranties, one a line."""
    table = show.listing()
    for heading in ("Cost", "Months", "Price"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_ids("Warranty")
    table.add_column("Of")
    for row in rows:
        item = f"{row.item_type} {row.item_sku}, {row.item_title}, of {row.store_uuid}"
        if row.cancelled_at:
            item = f"cancelled; {item}"
        table.add_row(
            amount(row.item_cost),
            str(row.warranty_duration_months),
            amount(row.warranty_price),
            row.id,
            show.plain(item),
        )
    return table


def warranty(shown: WarrantyView) -> RenderableType:
    """Return a warranty with the rule of its price, its store, its item and its archive."""
    archive, item = shown.archive, shown.item
    now = f"{amount(item.item_cost)}, {show.plain(item.item_title)}"
    return show.facts(
        [
            ("warranty", shown.id),
            ("number", shown.number or ""),
            ("status", shown.status),
            *_cancellation(shown),
            ("months", str(shown.warranty_duration_months)),
            ("covers until", show.moment(shown.covered_until)),
            ("price", money(shown.warranty_price, shown.currency)),
            ("because", f"{shown.price_rule} ({amount(shown.item_cost)})"),
            ("rate card", shown.rate_card),
            ("item", f"{show.plain(shown.item_type)} {show.plain(shown.item_sku)}"),
            ("title", show.plain(shown.item_title)),
            ("item now", now),
            ("store", f"{shown.store_uuid} ({shown.store_id})"),
            ("created", show.precisely(shown.created_at)),
            ("archive", Text(archive.state, style=_ARCHIVED[archive.state])),
            ("because", show.plain(archive.why or "")),
            ("object", archive.key),
            ("SHA-256", archive.sha256 or ""),
            ("link", archive.url or ""),
        ]
    )


def _cancellation(shown: WarrantyView) -> list[tuple[str, str]]:
    if shown.cancellation:
        how = shown.cancellation
        return [
            ("cancelled", f"{show.precisely(how.cancelled_at)}: {show.plain(how.reason)}"),
            ("refund", f"{money(how.refund, how.currency)} ({how.calculation})"),
        ]
    if shown.refund_now:
        now = shown.refund_now
        return [("refund now", f"{money(now.refund, shown.currency)} ({now.calculation})")]
    return []


def plans(card: PlansAnswer, item_type: str | None) -> RenderableType:
    """Return a rate card, or its part about one type."""
    table = show.listing()
    for heading, justify in (
        ("Type", "left"),
        ("From", "right"),
        ("To", "right"),
        ("Months", "right"),
        ("Price", "left"),
    ):
        table.add_column(heading, justify=justify)
    for each in card.item_types:
        if item_type not in (None, each.item_type):
            continue
        for band in each.bands:
            for plan in band.plans:
                table.add_row(
                    each.item_type,
                    amount(band.cost_from),
                    amount(band.cost_to),
                    str(plan.warranty_duration_months),
                    plan.price_rule,
                )
    begin = f", in force since {show.moment(card.effective_from)}"
    currency = f"; amounts in {card.currency}" if card.currency else ""
    sentence = f"Rate card {card.rate_card}{begin}{currency}; {card.rounding}."
    if card.refund_rule:
        sentence += f" Cancelling refunds {card.refund_rule}."
    return Group(table, Text(), Text(sentence, style=show.CALM))


def refusals(rows: Iterable[Refusals]) -> Table:
    """Return sales without a warranty, by type and reason."""
    table = show.listing()
    table.add_column("Type")
    table.add_column("Reason")
    for heading in ("Sales", "Last cost", "When"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            show.plain(row.item_type),
            row.reason,
            show.number(row.count),
            amount(row.last_cost),
            show.moment(row.last_refused_at),
        )
    return table


def quoted(quote: QuoteAnswer) -> list[str]:
    """Return what an item's warranties would cost, in words."""
    card = f"rate card {quote.rate_card}, in force since {show.moment(quote.effective_from)}"
    if not quote.offers:
        return [f"No plan matches: {quote.reason} ({card})."]
    offers = [
        f"{money(each.warranty_price, quote.currency)} for {each.warranty_duration_months} months: "
        f"{each.calculation}"
        for each in quote.offers
    ]
    return [*offers, f"By {card}. Nothing was sold."]


def cancelled(cancellation: CancellationView, *, replayed: bool) -> list[str]:
    """Return how a warranty was cancelled, in words."""
    again = (
        f" (it was cancelled before, {show.precisely(cancellation.cancelled_at)})"
        if replayed
        else ""
    )
    return [
        f"Cancelled{again}. Refund: {money(cancellation.refund, cancellation.currency)}",
        f"{cancellation.calculation} (rate card {cancellation.rate_card})",
    ]


def sold(sale: SaleAnswer, *, replayed: bool) -> list[str]:
    """Return the result of a sale, in words."""
    again = " (repeated request)" if replayed else ""
    if not sale.warranties:
        return [f"No plan matches{again}: {sale.reason}."]
    return [
        f"{amount(made.warranty_price)} for {made.warranty_duration_months} months"
        f"{again}: {made.id}" + (f", number {made.number}" if made.number else "")
        for made in sale.warranties
    ]

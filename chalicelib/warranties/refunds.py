"""Refunds: what a cancelled warranty gives back, by the rule of a rate card; pure rules.

A warranty covers its months from the instant of its sale, in UTC. Days are spans of 24 hours from
that instant; one that has begun counts as used.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from pydantic import BaseModel, ConfigDict

from chalicelib.core.values import dataclass
from chalicelib.warranties import money

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Refund:
    """An amount that is given back, and how it comes about in words."""

    cents: int
    calculation: str


class RefundRule(BaseModel):
    """The whole price for some days, then the share of the days that are left, less a fee."""

    model_config = ConfigDict(frozen=True)

    full_within_days: int
    fee_cents: int

    @property
    def text(self) -> str:
        """Return the rule in words."""
        rest = "the share of the price for the days that are left"
        fee = f", less {money.amount(self.fee_cents)}" if self.fee_cents else ""
        if not self.full_within_days:
            return f"{rest}{fee}"
        return f"the whole price within {self.full_within_days} days, then {rest}{fee}"

    def refund(self, price_cents: int, *, sold_at: datetime, months: int, at: datetime) -> Refund:
        """Return what a warranty gives back that is cancelled ``at`` an instant it covers."""
        price, elapsed = money.amount(price_cents), max(at - sold_at, timedelta())
        if elapsed <= self.full_within_days * _DAY:
            within = f"cancelled within {self.full_within_days} days"
            return Refund(price_cents, f"{within}: the whole price, {price}")
        total = (covered_until(sold_at, months) - sold_at).days
        left = max(0, total + elapsed // -_DAY)
        exact = Decimal(price_cents) * left / total
        share = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        refund = max(0, share - self.fee_cents)
        shared = f"{price} x {left} of {total} days left = {money.amount(share)}"
        if share != exact:
            shared = f"{price} x {left} of {total} days left, rounded = {money.amount(share)}"
        return Refund(refund, shared + self._less_fee(refund))

    def _less_fee(self, refund_cents: int) -> str:
        if not self.fee_cents:
            return ""
        fee, refund = money.amount(self.fee_cents), money.amount(refund_cents)
        return f"; less a fee of {fee} = {refund}" + ("" if refund_cents else ", never below 0.00")


def covered_until(sold_at: datetime, months: int) -> datetime:
    """Return when a warranty ends: so many months later, or on the last day of a shorter month."""
    start = sold_at.astimezone(UTC)
    years, month = divmod(start.month - 1 + months, 12)
    last = monthrange(start.year + years, month + 1)[1]
    return start.replace(year=start.year + years, month=month + 1, day=min(start.day, last))

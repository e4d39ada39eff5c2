"""Money: stored as whole cents, calculated as Decimal, never a float."""

from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")


def amount(cents: int) -> Decimal:
    """Return cents as an amount with two decimals."""
    return cents * _CENT


def cents(exact: Decimal) -> int:
    """Return an amount in whole cents, half cents rounded up."""
    return int(exact.quantize(_CENT, ROUND_HALF_UP).scaleb(2))

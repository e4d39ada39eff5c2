"""What a cancelled warranty gives back: exact cents, by days, in words."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.warranties.refunds import RefundRule, covered_until

SOLD = datetime(2027, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = RefundRule(full_within_days=14, fee_cents=0)


def refund(
    after: timedelta, *, price: int = 27_00, months: int = 24, rule: RefundRule = RULE
) -> tuple[int, str]:
    given_back = rule.refund(price, sold_at=SOLD, months=months, at=SOLD + after)
    return given_back.cents, given_back.calculation


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-01-31T12:00:00+00:00", 1, "2027-02-28T12:00:00+00:00"),
        ("2027-01-31T12:00:00+00:00", 13, "2028-02-29T12:00:00+00:00"),
        ("2027-12-15T23:30:00-01:00", 12, "2028-12-16T00:30:00+00:00"),
        ("2028-02-29T00:00:00+00:00", 12, "2029-02-28T00:00:00+00:00"),
    ],
)
def test_a_warranty_covers_whole_months_in_utc(start: str, months: int, end: str) -> None:
    until = covered_until(datetime.fromisoformat(start), months)

    assert until == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("after", "cents", "told"),
    [
        (timedelta(), 27_00, "cancelled within 14 days: the whole price, 27.00"),
        (14 * DAY, 27_00, "cancelled within 14 days: the whole price, 27.00"),
        (-DAY, 27_00, "cancelled within 14 days: the whole price, 27.00"),
        # A day that has begun is used: the 15th, of 731.
        (
            14 * DAY + timedelta(microseconds=1),
            26_45,
            "27.00 x 716 of 731 days left, rounded = 26.45",
        ),
        (15 * DAY, 26_45, "27.00 x 716 of 731 days left, rounded = 26.45"),
        (731 * DAY - timedelta(seconds=1), 0, "27.00 x 0 of 731 days left = 0.00"),
    ],
)
def test_the_whole_price_and_then_the_days_that_are_left(
    after: timedelta, cents: int, told: str
) -> None:
    assert refund(after) == (cents, told)


def test_half_cents_are_rounded_up() -> None:
    rule = RefundRule(full_within_days=0, fee_cents=0)

    assert refund(365 * DAY, price=2, months=24, rule=rule)[0] == 1  # 2 x 366 / 731
    assert refund(364 * DAY, price=365, months=12, rule=rule) == (
        1,
        "3.65 x 1 of 365 days left = 0.01",
    )


def test_a_fee_is_taken_off_and_never_more_than_there_is() -> None:
    rule = RefundRule(full_within_days=0, fee_cents=2_50)

    assert refund(366 * DAY, price=731_00, rule=rule) == (
        362_50,
        "731.00 x 365 of 731 days left = 365.00; less a fee of 2.50 = 362.50",
    )
    assert refund(730 * DAY, price=27_00, rule=rule) == (
        0,
        "27.00 x 1 of 731 days left, rounded = 0.04; less a fee of 2.50 = 0.00, never below 0.00",
    )
    assert rule.text == "the share of the price for the days that are left, less 2.50"


@given(
    st.integers(1, 10**8),
    st.integers(1, 120),
    st.integers(0, 3700 * 86_400),
    st.integers(0, 60),
    st.integers(0, 10_00),
)
def test_a_refund_is_exact_and_never_more_than_the_price(
    price: int, months: int, seconds: int, full: int, fee: int
) -> None:
    rule = RefundRule(full_within_days=full, fee_cents=fee)
    at = SOLD + timedelta(seconds=seconds)
    total = (covered_until(SOLD, months) - SOLD).days

    given_back = rule.refund(price, sold_at=SOLD, months=months, at=at).cents

    assert 0 <= given_back <= price
    if seconds > full * 86_400:
        left = max(0, total - -(-seconds // 86_400))
        share = (Decimal(price) * left / total).quantize(Decimal(1), ROUND_HALF_UP)
        assert given_back == max(0, int(share) - fee)
    later = rule.refund(price, sold_at=SOLD, months=months, at=at + DAY).cents
    assert later <= given_back

"""W4: the rate card turns type and cost into prices and durations."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from chalicelib.core import canonical
from chalicelib.warranties import money
from chalicelib.warranties.rate_card import (
    NoRateCardError,
    Offer,
    Plan,
    Quote,
    RateCard,
    RateCards,
)
from chalicelib.warranties.refunds import RefundRule
from infra import rate_cards
from tests.support.warranties.fakes import CARDS

CARD = CARDS.in_force(datetime(2026, 11, 21, tzinfo=UTC))
COSTS = st.integers(1, 100_000_000)
TYPES = st.sampled_from(sorted(CARD.bands))


def plan(months: int = 12, *, base: int = 0, percent: str = "10") -> Plan:
    return Plan(months=months, base_cents=base, percent=Decimal(percent))


def test_w4_2c2_furniture_at_150_costs_20_for_12_and_27_for_24_months() -> None:
    assert CARD.quote("furniture", 150_00) == Quote(
        (Offer(months=12, price_cents=20_00), Offer(months=24, price_cents=27_00))
    )


def test_w4_at_least_eight_types_of_items_have_plans() -> None:
    assert len(CARD.bands) >= 8


@pytest.mark.parametrize(
    ("item_type", "cost", "reason"),
    [
        ("spaceship", 150_00, "type unknown"),
        ("Furniture", 150_00, "type unknown"),
        ("furniture", 9_99, "cost below 10.00"),
        ("furniture", 5_000_01, "cost above 5,000.00"),
        ("jewelry", 1_000_000_00, "cost above 10,000.00"),
    ],
)
def test_w4_what_has_no_plan_is_refused_with_the_reason(
    item_type: str, cost: int, reason: str
) -> None:
    assert CARD.quote(item_type, cost) == Quote(reason=reason)


def test_the_limits_of_a_card_are_inside() -> None:
    assert CARD.quote("furniture", 10_00).offers
    assert CARD.quote("furniture", 5_000_00).offers


@pytest.mark.parametrize(
    ("cost", "percent", "price"),
    [
        (10_20, "12.5", 1_28),
        (10_16, "12.5", 1_27),
        (10_21, "12.5", 1_28),
        (1, "50", 1),
        (1, "49", 0),
    ],
)
def test_2c2_half_cents_are_rounded_up(cost: int, percent: str, price: int) -> None:
    assert plan(percent=percent).price_cents(cost) == price


@given(TYPES, COSTS)
def test_every_cost_has_offers_or_a_reason_never_both(item_type: str, cost: int) -> None:
    quote = CARD.quote(item_type, cost)

    assert bool(quote.offers) != bool(quote.reason)


@given(TYPES, COSTS)
def test_2c2_prices_are_exact_and_sensible(item_type: str, cost: int) -> None:
    for offer in CARD.quote(item_type, cost).offers:
        band = next(b for b in CARD.bands[item_type] if b.from_cents <= cost <= b.to_cents)
        rule = next(p for p in band.plans if p.months == offer.months)
        exact = Decimal(rule.base_cents) + Decimal(cost) * rule.percent / 100
        assert offer.price_cents == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        assert 0 < offer.price_cents < 0.36 * cost


@given(TYPES, COSTS, st.integers(1, 500_00))
def test_no_dearer_item_has_a_cheaper_warranty_of_the_same_length(
    item_type: str, cost: int, more: int
) -> None:
    cheap = {o.months: o.price_cents for o in CARD.quote(item_type, cost).offers}
    dear = {o.months: o.price_cents for o in CARD.quote(item_type, cost + more).offers}

    assert all(dear[months] >= cheap[months] for months in cheap.keys() & dear.keys())


@given(TYPES, COSTS)
def test_a_longer_warranty_costs_more(item_type: str, cost: int) -> None:
    prices = [offer.price_cents for offer in CARD.quote(item_type, cost).offers]

    assert all(longer > shorter for shorter, longer in pairwise(prices))


@pytest.mark.parametrize("item_type", CARD.bands)
def test_at_the_edge_of_two_bands_prices_meet(item_type: str) -> None:
    for below, above in pairwise(CARD.bands[item_type]):
        assert above.from_cents == below.to_cents + 1
        left = {p.months: p.price_cents(above.from_cents) for p in below.plans}
        right = {p.months: p.price_cents(above.from_cents) for p in above.plans}
        assert all(left[months] == right[months] for months in left.keys() & right.keys())


def test_2c2_prices_are_of_the_scale_that_others_show() -> None:
    """Mulberry: 60.00 for a table of 1,500.00 over 36 months, 100.00 for a sofa of 1,200.00."""
    table = {o.months: o.price_cents for o in CARD.quote("furniture", 1_500_00).offers}
    sofa = {o.months: o.price_cents for o in CARD.quote("furniture", 1_200_00).offers}

    assert 60_00 / 2.5 < table[36] < 60_00 * 2.5
    assert 90_00 < sofa[24] < 110_00


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2026-11-21T00:00:00+00:00", "2026-11-21"),
        ("2026-12-31T23:59:59+00:00", "2026-11-21"),
        ("2027-01-01T00:30:00+01:00", "2026-11-21"),  # days are those of UTC
        ("2027-01-01T00:00:00+00:00", "2027-01-01"),
        ("2027-06-30T23:59:59+00:00", "2027-01-01"),
        ("2142-01-01T00:00:00+00:00", "2027-07-01"),
    ],
)
def test_a_card_is_in_force_from_the_day_of_its_name(at: str, version: str) -> None:
    names = ("2027-07-01", "2026-11-21", "2027-01-01")
    cards = RateCards({name: RateCard(version=name, bands={name: ()}) for name in names})

    assert cards.in_force(datetime.fromisoformat(at)).version == version
    assert cards.types == set(names)


def test_no_card_is_in_force_before_the_first() -> None:
    with pytest.raises(NoRateCardError, match="2026-11-21T00:00:00Z"):
        CARDS.in_force(datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC))


def test_a_card_is_in_force_from_the_instant_that_it_names() -> None:
    chicago = datetime.fromisoformat("2027-01-01T00:00:00-06:00")
    later = RateCard(version="2027-01-01", effective_from=chicago, bands={})
    cards = RateCards({"2026-11-21": CARDS.by_version["2026-11-21"], "2027-01-01": later})

    assert cards.in_force(chicago - timedelta(microseconds=1)).version == "2026-11-21"
    assert cards.in_force(chicago).version == "2027-01-01"


def test_the_first_card_is_as_it_was_written() -> None:
    """Warranties that were sold by it are explained by it."""
    first = CARDS.by_version["2026-11-21"]

    assert canonical.digest(first) == (
        "064e55eb5b146d94db1543b5e7472f808a4d89dec6976dc2bce2489b61dcab08"
    )
    assert (first.currency, first.refund) == (None, None)


def test_the_card_of_2026_11_29_has_the_prices_of_the_first_a_currency_and_refunds() -> None:
    card = CARDS.in_force(datetime(2026, 11, 29, tzinfo=UTC))

    assert card.version == "2026-11-29"
    assert card.bands == CARDS.by_version["2026-11-21"].bands
    assert (card.currency, card.begins_at) == ("USD", datetime(2026, 11, 29, tzinfo=UTC))


@pytest.mark.parametrize(
    ("cost", "percent", "base", "told"),
    [
        (150_00, "10", 5_00, "5.00 + 10 % of 150.00 = 20.00"),
        (10_10, "18.5", 1_50, "1.50 + 18.5 % of 10.10 = 3.3685, rounded to 3.37"),
        (10_20, "12.5", 0, "0.00 + 12.5 % of 10.20 = 1.275, rounded to 1.28"),
    ],
)
def test_a_price_is_worked_out_in_writing(cost: int, percent: str, base: int, told: str) -> None:
    assert plan(base=base, percent=percent).calculation(cost) == told


@given(TYPES, COSTS)
def test_what_is_worked_out_is_the_price(item_type: str, cost: int) -> None:
    for offer in CARD.quote(item_type, cost).offers:
        told = CARD.plan(item_type, cost, offer.months).calculation(cost)
        assert re.split(" = | to ", told)[-1] == str(money.amount(offer.price_cents))


def test_amounts_are_cents_inside_and_two_decimals_outside() -> None:
    assert str(money.amount(5)) == "0.05"
    assert str(money.amount(150_000)) == "1500.00"
    assert [money.cents(Decimal(text)) for text in ("1.005", "1.0049", "7")] == [101, 100, 700]


# --- compiling ------------------------------------------------------------------------------------


def test_the_functions_have_the_cards_that_people_wrote() -> None:
    assert rate_cards.TARGET.read_text() == rate_cards.text(), "run: python -m infra.rate_cards"


def toys(*months: int, start: str = "1.00", up_to: str = "9.00") -> str:
    """Return a card of one band, written."""
    plans = ", ".join(f"{{months: {each}, base: '1', percent: '1'}}" for each in months)
    return f"toy: {{up_to: '{up_to}', bands: [{{from: '{start}', plans: [{plans}]}}]}}"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (toys(12, start="10.00"), "order of their costs"),
        (toys(12, up_to="9.001"), "up_to"),
        (toys(12, start="-1.00"), "from"),
        (toys(), "plans"),
        (toys(0), "months"),
        (toys(12, 12), "order of their months"),
        (toys(24, 12), "order of their months"),
        ("toy: {up_to: '5.00', bands: []}", "bands"),
        ("toy: {up_to: '5.00', bands: [], price: '7.00'}", "price"),
    ],
)
def test_a_card_that_makes_no_sense_is_not_compiled(tmp_path: Path, written: str, why: str) -> None:
    (tmp_path / "2027-01-01.yaml").write_text(written)

    with pytest.raises(rate_cards.RateCardError, match=rf"2027-01-01\.yaml(?s:.*){why}"):
        rate_cards.text(tmp_path)


def priced(**told: str) -> str:
    """Return a card with a currency and an instant, written, but for what is told otherwise."""
    said = {
        "effective_from": "'2027-01-01T00:00:00-06:00'",
        "currency": "USD",
        "refund": "{full_within_days: 14, fee: '2.50'}",
        **told,
    }
    return "".join(f"{name}: {value}\n" for name, value in said.items()) + (
        f"item_types: {{{toys(12)}}}"
    )


def test_a_card_names_its_begin_its_currency_and_its_refunds(tmp_path: Path) -> None:
    (tmp_path / "2027-01-01.yaml").write_text(priced())

    [card] = TypeAdapter(list[RateCard]).validate_json(rate_cards.text(tmp_path))

    assert card.begins_at == datetime(2027, 1, 1, 6, tzinfo=UTC)
    assert card.currency == "USD"
    assert card.refund == RefundRule(full_within_days=14, fee_cents=2_50)
    assert card.quote("toy", 5_00).offers


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"effective_from": "2027-01-01"}, "offset"),
        ({"effective_from": "'2027-01-01T00:00:00'"}, "offset"),
        ({"effective_from": "'2027-01-02T00:00:00Z'"}, "on the day"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "JPY"}, "JPY has other decimals"),
        ({"refund": "{full_within_days: -1, fee: '0'}"}, "full_within_days"),
        ({"refund": "{full_within_days: 1, fee: '0.001'}"}, "fee"),
        ({"price": "7"}, "price"),
    ],
)
def test_a_card_whose_terms_make_no_sense_is_not_compiled(
    tmp_path: Path, told: dict[str, str], why: str
) -> None:
    (tmp_path / "2027-01-01.yaml").write_text(priced(**told))

    with pytest.raises(rate_cards.RateCardError, match=rf"2027-01-01\.yaml(?s:.*){why}"):
        rate_cards.text(tmp_path)


def test_two_cards_do_not_begin_at_once(tmp_path: Path) -> None:
    for name, begin in (
        ("2027-01-01", "2027-01-01T23:00:00-06:00"),
        ("2027-01-02", "2027-01-02T05:00:00Z"),
    ):
        (tmp_path / f"{name}.yaml").write_text(priced(effective_from=f"'{begin}'"))

    with pytest.raises(rate_cards.RateCardError, match="same time"):
        rate_cards.text(tmp_path)

"""Grams and units, exact from the JSON text on (B5, B7, 5c 2)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bakery.amounts import Amount, AmountError, Given, UnitClashError, read
from chalicelib.core import strict_json

grams = st.decimals("0.000001", 100_000, places=6).filter(bool)
units = st.integers(1, 10_000)
factors = st.integers(1, 10_000)


def amount(text: str) -> Amount:
    return read(strict_json.loads(text.encode())).amount()


@pytest.mark.parametrize(
    ("text", "unit", "told"),
    [
        ("33.0", "g", "33.0"),
        ("33", "unit", "33"),
        ("33.50", "g", "33.5"),
        ("0.000001", "g", "0.000001"),
        ("1e2", "g", "100.0"),
        ("100000.0", "g", "100000.0"),
        ("10000", "unit", "10000"),
        ('{"amount": 33, "unit": "g"}', "g", "33.0"),
        ('{"amount": 33.0, "unit": "unit"}', "unit", "33"),
    ],
)
def test_b5_the_text_of_a_number_says_its_unit(text: str, unit: str, told: str) -> None:
    found = amount(text)

    assert found.unit == unit
    assert strict_json.dumps(found.number) == told


@pytest.mark.parametrize(
    "text",
    [
        *("0", "0.0", "-1", "-0.5", "true", "null", '"33"', "[33]", "{}", "0.0000001"),
        *("100000.1", "100001", "10001", "1e300", "1e-300"),
        *('{"amount": 1}', '{"amount": 1, "unit": "kg"}', '{"amount": 1, "unit": ["g"]}'),
        *('{"amount": 1.5, "unit": "unit"}', '{"amount": 10001, "unit": "unit"}'),
        *('{"amount": true, "unit": "g"}', '{"amount": 1, "unit": "g", "more": 1}'),
    ],
)
def test_5d_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        amount(text)


def test_5c3_where_a_recipe_rules_its_unit_is_taken() -> None:
    assert Given(Decimal(10), pointed=False).amount_in("g") == Amount(value=Decimal(10), unit="g")
    assert str(Given(Decimal("2.0"), pointed=True).amount_in("unit")) == "2 units"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1.5", "unit"),
        ('{"amount": 1.0, "unit": "g"}', "unit"),
        ('{"amount": 1, "unit": "unit"}', "g"),
    ],
)
def test_5c3_another_unit_than_the_recipe_s_clashes(text: str, unit: str) -> None:
    found = read(strict_json.loads(text.encode()))

    with pytest.raises(UnitClashError):
        found.amount_in(unit)  # type: ignore[arg-type]


def test_units_never_add_up_with_grams() -> None:
    with pytest.raises(UnitClashError):
        Amount(value=Decimal(1), unit="g") + Amount(value=Decimal(1), unit="unit")


@given(grams, factors, factors)
def test_b7_scaling_is_linear_and_exact(value: Decimal, persons: int, quantity: int) -> None:
    one = Amount(value=value, unit="g")

    scaled = one * (persons * quantity)

    assert Fraction(scaled.value) == Fraction(value) * persons * quantity
    assert Decimal(strict_json.dumps(scaled.number)) == scaled.value
    assert "." in strict_json.dumps(scaled.number)


@given(units, factors)
def test_b7_units_stay_whole(value: int, factor: int) -> None:
    scaled = Amount(value=Decimal(value), unit="unit") * factor

    assert strict_json.dumps(scaled.number) == str(value * factor)


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("268.0", "g", "268 g"),
        ("33.50", "g", "33.5 g"),
        ("1", "unit", "1 unit"),
        ("8", "unit", "8 units"),
        ("1E+3", "g", "1000 g"),
    ],
)
def test_b8_amounts_are_read_as_people_write_them(value: str, unit: str, words: str) -> None:
    assert str(Amount(value=Decimal(value), unit=unit)) == words

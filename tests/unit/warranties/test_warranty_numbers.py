"""Warranty numbers: as people read, write and mistype them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.warranties import numbers
from chalicelib.warranties.numbers import Named

SALE = "0191e7a0-0000-4000-8000-000000000001"
NUMBER = "FNVV-0BDY-A999"


def test_a_sale_has_one_number_for_ever() -> None:
    assert numbers.of_sale(SALE) == NUMBER
    assert numbers.is_number(NUMBER)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (NUMBER, Named(number=NUMBER)),
        (f"{NUMBER}-24", Named(number=NUMBER, months=24)),
        (" fnvv 0bdy a999 24 ", Named(number=NUMBER, months=24)),
        ("FNVVOBDYA999", Named(number=NUMBER)),
        ("FNVV\u20130BDY\u2013A999", Named(number=NUMBER)),
        (SALE, Named(request_id=SALE)),
        (f"{SALE}-12", Named(request_id=SALE, months=12)),
        (f"{SALE.upper()} 12", Named(request_id=SALE, months=12)),
        (SALE.replace("-", ""), Named(request_id=SALE)),
    ],
)
def test_a_number_is_read_however_it_is_written(text: str, named: Named) -> None:
    assert numbers.read(text) == named


@pytest.mark.parametrize(
    "text", ["", "7", "FNVV-0BDY", f"{NUMBER}-1234", f"{NUMBER}-x", "U" * 12, "\u0661" * 12]
)
def test_what_is_no_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="must be a warranty number"):
        numbers.read(text)


@given(st.uuids().map(str), st.integers(0, 11), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_character_is_noticed(sale: str, place: int, character: str) -> None:
    number = numbers.of_sale(sale).replace("-", "")
    mistyped = number[:place] + character + number[place + 1 :]

    if mistyped != number:
        with pytest.raises(ValueError, match="typing mistake"):
            numbers.read(mistyped)
    assert numbers.read(number).number == numbers.of_sale(sale)

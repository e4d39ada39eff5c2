"""The canonical form: one text for one meaning, the same for ever."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from chalicelib.core import canonical

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": "x", "c": None}, '{"a":"x","b":1}'),
        ([Decimal("1.00"), 1.0, 1, Decimal("-0"), 0.1, Decimal("1E+3")], "[1,1,1,0,0.1,1000]"),
        ({"é\u2028": [True, False, None]}, '{"\\u00e9\\u2028":[true,false,null]}'),
        ({"b", "a"}, '["a","b"]'),
        (date(2026, 11, 21), '"2026-11-21"'),
        (
            datetime(2026, 11, 21, 1, tzinfo=timezone(timedelta(hours=1))),
            '"2026-11-21T00:00:00.000000+00:00"',
        ),
    ],
)
def test_a_value_has_one_text(value: object, text: str) -> None:
    assert canonical.form(value) == text


def test_the_digest_is_that_of_the_text() -> None:
    told = {"timestamp": datetime(2142, 3, 1, tzinfo=UTC), "differs": {"sender_id": "mars"}}

    assert canonical.digest(told) == (
        "76537a9920e28baf1bae394bc940f95a3d67e0b35770b665b5cd18adb08f5526"
    )


@given(st.dictionaries(st.text(max_size=5), numbers, max_size=5), st.randoms())
def test_neither_order_nor_zeros_nor_capitals_of_exponents_count(
    fields: dict[str, Decimal], random: Any
) -> None:
    names = list(fields)
    random.shuffle(names)
    rewritten = {name: fields[name] * Decimal("1.000") for name in names}

    assert canonical.form(rewritten) == canonical.form(fields)


@given(numbers, numbers)
def test_different_numbers_have_different_texts(one: Decimal, other: Decimal) -> None:
    assert (canonical.form(one) == canonical.form(other)) == (one == other)


def test_neither_the_name_of_a_class_nor_a_new_field_with_a_default_counts() -> None:
    @dataclass(frozen=True)
    class Wish:
        cakes: int

    @dataclass(frozen=True)
    class OrderRequest:
        cakes: int
        urgent: bool = False
        extras: tuple[str, ...] = field(default_factory=tuple)

    class Body(BaseModel):
        urgent: bool = False
        cakes: float

    same = {canonical.digest(each) for each in (Wish(1), OrderRequest(1), Body(cakes=1))}

    assert same == {canonical.digest({"cakes": 1})}
    assert canonical.digest(OrderRequest(1, urgent=True)) not in same


@pytest.mark.parametrize("odd", [object(), b"bytes", canonical, {"a": object()}])
def test_what_nobody_has_given_a_form_has_none(odd: object) -> None:
    with pytest.raises(TypeError, match="canonical form"):
        canonical.form(odd)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), Decimal("NaN")])
def test_what_is_no_number_has_none(odd: object) -> None:
    with pytest.raises(ValueError, match="canonical form"):
        canonical.form(odd)

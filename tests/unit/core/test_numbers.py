"""Whole numbers, in JSON and as text."""

from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chalicelib.core.numbers import FROM_JSON, FROM_TEXT


class Both(BaseModel):
    whole: Annotated[int, FROM_JSON] = 0
    text: Annotated[int, FROM_TEXT] = 0


@given(st.integers(-(10**20), 10**20), st.integers(0, 9))
def test_a_whole_number_in_json_may_have_any_form(number: int, zeros: int) -> None:
    for form in (number, Decimal(f"{number}.{'0' * zeros}"), Decimal(number).scaleb(0)):
        assert Both.model_validate({"whole": form}, strict=True).whole == number


@pytest.mark.parametrize("given", [True, "4", None, Decimal("4.1"), Decimal("1e-30"), [], {}, 4.5])
def test_what_is_no_whole_number_in_json_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        Both.model_validate({"whole": given}, strict=True)


@given(st.integers(-(10**29), 10**29))
def test_a_number_in_a_path_is_its_digits(number: int) -> None:
    assert Both.model_validate({"text": str(number)}).text == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "+1", "1.0", "1_000", "007", "-0", "1e3", "0x1", "\u0661", "1" * 31),
        *("1\n", "\u22121", "NaN", "true", "1,000"),
    ],
)
def test_what_only_looks_like_a_number_in_a_path_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be a whole number"):
        Both.model_validate({"text": text})

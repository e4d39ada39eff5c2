"""CSV: what a spreadsheet shows is what was stored, and never a formula."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.spreadsheets import as_csv, cell

FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def read(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


@pytest.mark.parametrize("first", FORMULA)
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(first: str) -> None:
    text = f"{first}HYPERLINK(1)"

    assert read(as_csv(["a"], [[text]])) == [["a"], [f"'{text}"]]


@pytest.mark.parametrize("number", [-5, -0.5, Decimal("-12.50"), 0])
def test_numbers_stay_numbers(number: object) -> None:
    assert read(as_csv(["a"], [[number]])) == [["a"], [str(number)]]


@pytest.mark.parametrize("text", ["", "Sofa", "a=b", "'=1", "7 - 5", 'say "=1"', "\u202ex", "é"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


@given(st.lists(st.lists(st.text() | st.integers(), min_size=1, max_size=3), max_size=3))
def test_no_row_is_lost_and_no_text_begins_like_a_formula(rows: list[list[object]]) -> None:
    cells = [each for row in rows for each in row]
    texts = [f"{each}" for row in read(as_csv(["n"], rows))[1:] for each in row]

    assert len(cells) == len(texts)
    for before, after in zip(cells, texts, strict=True):
        if isinstance(before, str):
            assert not after.startswith(FORMULA)
        assert after.removeprefix("'") == str(before).removeprefix("'")

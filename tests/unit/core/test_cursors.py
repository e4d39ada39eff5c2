"""Cursors: only what a list gave is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import cursors

parts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(st.lists(parts, max_size=3))
def test_a_cursor_leads_back_to_its_place(place: list[str]) -> None:
    assert cursors.read(cursors.write(*place)) == place


@given(st.text())
def test_any_other_text_leads_nowhere_or_to_text_that_can_stand_in_a_key(text: str) -> None:
    for part in cursors.read(text):
        assert 0 < len(part.encode()) <= 1000


@pytest.mark.parametrize(
    "place", [("\ud800",), ("",), ("a", ""), ("x" * 1001,), ("x" * 600, "x" * 600)]
)
def test_what_could_not_stand_in_a_key_is_no_place(place: tuple[str, ...]) -> None:
    assert cursors.read(cursors.write(*place)) == []


@pytest.mark.parametrize("json", ["eyJhIjoxfQ", "WzFd", "W1tdXQ", "bnVsbA", "W1tbW1tb"])
def test_other_json_is_no_cursor(json: str) -> None:
    assert cursors.read(json) == []

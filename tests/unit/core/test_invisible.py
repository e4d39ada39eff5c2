"""Characters that nobody sees tell nothing apart, in any context."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.bakery import fields as bakery
from chalicelib.core.invisible import visible_id, visible_name, without_invisible
from chalicelib.deliveries import fields as deliveries
from chalicelib.vending import models as vending
from chalicelib.warranties import fields as warranties

INVISIBLE = ["\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u202e", "\ufe0f"]
IDS = [deliveries.Id, deliveries.PathId, warranties.Name, warranties.StoreUuid, vending.SiteId]
NAMES = [bakery.Name, bakery.LatinName, vending.Name]


def read(kind: Any, text: str) -> Any:
    return TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("kind", IDS)
def test_an_id_with_a_character_that_nobody_sees_is_refused(kind: Any, character: str) -> None:
    assert read(kind, "abc")
    with pytest.raises(ValidationError):
        read(kind, f"ab{character}c")


@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("kind", NAMES)
def test_a_name_loses_a_character_that_nobody_sees(kind: Any, character: str) -> None:
    assert read(kind, f"{character}a{character}bc{character}") == "abc"
    with pytest.raises(ValidationError, match="empty or blank"):
        read(kind, character * 3)


@pytest.mark.parametrize("character", INVISIBLE)
def test_a_title_of_nothing_to_see_is_blank(character: str) -> None:
    with pytest.raises(ValidationError, match="blank"):
        read(warranties.Title, f" {character} ")


def test_a_refusal_names_the_character() -> None:
    with pytest.raises(ValueError, match=r"nobody sees, such as U\+200B here"):
        visible_id("ab\u200bc")


@given(st.text())
def test_what_is_seen_stays(text: str) -> None:
    visible = without_invisible(text)

    assert without_invisible(visible) == visible
    assert [c for c in text if c in visible] == list(visible)
    assert visible_id(visible) == visible
    if visible.strip():
        assert visible_name(text) == visible.strip()


def test_format_characters_that_are_seen_stay() -> None:
    """Arabic number signs and the like are format characters, too, and are drawn."""
    seen = "\u0600\u06dd\u070f\u08e2"
    assert {unicodedata.category(c) for c in seen} == {"Cf"}
    assert without_invisible(seen) == seen

"""Names, ids, and who is called what (5c 1, 13, 14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bakery.matching import folded, matches
from chalicelib.bakery.names import (
    fold,
    latin,
    one_line,
    record_id,
    title,
    with_latin_letter,
)
from tests.support.bakery.vendors import FakePerson

IDS = [
    ("Chocolate Cake", "chocolate_cake"),
    ("Carrot-Cake", "carrot_cake"),
    ("Carrot Cake", "carrot_cake"),
    ("CarrotCake", "carrot_cake"),
    ("carrotCake", "carrot_cake"),
    ("BBQCake", "bbq_cake"),
    ("  --Crème  brûlée!! ", "creme_brulee"),
    ("Straßenkuchen", "strassenkuchen"),
    ("Smørrebrød", "smorrebrod"),
    ("Pączki", "paczki"),
    ("Cake No. 5", "cake_no_5"),
    ("ﬁne ½ cake", "fine_1_2_cake"),
    ("O'Hara", "o_hara"),
    ("Mr. Cakelover", "mr_cakelover"),
    ("Mr Cakelover", "mr_cakelover"),
    ("🎂 Birthday", "birthday"),
    ("Hawai\u02bbi Cake", "hawai_i_cake"),
    ("choco\u00adlate", "chocolate"),
    ("\ufeffChoco\u200blate\u2060 \u200cCake\u200d", "chocolate_cake"),
    ("蛋糕", "蛋糕"),
    ("李 (VIP)", "李_vip"),
    ("王 (VIP)", "王_vip"),
    ("Əli", "əli"),
    ("Äpfel ٣", "äpfel_٣"),
    ("KäseKuchen 李", "käse_kuchen_李"),
    ("...", ""),
]


@pytest.mark.parametrize(("name", "expected"), IDS)
def test_5c1_accents_humps_and_signs_are_folded(name: str, expected: str) -> None:
    assert fold(name) == expected


@given(st.text())
def test_5c1_folding_again_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert set(latin(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


@given(st.text(), st.characters(categories=["Lu", "Ll", "Lo", "Nd"], min_codepoint=0x370))
def test_a_name_that_loses_a_letter_is_another_name(name: str, letter: str) -> None:
    if latin(letter):  # such as a letter of mathematics
        return
    assert latin(name + letter) == ""
    assert record_id(name + letter) != record_id(name) or not name.strip()
    assert fold(name + letter) != latin(name) or not latin(name)


@given(st.text(min_size=1), st.integers(min_value=0))
def test_what_nobody_sees_tells_no_names_apart(name: str, place: int) -> None:
    at = place % (len(name) + 1)
    for invisible in "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0f\U000e0061":
        marked = name[:at] + invisible + name[at:]
        assert fold(marked) == fold(name)
        assert record_id(marked) == record_id(name)
        assert folded(marked) == folded(name)


def test_5c16_both_spellings_of_the_brief_read_alike() -> None:
    assert {title(fold(name)) for name in ("Mr. Cakelover", "Mr Cakelover")} == {"Mr Cakelover"}


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_5c16_every_customer_has_a_document(customer: str) -> None:
    assert record_id(customer)


def test_5c16_customers_in_other_scripts_have_documents_of_their_own() -> None:
    assert record_id("山田 太郎") == "山田_太郎"
    assert record_id("Ann Lee") == "ann_lee"


@pytest.mark.parametrize("name", ["\u00ad", " \u200b ", "\ufeff\u2060"])
def test_a_name_of_nothing_to_see_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="empty or blank"):
        one_line(name)


def test_a_name_loses_what_nobody_sees() -> None:
    assert one_line("\ufeffZo\u00adë ") == "Zoë"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\tb", "a\u2028b", "x" * 101])
def test_a_name_is_one_short_line(name: str) -> None:
    with pytest.raises(ValueError, match="must"):
        one_line(name)


@pytest.mark.parametrize("name", ["蛋糕", "42", "🎂"])
def test_5c1_a_cake_needs_a_latin_letter(name: str) -> None:
    with pytest.raises(ValueError, match="Latin letter"):
        with_latin_letter(name)


# --- Slack ----------------------------------------------------------------------------------------

ANN = FakePerson("U1", ("Ann Lee", "ann", "ann.lee"))


@pytest.mark.parametrize("name", ["Ann Lee", "ann lee", "ANN  LEE", "A.n.n Lee", "Ann_Lee", "@ann"])
def test_5c13_case_dots_and_blanks_do_not_count(name: str) -> None:
    assert matches(name, [ANN, FakePerson("U2", ("Bob",))]) == ["U1"]


@pytest.mark.parametrize("name", ["Ann L", "Anne Lee", "Lee", "", "..."])
def test_5c13_what_is_only_alike_is_nobody(name: str) -> None:
    assert matches(name, [ANN]) == []


def test_5c13_two_of_one_name_are_both_told() -> None:
    people = [ANN, FakePerson("U2", ("ANN LEE",))]

    assert matches("Ann Lee", people) == ["U1", "U2"]


def test_5c13_bots_and_people_who_left_are_nobody() -> None:
    assert matches("Ann Lee", [FakePerson("B1", ("Ann Lee",), reachable=False)]) == []


def test_5c13_titles_are_left_out_only_when_nobody_has_that_name() -> None:
    plain, titled = FakePerson("U1", ("Cakelover",)), FakePerson("U2", ("Mr. Cakelover",))

    assert matches("Mr Cakelover", [plain]) == ["U1"]
    assert matches("Cakelover", [titled]) == ["U2"]
    assert matches("Mr Cakelover", [plain, titled]) == ["U2"]


@given(st.text())
def test_5c13_folding_a_name_again_changes_nothing(name: str) -> None:
    assert folded(folded(name)) == folded(name)

"""What is longer than a vendor takes is made to fit: for reading, or without losing who it is."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.integrations import limits

MEASURES = st.sampled_from([len, limits.utf8_length, limits.utf16_length])


@given(st.text(), st.integers(min_value=3, max_value=60), MEASURES)
def test_a_shortened_text_fits_and_is_its_beginning(
    text: str, most: int, measure: limits.Measure
) -> None:
    short = limits.shortened(text, most, measure=measure)

    assert measure(short) <= most
    if measure(text) <= most:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])
        assert measure(text[: len(short)] + "…") > most, "as much as fits is kept"


@given(st.text(max_size=120), st.text(max_size=120), st.integers(33, 120), MEASURES)
def test_no_two_texts_become_one(one: str, other: str, most: int, measure: limits.Measure) -> None:
    kept = [limits.identified(text, most, measure=measure) for text in (one, other)]

    assert all(measure(each) <= most for each in kept)
    assert (kept[0] == kept[1]) is (one == other)


def test_names_that_differ_at_their_end_alone_stay_two() -> None:
    names = {"ж" * 99 + end for end in "абвг"}

    kept = {limits.identified(name, limits.DRIVE_PROPERTY - 17) for name in names}

    assert len(kept) == 4
    assert all(each.startswith("ж" * 36) for each in kept)


def test_what_fits_stays_as_it_is_so_marks_of_older_versions_are_found() -> None:
    for name in ("mr_cakelover", "山田_太郎", "x" * 107):
        assert limits.identified(name, 107) == name

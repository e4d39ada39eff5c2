"""What a request may say, field by field (1c 8-10, 1d)."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.core import times
from chalicelib.core.instants import iso
from chalicelib.deliveries import instants
from chalicelib.deliveries.fields import location
from chalicelib.deliveries.models import RECIPIENT_CHOICES, Package, PackagePath
from tests.support.deliveries.fakes import BOX, package

FIELDS = ("timestamp", "sender_id", "recipient_id", "package_id", "package_type")
IDS = ("sender_id", "recipient_id", "package_id")


def faults(body: object, model: Any = Package) -> dict[str, str]:
    """Return what is wrong with a body, by field."""
    with pytest.raises(ValidationError) as invalid:
        model.model_validate(body, strict=True)
    return {
        ".".join(map(str, error["loc"])): error["msg"].removeprefix("Value error, ")
        for error in invalid.value.errors()
    }


def test_d1_every_field_is_required_and_every_missing_one_is_named() -> None:
    assert set(faults({})) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, [], {}, True, "", "  \t", ["7"], {"id": 7}])
def test_d4_what_is_no_value_is_refused_in_every_field(name: str, value: object) -> None:
    assert set(faults({**BOX, name: value})) == {name}


@pytest.mark.parametrize("name", IDS)
def test_an_id_that_is_a_fraction_is_refused(name: str) -> None:
    assert faults({**BOX, name: Decimal("7.5")}) == {name: "must be text or a whole number"}


@pytest.mark.parametrize("name", IDS)
def test_a_whole_number_and_its_digits_are_one_id(name: str) -> None:
    for written in (7, "7", Decimal("7.0"), Decimal("7E0")):
        assert getattr(package(**{name: written}), name) == "7"


@pytest.mark.parametrize("name", IDS)
def test_an_id_has_1_to_128_characters_whatever_they_are(name: str) -> None:
    for text in ("x" * 128, "\U0001f4e6" * 128, " a ", "a/b?c=%20&d#e", "\x00", "../..", "\uff41"):
        assert getattr(package(**{name: text}), name) == text
    assert set(faults({**BOX, name: "x" * 129})) == {name}
    assert set(faults({**BOX, name: 10**128})) == {name}


def test_sender_and_recipient_may_be_the_same_and_other_fields_are_ignored() -> None:
    sent = Package.model_validate({**BOX, "sender_id": "mars", "weight": 3}, strict=True)

    assert sent.sender_id == sent.recipient_id


@pytest.mark.parametrize("kind", [" Personal ", "Personal", "PERSONAL", "personal ", "freight"])
def test_a_type_is_matched_exactly_and_the_message_lists_them(kind: str) -> None:
    assert faults({**BOX, "package_type": kind}) == {
        "package_type": "must be one of marketing, personal"
    }


# --- timestamps ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2142-05-01T10:00:00Z", datetime(2142, 5, 1, 10, tzinfo=UTC)),
        ("2142-05-01t10:00:00.5z", datetime(2142, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2142-05-01 12:30:00+02:30", datetime(2142, 5, 1, 10, tzinfo=UTC)),
        ("2142-05-01T10:00:00-00:00", datetime(2142, 5, 1, 10, tzinfo=UTC)),
        ("2142-05-01T10:00:00.1234567Z", datetime(2142, 5, 1, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (5_438_736_000, datetime(2142, 5, 7, 8, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (Decimal("1.5"), datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
        (Decimal("-0.0000001"), datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        (Decimal("0E+300"), datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_stored_in_utc(said: object, meant: datetime) -> None:
    assert package(timestamp=said).timestamp == meant
    assert package(timestamp=said).timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    "said",
    [
        "2142-05-01T10:00:00",  # naive
        "2142-05-01",
        "2142-W18-1T10:00:00Z",
        "20420501T100000Z",
        "2142-02-30T10:00:00Z",
        "2142-05-01T24:00:00Z",
        "2142-05-01T10:00:61Z",
        "2142-05-01T10:00:00+24:00",
        "2142-05-01T10:00:00+02:60",
        "٢١٤٢-05-01T10:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:60Z",
        "1700000000",
        "now",
        10**12,
        10**400,
        -(10**11),
        Decimal("1e300"),
    ],
)
def test_a_timestamp_that_is_none_is_refused(said: object) -> None:
    assert set(faults({**BOX, "timestamp": said})) == {"timestamp"}


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_survive_being_counted_and_being_written(at: datetime) -> None:
    assert instants.from_micros(instants.micros(at)) == at
    assert times.timestamp(iso(at)) == at


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1_439, 1_439))
def test_an_offset_says_the_same_instant(at: datetime, minutes: int) -> None:
    assume(1 < at.year < 9999)

    said = at.astimezone(timezone(timedelta(minutes=minutes))).isoformat()

    assert times.timestamp(said) == at


# --- preferences --------------------------------------------------------------------------------

SAID = {"timestamp": 100, "personal": True, "marketing": False}


def test_d2_every_field_of_the_preferences_is_required() -> None:
    assert set(faults({}, RECIPIENT_CHOICES)) == {"timestamp", "personal", "marketing"}


@pytest.mark.parametrize("value", ["true", 1, 0, None, "", [], Decimal("1.0")])
@pytest.mark.parametrize("name", ["personal", "marketing"])
def test_a_preference_is_true_or_false_and_nothing_like_it(name: str, value: object) -> None:
    assert faults({**SAID, name: value}, RECIPIENT_CHOICES) == {name: "must be true or false"}
    general = {"timestamp": 100, "preferences": {name: value}}
    assert set(faults(general, RECIPIENT_CHOICES)) == {f"preferences.{name}"}


def test_the_general_form_names_just_the_types_that_are_meant() -> None:
    body = {"timestamp": 100, "preferences": {"marketing": False}}

    assert RECIPIENT_CHOICES.model_validate(body, strict=True).by_type() == {"marketing": False}


@pytest.mark.parametrize("value", [{"freight": True}, {}, None, [], {"": True}])
def test_the_general_form_knows_no_other_types_and_is_not_empty(value: object) -> None:
    body = {"timestamp": 100, "preferences": value}

    assert set(faults(body, RECIPIENT_CHOICES)) == {"preferences"}


def test_the_two_forms_do_not_mix_and_other_fields_are_ignored() -> None:
    assert faults({**SAID, "preferences": {"marketing": True}}, RECIPIENT_CHOICES)
    said = RECIPIENT_CHOICES.model_validate({**SAID, "freight": "?"}, strict=True)
    assert said.by_type() == {"personal": True, "marketing": False}


def test_the_general_form_is_ours_and_names_a_field_that_it_does_not_know() -> None:
    body = {"timestmap": 1, "timestamp": 100, "preferences": {"marketing": True}, "freight": True}

    assert faults(body, RECIPIENT_CHOICES) == {
        "timestmap": "unknown field; did you mean timestamp?",
        "freight": "unknown field",
    }


# --- ids in paths -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "A-1_b.c~d", "a b", "50%", "50% off", "é"])
def test_a_path_carries_an_id_that_can_be_told(text: str) -> None:
    assert PackagePath.model_validate({"package_id": text}).package_id == text


def test_a_path_id_that_may_be_two_ids_is_refused_with_the_way_to_ask() -> None:
    # "a%20b" is that id, or "a b" where a platform does not decode paths.
    assert "query" in faults({"package_id": "a%20b"}, PackagePath)["package_id"]


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("box-1.2_3~", "/packages/box-1.2_3~"),
        ("a b/c", "/packages?package_id=a%20b%2Fc"),
        (".", "/packages?package_id=."),
        ("..", "/packages?package_id=.."),
        ("...", "/packages/..."),
        ("box\n", "/packages?package_id=box%0A"),
        ("100%", "/packages?package_id=100%25"),
    ],
)
def test_a_location_leads_to_the_package_whatever_its_id(value: str, where: str) -> None:
    assert location("packages", "package_id", value) == where

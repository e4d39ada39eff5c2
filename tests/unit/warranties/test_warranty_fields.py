"""2d and 2c: what is taken and what is refused, each with all its faults at once."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import checked, json_value
from chalicelib.warranties.fields import store_id
from chalicelib.warranties.models import SaleBody, WarrantiesQuery
from tests.support.warranties.fakes import SOFA

# The brief's own sample: the title lacks its closing quote.
BRIEFS_SAMPLE = b"""{
    "store_uuid": "b21ad0676f26439",
    "item_type": "furniture",
    "item_sku": "986kjeo8fy9qhu",
    "item_cost": 150.00,
    "item_title": "Amy's Sectional Sofa
}"""


def read(**told: Any) -> SaleBody:
    return json_value(json.dumps({**SOFA, **told}).encode(), SaleBody)


def read_cost(text: str) -> int:
    rest = json.dumps({name: value for name, value in SOFA.items() if name != "item_cost"})
    return json_value(f'{{"item_cost": {text}, {rest[1:]}'.encode(), SaleBody).item_cost


def faults(call: Any, *args: Any, **named: Any) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as refused:
        call(*args, **named)
    return {fault["field"]: fault["detail"] for fault in refused.value.faults}


# --- POST -----------------------------------------------------------------------------------------


def test_w1_2c1_the_briefs_own_example_is_taken() -> None:
    taken = json_value(BRIEFS_SAMPLE.replace(b"Sofa", b'Sofa"'), SaleBody)

    assert taken.store_uuid == "b21ad0676f26439"
    assert taken.item_cost == 150_00


def test_2d_the_briefs_sample_body_as_written_is_no_json() -> None:
    assert "is not valid JSON" in faults(json_value, BRIEFS_SAMPLE, SaleBody)["(body)"]


def test_w1_every_missing_field_is_named_at_once() -> None:
    assert faults(json_value, b"{}", SaleBody) == dict.fromkeys(SOFA, "is required")


def test_w1_every_fault_is_named_at_once() -> None:
    found = faults(
        read, store_uuid="a b", item_type=" ", item_sku="", item_cost="150", item_title="x\n"
    )

    assert found.keys() == SOFA.keys()


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("150", 150_00),
        ("150.0", 150_00),
        ("150.00", 150_00),
        ("1.5e2", 150_00),
        ("0.01", 1),
        ("1000000", 1_000_000_00),
        ("1000000.00", 1_000_000_00),
        ("33.33", 33_33),
    ],
)
def test_2d_a_cost_is_taken_as_written_in_the_text(text: str, cents: int) -> None:
    assert read_cost(text) == cents


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('"150"', "a number"),
        ("true", "a number"),
        ("null", "a number"),
        ("[150]", "a number"),
        ("{}", "a number"),
        ("0", "above 0"),
        ("0.00", "above 0"),
        ("-1", "above 0"),
        ("-0.0", "above 0"),
        ("1000000.01", "at most 1,000,000.00"),
        ("1e300", "at most 1,000,000.00"),
        ("0.001", "two decimals"),
        ("150.001", "two decimals"),
        ("150.000", "two decimals"),
        ("1e-300", "two decimals"),
    ],
)
def test_2d_what_is_no_cost_is_refused_with_the_reason(text: str, why: str) -> None:
    assert why in faults(read_cost, text)["item_cost"]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_2d_what_is_no_json_number_is_no_cost(text: str) -> None:
    assert "holds" in faults(read_cost, text)["(body)"]


@given(st.integers(1, 100_000_000))
def test_a_cost_never_passes_through_a_float(cents: int) -> None:
    text = str(Decimal(cents).scaleb(-2))

    assert read_cost(text) == cents


@pytest.mark.parametrize(
    ("field", "longest"), [("item_sku", 64), ("item_type", 64), ("item_title", 256)]
)
def test_2d_texts_have_their_lengths(field: str, longest: int) -> None:
    assert getattr(read(**{field: "é" * longest}), field) == "é" * longest
    for wrong in (
        "",
        " \u00a0",
        "x" * (longest + 1),
        "a\x00b",
        "a\nb",
        "\x7f",
        "\x85",
        "\U0010ffff",
    ):
        assert field in faults(read, **{field: wrong}), repr(wrong)
    for other in (7, None, ["x"], True):
        assert field in faults(read, **{field: other})


@pytest.mark.parametrize(
    "title", ['"quoted"', "it's", "<script>alert(1)</script>", "🛋️ Sofa", "=1+1", "a  b", "ü\u202e"]
)
def test_2d_titles_stay_as_they_are(title: str) -> None:
    assert read(item_title=title).item_title == title


@pytest.mark.parametrize(
    "name", ["b21ad0676f26439", "a", "9" * 64, "-", "f" * 8 + "-0000-4000-8000"]
)
def test_2c1_a_store_uuid_is_letters_digits_and_hyphens(name: str) -> None:
    assert read(store_uuid=name).store_uuid == name


def test_2c1_a_store_uuid_is_compared_in_lower_case() -> None:
    assert read(store_uuid="B21AD0676F26439").store_uuid == "b21ad0676f26439"


@pytest.mark.parametrize("name", ["", "a b", "a_b", "é", "x" * 65, "a\n", "a/b", "\u212a"])
def test_2c1_anything_else_is_no_store_uuid(name: str) -> None:
    assert "store_uuid" in faults(read, store_uuid=name)


def test_more_fields_than_are_requested_are_ignored() -> None:
    assert read(colour="red") == read()


def test_w2_the_id_of_a_store_hangs_on_its_store_uuid_alone() -> None:
    assert store_id("a") == store_id("a") != store_id("b")
    assert store_id("b21ad0676f26439") == "5f6f832c-f895-557d-955c-e415cf0f425e"


# --- GET ------------------------------------------------------------------------------------------

ALL = {"sku": "s", "item_type": "furniture", "store_uuid": "B21ad"}


def asked(**values: str) -> WarrantiesQuery:
    return checked(WarrantiesQuery, dict(values), place="query")


def test_w7_all_three_filters_or_none() -> None:
    assert asked().limit == 1000
    assert asked(**ALL).store_uuid == "b21ad"


@pytest.mark.parametrize(
    "given_", [("sku",), ("item_type",), ("store_uuid",), ("sku", "item_type")]
)
def test_2c5_some_filters_without_the_others_name_what_is_missing(given_: tuple[str, ...]) -> None:
    found = faults(asked, **{name: ALL[name] for name in given_})

    assert found.keys() == ALL.keys() - set(given_)
    assert all("is missing" in why and "match=any-given" in why for why in found.values())


@pytest.mark.parametrize("given_", [(), ("sku",), ("item_type", "store_uuid"), tuple(ALL)])
def test_2c5_any_mix_is_taken_when_it_is_meant(given_: tuple[str, ...]) -> None:
    query = asked(match="any-given", **{name: ALL[name] for name in given_})

    assert {name for name in ALL if getattr(query, name) is not None} == set(given_)


def test_2c6_the_name_of_the_body_is_told_that_of_the_filter() -> None:
    assert "the filter is called sku" in faults(asked, item_sku="s")["item_sku"]
    assert faults(asked, item_sku="s", item_type="furniture", store_uuid="b").keys() == {"item_sku"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sku": ""},
        {"sku": "x" * 65},
        {"item_type": "a\x00"},
        {"store_uuid": "a b"},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "-1"},
        {"limit": "1.0"},
        {"limit": "ten"},
        {"limit": "٣"},
        {"limit": ""},
        {"cursor": ""},
        {"match": "all"},
        {"match": ""},
        {"sku_": "s"},
    ],
)
def test_2d_a_wrong_value_is_a_fault_of_its_own(wrong: dict[str, str]) -> None:
    assert faults(asked, **{**ALL, **wrong}).keys() == wrong.keys()


@pytest.mark.parametrize("limit", ["1", "1000"])
def test_2d_the_limits_of_the_limit_are_inside(limit: str) -> None:
    assert asked(limit=limit).limit == int(limit)

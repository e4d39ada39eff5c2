"""JSON as RFC 8259 means it (S4)."""

import gzip
import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.strict_json import JSONError, dumps, loads

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values, st.booleans())
def test_what_python_writes_is_read_as_it_was(value: object, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"0.1", Decimal("0.1")),
        (b"12345678901234567.89", Decimal("12345678901234567.89")),
        (b"33.0", Decimal("33.0")),
        (b"1e308", Decimal("1e308")),
        (b"0e-5", Decimal("0e-5")),
        (b"-1e-400", Decimal("-1e-400")),
        (b"33", 33),
        (b'"\\ud83d\\ude00"', "😀"),
        (b' {"a": 1}\r\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"9" * 309, int("9" * 309)),
    ],
)
def test_s4_numbers_with_a_fraction_stay_exact(text: bytes, value: object) -> None:
    found = loads(text)

    assert (found, type(found), str(found)) == (value, type(value), str(value))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"{'a': 1}", "is not valid JSON"),
        (b"[1,]", "is not valid JSON"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}', "is not valid JSON"),
        (b"1" * 5_000, "holds a number out of range: 111"),
        (b"-" + b"9" * 310, "holds a number out of range: -999"),
        (b'{"a" 1}', "is not valid JSON: a colon is missing, line 1, column 6"),
        (b'{\n"a": 1,}', "is not valid JSON: a "),
        (b'{"a": 1} {}', "is not valid JSON: something follows the value"),
        (b'"\t"', "is not valid JSON: a text holds a control character"),
        (b'"\\x"', "is not valid JSON: a text holds a backslash"),
        (gzip.compress(b'{"a": 1}'), "is compressed"),
        (gzip.compress(b'{"a": 1}').decode(errors="replace").encode(), "is compressed"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        (b'"\xff"', "is not UTF-8"),
        (b'{"a": NaN}', "holds NaN, which is not JSON"),
        (b"[Infinity]", "holds Infinity"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"1e400", "holds a number out of range: 1e400"),
        (b"1e99999999999999999999", "holds a number out of range"),
        (b"0e99999999999999999999", "holds a number out of range"),
        (b'{"a": 1, "b": 2, "a": 1}', 'names "a" twice'),
        (b'[{"a": {"b": 1, "b": 2}}]', 'names "b" twice'),
        (b'"\\ud800"', "holds half of a surrogate pair"),
        (b'{"\\udfff": 1}', "holds half of a surrogate pair"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_s4_what_is_no_json_is_refused_in_plain_words(text: bytes, why: str) -> None:
    with pytest.raises(JSONError, match=f"^{why}"):
        loads(text)


@given(st.binary())
def test_bytes_of_any_kind_are_read_or_refused(text: bytes) -> None:
    with suppress(JSONError):
        loads(text)


# --- writing --------------------------------------------------------------------------------------


@given(
    st.recursive(
        values | st.decimals(allow_nan=False, allow_infinity=False, places=2),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_what_is_written_is_read_again(value: object) -> None:
    assert loads(dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["20.00", "0.10", "1000000.00", "-0.01", "0.00000001"])
def test_a_decimal_is_written_with_the_digits_that_it_has(text: str) -> None:
    assert dumps({"price": [Decimal(text)], "at": (None, True)}) == (
        f'{{"price":[{text}],"at":[null,true]}}'
    )


def test_a_decimal_with_an_exponent_is_written_without() -> None:
    assert dumps(Decimal("1.5E+2")) == "150"

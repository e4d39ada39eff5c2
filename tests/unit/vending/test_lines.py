from array import array
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.vending import lines, rows

ENDS = [b"\n", b"\r\n"]

digits_in_place = st.builds(
    "{:02}:{:02}:{:02}Z|{}".format,
    st.integers(0, 29),
    st.integers(0, 65),
    st.integers(0, 65),
    st.integers(0, 9),
)
times = st.builds(
    "{:02}:{:02}:{:02}Z|{}".format,
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 9),
)


def line(time: str, end: bytes) -> bytes:
    return f"GM006|2020-02-18T{time}".encode() + end


@given(st.lists(times, min_size=5, max_size=5), st.sampled_from(ENDS))
@example(["00:00:00Z|0", *["23:59:59Z|9"] * 4], b"\r\n")
def test_a_window_of_good_lines_has_the_packed_rows_of_its_lines(
    good: list[str], end: bytes
) -> None:
    columns = lines.Layout(5, end, window=5).columns(b"".join(line(time, end) for time in good))

    assert lines.joined(columns).tobytes() == b"".join(
        rows.pack(int(time[:2]) * 3600 + int(time[3:5]) * 60 + int(time[6:8]), int(time[-1]))
        for time in good
    )


@given(
    st.lists(times, min_size=4, max_size=4),
    digits_in_place,
    st.integers(0, 4),
    st.sampled_from(ENDS),
)
@example(["23:59:59Z|9"] * 4, "24:00:00Z|0", 4, b"\n")
@example(["23:59:59Z|9"] * 4, "00:60:00Z|0", 0, b"\n")
@example(["23:59:59Z|9"] * 4, "00:00:60Z|0", 0, b"\n")
def test_a_window_and_the_tables_agree_on_what_a_time_is(
    good: list[str], other: str, place: int, end: bytes
) -> None:
    window = b"".join(line(time, end) for time in (*good[:place], other, *good[place:]))
    layout = lines.Layout(5, end, window=5)

    columns = layout.columns(window)

    assert columns == lines.columns_of(layout.codes_by_tables(window))


@given(st.lists(times, min_size=1, max_size=5), st.sampled_from(ENDS))
def test_part_of_a_window_reads_like_a_window_of_its_own(good: list[str], end: bytes) -> None:
    text = b"".join(line(time, end) for time in good)

    columns = lines.Layout(5, end, window=5).columns(text)

    assert columns == lines.Layout(5, end, window=len(good)).columns(text)


@pytest.mark.parametrize("place", range(29))
def test_a_window_ends_before_a_line_with_a_wrong_byte_anywhere(place: int) -> None:
    good = line("11:29:44Z|1", b"\n")
    for wrong in b"\0 x:|\r\xff":
        bad = good[:place] + bytes((wrong,)) + good[place + 1 :]

        columns = lines.Layout(5, b"\n", window=3).columns(good + bad + good)

        assert len(columns[0]) == (1 if bad != good else 3)


def test_every_minute_and_second_of_a_day_is_in_the_tables() -> None:
    packed = {
        array("I", [minute + second]).tobytes()
        for minute in lines.MINUTES.values()
        for second in lines.SECONDS.values()
    }

    assert packed == {
        rows.pack(second, gumballs) for second in range(86_400) for gumballs in range(10)
    }


@pytest.mark.parametrize("serial", ["GM000", "GM999", "GM1000", "GM123456789012345678"])
def test_a_head_names_its_machine_and_its_day(serial: str) -> None:
    assert lines.parts(f"{serial}|2020-02-29".encode()) == (serial, date(2020, 2, 29))


@pytest.mark.parametrize("head", [b"GM01|2020-02-29", b"XX001|2020-02-29", b"GM001|2020-02-30"])
def test_what_is_no_head_is_not_found(head: bytes) -> None:
    with pytest.raises(KeyError):
        lines.parts(head)


@pytest.mark.parametrize("digits", [3, 4, 9, 18])
@pytest.mark.parametrize("end", ENDS)
def test_a_window_of_longer_serials_reads_like_one_of_the_shortest(digits: int, end: bytes) -> None:
    short = [line(time, end) for time in ("00:00:00Z|0", "11:29:44Z|1", "23:59:59Z|9")]
    long = [text.replace(b"GM006", b"GM" + b"7" * digits) for text in short]

    columns = lines.Layout(2 + digits, end, window=3).columns(b"".join(long))

    assert columns == lines.Layout(5, end, window=3).columns(b"".join(short))


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.integers(0, 99), st.integers(0, 99)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(ENDS),
)
def test_serials_months_and_days_are_read_as_numbers_possible_or_not(
    heads: list[tuple[int, int, int]], end: bytes
) -> None:
    layout = lines.Layout(5, end, window=5)
    text = b"".join(b"GM%03d|2020-%02d-%02dT00:00:00Z|0%s" % (*head, end) for head in heads)
    serials, months, days = zip(*heads, strict=True)

    assert layout.numbers(text) == array("H", serials)
    assert layout.dates(text) == (b"2020", bytes(months), bytes(days))


@pytest.mark.parametrize("other", [b"2021", b"2030", b"2120", b"3020"])
def test_lines_of_several_years_have_no_dates_of_one(other: bytes) -> None:
    row = line("11:29:44Z|1", b"\n")

    assert lines.Layout(5, b"\n", window=3).dates(row + row.replace(b"2020", other)) is None


@pytest.mark.parametrize("text", [b"2020-02-30", b"2020-W08-2", b"2020-00-01", b"20200218"])
def test_what_is_no_day_is_not_found(text: bytes) -> None:
    with pytest.raises(KeyError):
        lines.day(text)

from array import array

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


def by_tables(text: bytes) -> int | None:
    minute, second = lines.MINUTES.get(text[16:23]), lines.SECONDS.get(text[23:])
    return None if minute is None or second is None else minute + second


@given(st.lists(times, min_size=5, max_size=5), st.sampled_from(ENDS))
@example(["00:00:00Z|0", *["23:59:59Z|9"] * 4], b"\r\n")
def test_a_window_of_good_lines_has_the_packed_rows_of_its_lines(
    good: list[str], end: bytes
) -> None:
    codes = lines.Layout(end, window=5).codes(b"".join(line(time, end) for time in good))

    assert codes is not None
    assert codes.tobytes() == b"".join(
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
    window = [line(time, end) for time in (*good[:place], other, *good[place:])]

    codes = lines.Layout(end, window=5).codes(b"".join(window))

    expected = [code for text in window if (code := by_tables(text)) is not None]
    assert codes == (array("I", expected) if len(expected) == len(window) else None)


@pytest.mark.parametrize("place", range(29))
def test_a_wrong_byte_anywhere_spoils_the_window(place: int) -> None:
    good = line("11:29:44Z|1", b"\n")
    for wrong in b"\0 x:|\r\xff":
        bad = good[:place] + bytes((wrong,)) + good[place + 1 :]

        assert (lines.Layout(b"\n", window=3).codes(good + bad + good) is None) == (bad != good)


def test_every_minute_and_second_of_a_day_is_in_the_tables() -> None:
    packed = {
        array("I", [minute + second]).tobytes()
        for minute in lines.MINUTES.values()
        for second in lines.SECONDS.values()
    }

    assert packed == {
        rows.pack(second, gumballs) for second in range(86_400) for gumballs in range(10)
    }


def test_every_serial_is_in_the_table() -> None:
    serials = {serial.encode() + b"|": serial for serial in map("GM{:03}".format, range(1_000))}

    assert serials == lines.SERIALS


@pytest.mark.parametrize("text", [b"2020-02-30", b"2020-W08-2", b"2020-00-01", b"20200218"])
def test_what_is_no_day_is_not_found(text: bytes) -> None:
    with pytest.raises(KeyError):
        lines.day(text)

from array import array
from collections import Counter
from datetime import UTC, date, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending import rows

DAY = date(2020, 2, 20)
NOON = 12 * 3600

packed_rows = st.lists(
    st.builds(rows.pack, st.integers(0, 86_399), st.integers(0, 9))
    | st.sampled_from([rows.pack(NOON, 0), rows.pack(NOON, 1)])
).map(b"".join)


def multiset(packed: bytes) -> Counter[int]:
    return Counter(rows.keys(DAY, packed))


def test_a_packed_row_is_minute_second_and_gumballs_in_four_bytes() -> None:
    packed = rows.pack(11 * 3600 + 29 * 60 + 44, 1)

    assert packed == bytes((0x02, 0xB1, 44, 1))
    assert len(packed) == rows.ROW_BYTES


@given(st.integers(0, 86_399), st.integers(0, 9), st.dates(min_value=date(1970, 1, 1)))
def test_a_key_tells_the_instant_and_the_gumballs(second: int, gumballs: int, day: date) -> None:
    [key] = rows.keys(day, rows.pack(second, gumballs))

    at = rows.instant(key)
    assert (at.date(), at.hour * 3600 + at.minute * 60 + at.second) == (day, second)
    assert rows.gumballs(key) == gumballs


def test_an_instant_is_aware_utc() -> None:
    assert rows.instant(15_822_197_841) == datetime(2020, 2, 20, 17, 29, 44, tzinfo=UTC)


def test_keys_keep_the_order_of_the_file() -> None:
    packed = rows.pack(NOON, 2) + rows.pack(0, 1)

    later, earlier = rows.keys(DAY, packed)

    assert later > earlier


@given(packed_rows)
def test_the_union_of_one_file_is_its_sorted_rows(packed: bytes) -> None:
    assert list(rows.union(DAY, [packed])) == sorted(rows.keys(DAY, packed))


@given(packed_rows, st.data())
def test_half_a_file_the_whole_and_the_whole_again_are_the_whole_once(
    whole: bytes, data: st.DataObject
) -> None:
    half = whole[: 4 * data.draw(st.integers(0, len(whole) // 4))]

    assert rows.union(DAY, [half, whole, whole]) == rows.union(DAY, [whole])


@given(st.lists(packed_rows))
def test_each_row_counts_as_often_as_in_the_file_that_has_it_most_often(files: list[bytes]) -> None:
    union = rows.union(DAY, files)

    counted = Counter(union)
    assert list(union) == sorted(union)
    for value in {value for packed in files for value in rows.keys(DAY, packed)}:
        assert counted.pop(value) == max(multiset(packed)[value] for packed in files)
    assert not counted


@given(st.lists(packed_rows), st.randoms(use_true_random=False))
def test_files_may_come_in_any_order(files: list[bytes], random: Random) -> None:
    shuffled = random.sample(files, len(files))

    assert rows.union(DAY, shuffled) == rows.union(DAY, files)
    assert rows.union_size(shuffled) == rows.union_size(files)


@given(st.lists(packed_rows))
def test_the_size_of_a_union_is_the_length_of_the_union(files: list[bytes]) -> None:
    assert rows.union_size(files) == len(rows.union(DAY, files))


@given(packed_rows, st.lists(packed_rows))
def test_what_is_not_known_is_what_a_file_adds(mine: bytes, others: list[bytes]) -> None:
    before = len(rows.union(DAY, others))

    added = len(mine) // rows.ROW_BYTES - rows.known(mine, others)

    assert len(rows.union(DAY, [*others, mine])) == before + added


def test_nothing_in_no_file() -> None:
    assert rows.union(DAY, []) == array("Q")
    assert rows.union_size([]) == 0
    assert rows.known(rows.pack(NOON, 1), []) == 0
    assert rows.known(b"", []) == 0

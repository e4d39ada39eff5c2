"""Rollups of local days, and the region-days that they add up to."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending.anomalies import Keys
from chalicelib.vending.local_time import every_day, hours_of, local_day, local_days
from chalicelib.vending.rollups import RegionDay, Rollup, region_days, rollups

DAY = date(2020, 2, 20)
CHICAGO, KOLKATA = "America/Chicago", "Asia/Kolkata"


def keys(*at: str, gumballs: int = 1) -> Keys:
    seconds = (int(datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp()) for each in at)
    return Keys("Q", sorted(10 * second + gumballs for second in seconds))


def test_a_rollup_counts_the_rows_of_each_local_hour() -> None:
    held = keys("2020-02-20T05:59:59", "2020-02-20T06:00:00", "2020-02-21T05:59:59")

    found = rollups(held, CHICAGO, [date(2020, 2, 19), DAY])

    assert found[date(2020, 2, 19)].rows == (*[0] * 23, 1)
    assert found[DAY].rows == (1, *[0] * 22, 1)
    assert (found[DAY].first, found[DAY].last) == (held[1] // 10, held[2] // 10)


def test_an_hour_is_covered_between_rows_only() -> None:
    held = keys("2020-02-20T10:00:00", "2020-02-20T13:30:00")

    [day] = rollups(held, "UTC", [DAY]).values()

    assert day.covered == (*[0] * 10, 1, 1, 1, *[0] * 11)


def test_a_day_without_a_row_is_covered_and_a_quarter_of_a_year_is_not() -> None:
    near = keys("2020-02-18T10:00:00", "2020-02-22T10:00:00")
    far = keys("2019-11-01T10:00:00", "2020-02-22T10:00:00")

    assert rollups(near, "UTC", [DAY]) == {DAY: Rollup(covered=(1,) * 24)}
    assert rollups(far, "UTC", [DAY]) == {}


def test_faults_refused_lines_and_rows_too_many_are_told() -> None:
    held = Keys(
        "Q",
        sorted(
            [*keys("2020-02-20T10:00:00", gumballs=0), *keys("2020-02-20T11:00:00", gumballs=3)]
        ),
    )

    [day] = rollups(held, "UTC", [DAY], refused={DAY: 4}, beyond={DAY: 5}).values()

    assert (day.under, day.over, day.refused, day.beyond) == (1, 1, 4, 5)


def test_an_hour_that_clocks_skip_has_no_length_and_one_that_comes_twice_lasts_two() -> None:
    spring, autumn = (
        [end - start for start, end in pairwise(hours)]
        for hours in (hours_of(CHICAGO, date(2020, 3, 8)), hours_of(CHICAGO, date(2020, 11, 1)))
    )

    assert spring == [3_600, 3_600, 0, *[3_600] * 21]
    assert autumn == [3_600, 7_200, *[3_600] * 22]
    whole = keys("2020-03-01T00:00:00", "2020-03-20T00:00:00")
    [day] = rollups(whole, CHICAGO, [date(2020, 3, 8)]).values()
    assert day.covered == (1, 1, 0, *[1] * 21)


@pytest.mark.parametrize("zone", ["UTC", CHICAGO, KOLKATA, "Pacific/Kiritimati"])
def test_rows_of_a_utc_day_are_of_its_local_days(zone: str) -> None:
    midnight = int(datetime(2020, 2, 20, tzinfo=UTC).timestamp())
    found = {local_day(zone, midnight + second) for second in range(0, 86_400, 600)}

    assert local_days(zone, [DAY]) == found


seconds = st.integers(1_577_836_800, 1_577_836_800 + 60 * 86_400)
rows = st.lists(st.builds(lambda at, n: 10 * at + n, seconds, st.integers(0, 3)), max_size=30)


@given(rows=rows, zone=st.sampled_from(["UTC", CHICAGO, KOLKATA]))
def test_every_row_is_in_one_rollup_and_all_survive_their_bytes(rows: list[int], zone: str) -> None:
    held = Keys("Q", sorted(rows))
    found = rollups(held, zone, every_day(date(2019, 12, 25), date(2020, 3, 10)))

    assert sum(sum(day.rows) for day in found.values()) == len(rows)
    assert sum(day.under for day in found.values()) == sum(row % 10 == 0 for row in rows)
    assert {day: Rollup.unpacked(each.packed()) for day, each in found.items()} == found


@given(one=rows, other=rows)
def test_region_days_add_up_and_can_be_taken_apart(one: list[int], other: list[int]) -> None:
    span = list(every_day(date(2019, 12, 25), date(2020, 3, 10)))
    mine, others = (rollups(Keys("Q", sorted(each)), "UTC", span) for each in (one, other))

    both = region_days([mine, others])

    for day, total in both.items():
        assert RegionDay.unpacked(total.packed()) == total
        rest = total.plus(mine.get(day, Rollup()), -1)
        assert rest == region_days([others]).get(day, RegionDay())

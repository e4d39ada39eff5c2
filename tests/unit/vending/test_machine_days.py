from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from chalicelib.vending.parsing import Batch, parse
from tests.support.vending.reference import read_log

NOT_AFTER = datetime(2022, 1, 1, 12, tzinfo=UTC)


def log(
    rows: int, *, machines: int, days: int, first: date = date(2020, 1, 1), seed: int = 1
) -> list[str]:
    """Return lines of random machines, days and times."""
    chance = Random(seed)
    return [
        f"GM{chance.randrange(machines):03}|{first + timedelta(days=chance.randrange(days))}"
        f"T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}Z"
        f"|{chance.randrange(10)}\n"
        for _ in range(rows)
    ]


def batches(
    lines: list[str], *, block: int = 20_000, machine: str | None = None, flush_keys: int = 70_000
) -> Iterator[Batch]:
    text = "".join(lines).encode()
    blocks = [text[at : at + block] for at in range(0, len(text), block)]
    yield from parse(blocks, machine=machine, not_after=NOT_AFTER, flush_keys=flush_keys)


def check(lines: list[str], machine: str | None = None) -> None:
    expected = read_log("".join(lines).encode(), machine=machine, not_after=NOT_AFTER)

    [batch] = batches(lines, machine=machine)

    assert batch.rows == expected.rows
    assert [refused.line for refused in batch.refusals] == expected.refused


@pytest.mark.parametrize("days", [1, 30, 213, 214, 400])
def test_scattered_rows_keep_the_order_of_the_file_on_each_day(days: int) -> None:
    check(log(4_000, machines=20, days=days))


def test_a_log_may_be_in_order_here_and_in_none_there() -> None:
    scattered = log(4_000, machines=40, days=60)
    more = log(4_000, machines=40, days=60, seed=2)

    check(
        [*sorted(scattered), *scattered, *sorted(more), *more, *sorted(more, key=lambda at: at[6:])]
    )


@pytest.mark.parametrize("days", [3, 60, 200])
def test_rows_in_the_order_of_time_keep_it_on_each_day(days: int) -> None:
    check(sorted(log(4_000, machines=40, days=days), key=lambda line: line[6:]))


def test_scattered_rows_may_be_of_two_years() -> None:
    check(log(4_000, machines=20, days=60, first=date(2020, 12, 1)))


@pytest.mark.parametrize("number", [0, 1_500, 2_999])
@pytest.mark.parametrize(
    "day",
    [
        *("2020-01-00", "2020-01-32", "2020-01-33", "2020-02-33", "2020-01-99"),
        *("2020-00-31", "2020-13-01", "2020-99-01", "2020-02-30", "2021-02-29"),
        *("0000-01-01", "1969-12-31", "2022-01-01", "2022-01-02"),
    ],
)
def test_a_scattered_row_of_a_day_that_is_not_accepted_is_refused(day: str, number: int) -> None:
    scattered = log(3_000, machines=20, days=60)
    scattered[number] = f"GM001|{day}T12:00:01Z|1\n"

    check(scattered)


def test_a_machine_may_have_its_first_row_anywhere() -> None:
    scattered = log(4_000, machines=20, days=60)
    for at in range(0, 4_000, 300):
        scattered[at] = f"GM{500 + at // 300}{scattered[at][5:]}"

    check(scattered)


def test_scattered_rows_of_the_day_of_the_download_are_checked_one_by_one() -> None:
    check(log(4_000, machines=20, days=12, first=NOT_AFTER.date() - timedelta(days=10)))


def test_scattered_rows_of_other_machines_are_refused_in_the_file_of_one() -> None:
    check(log(1_000, machines=20, days=30), machine="GM001")


def test_bad_lines_and_long_serials_between_scattered_rows_do_no_harm() -> None:
    scattered = log(4_000, machines=40, days=60)
    for at in range(0, 4_000, 700):
        scattered[at] = "GM006|2020-02-30T00:00:00Z|1\n"
        scattered[at + 1] = scattered[at + 1].replace("GM", "GM1")
        scattered[at + 2] = "x\n"

    check(scattered)


@pytest.mark.parametrize("place", range(16))
@pytest.mark.parametrize("wrong", "w ~")
def test_a_wrong_head_soon_after_bad_lines_is_refused_wherever_it_is_wrong(
    place: int, wrong: str
) -> None:
    scattered = log(3_000, machines=20, days=60)
    line = scattered[1_504]
    scattered[1_500] = scattered[1_502] = "x\n"
    scattered[1_504] = line[:place] + wrong + line[place + 1 :]

    check(scattered)


@pytest.mark.parametrize("flush_keys", [1, 700, 1_200, 1_201])
def test_a_batch_of_scattered_rows_ends_with_its_last_new_machine_and_day(flush_keys: int) -> None:
    scattered = log(4_000, machines=40, days=30)

    in_order = list(batches(scattered, block=29, flush_keys=flush_keys))
    found = list(batches(scattered, flush_keys=flush_keys))

    assert found == in_order
    assert all(len(batch.rows) == flush_keys for batch in found[:-1])

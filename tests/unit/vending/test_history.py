"""What a machine did, row by row: ids count up from 1 in time order (V7)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending.models import RowView
from chalicelib.vending.service.history import HistoryService
from tests.support.vending.world import World, log, row, world

START = datetime(2020, 2, 20, 8, tzinfo=UTC)
FAR_EAST, FAR_WEST = "+14:00", "-12:00"


def told(*logs: bytes) -> World:
    """Return a world that was told these logs of GM001, each by a file of its own."""
    small = world()
    for content in logs:
        small.take_import(content)
    small.settle()
    return small


def paged(
    history: HistoryService,
    limit: int,
    first: datetime | None = None,
    last: datetime | None = None,
) -> list[RowView]:
    """Return all rows, page by page."""
    rows: list[RowView] = []
    page = history.page("GM001", first=first, last=last, limit=limit)
    while True:
        assert len(page.rows) <= limit
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == limit
        page = history.page("GM001", first=first, last=last, limit=limit, place=page.next)


def test_v7_ids_count_up_from_1_in_time_order_whatever_the_order_of_the_lines() -> None:
    lines = log("GM001", 1, 2, 3, 4, 5).splitlines(keepends=True)

    seen = told(b"".join(reversed(lines)))

    assert [(each.id, each.gumballs) for each in seen.rows("GM001")] == [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 5),
    ]


def test_v7_an_id_is_a_row_s_place_in_the_whole_history_and_is_unique() -> None:
    three_days = log("GM001", *range(6), hours=11)

    seen = told(three_days, three_days[29:])

    assert [each.id for each in seen.rows("GM001")] == [1, 2, 3, 4, 5, 6]
    assert {each.at.date().day for each in seen.rows("GM001")} == {20, 21, 22}


def test_c10_only_the_second_of_two_equal_rows_is_a_suspected_duplicate() -> None:
    seen = told(row("GM001", START) * 2 + row("GM001", START, 2))

    assert [(each.id, each.gumballs, each.suspected_duplicate) for each in seen.rows("GM001")] == [
        (1, 1, False),
        (2, 1, True),
        (3, 2, False),
    ]


def test_a_machine_without_rows_has_none() -> None:
    page = told(log("GM002", 1)).vending.history.page("GM001", first=None, last=None, limit=5)

    assert (page.rows, page.next) == ([], None)


def test_from_is_included_and_to_is_not() -> None:
    seen = told(log("GM001", *range(6), hours=11))
    first, last = START + timedelta(hours=11), START + timedelta(hours=44)

    page = seen.vending.history.page("GM001", first=first, last=last, limit=10)

    assert [(each.id, each.gumballs) for each in page.rows] == [(2, 1), (3, 2), (4, 3)]


@pytest.mark.parametrize("zone", [FAR_EAST, FAR_WEST, "+00:00"])
def test_a_span_means_the_same_in_every_zone(zone: str) -> None:
    seen = told(log("GM001", *range(6), hours=11))
    abroad = datetime.fromisoformat(f"2020-02-20T00:00:00{zone}").tzinfo
    first, last = START + timedelta(hours=11), START + timedelta(hours=44)

    page = seen.vending.history.page(
        "GM001", first=first.astimezone(abroad), last=last.astimezone(abroad), limit=10
    )

    assert [each.id for each in page.rows] == [2, 3, 4]


@pytest.mark.parametrize("zone", [FAR_EAST, FAR_WEST])
def test_a_span_may_reach_to_the_ends_of_the_calendar(zone: str) -> None:
    seen = told(log("GM001", 1, 2))
    first = datetime.fromisoformat(f"0001-01-01T00:00:00{zone}")
    last = datetime.fromisoformat(f"9999-12-31T23:59:59{zone}")

    page = seen.vending.history.page("GM001", first=first, last=last, limit=10)

    assert [each.id for each in page.rows] == [1, 2]


@given(
    hours=st.lists(st.integers(0, 80), max_size=30),
    limit=st.integers(1, 12),
    span=st.tuples(st.none() | st.integers(0, 80), st.none() | st.integers(0, 80)),
)
def test_v7_pages_of_any_size_and_span_are_the_whole_cut_in_pieces(
    hours: list[int], limit: int, span: tuple[int | None, int | None]
) -> None:
    def at(hour: int | None) -> datetime | None:
        return None if hour is None else START + timedelta(hours=hour)

    seen = told(b"".join(row("GM001", START + timedelta(hours=hour)) for hour in hours) or b"x\n")
    first, last = at(span[0]), at(span[1])
    whole = seen.rows("GM001")

    cut = paged(seen.vending.history, limit, first, last)

    assert [each.id for each in whole] == list(range(1, len(hours) + 1))
    assert cut == [
        each
        for each in whole
        if (first is None or each.at >= first) and (last is None or each.at < last)
    ]


def test_a_page_that_is_read_while_rows_arrive_never_shows_one_twice() -> None:
    seen = told(log("GM001", *[1] * 6))
    page = seen.vending.history.page("GM001", first=None, last=None, limit=3)

    seen.take_import(log("GM001", *[1] * 9))
    seen.settle()
    rest = seen.vending.history.page("GM001", first=None, last=None, limit=9, place=page.next)

    assert [each.id for each in (*page.rows, *rest.rows)] == list(range(1, 10))

"""How many rows a list has (16.7): exactly, or at least so many, at a bounded cost (13.3)."""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import pytest

from chalicelib.core import totals
from chalicelib.core.table import Index, Table, key
from chalicelib.core.totals import Total
from tests.support.dynamodb_in_memory import MemoryDynamoDB

ALL = Index("all", "shard", "place")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_COUNTED", 5)


def table(items: int = 0, *, size: int = 10) -> tuple[Table, MemoryDynamoDB]:
    client = MemoryDynamoDB()
    made = Table(cast("Any", client), "rows")
    for number in range(items):
        made.put({**key("LIST", f"{number:05d}"), "body": {"S": "x" * size}})
    return made, client


@pytest.mark.parametrize(
    ("rows", "total"),
    [(0, Total(0)), (4, Total(4)), (5, Total(5)), (6, Total(5, exact=False))],
)
def test_rows_are_counted_up_to_a_bound(rows: int, total: Total) -> None:
    assert totals.count(iter(range(rows))) == total


def test_of_rows_with_a_filter_so_many_are_read_and_those_that_fit_are_counted() -> None:
    read: list[int] = []

    def rows() -> Iterator[int]:
        for row in range(100):
            read.append(row)
            yield row

    assert totals.count(rows(), lambda row: row % 2 == 0) == Total(3, exact=False)
    assert len(read) == 6
    assert totals.count(range(5), lambda row: row > 9) == Total(0)


def test_parts_are_added_until_the_bound() -> None:
    asked: list[int] = []

    def part(rows: int, most: int) -> Total:
        asked.append(most)
        return Total(rows) if rows <= most else Total(most, exact=False)

    assert totals.add([]) == Total(0)
    assert totals.add([partial(part, 2), partial(part, 3), partial(part, 0)]) == Total(5)
    assert totals.add([partial(part, 2), partial(part, 9), partial(part, 9)]) == Total(5, False)
    assert asked == [5, 3, 0, 5, 3]


@pytest.mark.parametrize(
    ("items", "total"),
    [(0, Total(0)), (20, Total(20)), (21, Total(20, exact=False)), (60, Total(20, exact=False))],
)
def test_items_of_a_partition_are_counted_in_one_query(items: int, total: Total) -> None:
    stored, client = table(items)
    before = client.calls

    assert stored.count("LIST", 20) == total
    assert client.calls - before == 1


def test_a_span_is_counted_by_its_keys() -> None:
    stored, _ = table(30)

    assert stored.count("LIST", 100, first="00010", last="00019") == Total(10)
    assert stored.count("LIST", 100, first="9", last="1") == Total(0)
    assert stored.count("ANOTHER", 100) == Total(0)


def test_large_items_are_counted_up_to_4_mb() -> None:
    stored, client = table(20, size=390_000)
    before = client.read_units

    assert stored.count("LIST", 1_000) == Total(12, exact=False)
    assert client.read_units - before < 1_200


def test_an_index_is_counted_by_its_own_keys() -> None:
    asked: list[dict[str, Any]] = []

    class Client:
        def query(self, **wanted: Any) -> dict[str, Any]:
            asked.append(wanted)
            return {"Count": 3}

    found = Table(cast("Any", Client()), "rows").count_indexed(ALL, "7", 10, first="jira#")

    assert found == Total(3)
    [wanted] = asked
    assert (wanted["IndexName"], wanted["Select"], wanted["Limit"]) == ("all", "COUNT", 11)
    assert wanted["ExpressionAttributeValues"][":first"] == {"S": "jira#"}
    assert "ConsistentRead" not in wanted

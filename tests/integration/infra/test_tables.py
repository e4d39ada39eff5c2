"""A context's table goes into a file and comes back the same, or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.core.table import Table, key
from infra import tables
from infra.deploy import RefusedError
from tests.support.aws import client
from tests.support.dynamodb import items, make_table

HEAD = json.dumps({"backroom": "bakery", "format": 1, "at": "2026-11-29T10:00:00Z"})
ITEM = json.dumps(key("ORDERS", "1"))
MIXED: dict[str, Any] = {
    **key("ORDERS", "2"),
    "n": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "set": {"SS": ["a", "b"]},
    "list": {"L": [{"BOOL": True}, {"NULL": True}]},
    "text": {"S": "Zoë\u2028\n"},
}


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        make_table(client("dynamodb"), "BakeryTable", "bakery")
        yield Table(client("dynamodb"), "bakery")


def file(folder: Path, *lines: str) -> Path:
    path = folder / "bakery.ndjson"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_what_is_exported_comes_back_the_same_in_an_empty_table(
    table: Table, tmp_path: Path
) -> None:
    table.put_many([MIXED, *(key("ORDERS", f"many {n}") for n in range(1_100))])
    stood = items(client("dynamodb"), "bakery")
    path = file(tmp_path, *tables.lines("bakery", table))
    make_table(client("dynamodb"), "BakeryTable", "other")
    other = Table(client("dynamodb"), "other")

    assert tables.put_all("bakery", other, path, over=False) == 1_101

    def by_key(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    assert by_key(items(client("dynamodb"), "other")) == by_key(stood)


def test_a_table_that_is_not_empty_is_left_alone_unless_that_is_requested(
    table: Table, tmp_path: Path
) -> None:
    table.put(key("CAKES", "mine"))
    path = file(tmp_path, HEAD, ITEM)

    with pytest.raises(RefusedError, match=r"bakery is not empty\. --over"):
        tables.put_all("bakery", table, path, over=False)

    assert items(client("dynamodb"), "bakery") == [key("CAKES", "mine")]
    for _ in range(2):
        assert tables.put_all("bakery", table, path, over=True) == 1
    assert len(items(client("dynamodb"), "bakery")) == 2


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([], "line 1: the file is empty"),
        ([ITEM], "line 1: this is no export of a table"),
        ([HEAD.replace("bakery", "ledger"), ITEM], "line 1: this is an export of ledger, not of"),
        ([HEAD.replace(": 1", ": 2")], "line 1: format 2 is not known here; 1 is"),
        ([HEAD, ITEM, "{"], "line 3: "),
        ([HEAD, ITEM, ""], "line 3: is not valid JSON: a value is missing"),
        ([HEAD, "[]"], "line 2: an item is an object"),
        ([HEAD, "1.5"], "line 2: an item is an object"),
        ([HEAD, '{"pk":{"S":"a"}}'], "line 2: an item has the keys pk and sk"),
        ([HEAD, '{"pk":{"S":"a"},"sk":{"N":"1"}}'], "line 2: an item has the keys pk and sk"),
        ([HEAD, '{"pk":{"S":"a"},"sk":{"S":"b"},"x":1}'], "line 2: x is no value of DynamoDB's"),
        (
            [HEAD, '{"pk":{"S":"a"},"sk":{"S":"b"},"x":{"N":"many"}}'],
            "line 2: x is no value of DynamoDB's",
        ),
        ([HEAD, '{"pk":"a","sk":"b"}'], "line 2: pk is no value of DynamoDB's"),
        ([HEAD, '{"pk":{"S":7},"sk":{"S":"b"}}'], "line 2: pk is no value of DynamoDB's"),
        ([HEAD, ITEM, ITEM], "line 3: its key was there before: ORDERS / 1"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_nothing_is_stored(
    table: Table, tmp_path: Path, lines: list[str], wrong: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        tables.put_all("bakery", table, file(tmp_path, *lines), over=False)

    assert wrong in str(refused.value)
    assert items(client("dynamodb"), "bakery") == []


def test_every_context_with_a_table_can_be_exported() -> None:
    assert tables.contexts() == [
        *("audit", "bakery", "deliveries", "ledger", "outbox", "vending", "warranties", "webhooks")
    ]

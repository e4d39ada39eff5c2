"""A DynamoDB of many items, ordered by key as DynamoDB's partitions are: it reads and counts.

The items are in a file of SQLite, whose B-tree finds a place among millions as fast as among
hundreds. Stores write through it as through a client; `Stored.answer` answers the reads of clients
of botocore, and counts them. An index is looked for item by item: only small tables have one here.
"""

import base64
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from chalicelib.core.table import Item

READS = {f"dynamodb.{name}" for name in ("GetItem", "BatchGetItem", "Query", "Scan")}
"""The operations that `Stored` answers; of any other one it says that it was done."""
Reshard = Callable[[str, str], str]
_ROW, _COLUMN = "\x00", "\x01"
_PAGE_BYTES = 1_000_000
_AT_ONCE = 300_000
"""Items that are sorted and written together."""
_MADE = """CREATE TABLE IF NOT EXISTS items
(tbl TEXT, pk TEXT, sk TEXT, body TEXT, PRIMARY KEY (tbl, pk, sk)) WITHOUT ROWID"""
_BETWEEN = "SELECT sk, body FROM items WHERE tbl = ? AND pk = ? AND sk {low} ? AND sk {high} ?"


class Reads(NamedTuple):
    """What was read: the calls, the items, and their bytes as JSON."""

    calls: int
    items: int
    size: int


class Stored:
    """Tables in the file at ``path``, which is made unless it is there."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, check_same_thread=False)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000"):
            self._file.execute(f"PRAGMA {setting}")
        self._file.execute(_MADE)
        self._lock = Lock()
        self._waiting: list[tuple[str, str, str, str]] = []
        self._reads = Reads(0, 0, 0)

    # --- what stores write ---

    def put_item(self, *, TableName: str, Item: Item, **_: Any) -> None:  # noqa: N803
        """Write an item, whatever stands there."""
        body = json.dumps(Item, separators=(",", ":"), default=_base64)
        self._waiting.append((TableName, *_place(Item), body))
        if len(self._waiting) >= _AT_ONCE:
            self.flush()

    def put_all(self, tables: Mapping[str, Iterable[Item]]) -> None:
        """Write the items of each table."""
        for name, items in tables.items():
            for item in items:
                self.put_item(TableName=name, Item=item)
        self.flush()

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803
        """Write the items of puts."""
        for name, requests in RequestItems.items():
            for request in requests:
                self.put_item(TableName=name, Item=request["PutRequest"]["Item"])
        return {}

    def transact_write_items(self, *, TransactItems: Iterable[Any], **_: Any) -> None:  # noqa: N803
        """Write items that are put or set, whatever stands there; checks are left out."""
        for action in TransactItems:
            [(verb, told)] = action.items()
            if verb == "Put":
                self.put_item(TableName=told["TableName"], Item=told["Item"])
            elif verb == "Update":
                self.put_item(TableName=told["TableName"], Item={**told["Key"], **_set(told)})

    def repeat(self, times: int, rename: Callable[[str, int], str], reshard: Reshard) -> None:
        """Write what waits again and again under other names: a copy of a part is cheap.

        ``rename`` returns the text of the part in a copy, ``reshard`` the partition of a row.
        """
        text = _ROW.join(map(_COLUMN.join, self._waiting))
        for copy in range(1, times):
            for row in rename(text, copy).split(_ROW):
                table, pk, sk, body = row.split(_COLUMN)
                if (place := reshard(pk, sk)) != pk:
                    body = body.replace(json.dumps(pk), json.dumps(place), 1)
                self._waiting.append((table, place, sk, body))
            if len(self._waiting) >= _AT_ONCE:
                self.flush()
        self.flush()

    def flush(self) -> None:
        """Have what was written be read."""
        self._waiting.sort(key=itemgetter(0, 1, 2))  # the last of equal ones stays the last
        self._file.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", self._waiting)
        self._file.commit()
        self._waiting.clear()

    def close(self) -> None:
        """Write what waits, and let the file go."""
        self.flush()
        self._file.close()

    def count(self) -> int:
        """Return how many items there are."""
        [(count,)] = self._file.execute("SELECT count(*) FROM items")
        return int(count)

    # --- what clients read ---

    def counted(self, act: Callable[[], object]) -> Reads:
        """Do something, and return what it read."""
        self._reads = Reads(0, 0, 0)
        act()
        return self._reads

    def answer(self, operation: str, asked: Mapping[str, Any]) -> str:
        """Return the JSON that an operation answers; of a write, that it was done."""
        if operation not in READS:
            return "{}"
        reading = {
            "GetItem": self._get,
            "BatchGetItem": self._get_batch,
            "Query": self._query,
            "Scan": self._scan,
        }[operation.partition(".")[2]]
        with self._lock:
            return reading(asked)

    def _get(self, asked: Mapping[str, Any]) -> str:
        found = self.find(asked["TableName"], *_place(asked["Key"]))
        self._count(found)
        return f'{{"Item":{found[0]}}}' if found else "{}"

    def _get_batch(self, asked: Mapping[str, Any]) -> str:
        found = {
            name: [body for key in told["Keys"] for body in self.find(name, *_place(key))]
            for name, told in asked["RequestItems"].items()
        }
        self._count([body for bodies in found.values() for body in bodies])
        tables = (f"{json.dumps(name)}:[{','.join(bodies)}]" for name, bodies in found.items())
        return f'{{"Responses":{{{",".join(tables)}}},"UnprocessedKeys":{{}}}}'

    def _query(self, asked: Mapping[str, Any]) -> str:
        values = asked["ExpressionAttributeValues"]
        first, last = values[":first"]["S"], values[":last"]["S"]
        if "IndexName" in asked:
            hash_key, range_key = (asked["ExpressionAttributeNames"][n] for n in ("#h", "#r"))
            wanted = values[":value"]["S"]
            items = map(json.loads, self._all_of(asked["TableName"]))
            in_it = [each for each in items if each.get(hash_key, {}).get("S") == wanted]
            hits = sorted(
                (each[range_key]["S"], json.dumps(each))
                for each in in_it
                if first <= each[range_key]["S"] <= last
            )
            return self._page(hits[:: 1 if _forward(asked) else -1], asked, None)
        pk, after = values[":pk"]["S"], asked.get("ExclusiveStartKey", {}).get("sk", {}).get("S")
        forward = _forward(asked)
        low = ">" if after is not None and forward else ">="
        high = "<" if after is not None and not forward else "<="
        bounds = (after or first, last) if forward else (first, after or last)
        order = " ORDER BY sk" if forward else " ORDER BY sk DESC"
        sql = _BETWEEN.format(low=low, high=high) + order
        rows = self._file.execute(sql, (asked["TableName"], pk, *bounds))
        return self._page(rows, asked, pk)

    def _page(
        self, rows: Iterable[tuple[str, str]], asked: Mapping[str, Any], pk: str | None
    ) -> str:
        """Return a page of rows: as many as are wanted, and no more than DynamoDB reads."""
        limit, page, size, last = asked.get("Limit", 1 << 62), [], 0, None
        for sk, body in rows:
            page.append(body)
            size += len(body)
            if len(page) == limit or size >= _PAGE_BYTES:
                last = {"pk": {"S": pk}, "sk": {"S": sk}} if pk is not None else None
                break
        self._count(page)
        following = f',"LastEvaluatedKey":{json.dumps(last)}' if last else ""
        items = "" if asked.get("Select") == "COUNT" else f'"Items":[{",".join(page)}],'
        return f'{{{items}"Count":{len(page)}{following}}}'

    def _scan(self, asked: Mapping[str, Any]) -> str:
        after = asked.get("ExclusiveStartKey")
        place = (after["pk"]["S"], after["sk"]["S"]) if after else ("", "")
        rows = self._file.execute(
            "SELECT pk, sk, body FROM items WHERE tbl = ? AND (pk, sk) > (?, ?) "
            "ORDER BY pk, sk LIMIT ?",
            (asked["TableName"], *place, asked["Limit"]),
        ).fetchall()
        self._count([body for _, _, body in rows])
        last = {"pk": {"S": rows[-1][0]}, "sk": {"S": rows[-1][1]}} if rows else None
        cut = f',"LastEvaluatedKey":{json.dumps(last)}' if len(rows) == asked["Limit"] else ""
        return f'{{"Items":[{",".join(body for _, _, body in rows)}]{cut}}}'

    def find(self, name: str, pk: str, sk: str) -> list[str]:
        """Return the JSON of the item at a key, if there is one."""
        sql = "SELECT body FROM items WHERE tbl = ? AND pk = ? AND sk = ?"
        return [body for (body,) in self._file.execute(sql, (name, pk, sk))]

    def _all_of(self, name: str) -> Iterator[str]:
        for (body,) in self._file.execute("SELECT body FROM items WHERE tbl = ?", (name,)):
            yield body

    def _count(self, bodies: list[str]) -> None:
        calls, items, size = self._reads
        self._reads = Reads(calls + 1, items + len(bodies), size + sum(map(len, bodies)))


def _forward(asked: Mapping[str, Any]) -> bool:
    """Return whether a query goes from the first item to the last."""
    return bool(asked.get("ScanIndexForward", True))


def _place(key: Item) -> tuple[str, str]:
    return key["pk"]["S"], key["sk"]["S"]


def _set(told: Mapping[str, Any]) -> Item:
    """Return what an update of the form ``SET a = :a, #b = :b`` sets."""
    names = told.get("ExpressionAttributeNames", {})
    terms = told["UpdateExpression"].removeprefix("SET ").split(", ")
    pairs = (term.split(" = ") for term in terms)
    return {
        names.get(name, name): told["ExpressionAttributeValues"][value] for name, value in pairs
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()

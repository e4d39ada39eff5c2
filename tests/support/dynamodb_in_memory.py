"""DynamoDB in this process, for what `chalicelib.core.table` asks of it, counting units.

Fast enough to die at every write of every story, and to hold a hundred thousand machines. It takes
the expressions that our stores write and no others, one call after the other. Units are those of
DynamoDB's documentation: 4 kB a read unit when consistent, 1 kB a write unit, twice in a
transaction; a query reads what it passes. `tests/integration` holds it against moto.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
_PAGE_BYTES = 1_000_000
_ITEM_BYTES = 400_000


class _RefusedError(ClientError):
    def __init__(self, code: str, **more: Any) -> None:
        response: Any = {"Error": {"Code": code, "Message": code}, **more}
        super().__init__(response, "call")


class MemoryDynamoDB:
    """A client of DynamoDB whose one table is in memory."""

    def __init__(self) -> None:
        self.partitions: dict[str, dict[str, Item]] = defaultdict(dict)
        self._sorted: dict[str, list[str]] = defaultdict(list)
        self._tokens: set[str] = set()
        self.calls = 0
        self.read_units = 0.0
        self.write_units = 0.0

    def copied(self) -> "MemoryDynamoDB":
        """Return another client, of a table with the same items; a write replaces a whole item."""
        other = MemoryDynamoDB()
        other.partitions.update({pk: dict(held) for pk, held in self.partitions.items()})
        other._sorted.update({pk: list(keys) for pk, keys in self._sorted.items()})
        other._tokens |= self._tokens
        return other

    # --- reading ---

    def get_item(self, *, Key: Item, **_: Any) -> Any:  # noqa: N803
        self.calls += 1
        item = self._at(Key)
        self.read_units += _read_units(size_of(item) if item else 0)
        return {"Item": dict(item)} if item else {}

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        self.calls += 1
        [(table, request)] = RequestItems.items()
        assert len(request["Keys"]) <= 100
        places = [_place(key) for key in request["Keys"]]
        assert len(set(places)) == len(places), "DynamoDB refuses a key that is asked for twice"
        found = [item for key in request["Keys"] if (item := self._at(key))]
        self.read_units += sum(_read_units(size_of(item)) for item in found)
        return {"Responses": {table: [dict(item) for item in found]}, "UnprocessedKeys": {}}

    def query(
        self,
        *,
        ExpressionAttributeValues: Item,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        Limit: int = 1 << 62,  # noqa: N803
        Select: str = "",  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
        **_: Any,
    ) -> Any:
        pk, first, last = (ExpressionAttributeValues[f":{n}"]["S"] for n in ("pk", "first", "last"))
        after = ExclusiveStartKey["sk"]["S"] if ExclusiveStartKey else None
        page, cut_at = self._page(pk, first, last, after, Limit, forward=ScanIndexForward)
        key = {"pk": {"S": pk}, "sk": {"S": cut_at}}
        found = {"Count": len(page), **({} if Select == "COUNT" else {"Items": page})}
        return {**found, **({"LastEvaluatedKey": key} if cut_at else {})}

    def _page(
        self, pk: str, first: str, last: str, after: str | None, limit: int, *, forward: bool
    ) -> tuple[list[Item], str | None]:
        self.calls += 1
        keys = self._sorted.get(pk, [])
        low, high = bisect_left(keys, first), bisect_right(keys, last)
        if after is not None and forward:
            low = max(low, bisect_right(keys, after))
        elif after is not None:
            high = min(high, bisect_left(keys, after))
        places = range(low, high) if forward else range(high - 1, low - 1, -1)
        page: list[Item] = []
        size = 0
        for place in places:
            item = self.partitions[pk][keys[place]]
            page.append(dict(item))
            size += size_of(item)
            if len(page) == limit or size >= _PAGE_BYTES:
                break
        self.read_units += _read_units(size)
        cut = len(page) < len(places) or len(page) == limit
        return page, page[-1]["sk"]["S"] if page and cut else None

    # --- writing ---

    def put_item(self, *, Item: Item, **condition: Any) -> Any:  # noqa: N803
        self._write("Put", {"Item": Item, **condition})
        return {}

    def delete_item(self, *, Key: Item, **condition: Any) -> Any:  # noqa: N803
        self._write("Delete", {"Key": Key, **condition})
        return {}

    def update_item(self, *, Key: Item, **change: Any) -> Any:  # noqa: N803
        self._write("Update", {"Key": Key, **change})
        return {"Attributes": dict(self._at(Key) or {})}

    def batch_write_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        self.calls += 1
        [requests] = RequestItems.values()
        assert 0 < len(requests) <= 25
        for request in requests:
            [(kind, action)] = request.items()
            self._do(kind.removesuffix("Request"), action, times=1)
        return {"UnprocessedItems": {}}

    def transact_write_items(self, *, TransactItems: Any, ClientRequestToken: str) -> Any:  # noqa: N803
        self.calls += 1
        assert 0 < len(TransactItems) <= 100
        if ClientRequestToken in self._tokens:
            return {}
        actions = [next(iter(action.items())) for action in TransactItems]
        places = [_place(action.get("Key") or action["Item"]) for _, action in actions]
        assert len(set(places)) == len(places), "DynamoDB refuses two actions on one item"
        reasons = [self._reason(action) for _, action in actions]
        if any(reason["Code"] != "None" for reason in reasons):
            raise _RefusedError("TransactionCanceledException", CancellationReasons=reasons)
        self._tokens.add(ClientRequestToken)
        for kind, action in actions:
            self._do(kind, action, times=2)
        return {}

    def _reason(self, action: Item) -> Item:
        item = self._at(action.get("Key") or action["Item"])
        if _holds(item, action):
            return {"Code": "None"}
        return {"Code": "ConditionalCheckFailed", **({"Item": dict(item)} if item else {})}

    def _write(self, kind: str, action: Item) -> None:
        self.calls += 1
        reason = self._reason(action)
        if reason.pop("Code") != "None":
            raise _RefusedError("ConditionalCheckFailedException", **reason)
        self._do(kind, action, times=1)

    def _do(self, kind: str, action: Item, *, times: int) -> None:
        key = action.get("Key") or action["Item"]
        before = self._at(key)
        after: Item | None = None
        if kind == "Put":
            after = dict(action["Item"])
        elif kind == "Update":
            after = _updated(before or dict(key), action)
        elif kind == "ConditionCheck":
            after = before
        size = max(size_of(before) if before else 0, size_of(after) if after else 0)
        assert size <= _ITEM_BYTES, "an item is too large"
        self.write_units += times * max(-(-size // 1_024), 1)
        self._store(key, after)

    def _at(self, key: Item) -> Item | None:
        pk, sk = _place(key)
        return self.partitions[pk].get(sk) if pk in self.partitions else None

    def _store(self, key: Item, item: Item | None) -> None:
        pk, sk = _place(key)
        there = sk in self.partitions[pk]
        if item is None:
            if there:
                del self.partitions[pk][sk]
                self._sorted[pk].pop(bisect_left(self._sorted[pk], sk))
            return
        self.partitions[pk][sk] = item
        if not there:
            insort(self._sorted[pk], sk)


def _place(key: Item) -> tuple[str, str]:
    return key["pk"]["S"], key["sk"]["S"]


def _updated(item: Item, action: Item) -> Item:
    """Return the item after ``ADD #a :a, #b :b``."""
    names, values = action["ExpressionAttributeNames"], action["ExpressionAttributeValues"]
    verb, _, terms = action["UpdateExpression"].partition(" ")
    assert verb == "ADD"
    after = dict(item)
    for term in terms.split(", "):
        name, value = term.split(" ")
        before = int(after.get(names[name], {"N": "0"})["N"])
        after[names[name]] = {"N": str(before + int(values[value]["N"]))}
    return after


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: bool(one == other),
    "<": lambda one, other: bool(one < other),
}


def _holds(item: Item | None, action: Item) -> bool:
    """Return whether a condition holds: terms joined by OR."""
    expression = action.get("ConditionExpression")
    names = action.get("ExpressionAttributeNames", {})
    values = action.get("ExpressionAttributeValues", {})
    if expression is None:
        return True
    return any(_term(item, term, names, values) for term in expression.split(" OR "))


def _term(item: Item | None, term: str, names: Item, values: Item) -> bool:
    if term == "attribute_not_exists(pk)":
        return item is None
    name, sign, value = map(str, re.split(r" (=|<) ", term))
    there = (item or {}).get(names.get(name, name))
    return there is not None and _COMPARED[sign](there_value(there), there_value(values[value]))


def there_value(typed: Item) -> Any:
    """Return a value without its type; numbers compare as numbers."""
    [(kind, value)] = typed.items()
    return int(value) if kind == "N" else value


def _read_units(size: int) -> float:
    return max(-(-size // 4_096), 1)


def size_of(item: Item) -> int:
    """Return the bytes of an item, as DynamoDB's documentation counts them."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Item) -> int:
    [(kind, value)] = typed.items()
    if kind == "M":
        return 3 + len(value) + size_of(value)
    if kind == "N":
        return len(value) // 2 + 2
    if kind == "L":
        return 3 + len(value) + sum(map(_value_size, value))
    if kind in {"BOOL", "NULL"}:
        return 1
    return len(value) if kind == "B" else len(value.encode())

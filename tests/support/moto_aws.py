"""AWS in this process, by moto, with transactions that copy what they change and not whole tables.

moto copies every item of a table before a transaction, in case it has to go back: a third of the
time of all tests in process. Here an item that is updated is replaced by a copy, so the items of an
earlier instant stay as they were, and the copy of a table is one of references.

moto also sorts every item of a table for each query, by keys that it makes anew for every two that
it compares: here each key is made once. And it looks for each of the ten types of a value in every
value that it answers with: here texts and numbers, which are most of them, go as they are. The
methods of a service are looked up once, and not for each call.
"""

import copy
from collections import defaultdict
from functools import cache
from typing import Any

from moto import mock_aws
from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table

__all__ = ["mock_aws"]

_update_item = DynamoDBBackend.update_item
_serialize_structure = BaseJSONSerializer._serialize_type_structure
_AS_THEY_ARE = {"S", "N"}


def _table_of_references(self: Table, _: dict[int, Any]) -> Table:
    """Return a table with the items of this instant."""
    copied = copy.copy(self)
    copied.items = defaultdict(dict)
    for key, of_key in self.items.items():
        copied.items[key] = of_key.copy() if self.has_range_key else of_key
    if shard := self.stream_shard:
        copied.stream_shard = copy.copy(shard)
        copied.stream_shard.table, copied.stream_shard.items = copied, shard.items.copy()
    return copied


def _update_a_copy(
    self: DynamoDBBackend, table_name: str, key: dict[str, Any], *arguments: Any, **named: Any
) -> Any:
    """Update an item, as a copy in its place."""
    table = self.get_table(table_name)
    hash_key, range_key = self.get_keys_value(table, key)
    item: Any = table.get_item(hash_key, range_key)
    if item:
        if range_key:
            table.items[hash_key][range_key] = copy.deepcopy(item)
        else:
            table.items[hash_key] = copy.deepcopy(item)
    return _update_item(self, table_name, key, *arguments, **named)


def _all_items(self: Table) -> list[Item]:
    """Return all items in the order of their keys."""
    if not self.range_key_attr:
        items: Any = self.items.values()
        return sorted(items, key=lambda item: item.hash_key.cast_value)
    return [
        of_key[range_key]
        for hash_key in sorted(self.items, key=lambda each: each.cast_value)
        for of_key in (self.items[hash_key],)
        for range_key in sorted(of_key, key=lambda each: each.cast_value)
    ]


def _serialize_value(
    self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str
) -> None:
    """Serialize a structure; a text or a number of DynamoDB is one already."""
    if (
        shape.name == "AttributeValue"
        and key
        and isinstance(value, dict)
        and value.keys() <= _AS_THEY_ARE
    ):
        serialized[key] = value
    else:
        _serialize_structure(self, serialized, value, shape, key)


responses.method_names_from_class = cache(method_names_from_class)  # type: ignore[attr-defined]
Table.__deepcopy__ = _table_of_references  # type: ignore[attr-defined]
Table.all_items = _all_items  # type: ignore[method-assign]
BaseJSONSerializer._serialize_type_structure = _serialize_value  # type: ignore[method-assign]
DynamoDBBackend.update_item = _update_a_copy  # type: ignore[method-assign]

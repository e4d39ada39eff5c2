"""AWS in this process, by moto, with transactions that copy what they change and not whole tables.

moto copies every item of a table before a transaction, in case it has to go back: a third of the
time of all tests in process. Here an item that is updated is replaced by a copy, so the items of an
earlier instant stay as they were, and the copy of a table is one of references.

moto also sorts every item of a table for each query, by keys that it makes anew for every two that
it compares: here a query looks at its partition, and each key is made once. And it looks for each
of the ten types of a value in every value that it answers with: here texts and numbers, which are
most of them, go as they are. The methods of a service are looked up once, and not for each call,
and an expression is taken apart once.

A request about items without bytes is JSON that needs no conversion, and neither does its answer:
here it does not take moto's way through a request of werkzeug and the shapes of botocore, which
takes longer than most calls.
"""

import copy
import json
import re
from collections import defaultdict, deque
from functools import cache, lru_cache
from secrets import token_hex
from typing import Any

from moto import mock_aws
from moto.core import responses
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.tokens import ExpressionTokenizer
from moto.dynamodb.responses import DynamoHandler

__all__ = ["mock_aws"]

_EXPRESSIONS = 1024  # the application has about a hundred; values are not part of them
_DYNAMODB = re.compile(r"https://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/")
_ABOUT_ITEMS = re.compile(
    r"DynamoDB_20120810\.((Get|Put|Update|Delete|BatchGet|BatchWrite)Item|Query|Scan"
    r"|Transact(Get|Write)Items)"
)
_JSON = {"Content-Type": "application/x-amz-json-1.0"}
_BYTES = re.compile(rb'"BS?":')

_process_request = BotocoreStubber.process_request
_query = Table.query
_cast_value: Any = DynamoType.cast_value
_lex = ConditionExpressionParser._lex_condition_expression
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


class _ItemHandler(DynamoHandler):
    """Handles a request about items as it is, and answers likewise."""

    def __init__(self, region: str, target: str, body: bytes) -> None:
        super().__init__()
        self.params = json.loads(body)
        self.headers = {"x-amz-target": target, **_JSON}
        self.region, self.current_account = region, DEFAULT_ACCOUNT_ID
        self.querystring, self.response_headers = {}, {}

    def serialized(self, action_result: ActionResult) -> Any:
        """Return status, headers and body; moto's own of errors, and of items with bytes."""
        if not isinstance(action_result.result, Exception):
            try:
                return 200, {**_JSON}, json.dumps(action_result.result)
            except TypeError:
                pass
        return super().serialized(action_result)

    @staticmethod
    def _enrich_response(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
        """Add the request's id, which moto draws letter by letter."""
        return {**headers, "x-amzn-requestid": token_hex(26)}, body


def _process_directly(self: BotocoreStubber, request: Any) -> Any:
    """Return status, headers and body of the answer to one of botocore's requests."""
    if dynamodb := _DYNAMODB.fullmatch(request.url):
        target = request.headers["X-Amz-Target"].decode()
        if _ABOUT_ITEMS.fullmatch(target) and not _BYTES.search(request.body):
            return _ItemHandler(dynamodb[1], target, request.body).call_action()
    return _process_request(self, request)


def _query_a_partition(
    self: Table, hash_key: DynamoType | None, *arguments: Any, **named: Any
) -> Any:
    """Return what a query finds, which passes its index as the seventh of these arguments."""
    if arguments[6] is not None or hash_key is None:
        return _query(self, hash_key, *arguments, **named)
    table = copy.copy(self)
    table.items = defaultdict(
        dict, {hash_key: self.items[hash_key]} if hash_key in self.items else {}
    )
    return _query(table, hash_key, *arguments, **named)


def _cast(self: DynamoType) -> Any:
    """Return what a value is in Python."""
    return self.value if self.type == "S" else _cast_value.fget(self)


@lru_cache(_EXPRESSIONS)
def _nodes_of(expression: str) -> tuple[Any, ...]:
    return tuple(_lex(ConditionExpressionParser(expression, {}, {})))


def _lex_once(self: ConditionExpressionParser) -> Any:
    """Return the words of a condition."""
    return deque(_nodes_of(self.condition_expression or ""))


@lru_cache(_EXPRESSIONS)
def _tokens_of(expression: str) -> tuple[Any, ...]:
    return tuple(ExpressionTokenizer(expression)._make_list())


BotocoreStubber.process_request = _process_directly  # type: ignore[method-assign]
ConditionExpressionParser._lex_condition_expression = _lex_once  # type: ignore[method-assign]
ExpressionTokenizer.make_list = staticmethod(  # type: ignore[method-assign,assignment]
    lambda expression: list(_tokens_of(expression))
)
DynamoType.cast_value = property(_cast)  # type: ignore[method-assign,assignment]
Table.query = _query_a_partition  # type: ignore[method-assign]
responses.method_names_from_class = cache(method_names_from_class)  # type: ignore[attr-defined]
Table.__deepcopy__ = _table_of_references  # type: ignore[attr-defined]
Table.all_items = _all_items  # type: ignore[method-assign]
BaseJSONSerializer._serialize_type_structure = _serialize_value  # type: ignore[method-assign]
DynamoDBBackend.update_item = _update_a_copy  # type: ignore[method-assign]

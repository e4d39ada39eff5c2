"""A DynamoDB table with a string partition key ``pk`` and a string sort key ``sk``.

Stores build on it: it speaks items and conditions, they know keys and meaning. All reads are
strongly consistent, but for those of an index.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.core import log, retry
from chalicelib.core.audit import recording
from chalicelib.core.audit.entries import Change
from chalicelib.core.audit.recording import Things
from chalicelib.core.errors import UnavailableError
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
"""Attribute names to DynamoDB's typed values, as ``{"pk": {"S": "..."}}``."""

BATCH_WRITE_LIMIT = 25
BATCH_GET_LIMIT = 100
TRANSACTION_LIMIT = 100
_STATUS = re.compile("[a-z_]{1,30}")
_MOST_COUNTS = 4
"""Queries, of 1 MB each, that count one part of a list."""
HIGHEST = "\U0010ffff"
"""Sorts after every other string."""


class ConditionError(Exception):
    """A condition did not hold; nothing was written.

    ``failed`` holds, by the place of each action whose condition failed, the item that stands
    there (None when there is none). ``item`` is that of the first.
    """

    def __init__(self, failed: Mapping[int, Item | None]) -> None:
        super().__init__("a condition did not hold")
        self.failed = failed

    @property
    def item(self) -> Item | None:
        """Return the item at the first failed condition."""
        return next(iter(self.failed.values()), None)


@dataclass(frozen=True)
class Condition:
    """A condition expression with its values."""

    expression: str
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return the condition as the arguments of a DynamoDB write."""
        found: dict[str, Any] = {"ConditionExpression": self.expression}
        if self.values:
            found["ExpressionAttributeValues"] = dict(self.values)
        if self.names:
            found["ExpressionAttributeNames"] = dict(self.names)
        return found


ABSENT = Condition("attribute_not_exists(pk)")


@dataclass(frozen=True)
class Index:
    """A secondary index: its name, and the two string attributes that are its key."""

    name: str
    hash_key: str
    range_key: str


def at_version(version: int) -> Condition:
    """Hold while the item is at ``version``; version 0 is an item that does not exist yet."""
    if version == 0:
        return ABSENT
    return Condition("#v = :v", {":v": {"N": str(version)}}, {"#v": "version"})


class Table:
    """Reads and writes of one table, by key.

    ``things`` says which items are things of the audit trail: a write to one takes an entry along
    while a caller is recorded (`chalicelib.core.audit`), in a transaction where it needed none.
    """

    def __init__(
        self, client: "DynamoDBClient", name: str, *, things: Things | None = None
    ) -> None:
        self._client = client
        self.name = name
        self._things = things

    def get(self, pk: str, sk: str) -> Item | None:
        """Return the item at ``pk`` and ``sk``."""
        found = self._client.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True)
        return found.get("Item")

    def query(
        self,
        pk: str,
        *,
        first: str = "",
        last: str = HIGHEST,
        newest_first: bool = False,
        page_size: int | None = None,
    ) -> Iterator[Item]:
        """Yield the items under ``pk`` whose ``sk`` lies in ``first``..``last``, in order.

        ``page_size`` items are read at a time; without it, as many as DynamoDB gives (1 MB).
        """
        if first > last:  # DynamoDB refuses to look for nothing
            return
        yield from self._queried(
            **_between(pk, first, last),
            ScanIndexForward=not newest_first,
            **({"Limit": page_size} if page_size else {}),
        )

    def count(self, pk: str, most: int, *, first: str = "", last: str = HIGHEST) -> Total:
        """Count the items that `query` yields, ``most`` and 4 MB of them at most."""
        return Total(0) if first > last else self._counted(most, **_between(pk, first, last))

    def indexed(
        self,
        index: Index,
        value: str,
        *,
        first: str = "",
        last: str = HIGHEST,
        newest_first: bool = False,
        page_size: int | None = None,
    ) -> Iterator[Item]:
        """Yield what ``index`` holds under ``value``, its range key in ``first``..``last``.

        An index trails the table: what it says is a hint, to be looked up.
        """
        yield from self._queried(
            **_indexed_between(index, value, first, last),
            ScanIndexForward=not newest_first,
            **({"Limit": page_size} if page_size else {}),
        )

    def count_indexed(
        self, index: Index, value: str, most: int, *, first: str = "", last: str = HIGHEST
    ) -> Total:
        """Count the items that `indexed` yields, ``most`` and 4 MB of them at most."""
        return self._counted(most, **_indexed_between(index, value, first, last))

    def _counted(self, most: int, **asked: Any) -> Total:
        """Count what a query finds; one item more than ``most`` is read, and not counted."""
        found = 0
        for _ in range(_MOST_COUNTS):
            page = self._client.query(
                TableName=self.name, Select="COUNT", Limit=most + 1 - found, **asked
            )
            found += page["Count"]
            if found > most:
                break
            if not (last := page.get("LastEvaluatedKey")):
                return Total(found)
            asked["ExclusiveStartKey"] = last
        return Total(min(found, most), exact=False)

    def _queried(self, **asked: Any) -> Iterator[Item]:
        """Yield what a query finds, page by page; botocore's paginator costs a tenth of a call."""
        while True:
            page = self._client.query(TableName=self.name, **asked)
            yield from page["Items"]
            if not (last := page.get("LastEvaluatedKey")):
                return
            asked["ExclusiveStartKey"] = last

    def prefixed(self, pk: str, prefix: str = "") -> Iterator[Item]:
        """Yield the items under ``pk`` whose ``sk`` begins with ``prefix``, in order."""
        return self.query(pk, first=prefix, last=prefix + HIGHEST)

    def scan(
        self, *, after: tuple[str, str] | None = None, limit: int
    ) -> tuple[list[Item], tuple[str, str] | None]:
        """Return a page of the whole table, in no order, and what the next page comes after."""
        arguments: dict[str, Any] = {"ExclusiveStartKey": key(*after)} if after else {}
        page = self._client.scan(TableName=self.name, Limit=limit, ConsistentRead=True, **arguments)
        last = page.get("LastEvaluatedKey")
        return page["Items"], (last["pk"]["S"], last["sk"]["S"]) if last else None

    def get_many(self, keys: Iterable[tuple[str, str]]) -> Iterator[Item]:
        """Yield the items that exist of ``keys`` (distinct), in no order."""
        todo = [key(pk, sk) for pk, sk in keys]
        for start in range(0, len(todo), BATCH_GET_LIMIT):
            yield from self._get_batch(todo[start : start + BATCH_GET_LIMIT])

    def _get_batch(self, keys: Sequence[Item]) -> Iterator[Item]:
        todo: Any = {self.name: {"Keys": list(keys), "ConsistentRead": True}}
        for _ in retry.tries():
            answer = self._client.batch_get_item(RequestItems=todo)
            yield from answer["Responses"].get(self.name, [])
            todo = answer.get("UnprocessedKeys")
            if not todo:
                return
        raise UnavailableError("The database is too busy to read.")

    def put(self, item: Item, condition: Condition | None = None) -> None:
        """Write ``item``. Raises ConditionError with the item that is there instead."""
        if self._enters(action := self.putting(item, condition)):
            self.transact(action)
            return
        if condition is None:
            self._client.put_item(TableName=self.name, Item=item)
            return
        try:
            self._client.put_item(
                TableName=self.name,
                Item=item,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition.arguments(),
            )
        except ClientError as refused:
            _raise_if_condition_failed(refused)
            raise

    def add(self, pk: str, sk: str, name: str, amount: int = 1) -> int:
        """Add to a counter and return its value; ids made of it may have gaps."""
        answer = self._client.update_item(
            TableName=self.name,
            Key=key(pk, sk),
            UpdateExpression="ADD #n :amount",
            ExpressionAttributeNames={"#n": name},
            ExpressionAttributeValues={":amount": {"N": str(amount)}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"][name]["N"])

    def update(
        self,
        pk: str,
        sk: str,
        expression: str,
        *,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        condition: Condition | None = None,
        budget_s: float = 5.0,
    ) -> Item:
        """Change an item by an update ``expression``, or make it; return it as it is then.

        Waits out transactions on the item for ``budget_s``. Raises ConditionError with the item
        that stands there, UnavailableError when the transactions do not end.
        """
        action = self.updating(pk, sk, expression, values=values, names=names, condition=condition)
        if self._enters(action):
            self.transact(action, budget_s=budget_s)
            # A transaction answers no item: this one may have been changed again meanwhile.
            return self.get(pk, sk) or key(pk, sk)
        for _ in retry.tries(budget_s=budget_s):
            try:
                answer = self._client.update_item(**action["Update"], ReturnValues="ALL_NEW")
            except ClientError as refused:
                _raise_if_condition_failed(refused)
                if _code(refused) != "TransactionConflictException":
                    raise
                log.count("TableConflicts")
            else:
                return answer["Attributes"]
        raise UnavailableError("Too many writers want the same record.")

    def delete(self, pk: str, sk: str, condition: Condition | None = None) -> None:
        """Delete an item, if it is there. Raises ConditionError with the item that is there."""
        if self._enters(action := self.deleting(pk, sk, condition)):
            self.transact(action)
            return
        if condition is None:
            self._client.delete_item(TableName=self.name, Key=key(pk, sk))
            return
        try:
            self._client.delete_item(**action["Delete"])
        except ClientError as refused:
            _raise_if_condition_failed(refused)
            raise

    def transact(self, *actions: dict[str, Any], budget_s: float = 5.0) -> None:
        """Do all ``actions`` (of `putting`, `updating`, `deleting`, `checking`) or none.

        Waits out conflicts with other transactions for ``budget_s``; every try carries the same
        token, so one that was carried out and not answered is not carried out again. Raises
        ConditionError when a condition does not hold, UnavailableError when conflicts do not end.
        """
        items: Any = [*actions, *self._entry(actions)]
        token = str(uuid.uuid4())
        for _ in retry.tries(budget_s=budget_s):
            try:
                self._client.transact_write_items(TransactItems=items, ClientRequestToken=token)
            except ClientError as cancelled:
                if _code(cancelled) != "TransactionCanceledException":
                    raise
                _raise_if_condition(cancelled)
                log.count("TableConflicts")
            else:
                return
        raise UnavailableError("Too many writers want the same record.")

    def _enters(self, action: dict[str, Any]) -> bool:
        """Return whether the audit trail gets to know of an action."""
        return recording.records() and bool(self._changes([action]))

    def _entry(self, actions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the action that enters what ``actions`` change, if a caller is being recorded."""
        if not recording.records():
            return []
        changes = self._changes(actions)
        if len(actions) < TRANSACTION_LIMIT:
            return recording.entering(changes)
        recording.enter_ahead(changes)
        return []

    def _changes(self, actions: Iterable[dict[str, Any]]) -> list[Change]:
        """Return what happens to the things of this table, each once."""
        found: dict[str, Change] = {}
        for action in actions:
            [(verb, operation)] = action.items()
            place = operation.get("Item") or operation["Key"]
            if verb == "ConditionCheck" or operation["TableName"] != self.name or not self._things:
                continue
            what = self._things(place["pk"]["S"], place["sk"]["S"])
            if what and what not in found:
                found[what] = _change(what, verb, operation)
        return list(found.values())

    def putting(self, item: Item, condition: Condition | None = None) -> dict[str, Any]:
        """Return the action that writes ``item``."""
        return {"Put": {"TableName": self.name, "Item": item, **_arguments(condition)}}

    def updating(
        self,
        pk: str,
        sk: str,
        expression: str,
        *,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        condition: Condition | None = None,
    ) -> dict[str, Any]:
        """Return the action that changes an item by an update ``expression``, or makes it."""
        arguments = _arguments(condition)
        merged = {**arguments.pop("ExpressionAttributeValues", {}), **values}
        named = {**arguments.pop("ExpressionAttributeNames", {}), **(names or {})}
        update = {
            "TableName": self.name,
            "Key": key(pk, sk),
            "UpdateExpression": expression,
            **({"ExpressionAttributeValues": merged} if merged else {}),
            **({"ExpressionAttributeNames": named} if named else {}),
            **arguments,
        }
        return {"Update": update}

    def adding(self, pk: str, sk: str, amounts: Mapping[str, int]) -> dict[str, Any]:
        """Return the action that adds to counters of an item, each absent one being 0."""
        names = {f"#n{place}": name for place, name in enumerate(amounts)}
        values = {f":n{place}": {"N": str(each)} for place, each in enumerate(amounts.values())}
        terms = ", ".join(f"#n{place} :n{place}" for place in range(len(amounts)))
        return self.updating(pk, sk, f"ADD {terms}", values=values, names=names)

    def deleting(self, pk: str, sk: str, condition: Condition | None = None) -> dict[str, Any]:
        """Return the action that deletes an item."""
        return {"Delete": {"TableName": self.name, "Key": key(pk, sk), **_arguments(condition)}}

    def checking(self, pk: str, sk: str, condition: Condition) -> dict[str, Any]:
        """Return the action that only demands ``condition`` of an item, or of its absence."""
        check = {"TableName": self.name, "Key": key(pk, sk), **_arguments(condition)}
        return {"ConditionCheck": check}

    def put_many(self, items: Iterable[Item]) -> None:
        """Write ``items``, each a plain idempotent put, in no order."""
        self._write_batches({"PutRequest": {"Item": item}} for item in items)

    def delete_many(self, keys: Iterable[tuple[str, str]]) -> None:
        """Delete items, those that are there, in no order."""
        self._write_batches({"DeleteRequest": {"Key": key(pk, sk)}} for pk, sk in keys)

    def _write_batches(self, requests: Iterator[dict[str, Any]]) -> None:
        batch: list[dict[str, Any]] = []
        for request in requests:
            batch.append(request)
            if len(batch) == BATCH_WRITE_LIMIT:
                self._write_batch(batch)
                batch = []
        if batch:
            self._write_batch(batch)

    def _write_batch(self, batch: list[dict[str, Any]]) -> None:
        todo: Any = {self.name: batch}
        for _ in retry.tries(budget_s=30):
            answer = self._client.batch_write_item(RequestItems=todo)
            todo = answer.get("UnprocessedItems")
            if not todo:
                return
        raise UnavailableError("The database is too busy to write.")


def key(pk: str, sk: str) -> Item:
    """Return the key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _between(pk: str, first: str, last: str) -> dict[str, Any]:
    """Return the arguments of a query of the table."""
    return {
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":pk": {"S": pk},
            ":first": {"S": first or "\x00"},
            ":last": {"S": last},
        },
        "ConsistentRead": True,
    }


def _indexed_between(index: Index, value: str, first: str, last: str) -> dict[str, Any]:
    """Return the arguments of a query of an index."""
    return {
        "IndexName": index.name,
        "KeyConditionExpression": "#h = :value AND #r BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#h": index.hash_key, "#r": index.range_key},
        "ExpressionAttributeValues": {
            ":value": {"S": value},
            ":first": {"S": first or "\x00"},
            ":last": {"S": last},
        },
    }


def _change(what: str, verb: str, operation: Mapping[str, Any]) -> Change:
    """Return how an action changes a thing, and the status that it gives it."""
    if verb == "Delete":
        return Change(what=what, change="deleted")
    new = operation.get("ConditionExpression") == ABSENT.expression
    return Change(
        what=what, change="created" if new else "changed", status=_status(operation.get("Item", {}))
    )


def _status(item: Item) -> str | None:
    """Return the status or the state that a record says it has, or that ends its history."""
    body = json.loads(item["body"]["S"]) if "body" in item else {}
    latest = {**(body.get("history") or [{}])[-1], **body}
    found = item.get("status", {}).get("S") or latest.get("status") or latest.get("state")
    return found if isinstance(found, str) and _STATUS.fullmatch(found) else None


def _arguments(condition: Condition | None) -> dict[str, Any]:
    if condition is None:
        return {}
    return {**condition.arguments(), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _code(error: ClientError) -> str:
    """Return DynamoDB's name of an error.

    A client makes its classes of errors when it is first asked for one; threads that ask at once
    may get two of one name, and the one that is raised is not the one that is caught.
    """
    return error.response["Error"]["Code"]


def _raise_if_condition_failed(refused: ClientError) -> None:
    """Raise ConditionError, with the item that stands there, if that is why it was refused."""
    if _code(refused) == "ConditionalCheckFailedException":
        there: Any = dict(refused.response).get("Item")
        raise ConditionError({0: there}) from refused


def _raise_if_condition(cancelled: ClientError) -> None:
    """Raise unless every reason is a conflict that another try may get past."""
    reasons: Any = dict(cancelled.response).get("CancellationReasons", [])
    codes = {reason.get("Code") for reason in reasons} - {"None"}
    failed = {
        place: reason.get("Item")
        for place, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    if failed:
        raise ConditionError(failed) from cancelled
    if not codes <= {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
        raise cancelled

"""A table's client that is busy, in conflict, or refuses: what its callers get to see.

What DynamoDB makes of keys and conditions is told in `tests/integration/vending/test_stores.py`.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from chalicelib.core import log
from chalicelib.core.audit.recording import recording
from chalicelib.core.errors import UnavailableError
from chalicelib.core.table import ABSENT, Condition, ConditionError, Table, at_version, key


class Client:
    """Answers each call with the next of ``answers``, and remembers what was asked.

    It has no classes of errors: a client of botocore may have two of one name.
    """

    def __init__(self, *answers: object) -> None:
        self._answers: Iterator[object] = iter(answers)
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(**asked: Any) -> object:
            self.asked.append(asked)
            answer = next(self._answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def table(*answers: object) -> tuple[Table, Client]:
    client = Client(*answers)
    return Table(cast(Any, client), "rows"), client


def cancelled(*codes: str, item: dict[str, Any] | None = None) -> ClientError:
    reasons = [{"Code": code, **({"Item": item} if item else {})} for code in codes]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": reasons,
    }
    return ClientError(response, "TransactWriteItems")


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as long as may be, and take no time."""
    waited: list[float] = []
    monkeypatch.setattr(random, "uniform", lambda _, ceiling: ceiling)
    monkeypatch.setattr(time, "monotonic", lambda: sum(waited))
    monkeypatch.setattr(time, "sleep", waited.append)


CONFLICT = cancelled("TransactionConflict", "None")
ITEM = {**key("a", "b"), "n": {"N": "1"}}


# --- transactions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conflict",
    [
        CONFLICT,
        cancelled("None", "ThrottlingError"),
        cancelled("ProvisionedThroughputExceeded"),
    ],
)
def test_a_conflict_with_another_transaction_is_waited_out(conflict: ClientError) -> None:
    rows, client = table(conflict, conflict, {})

    rows.transact(rows.putting(ITEM), rows.deleting("c", "d"))

    assert len(client.asked) == 3
    assert client.asked[0]["TransactItems"] == [
        {"Put": {"TableName": "rows", "Item": ITEM}},
        {"Delete": {"TableName": "rows", "Key": key("c", "d")}},
    ]


def test_conflicts_and_tries_after_the_first_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()
    monkeypatch.setattr(log, "_counts", counted)
    rows, _ = table(CONFLICT, CONFLICT, {}, {})

    rows.transact(rows.putting(ITEM))
    rows.transact(rows.putting(ITEM))

    assert counted == {"TableConflicts": 2, "Retries": 2}


def test_every_try_of_a_transaction_carries_one_token_and_every_transaction_its_own() -> None:
    rows, client = table(CONFLICT, {}, {})

    rows.transact(rows.putting(ITEM))
    rows.transact(rows.putting(ITEM))

    first, second, other = (asked["ClientRequestToken"] for asked in client.asked)
    assert first == second != other


def test_conflicts_that_do_not_end_make_the_table_unavailable() -> None:
    rows, client = table(*[CONFLICT] * 999)

    with pytest.raises(UnavailableError, match="Too many writers"):
        rows.transact(rows.putting(ITEM))

    assert 5 < len(client.asked) < 50


def test_a_condition_that_fails_is_reported_at_once_with_the_stored_item() -> None:
    rows, client = table(cancelled("None", "ConditionalCheckFailed", item=ITEM))

    with pytest.raises(ConditionError) as refused:
        rows.transact(rows.putting(ITEM), rows.putting(ITEM, ABSENT))

    assert (refused.value.failed, refused.value.item) == ({1: ITEM}, ITEM)
    assert len(client.asked) == 1


def test_a_condition_outweighs_a_conflict() -> None:
    rows, _ = table(cancelled("TransactionConflict", "ConditionalCheckFailed"))

    with pytest.raises(ConditionError):
        rows.transact(rows.putting(ITEM), rows.putting(ITEM, ABSENT))


def test_any_other_reason_is_a_mistake_of_ours_and_travels_untouched() -> None:
    mistake = cancelled("ValidationError", "TransactionConflict")
    rows, _ = table(mistake)

    with pytest.raises(ClientError) as raised:
        rows.transact(rows.putting(ITEM))

    assert raised.value is mistake


# --- single writes ------------------------------------------------------------------------------


def test_a_put_whose_condition_fails_returns_the_stored_item() -> None:
    response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": ITEM}
    rows, client = table(ClientError(response, "PutItem"))

    with pytest.raises(ConditionError) as refused:
        rows.put(ITEM, at_version(3))

    assert refused.value.item == ITEM
    assert client.asked[0]["ConditionExpression"] == "#v = :v"
    assert client.asked[0]["ExpressionAttributeValues"] == {":v": {"N": "3"}}


def test_version_0_is_an_item_that_is_not_there_yet() -> None:
    assert at_version(0) is ABSENT


def test_a_condition_says_only_what_it_has() -> None:
    assert Condition("attribute_exists(pk)").arguments() == {
        "ConditionExpression": "attribute_exists(pk)"
    }


# --- batches ------------------------------------------------------------------------------------


def requests(asked: dict[str, Any]) -> list[Any]:
    found: list[Any] = asked["RequestItems"]["rows"]
    return found


def test_writes_go_25_at_a_time() -> None:
    rows, client = table({}, {}, {})

    rows.put_many({**key("a", str(number))} for number in range(51))

    assert [len(requests(asked)) for asked in client.asked] == [25, 25, 1]


def test_what_was_not_written_is_written_again_and_nothing_else() -> None:
    left = {"rows": [{"DeleteRequest": {"Key": key("a", "2")}}]}
    rows, client = table({"UnprocessedItems": left}, {"UnprocessedItems": {}})

    rows.delete_many([("a", "1"), ("a", "2")])

    assert requests(client.asked[0]) == [
        {"DeleteRequest": {"Key": key("a", "1")}},
        {"DeleteRequest": {"Key": key("a", "2")}},
    ]
    assert client.asked[1]["RequestItems"] == left


def test_nothing_to_write_is_no_call() -> None:
    rows, client = table()

    rows.put_many([])
    rows.delete_many([])

    assert client.asked == []


def test_writes_that_are_never_taken_make_the_table_unavailable() -> None:
    rows, _ = table(*[{"UnprocessedItems": {"rows": ["..."]}}] * 999)

    with pytest.raises(UnavailableError, match="too busy to write"):
        rows.put_many([ITEM])


def test_reads_go_100_at_a_time() -> None:
    rows, client = table(*[{"Responses": {"rows": [ITEM]}}] * 3)

    assert list(rows.get_many(("a", str(number)) for number in range(201))) == [ITEM] * 3

    asked = [each["RequestItems"]["rows"] for each in client.asked]
    assert [len(each["Keys"]) for each in asked] == [100, 100, 1]
    assert all(each["ConsistentRead"] for each in asked)


def test_what_was_not_read_is_read_again() -> None:
    left = {"rows": {"Keys": [key("a", "2")], "ConsistentRead": True}}
    rows, client = table(
        {"Responses": {"rows": [ITEM]}, "UnprocessedKeys": left}, {"Responses": {}}
    )

    assert list(rows.get_many([("a", "1"), ("a", "2")])) == [ITEM]
    assert client.asked[1]["RequestItems"] == left


def test_reads_that_are_never_answered_make_the_table_unavailable() -> None:
    busy = {"Responses": {}, "UnprocessedKeys": {"rows": {"Keys": [key("a", "1")]}}}
    rows, _ = table(*[busy] * 999)

    with pytest.raises(UnavailableError, match="too busy to read"):
        list(rows.get_many([("a", "1")]))


def test_a_range_without_anything_in_it_is_not_even_requested() -> None:
    client = Client()

    assert list(Table(cast(Any, client), "t").query("pk", first="b", last="a")) == []
    assert not client.asked


# --- the audit trail ----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _stage_with_a_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_TABLE", "audit")


def trailed(*answers: object) -> tuple[Table, Client]:
    """A table whose items below ``ORDERS`` are things."""
    client = Client(*answers)
    return Table(
        cast(Any, client), "rows", things=lambda pk, sk: f"orders/{sk}" if pk == "ORDERS" else None
    ), client


def ada() -> AbstractContextManager[None]:
    return recording(
        "ada", scopes=["operate"], technician=None, method="POST", route="/x", request_id="r"
    )


def entered(asked: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """What the last action of a transaction enters."""
    put = asked["TransactItems"][-1]["Put"]
    assert put["TableName"] == "audit"
    entry = json.loads(put["Item"]["body"]["S"])
    assert (entry["who"], entry["request_id"]) == ("ada", "r")
    return [(each["what"], each["change"], each.get("status")) for each in entry["changes"]]


READY = {
    **key("ORDERS", "7"),
    "body": {"S": '{"history": [{"status": "open"}, {"status": "ready"}]}'},
}
WRITES: list[tuple[Callable[[Table], object], tuple[str, str, str | None]]] = [
    (lambda rows: rows.put(READY), ("orders/7", "changed", "ready")),
    (lambda rows: rows.put(READY, ABSENT), ("orders/7", "created", "ready")),
    (lambda rows: rows.delete("ORDERS", "7"), ("orders/7", "deleted", None)),
    (lambda rows: rows.delete("ORDERS", "7", at_version(1)), ("orders/7", "deleted", None)),
    (
        lambda rows: rows.transact(rows.putting(ITEM), rows.deleting("ORDERS", "7")),
        ("orders/7", "deleted", None),
    ),
    (
        lambda rows: rows.update("ORDERS", "7", "SET n = :n", values={":n": {"N": "1"}}),
        ("orders/7", "changed", None),
    ),
]


@pytest.mark.parametrize(("write", "change"), WRITES)
def test_a_write_to_a_thing_takes_an_entry_along_while_a_caller_is_recorded(
    write: Callable[[Table], object], change: tuple[str, str, str | None]
) -> None:
    rows, client = trailed({}, {"Item": READY})

    with ada():
        write(rows)

    assert entered(client.asked[0]) == [change]


@pytest.mark.parametrize(("write", "_"), WRITES)
def test_a_condition_that_fails_reads_the_same_with_an_entry_as_without(
    write: Callable[[Table], object], _: object
) -> None:
    rows, _client = trailed(cancelled("ConditionalCheckFailed", "None", item=READY))

    with ada(), pytest.raises(ConditionError) as failed:
        write(rows)

    assert failed.value.failed == {0: READY}


def test_an_update_that_takes_an_entry_along_answers_the_item_as_it_is_then() -> None:
    rows, _ = trailed({}, {"Item": READY})

    with ada():
        assert rows.update("ORDERS", "7", "SET n = :n", values={":n": {"N": "1"}}) == READY


def test_what_is_no_thing_and_what_nobody_requested_costs_what_it_did() -> None:
    rows, client = trailed({}, {}, {"Attributes": ITEM}, {})

    with ada():
        rows.put(ITEM)
        rows.transact(rows.putting(ITEM), rows.checking("ORDERS", "7", ABSENT))
        rows.update("a", "b", "SET n = :n", values={":n": {"N": "1"}})
    rows.put(READY)

    assert [len(asked.get("TransactItems", [0])) for asked in client.asked] == [1, 2, 1, 1]


def test_a_status_that_is_free_text_is_not_entered() -> None:
    rows, client = trailed({})

    with ada():
        rows.put({**key("ORDERS", "7"), "body": {"S": '{"status": "Call Mrs Smith"}'}})

    assert entered(client.asked[0]) == [("orders/7", "changed", None)]

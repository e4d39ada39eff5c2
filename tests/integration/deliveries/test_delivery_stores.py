"""The stores keep the promises of the ports: the same rivals as on the fakes, on DynamoDB."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import settings

from chalicelib.core.errors import UnavailableError
from chalicelib.core.table import Table
from chalicelib.deliveries.ports import DecidedAlreadyError, PreferenceChangedError
from chalicelib.deliveries.preferences import Preference
from chalicelib.deliveries.records import Attempt, decided
from chalicelib.deliveries.service.sending import Sending
from tests.support.deliveries.fakes import NOON, Store, package
from tests.support.deliveries.rivalry import Rivalry
from tests.support.deliveries.table import RealStore, make_table
from tests.support.dynamodb import spending
from tests.support.size import grows, size

LATER = Preference(False, NOON + timedelta(days=1))


@pytest.fixture
def store(table: Any, table_name: str) -> RealStore:
    return RealStore(table, table_name)


@grows
def test_d10_any_interleaving_leaves_counters_equal_to_records(table: Any) -> None:
    names = iter(range(10_000))

    class OnDynamoDB(Rivalry):
        def new_store(self) -> Store:
            name = f"rivalry-{next(names)}"
            make_table(table, name)
            return RealStore(table, name)

    machine = OnDynamoDB.TestCase
    machine.settings = settings(max_examples=size(5, fuzz=100), stateful_step_count=15)
    machine().runTest()


def test_a_record_comes_back_as_it_was_stored(store: RealStore) -> None:
    record = decided(package(package_id="\U0001f4e6"), LATER, at=NOON, message_id="m1")
    store.raise_to("mars", {"personal": LATER}, at=NOON)

    store.add(record)

    assert store.record("\U0001f4e6") == record
    assert store.find(record.package) == (record, LATER)


def test_who_comes_second_is_given_the_first(store: RealStore) -> None:
    first = decided(package(), None, at=NOON)
    store.add(first)

    with pytest.raises(DecidedAlreadyError) as taken:
        store.add(decided(package(sender_id="moon"), None, at=NOON))

    assert taken.value.record == first
    assert store.counts().packages == {("personal", "delivered"): 1}


def test_a_decision_on_an_old_word_is_given_the_new_one_and_writes_nothing(
    store: RealStore,
) -> None:
    store.raise_to("mars", {"personal": LATER}, at=NOON)

    with pytest.raises(PreferenceChangedError) as changed:
        store.add(decided(package(), None, at=NOON))

    assert changed.value.preference == LATER
    assert store.record("box") is None
    assert not store.counts().packages


def test_a_word_about_another_type_disturbs_nobody(store: RealStore) -> None:
    store.raise_to("mars", {"marketing": LATER}, at=NOON)

    store.add(decided(package(), None, at=NOON))

    assert store.record("box")


def test_attempts_are_stored_once_and_in_order(store: RealStore) -> None:
    record = decided(package(), None, at=NOON)
    store.add(record)
    attempts = [
        Attempt(NOON, NOON + timedelta(seconds=2)),
        Attempt(NOON, NOON + timedelta(seconds=1), {"sender_id": "moon", "recipient_id": "x"}),
    ]

    for attempt in attempts * 2:
        store.note(record, attempt)

    kept = store.record("box")
    assert kept
    assert kept.later == (attempts[1], attempts[0])


def test_a_full_record_keeps_no_more_for_any_caller(store: RealStore) -> None:
    record = decided(package(), None, at=NOON)
    store.add(record)

    for second in range(30):  # each as if it had read the record when it was new
        store.note(record, Attempt(NOON + timedelta(seconds=second), NOON))

    kept = store.record("box")
    assert kept
    assert len(kept.later) == 20


def test_the_counters_spread_over_their_shards_and_one_package_stays_on_one(
    table: Any, table_name: str
) -> None:
    store = RealStore(table, table_name, shards=8)
    for number in range(100):
        store.add(decided(package(package_id=number), None, at=NOON))

    items = list(Table(table, table_name).query("STATISTICS"))

    assert len(items) == 8
    assert store.counts().packages == {("personal", "delivered"): 100}


def test_fewer_or_more_shards_later_lose_no_count(table: Any, table_name: str) -> None:
    for number, shards in enumerate((1, 256, 3)):
        store = RealStore(table, table_name, shards=shards)
        store.add(decided(package(package_id=number), None, at=NOON))

    assert store.counts().packages == {("personal", "delivered"): 3}


# --- conflicts with other transactions, which moto has none of -----------------------------------


def cancelled(*codes: str) -> ClientError:
    error: Any = {"Code": "TransactionCanceledException", "Message": "cancelled"}
    reasons: Any = [{"Code": code} for code in codes]
    return ClientError({"Error": error, "CancellationReasons": reasons}, "TransactWriteItems")


class Conflicts:
    """Fails the first transactions as DynamoDB does, and keeps what each of them asked."""

    def __init__(self, client: Any, times: int) -> None:
        self._left = times
        self._send = client.transact_write_items
        self.tries: list[dict[str, Any]] = []

    def __call__(self, **asked: Any) -> Any:
        self.tries.append(asked)
        if self._left:
            self._left -= 1
            return self._refuse()
        return self._send(**asked)

    def _refuse(self) -> None:
        raise cancelled("None", "TransactionConflict", "None")


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.core.retry.time.sleep", lambda _: None)


@pytest.mark.usefixtures("check")
def test_a_conflict_is_tried_again_with_the_same_token_on_the_same_shard(
    store: RealStore, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(decided(package(package_id="first"), None, at=NOON))
    conflicts = Conflicts(table, times=3)
    monkeypatch.setattr(table, "transact_write_items", conflicts)

    Sending(store, now=lambda: NOON).send(package())

    assert len(conflicts.tries) == 4
    assert all(each == conflicts.tries[0] for each in conflicts.tries)
    assert store.counts().packages == {("personal", "delivered"): 2}


def test_conflicts_without_end_are_a_503(
    store: RealStore, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "transact_write_items", Conflicts(table, times=10_000))
    now = iter(range(10_000))
    monkeypatch.setattr("chalicelib.core.retry.time.monotonic", lambda: next(now) / 10)
    monkeypatch.setattr("chalicelib.core.retry.time.sleep", lambda _: None)

    with pytest.raises(UnavailableError):
        Sending(store, now=lambda: NOON).send(package())

    assert store.record("box") is None


@pytest.mark.usefixtures("check")
def test_an_update_waits_until_the_transaction_on_its_item_is_over(
    store: RealStore, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, left = table.update_item, iter([True, True, False])

    def conflicting(**asked: Any) -> Any:
        if next(left):
            error: Any = {"Error": {"Code": "TransactionConflictException", "Message": ""}}
            raise ClientError(error, "UpdateItem")
        return update(**asked)

    monkeypatch.setattr(table, "update_item", conflicting)

    assert store.raise_to("mars", {"personal": LATER}, at=NOON).preferences == {"personal": LATER}


def test_one_word_is_one_update(store: RealStore, table: Any) -> None:
    with spending(table) as spent:
        store.raise_to("mars", {"personal": LATER, "marketing": LATER}, at=NOON)

    assert spent.calls == {"UpdateItem": 1}

"""Orders in many partitions, beside those that older versions stored in one."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, product, starmap
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.bakery.facts import facts
from chalicelib.bakery.records import Change, Order, OrderStatus
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.orders import Ordering, Wanted
from chalicelib.bakery.store.orders import SHARDS
from chalicelib.bakery.store.things import thing
from chalicelib.core.facts import ItemChange
from chalicelib.core.table import key
from chalicelib.core.totals import Total
from tests.support.bakery.table import Stores
from tests.support.dynamodb import spending
from tests.support.dynamodb_in_memory import MemoryDynamoDB

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
OLDER = {"ORDERS", "OPEN", f"DUE#{TODAY}", "CUSTOMER#ann"}
"""Where functions of an older version look for an order of Ann's."""
STATUSES: tuple[OrderStatus, ...] = get_args(OrderStatus)


def order(number: int, *statuses: OrderStatus, spread: bool = True, due: bool = True) -> Order:
    steps = ("open", *statuses)
    return Order(
        id=number,
        customer="Ann",
        recipe="pie",
        recipe_name="Pie",
        base=(),
        persons=1,
        quantity=1,
        due_at=NOON if due else None,
        created_at=NOON,
        history=tuple(Change(status=each, at=NOON, by="test", reason="test") for each in steps),
        spread=spread,
    )


def changed(before: Order, status: OrderStatus) -> Order:
    return before.changed(status, at=NOON, by="test", reason="test")


def place(stores: Stores, at: datetime = NOON) -> Order:
    new = stores.orders.next_id(at)
    placed = order(new.id, spread=new.spread)
    assert stores.orders.add(placed)
    return placed


def partitions(stores: Stores, order_id: int) -> set[str]:
    """Return where there is something of an order."""
    found = stores.client.scan(TableName=stores.table.name)["Items"]
    return {each["pk"]["S"] for each in found if each["sk"]["S"] == f"{order_id:015d}"}


# --- where they are -------------------------------------------------------------------------------


def test_orders_and_their_lists_are_spread_evenly(stores: Stores) -> None:
    placed = [place(stores) for _ in range(5 * SHARDS)]

    found = Counter(pk for each in placed for pk in partitions(stores, each.id))
    for name in ("ORDERS", "OPEN", f"DUE#{TODAY}"):
        assert [found[f"{name}#{shard}"] for shard in range(SHARDS)] == [5] * SHARDS
        assert name not in found


def test_orders_are_spread_when_no_function_of_an_older_version_runs_any_more(
    stores: Stores,
) -> None:
    """Such a function would see no spread order, and seal a batch without it."""
    stores.table.add("COUNTERS", "ORDERS", "last", 2)

    early = [place(stores, NOON + timedelta(minutes=each)) for each in (0, 30, 59)]
    late = [place(stores, NOON + timedelta(minutes=each)) for each in (60, 61)]

    assert [each.spread for each in early + late] == [False, False, False, True, True]
    assert all(partitions(stores, each.id) == OLDER for each in early)
    assert not any(partitions(stores, each.id) & (OLDER - {"CUSTOMER#ann"}) for each in late)
    assert [stores.orders.order(each.id) for each in early + late] == early + late


@pytest.mark.parametrize("spread", [True, False])
def test_an_order_stays_where_it_is_and_in_the_list_of_its_status_alone(
    stores: Stores, spread: bool
) -> None:
    before = order(7, spread=spread)
    stores.orders.add(before)
    everywhere = {"ORDERS#3", "DUE#2026-11-20#3"} if spread else OLDER - {"OPEN"}

    for status in ("ticketed", "ready", "ticketed", "cancelled", "open"):
        after = changed(before, status)
        assert stores.orders.change(before, after)
        assert stores.orders.order(7) == after
        listed = f"{status.upper()}#3" if spread else {"open": "OPEN"}.get(status)
        assert partitions(stores, 7) - {listed} == everywhere | {"CUSTOMER#ann"}
        before = after


@pytest.mark.parametrize(("spread", "reads"), [(True, 1), (False, 2)])
def test_an_order_is_found_by_its_id(stores: Stores, spread: bool, reads: int) -> None:
    stores.orders.add(order(7, spread=spread))

    with spending(stores.client) as spent:
        assert stores.orders.order(7)

    assert spent.calls == {"GetItem": reads}


def test_a_change_of_a_spread_order_is_an_event_and_in_the_audit_trail(stores: Stores) -> None:
    stores.orders.add(order(7))
    [item] = stores.table.query("ORDERS#3")

    [told] = facts(ItemChange("ORDERS#3", item["sk"]["S"], None, item, NOON))

    assert (told.kind, told.subject) == ("order.changed", "orders/7")
    assert thing("ORDERS#3", item["sk"]["S"]) == "orders/7"


# --- any mix of them ------------------------------------------------------------------------------


def in_memory() -> tuple[Stores, Ordering]:
    stores = Stores(MemoryDynamoDB(), "bakery", "bakery")
    stores.table.put({**key("COUNTERS", "ORDERS"), "customers_from": {"N": "1"}})
    return stores, Ordering(stores.orders, stores.cakes, stores.batches, now=lambda: NOON)


MIXES = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(STATUSES), st.booleans(), st.booleans()),
    max_size=40,
)
"""Of each order the distance from the id before, its status, whether it is spread, and due."""


def stored(stores: Stores, mix: Sequence[tuple[int, OrderStatus, bool, bool]]) -> list[Order]:
    """Store orders, each open at first; return them as they are then, the newest first."""
    found: list[Order] = []
    number = 0
    for distance, status, spread, due in mix:
        number += distance
        placed = order(number, spread=spread, due=due)
        stores.orders.add(placed)
        now = changed(placed, status) if status != "open" else placed
        assert now is placed or stores.orders.change(placed, now)
        found.insert(0, now)
    return found


def pages(ordering: Ordering, wanted: Wanted, limit: int) -> list[Order]:
    found: list[Order] = []
    before = None
    for _ in count():
        page = ordering.page(wanted, before=before, limit=limit)
        found += page.rows
        if page.next is None:
            break
        assert len(page.rows) == limit
        before = page.next.id
    return found


@given(mix=MIXES, limit=st.integers(1, 9))
@example(mix=[(1, "cancelled", False, True), (1, "cancelled", True, True)], limit=1)
def test_s7_the_pages_of_any_list_have_every_order_once_and_in_order(mix: Any, limit: int) -> None:
    stores, ordering = in_memory()
    found = stored(stores, mix)

    for wanted in starmap(Wanted, product((None, "all", *STATUSES), (None, "ann"), (None, TODAY))):
        expected = list(filter(wanted.has, found))
        assert pages(ordering, wanted, limit) == expected
        assert ordering.total(wanted, before=None) == Total(len(expected))


@given(mix=MIXES)
def test_b9_a_batch_takes_every_open_order_once_wherever_it_is(mix: Any) -> None:
    stores, _ = in_memory()
    waiting = sorted(each.id for each in stored(stores, mix) if each.status == "open")
    batching = Batching(stores.batches, now=lambda: NOON + timedelta(days=1))
    assert stores.batches.count_waiting() == len(waiting)
    assert sorted(each.id for each in stores.batches.open_orders()) == waiting

    run = batching.run_by_hand()

    assert list(run.batch.orders if run.batch else ()) == waiting
    assert stores.batches.count_waiting() == 0
    assert [each.id for each in stores.batches.members(run.day)] == waiting


def test_a_page_reads_no_more_orders_than_it_takes() -> None:
    stores, ordering = in_memory()
    for number in range(1, 301):
        stores.orders.add(order(number))
    calls = stores.client.calls

    assert len(ordering.page(Wanted("open"), before=None, limit=100).rows) == 100

    assert stores.client.calls - calls == 1 + SHARDS + 2, "lists, and twice orders"


def test_the_few_orders_of_a_status_are_found_without_reading_the_others() -> None:
    stores, ordering = in_memory()
    client: MemoryDynamoDB = stores.client

    def spent(wanted: Wanted) -> tuple[int, float]:
        calls, units = client.calls, client.read_units
        ordering.page(wanted, before=None, limit=10)
        return client.calls - calls, client.read_units - units

    def store(numbers: range, status: OrderStatus) -> None:
        for number in numbers:
            stores.orders.add(order(number, status) if status != "open" else order(number))

    for start, status in zip(range(1, 40, 10), STATUSES, strict=True):
        store(range(start, start + 10), status)
    few = {status: spent(Wanted(status)) for status in STATUSES}
    store(range(100, 400), "ready")
    store(range(400, 700), "ticketed")

    assert spent(Wanted("open")) == few["open"]
    assert spent(Wanted("cancelled")) == few["cancelled"]
    assert spent(Wanted("ticketed"))[0] <= few["ticketed"][0]
    assert spent(Wanted("ready"))[0] <= few["ready"][0]

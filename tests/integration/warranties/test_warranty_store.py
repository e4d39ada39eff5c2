"""The real store and the one in memory keep the same promises."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.outbox.effects import Ending
from chalicelib.warranties import store as warranty_store
from chalicelib.warranties.models import Cancellation, Sale
from chalicelib.warranties.ports import Snapshot, Store
from chalicelib.warranties.store import LIST_SHARDS
from tests.support.dynamodb import items
from tests.support.ids import uuid
from tests.support.warranties.fakes import CARDS, MORNING, MemoryStore, body
from tests.support.warranties.table import real_store


@pytest.fixture(params=["in memory", "in DynamoDB"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "in memory":
        return MemoryStore()
    names = request.getfixturevalue("names")
    return real_store(request.getfixturevalue("dynamodb"), names.table, names.outbox)


def a_sale(number: int = 1, *, minutes: int = 0, **told: Any) -> Sale:
    wanted = body(**told)
    quote = CARDS.in_force(MORNING).quote(wanted.item_type, wanted.item_cost)
    return Sale(
        request_id=uuid(number),
        received_at=MORNING + timedelta(minutes=minutes),
        rate_card=CARDS.in_force(MORNING).version,
        offers=quote.offers,
        reason=quote.reason,
        **wanted.model_dump(exclude={"item_cost"}),
        item_cost=wanted.item_cost,
    )


def add(
    store: Store,
    sale: Sale,
    *,
    new_store: bool = True,
    new_item: bool = True,
    key: str | None = None,
) -> bool:
    return store.add(sale, new_store=new_store, new_item=new_item, key=key)


def look(store: Store, sale: Sale, key: str | None = None) -> Snapshot:
    return store.read_snapshot(sale.store_uuid, sale.item_type, sale.item_sku, key=key)


def listed(store: Store, *path: str, of: str | None = None, first: str = "") -> list[str]:
    return [sale.request_id for _, sale in store.sales(of, path, first=first, limit=100)]


def test_nothing_is_seen_where_nothing_is(store: Store) -> None:
    assert look(store, a_sale(), "k") == Snapshot()
    assert store.sale(uuid(1)) is None
    assert listed(store) == []
    assert store.types_of("s") == []
    assert store.refusals(after=None, limit=10) == []


def test_what_was_added_is_seen_at_once_and_everywhere(store: Store) -> None:
    sale = a_sale()

    assert add(store, sale, key="k")

    snapshot = look(store, sale, "k")
    assert (snapshot.store_known, snapshot.keyed) == (True, sale)
    assert snapshot.item is not None
    assert (snapshot.item.item_cost, snapshot.item.item_title) == (150_00, sale.item_title)
    assert look(store, sale, "another key").keyed is None
    kept = store.sale(sale.request_id)
    assert kept is not None
    assert (kept.sale, kept.archive) == (sale, None)
    assert store.types_of(sale.item_sku) == ["furniture"]
    for of in (None, sale.store_uuid):
        assert listed(store, of=of) == [sale.request_id]
        assert listed(store, "furniture", of=of) == [sale.request_id]
        assert listed(store, "furniture", sale.item_sku, of=of) == [sale.request_id]
        assert listed(store, "furnitur", of=of) == []
        assert listed(store, "furniture", sale.item_sku[:-1], of=of) == []
    assert listed(store, of="another store") == []
    view, item = store.parties(sale)
    assert (view.store_uuid, view.created_at) == (sale.store_uuid, MORNING)
    assert item == snapshot.item


@pytest.mark.parametrize(
    ("number", "named"),
    [
        (1, {"new_store": False, "new_item": False}),
        (2, {"new_store": True, "new_item": False}),
        (2, {"new_store": False, "new_item": True}),
        (2, {"new_store": False, "new_item": False, "key": "k"}),
    ],
)
def test_what_is_there_already_is_not_added_in_part(
    store: Store, number: int, named: dict[str, Any]
) -> None:
    add(store, a_sale(), key="k")
    another = a_sale(number, item_cost=1, item_title="another")

    assert not add(store, another, **named)

    assert listed(store) == [uuid(1)]
    assert store.sale(uuid(2)) is None
    assert store.refusals(after=None, limit=10) == []
    assert look(store, another, "k").keyed == a_sale()


def test_the_newest_sale_renews_the_item_whatever_came_last(store: Store) -> None:
    add(store, a_sale())
    for minutes, cost in ((2, 200), (1, 100), (2, 999)):
        store.renew(a_sale(2, minutes=minutes, item_cost=cost))

    item = look(store, a_sale()).item

    assert item is not None
    assert (item.item_cost, item.changed_at) == (200_00, MORNING + timedelta(minutes=2))


def test_sales_without_warranties_are_counted_and_not_listed(store: Store) -> None:
    add(store, a_sale(1, item_cost=1))
    for number, cost in ((2, 3), (3, 2)):
        sale = a_sale(number, item_cost=cost, minutes=number)
        add(store, sale, new_store=False, new_item=False)

    [refused] = store.refusals(after=None, limit=10)

    assert (refused.reason, refused.count) == ("cost below 10.00", 3)
    assert (refused.last_cost, refused.last_refused_at) == (2, MORNING + timedelta(minutes=3))
    assert listed(store) == []
    assert store.sale(uuid(2)) is not None


def test_refusals_come_in_order_page_by_page(store: Store) -> None:
    names = ["a", "a b", "b", "ship", "ü"]
    for number, name in enumerate(names):
        add(store, a_sale(number, item_type=name), new_store=number == 0)

    first = store.refusals(after=None, limit=2)
    rest = store.refusals(after=("a b", "type unknown"), limit=10)

    assert [each.item_type for each in (*first, *rest)] == names


def test_lists_go_on_from_any_place(store: Store) -> None:
    for number in range(3 * LIST_SHARDS):
        add(store, a_sale(number, minutes=number), new_store=number == 0, new_item=number == 0)
    found = list(store.sales(None, (), first="", limit=5))

    assert [sale.request_id for _, sale in found] == [uuid(n) for n in range(3 * LIST_SHARDS)]
    for place, sale in found:
        assert listed(store, first=place)[0] == sale.request_id
        assert listed(store, "toy", first=place) == []
    assert listed(store, "furniture", first="\U0010ffff") == []


def test_an_item_is_found_by_its_sku_under_each_of_its_types(store: Store) -> None:
    for number, item_type in enumerate(["toy", "furniture", "spaceship"]):
        add(store, a_sale(number, item_type=item_type), new_store=number == 0)

    assert store.types_of("986kjeo8fy9qhu") == ["furniture", "spaceship", "toy"]


@pytest.mark.parametrize("ended", [Ending("done", "key#sha256=1"), Ending("dead", answer="no")])
def test_how_the_archiving_ended_is_stored(store: Store, ended: Ending) -> None:
    add(store, a_sale())

    for _ in range(2):
        store.on_finished(uuid(1), ended)

    kept = store.sale(uuid(1))
    assert kept is not None
    assert (kept.archive, kept.sale) == (ended, a_sale())
    assert listed(store) == [uuid(1)]


def test_how_nothing_ended_is_not_noted(store: Store) -> None:
    store.on_finished(uuid(1), Ending("done", "key#sha256=1"))

    assert store.sale(uuid(1)) is None


def a_cancellation(months: int = 12, reason: str = "returned") -> Cancellation:
    return Cancellation(
        months=months,
        cancelled_at=MORNING,
        reason=reason,
        refund_cents=20_00,
        calculation="cancelled within 30 days: the whole price, 20.00",
        rate_card="2026-11-29",
    )


@pytest.mark.parametrize("number", [None, "FNVV-0BDY-A999"])
def test_a_warranty_is_cancelled_once_and_wherever_it_is_listed(
    store: Store, number: str | None
) -> None:
    """Also one of an older version, without a number."""
    sale = a_sale().model_copy(update={"number": number})
    add(store, sale, key="k")

    assert store.cancel(sale, a_cancellation()) is None
    assert store.cancel(sale, a_cancellation(reason="again")) == a_cancellation()
    assert store.cancel(sale, a_cancellation(24)) is None

    both = (a_cancellation(), a_cancellation(24))
    kept = store.sale(sale.request_id)
    assert kept is not None
    assert kept.sale.cancellations == both
    for of in (None, sale.store_uuid):
        [(_, row)] = store.sales(of, (), first="", limit=10)
        assert row.cancellations == both
    assert look(store, sale, "k").keyed == sale


def test_a_sale_is_found_by_its_number(store: Store) -> None:
    sale = a_sale().model_copy(update={"number": "FNVV-0BDY-A999"})
    add(store, sale)

    found = store.numbered("FNVV-0BDY-A999")

    assert found is not None
    assert found.sale == sale
    assert store.numbered("0000-0000-0000") is None
    other = a_sale(2).model_copy(update={"number": sale.number})
    assert not add(store, other, new_store=False, new_item=False)


def test_how_archiving_a_cancellation_ended_is_stored_apart(store: Store) -> None:
    sale = a_sale()
    add(store, sale)
    store.cancel(sale, a_cancellation(24))

    store.on_finished(sale.request_id, Ending("done", "sale#sha256=1"))
    store.on_finished(sale.request_id, Ending("dead", answer="no"), cancelled_months=24)

    kept = store.sale(sale.request_id)
    assert kept is not None
    assert kept.archive == Ending("done", "sale#sha256=1")
    assert kept.cancellation_archives == {24: Ending("dead", answer="no")}


# --- the real one alone ---------------------------------------------------------------------------


def test_the_effect_is_requested_with_the_sale(dynamodb: Any, names: Any) -> None:
    store = real_store(dynamodb, names.table, names.outbox)

    add(store, a_sale())
    add(store, a_sale(), new_store=False)

    [effect] = items(dynamodb, names.outbox)
    assert effect["pk"]["S"] == f"EFFECT#archive#{uuid(1)}"
    assert effect["kind"]["S"] == "archive"


def test_the_longest_names_fit(dynamodb: Any, names: Any) -> None:
    store = real_store(dynamodb, names.table, names.outbox)
    sale = a_sale(item_sku="🛋" * 64, item_title="🛋" * 256, store_uuid="x" * 64)
    refused = a_sale(2, item_type="🛋" * 64, item_sku="🛋" * 64, store_uuid="x" * 64)

    assert add(store, sale, key="k" * 255)
    assert add(store, refused, new_store=False)

    assert listed(store, "furniture", "🛋" * 64) == [uuid(1)]
    assert [each.item_type for each in store.refusals(after=None, limit=1)] == ["🛋" * 64]


def test_a_sale_that_is_listed_in_a_shard_of_fewer_is_cancelled_there(
    dynamodb: Any, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = real_store(dynamodb, names.table, names.outbox)
    monkeypatch.setattr(warranty_store, "LIST_SHARDS", 1)
    for number in range(5):
        add(store, a_sale(number), new_store=number == 0, new_item=number == 0)
    monkeypatch.setattr(warranty_store, "LIST_SHARDS", 4)

    for number in range(5):
        assert store.cancel(a_sale(number), a_cancellation()) is None

    rows = list(store.sales(None, (), first="", limit=10))
    assert [row.cancellations for _, row in rows] == [(a_cancellation(),)] * 5

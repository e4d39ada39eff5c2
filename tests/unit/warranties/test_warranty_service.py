"""The rules of sales and lists, over a store in memory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import NotFoundError, UnavailableError
from chalicelib.core.idempotency import KeyReusedError
from chalicelib.core.outbox.effects import Ending
from chalicelib.warranties import archive
from chalicelib.warranties.answers import SaleAnswer
from chalicelib.warranties.fields import store_id
from chalicelib.warranties.ports import SalePosition, StoredSale
from chalicelib.warranties.rate_card import NoRateCardError, RateCard, RateCards
from chalicelib.warranties.refunds import covered_until
from chalicelib.warranties.service import (
    Filters,
    NoRefundRuleError,
    Warranties,
    WarrantyExpiredError,
)
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.stage import Act, Killed, Stage
from tests.support.warranties.fakes import CARDS, MORNING, MemoryStore, a_service, body


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def service(store: MemoryStore) -> Warranties:
    return a_service(store)


def ids(service: Warranties, limit: int = 1000, **filters: str) -> list[str]:
    found = service.listed(Filters(**filters), after=None, limit=limit)
    return [warranty.id for warranty in found.rows]


def test_a_card_of_a_day_to_come_prices_from_that_day_on() -> None:
    clock = Clock(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    now = CARDS.by_version["2026-11-21"]
    cards = {now.version: now, "2027-01-01": RateCard(version="2027-01-01", bands={})}
    service = replace(a_service(MemoryStore(), clock=clock), cards=RateCards(cards))

    before = service.sell(body()).sale
    shown = service.card(None).version
    clock.forward(minutes=1)
    after = service.sell(body()).sale

    assert (before.rate_card, bool(before.offers), shown) == ("2026-11-21", True, "2026-11-21")
    assert (after.rate_card, after.reason) == ("2027-01-01", "type unknown")
    assert service.card("2027-01-01").version == "2027-01-01"


# --- selling --------------------------------------------------------------------------------------


def test_w5_a_sale_answers_the_warranties_it_got(service: Warranties) -> None:
    answer = SaleAnswer.of(service.sell(body()).sale)

    assert [
        (w.warranty_price, w.warranty_duration_months, w.item_cost) for w in answer.warranties
    ] == [
        (Decimal("20.00"), 12, Decimal("150.00")),
        (Decimal("27.00"), 24, Decimal("150.00")),
    ]
    first = answer.warranties[0]
    assert first.store_id == store_id("b21ad0676f26439")
    assert (first.store_uuid, first.item_type) == ("b21ad0676f26439", "furniture")
    assert (first.item_sku, first.rate_card) == (
        "986kjeo8fy9qhu",
        service.cards.in_force(MORNING).version,
    )
    assert answer.reason is None


def test_amounts_leave_as_exact_numbers(service: Warranties) -> None:
    text = SaleAnswer.of(service.sell(body(item_cost=150)).sale).json_text()

    assert '"warranty_price":20.00' in text
    assert '"item_cost":150.00' in text
    assert '"reason":null' in text


def test_2c4_one_plan_is_a_list_of_one(service: Warranties) -> None:
    answer = SaleAnswer.of(service.sell(body(item_type="toy", item_cost=20)).sale)

    assert [w.warranty_duration_months for w in answer.warranties] == [12]


def test_2c3_no_plan_is_no_error_and_store_and_item_are_stored(
    service: Warranties, store: MemoryStore
) -> None:
    sale = service.sell(body(item_type="spaceship")).sale

    assert (sale.offers, sale.reason) == ((), "type unknown")
    assert store.stores.keys() == {"b21ad0676f26439"}
    assert store.items.keys() == {("spaceship", "986kjeo8fy9qhu")}


def test_w2_store_and_item_are_created_once_and_reused(
    service: Warranties, store: MemoryStore
) -> None:
    first = service.sell(body()).sale
    for _ in range(3):
        service.sell(body())

    assert store.stores == {"b21ad0676f26439": first.received_at}
    assert len(store.items) == 1


def test_w3_the_same_sku_under_another_type_is_another_item(
    service: Warranties, store: MemoryStore
) -> None:
    service.sell(body(item_type="furniture", item_title="Sofa"))
    service.sell(body(item_type="toy", item_title="Toy sofa"))

    assert {key[0]: item.item_title for key, item in store.items.items()} == {
        "furniture": "Sofa",
        "toy": "Toy sofa",
    }


def test_2c8_each_sale_creates_its_warranties(service: Warranties) -> None:
    for _ in range(3):
        service.sell(body())

    assert len(set(ids(service))) == 6


def test_2c9_the_item_takes_the_newest_cost_and_title_and_old_warranties_keep_theirs(
    service: Warranties, store: MemoryStore
) -> None:
    old = SaleAnswer.of(service.sell(body()).sale).warranties[0]
    service.sell(body(item_cost=300, item_title="Sofa, dearer"))

    shown = service.warranty(old.id)

    assert (shown.item_cost, shown.item_title) == (Decimal("150.00"), "Amy's Sectional Sofa")
    assert (shown.item.item_cost, shown.item.item_title) == (Decimal("300.00"), "Sofa, dearer")


def test_2c9_a_sale_that_was_received_earlier_does_not_overrule_a_later_one(
    store: MemoryStore,
) -> None:
    clock = Clock(MORNING)
    service = a_service(store, clock=clock)
    for hours, cost in ((2, 200), (3, 300), (1, 100)):
        clock.at = MORNING + timedelta(hours=hours)
        service.sell(body(item_cost=cost))

    assert store.items["furniture", "986kjeo8fy9qhu"].item_cost == 300_00


def test_a_sale_of_an_unchanged_item_leaves_its_record_alone(
    service: Warranties, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that thousands of stores may sell it at once."""
    service.sell(body())
    monkeypatch.setattr(MemoryStore, "renew", None)

    service.sell(body())

    assert len(store.rows) == 2


def test_w6_each_sale_is_archived_also_one_without_a_plan(
    service: Warranties, store: MemoryStore
) -> None:
    for told in ({}, {"item_type": "spaceship"}):
        service.sell(body(**told))

    assert [effect.id for effect in store.effects] == [f"archive#{each}" for each in store.rows]
    assert {effect.kind for effect in store.effects} == {"archive"}


# --- the key --------------------------------------------------------------------------------------


def test_a_key_repeats_the_answer_and_nothing_else(service: Warranties, store: MemoryStore) -> None:
    first = service.sell(body(), key="k")
    again = service.sell(body(store_uuid="B21AD0676F26439", item_cost=150), key="k")

    assert (first.replayed, again.replayed) == (False, True)
    assert SaleAnswer.of(again.sale).json_text() == SaleAnswer.of(first.sale).json_text()
    assert len(store.rows) == len(store.effects) == 1


def test_a_key_repeats_a_refusal_too_and_it_is_counted_once(service: Warranties) -> None:
    for _ in range(2):
        service.sell(body(item_cost=1), key="k")

    assert [each.count for each in service.refusals(after=None, limit=10)] == [1]


@pytest.mark.parametrize(
    ("told", "differing"),
    [
        ({"item_cost": 151}, "item_cost"),
        ({"item_title": "x"}, "item_title"),
        ({"store_uuid": "other", "item_sku": "x"}, "store_uuid and another item_sku"),
    ],
)
def test_2d_a_key_is_not_for_another_sale(
    service: Warranties, store: MemoryStore, told: dict[str, Any], differing: str
) -> None:
    service.sell(body(), key="k")

    with pytest.raises(KeyReusedError, match=differing):
        service.sell(body(**told), key="k")

    assert len(store.rows) == 1
    assert store.items["furniture", "986kjeo8fy9qhu"].item_cost == 150_00


# --- at the same time, and dying of it ------------------------------------------------------------


@given(
    st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 8), min_size=5, max_size=5)
)
def test_w8_after_races_and_crashes_nothing_is_lost_or_doubled(
    order: list[int], deaths: list[int]
) -> None:
    """Five callers with three keys meet at one new store and one new item; some die; all retry."""
    store, stage = MemoryStore(), Stage()
    service = a_service(stage.on(store))
    keys = ["a", "a", "b", "b", "c"]
    acts = [
        Act(partial(service.sell, body(), key=key), dies_after=moment if moment < 6 else None)
        for key, moment in zip(keys, deaths, strict=True)
    ]

    stage.play(acts, order)
    assert all(act.error is None or isinstance(act.error, Killed) for act in acts)
    retried = {key: service.sell(body(), key=key).sale for key in keys}

    assert len(store.stores) == len(store.items) == 1
    assert store.rows.keys() == {sale.request_id for sale in retried.values()}
    assert len(store.rows) == len(store.effects) == 3
    for key, act in zip(keys, acts, strict=True):
        if act.outcome:
            assert act.outcome.sale == retried[key]


def test_who_is_overtaken_again_and_again_says_so_in_the_end() -> None:
    class Full(MemoryStore):
        def add(self, *_: Any, **__: Any) -> bool:
            return False

    with pytest.raises(UnavailableError):
        a_service(Full(), tries=3).sell(body())


# --- cancelling -----------------------------------------------------------------------------------


def test_a_cancelled_warranty_gives_back_what_the_card_says_and_explains_it(
    store: MemoryStore,
) -> None:
    clock = Clock(MORNING)
    service = a_service(store, clock=clock)
    sale = service.sell(body()).sale
    clock.at = MORNING + timedelta(days=165)

    now = service.warranty(f"{sale.request_id}-12")
    receipt = service.cancel(f"{sale.request_id}-12", "item returned")

    view = receipt.view
    assert (view.refund, view.currency) == (Decimal("10.96"), "USD")  # 20.00 x 200 / 365
    assert view.calculation == "20.00 x 200 of 365 days left, rounded = 10.96"
    assert (view.rate_card, view.reason) == ("2026-11-29", "item returned")
    assert not receipt.replayed
    assert now.refund_now is not None
    assert (now.status, now.refund_now.refund) == ("active", view.refund)
    shown = service.warranty(f"{sale.number}-12")
    assert (shown.status, shown.refund_now, shown.cancellation) == ("cancelled", None, view)
    assert service.warranty(f"{sale.request_id}-24").status == "active"


def test_cancelling_again_gives_the_same_refund_and_asks_for_nothing_more(
    store: MemoryStore,
) -> None:
    clock = Clock(MORNING)
    service = a_service(store, clock=clock)
    sale = service.sell(body()).sale
    first = service.cancel(f"{sale.request_id}-12", "returned")
    clock.at = MORNING + timedelta(days=4000)

    again = service.cancel(f"{sale.request_id}-12", "another reason")

    assert (again.view, again.replayed) == (first.view, True)
    assert [each.id for each in store.effects] == [
        f"archive#{sale.request_id}",
        f"archive#{sale.request_id}-12#cancelled",
    ]


def test_lists_say_what_is_cancelled_and_the_answer_to_the_sale_stays(
    service: Warranties,
) -> None:
    sold = service.sell(body(), key="k").sale
    service.cancel(f"{sold.request_id}-24", "returned")

    rows = service.listed(Filters(), after=None, limit=10).rows

    assert [(w.warranty_duration_months, w.refund) for w in rows] == [
        (12, None),
        (24, Decimal("27.00")),
    ]
    replayed = service.sell(body(), key="k").sale
    assert SaleAnswer.of(replayed).json_text() == SaleAnswer.of(sold).json_text()


def test_an_expired_warranty_is_not_cancelled(store: MemoryStore) -> None:
    clock = Clock(MORNING)
    service = a_service(store, clock=clock)
    sale = service.sell(body()).sale
    clock.at = covered_until(MORNING, 12)

    with pytest.raises(WarrantyExpiredError, match="2143-03-01T08:00:00Z"):
        service.cancel(f"{sale.request_id}-12", "too late")

    assert service.warranty(f"{sale.request_id}-12").status == "expired"
    assert service.warranty(f"{sale.request_id}-12").refund_now is None


def test_a_card_without_a_refund_leaves_it_to_the_one_in_force(store: MemoryStore) -> None:
    clock = Clock(datetime(2026, 11, 28, 12, tzinfo=UTC))
    service = a_service(store, clock=clock)
    sale = service.sell(body()).sale
    assert service.warranty(f"{sale.request_id}-12").refund_now is None
    with pytest.raises(NoRefundRuleError, match="2026-11-21"):
        service.cancel(f"{sale.request_id}-12", "returned")

    clock.forward(hours=12)

    view = service.cancel(f"{sale.request_id}-12", "returned").view
    assert (view.rate_card, view.refund, view.currency) == ("2026-11-29", Decimal("20.00"), None)


def test_nothing_is_sold_before_the_first_card(store: MemoryStore) -> None:
    service = a_service(store, clock=Clock(datetime(2026, 11, 20, tzinfo=UTC)))

    with pytest.raises(NoRateCardError):
        service.sell(body())

    assert not store.rows


def test_what_is_not_there_is_not_cancelled(service: Warranties) -> None:
    sale = service.sell(body()).sale

    for unknown in (f"{sale.request_id}-36", f"{sale.number}-36", "FNVV-0BDY-A999-12"):
        with pytest.raises(NotFoundError):
            service.cancel(unknown, "returned")


@given(
    st.lists(st.integers(0, 9), max_size=20), st.lists(st.integers(0, 6), min_size=3, max_size=3)
)
def test_after_races_and_crashes_a_warranty_is_cancelled_once(
    order: list[int], deaths: list[int]
) -> None:
    """Three clerks cancel one warranty at different times of day; some die; all try again."""
    store, stage = MemoryStore(), Stage()
    sale = a_service(store).sell(body()).sale
    clock = Clock(MORNING + timedelta(days=40))
    service = a_service(stage.on(store), clock=lambda: clock.forward(days=1) or clock.at)
    acts = [
        Act(
            partial(service.cancel, f"{sale.request_id}-12", f"clerk {number}"),
            dies_after=moment if moment < 4 else None,
        )
        for number, moment in enumerate(deaths)
    ]

    stage.play(acts, order)
    assert all(act.error is None or isinstance(act.error, Killed) for act in acts)
    retried = service.cancel(f"{sale.request_id}-12", "again").view

    assert len(store.rows[sale.request_id].sale.cancellations) == 1
    assert len(store.effects) == 2
    told = [act.outcome for act in acts if act.outcome]
    assert all(receipt.view == retried for receipt in told)
    assert sum(not receipt.replayed for receipt in told) <= 1


# --- looking --------------------------------------------------------------------------------------


def test_w7_lists_are_in_the_order_of_type_sku_and_time(service: Warranties) -> None:
    for item_type, sku in permutations(["toy", "furniture", "tool"], 2):
        service.sell(body(item_type=item_type, item_sku=sku))

    found = service.listed(Filters(), after=None, limit=1000)

    keys = [(w.item_type, w.item_sku, w.created_at, w.id) for w in found.rows]
    assert keys == sorted(keys)
    assert {key[0] for key in keys} == {"toy", "furniture", "tool"}


@given(st.data())
def test_w7_every_mix_of_filters_finds_exactly_what_has_them(data: st.DataObject) -> None:
    service = a_service(MemoryStore())
    sold = st.tuples(
        st.sampled_from(["b1", "b2"]),
        st.sampled_from(["furniture", "furniture2", "toy", "tool"]),
        st.sampled_from(["s", "s1", "s#", "toy"]),
    )
    for store_uuid, item_type, sku in data.draw(st.lists(sold, max_size=12)):
        service.sell(body(store_uuid=store_uuid, item_type=item_type, item_sku=sku))
    everything = service.listed(Filters(), after=None, limit=1000).rows

    mixes = product((None, "b1"), (None, "furniture", "toy"), (None, "s", "toy"))
    for store, kind, article in mixes:
        wanted = [
            w.id
            for w in everything
            if store in (None, w.store_uuid)
            and kind in (None, w.item_type)
            and article in (None, w.item_sku)
        ]
        asked = Filters(sku=article, item_type=kind, store_uuid=store)
        found = service.listed(asked, after=None, limit=1000)
        assert [warranty.id for warranty in found.rows] == wanted


@given(st.integers(1, 8))
def test_2c7_pages_put_together_are_the_list(limit: int) -> None:
    service = a_service(MemoryStore())
    for item_type in ("furniture", "toy", "furniture", "tool"):
        service.sell(body(item_type=item_type))

    pages: list[list[str]] = []
    after: SalePosition | None = None
    while after or not pages:
        page = service.listed(Filters(sku="986kjeo8fy9qhu"), after=after, limit=limit)
        pages.append([warranty.id for warranty in page.rows])
        after = page.next

    assert [warranty_id for page in pages for warranty_id in page] == ids(service)
    assert all(len(page) == limit for page in pages[:-1])


def test_a_warranty_explains_itself(service: Warranties, store: MemoryStore) -> None:
    warranty = SaleAnswer.of(service.sell(body()).sale).warranties[1]

    shown = service.warranty(warranty.id)

    assert shown.price_rule == "6.00 + 14 % of the cost"
    assert shown.calculation == "6.00 + 14 % of 150.00 = 27.00"
    assert shown.store.created_at == shown.created_at
    assert shown.archive.state == "pending"
    assert shown.archive.key == f"warranties/2142/03/01/{warranty.id[:36]}.json"


def test_a_customer_s_number_finds_the_warranties_of_a_sale(service: Warranties) -> None:
    sale = service.sell(body()).sale
    service.sell(body())
    number = sale.number or ""

    both = [f"{number}-12", f"{number}-24"]
    for held in (number, number.lower().replace("-", " "), sale.request_id):
        assert [each.number for each in service.found(held)] == both
    assert [each.number for each in service.found(f"{number}-24")] == both[1:]
    assert service.found(f"{number}-36") == []
    assert service.found("FNVV-0BDY-A999") == []


def test_two_sales_never_have_one_number(store: MemoryStore) -> None:
    """The second one takes another id, as if somebody else had been first."""
    ids = iter([uuid(1), uuid(1), uuid(2)])
    service = replace(a_service(store), new_id=lambda: next(ids))

    first, second = service.sell(body()), service.sell(body())

    assert (first.sale.request_id, second.sale.request_id) == (uuid(1), uuid(2))
    assert second.lost_races == 1


def test_a_warranty_tells_how_its_archiving_has_ended(
    service: Warranties, store: MemoryStore
) -> None:
    sale = service.sell(body()).sale
    key = archive.key(sale)

    store.on_finished(sale.request_id, Ending("done", f"{key}#sha256=beef"))
    done = service.warranty(f"{sale.request_id}-12").archive
    store.on_finished(sale.request_id, Ending("dead", answer="S3 answered 400"))
    dead = service.warranty(f"{sale.request_id}-12").archive

    assert (done.state, done.sha256, done.url) == ("done", "beef", f"https://archive.test/{key}")
    assert (dead.state, dead.url, dead.why) == ("dead", None, "S3 answered 400")


def test_what_is_not_there_is_not_found(service: Warranties, store: MemoryStore) -> None:
    sale = service.sell(body()).sale
    store.rows["0" * 8] = StoredSale(sale)

    for unknown in (f"{sale.request_id}-36", f"{sale.request_id}-012", "unknown-12"):
        with pytest.raises(NotFoundError):
            service.warranty(unknown)
    with pytest.raises(NotFoundError):
        service.card("1999-01-01")


def test_refusals_are_counted_by_type_and_reason(service: Warranties) -> None:
    for told in (
        {"item_type": "spaceship", "item_cost": 5},
        {"item_cost": 1},
        {"item_cost": 2},
        {"item_cost": 9000},
        {},
    ):
        service.sell(body(**told))

    found = service.refusals(after=None, limit=10)

    assert [(each.item_type, each.reason, each.count, each.last_cost) for each in found] == [
        ("furniture", "cost above 5,000.00", 1, Decimal("9000.00")),
        ("furniture", "cost below 10.00", 2, Decimal("2.00")),
        ("spaceship", "type unknown", 1, Decimal("5.00")),
    ]

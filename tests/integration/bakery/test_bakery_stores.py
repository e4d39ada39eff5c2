"""What the bakery's stores promise, on moto: one caller at a time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.bakery import effects
from chalicelib.bakery.amounts import Amount
from chalicelib.bakery.ports import Spot
from chalicelib.bakery.records import (
    Access,
    Batch,
    Cake,
    Change,
    Employee,
    Extra,
    Gathering,
    GitHubUser,
    Ingredient,
    Keyed,
    Order,
    Ticket,
)
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.store import items
from chalicelib.bakery.store.orders import spread
from chalicelib.core.outbox.store import EffectStore, OvertakenError
from tests.support.bakery.table import Stores
from tests.support.clock import Clock
from tests.support.dynamodb import spending

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIX = datetime(2026, 11, 21, 6, tzinfo=UTC)
DAY = date(2026, 11, 21)
PAGE = 50
FLOUR = Ingredient(name="Flour", amount=Amount(value=Decimal("33.0"), unit="g"))


def cake(name: str = "Carrot Cake") -> Cake:
    return Cake(name=name, ingredients=(FLOUR,), created_at=NOON)


def order(number: int, created_at: datetime = NOON, *states: str) -> Order:
    """Return an order; those with odd numbers are of an older version."""
    history = [
        Change(status=state, at=created_at, by="test", reason="test") for state in ("open", *states)
    ]
    return Order(
        id=number,
        customer="Mr Cakelover",
        recipe="carrot_cake",
        recipe_name="Carrot Cake",
        base=(FLOUR,),
        persons=2,
        quantity=3,
        created_at=created_at,
        history=tuple(history),
        spread=number % 2 == 0,
    )


def cancelled(before: Order) -> Order:
    return before.changed("cancelled", at=NOON, by="test", reason="test")


# --- cakes ----------------------------------------------------------------------------------------


def test_5c1_one_id_is_one_cake(stores: Stores) -> None:
    assert stores.cakes.add(cake())
    assert not stores.cakes.add(cake("carrot-cake"))

    assert stores.cakes.cake("carrot_cake") == cake()
    assert stores.cakes.cake("nothing") is None
    assert stores.cakes.cake("") is None


def test_b1_cakes_are_listed_in_the_order_of_their_ids(stores: Stores) -> None:
    for name in ("Zebra Cake", "Apple Pie"):
        stores.cakes.add(cake(name))

    assert [each.id for each in stores.cakes.cakes()] == ["apple_pie", "zebra_cake"]


def test_b4_a_cake_is_removed_once(stores: Stores) -> None:
    stores.cakes.add(cake())

    assert [stores.cakes.remove("carrot_cake") for _ in range(2)] == [True, False]


# --- orders ---------------------------------------------------------------------------------------


def test_5c5_ids_count_up(stores: Stores) -> None:
    assert [stores.orders.next_id(NOON).id for _ in range(3)] == [1, 2, 3]


def test_an_order_stays_as_it_is_amounts_and_all(stores: Stores) -> None:
    kept = order(1).model_copy(update={"email": "a@b.example", "ticket": Ticket(key="ING-1")})
    stores.orders.add(kept, [effects.order_ticket(1)])

    assert stores.orders.order(1) == kept
    assert str(stores.orders.order(1).needs[0].amount) == "198 g"  # type: ignore[union-attr]
    assert stores.requested() == {"jira#order#1"}


def test_s8_a_key_identifies_one_order(stores: Stores) -> None:
    one, other = Keyed(order=1), Keyed(order=2)

    assert stores.orders.add(order(1), key=("k", one))
    assert not stores.orders.add(order(2), [effects.order_ticket(2)], key=("k", other))

    assert stores.orders.keyed("k") == one
    assert stores.orders.keyed("other") is None
    assert stores.orders.order(2) is None
    assert stores.requested() == set()


def test_orders_are_listed_newest_first_as_numbers(stores: Stores) -> None:
    for number in (1, 2, 10, 11, 9):
        stores.orders.add(order(number))

    assert [each.id for each in stores.orders.orders(None, page_size=PAGE)] == [11, 10, 9, 2, 1]
    assert [each.id for each in stores.orders.orders(10, page_size=PAGE)] == [9, 2, 1]
    assert list(stores.orders.orders(0, page_size=PAGE)) == []


def test_orders_are_listed_by_customer_due_day_and_while_they_are_open(stores: Stores) -> None:
    for number in range(1, 131):
        customer = "Mr. Cakelover" if number % 2 else "Ann"
        due_at = NOON + timedelta(days=number % 3) if number % 10 else None
        told = {"customer": customer, "due_at": due_at}
        assert stores.orders.next_id(NOON).id == number
        stores.orders.add(order(number).model_copy(update=told))
    first = stores.orders.order(1)
    assert first is not None
    stores.orders.change(first, cancelled(first))

    lovers = [each.id for each in stores.orders.perhaps_of("mr_cakelover", None, page_size=PAGE)]
    assert lovers == [number for number in range(130, 0, -1) if number % 2]
    assert [each.id for each in stores.orders.perhaps_of("mr_cakelover", 4, page_size=PAGE)] == [
        3,
        1,
    ]
    assert [each.id for each in stores.orders.due_on(NOON.date(), 13, page_size=PAGE)] == [
        12,
        9,
        6,
        3,
    ]
    assert [each.id for each in stores.orders.with_status("open", 4, page_size=PAGE)] == [3, 2]


def test_orders_of_a_version_without_lists_of_customers_are_found_too(stores: Stores) -> None:
    for number in (1, 2):  # as that version stored them
        stores.table.put(items.item(("ORDERS", items.padded(number)), order(number)))
    stores.table.add("COUNTERS", "ORDERS", "last", 2)
    new = stores.orders.next_id(NOON).id
    stores.orders.add(order(new))
    late = new + 500  # beyond what functions of that version may have given out meanwhile
    stores.orders.add(order(late))

    assert new == 3
    found = [each.id for each in stores.orders.perhaps_of("mr_cakelover", None, page_size=PAGE)]
    assert found == [late, new, 2, 1]


@pytest.mark.parametrize("older_orders", [0, 2])
def test_only_the_first_order_notes_where_the_lists_of_customers_begin(
    stores: Stores, older_orders: int
) -> None:
    if older_orders:  # of a version without such lists
        stores.table.add("COUNTERS", "ORDERS", "last", older_orders)

    calls = []
    for _ in range(3):
        with spending(stores.client) as spent:
            stores.orders.next_id(NOON)
        calls.append(spent.calls)

    assert calls == [{"UpdateItem": 2}, {"UpdateItem": 1}, {"UpdateItem": 1}]


def test_an_order_that_is_open_again_waits_again(stores: Stores) -> None:
    first = order(1)
    stores.orders.add(first)
    notice = effects.ready_notice(1, delay_s=60)
    ready = first.changed("ready", at=NOON, by="test", reason="test")
    assert stores.orders.change(first, ready, [notice])
    assert stores.batches.waiting(SIX) == []

    back = ready.changed("open", at=NOON, by="test", reason="test", undone=1)
    assert stores.orders.change(ready, back, withdrawn=notice)

    assert [each.id for each in stores.batches.waiting(SIX)] == [1]
    assert [each.id for each in stores.batches.open_orders()] == [1]
    row = EffectStore(stores.effects).get("ready#1")
    assert row is not None
    assert (row.state, row.answer, row.wake_at) == ("done", "withdrawn before it began", None)


@pytest.mark.parametrize("first_is", ["the worker", "the clerk"])
def test_of_a_worker_and_a_clerk_one_gets_the_notice(stores: Stores, first_is: str) -> None:
    first, notice = order(1), effects.ready_notice(1)
    stores.orders.add(first)
    ready = first.changed("ready", at=NOON, by="test", reason="test")
    stores.orders.change(first, ready, [notice])
    back = ready.changed("open", at=NOON, by="test", reason="test", undone=1)
    rows = EffectStore(stores.effects)
    read = rows.get("ready#1")
    assert read is not None
    claimed = replace(read, state="sending", token="t", attempts=1)

    if first_is == "the worker":
        rows.change(read, claimed)
        assert not stores.orders.change(ready, back, withdrawn=notice)
        assert stores.orders.order(1) == ready
    else:
        assert stores.orders.change(ready, back, withdrawn=notice)
        with pytest.raises(OvertakenError):
            rows.change(read, claimed)


def test_a_change_on_what_has_changed_does_nothing(stores: Stores) -> None:
    first = order(1)
    stores.orders.add(first)

    assert stores.orders.change(first, cancelled(first), [effects.filing(1)])
    assert not stores.orders.change(first, cancelled(first), [effects.ready_notice(1)])

    assert stores.requested() == {"cancelled#1"}


def test_an_effect_that_was_requested_stops_the_change_that_asks_again(stores: Stores) -> None:
    first = order(1)
    stores.orders.add(first, [effects.filing(1)])

    assert not stores.orders.change(first, cancelled(first), [effects.filing(1)])
    assert stores.orders.order(1) == first


# --- batches --------------------------------------------------------------------------------------


def test_5c8_open_orders_from_before_the_cut_off_wait(stores: Stores) -> None:
    stores.orders.add(order(1))
    stores.orders.add(order(2, SIX))
    stores.orders.add(order(3, NOON, "ticketed"))
    gone = order(4)
    stores.orders.add(gone)
    stores.orders.change(gone, cancelled(gone))

    assert [each.id for each in stores.batches.waiting(SIX)] == [1]
    assert [each.id for each in stores.batches.waiting(SIX + timedelta(1))] == [1, 2]


def test_one_that_is_open_no_longer_hides_none_after_it(stores: Stores) -> None:
    """Between looking for open orders and reading them, any of them may be cancelled."""
    for number in range(1, 70):
        stores.orders.add(order(number))
    opened = [item for pk in spread("OPEN") for item in stores.table.query(pk)]
    for number in range(1, 65):
        before = order(number)
        stores.orders.change(before, cancelled(before))
    stores.table.put_many(opened)

    assert [each.id for each in stores.batches.waiting(SIX)] == [65, 67, 69]
    assert [each.id for each in stores.batches.open_orders()] == [65, 67, 69, 68, 66]


def test_as_many_orders_join_at_a_time_as_a_transaction_takes(stores: Stores) -> None:
    long = Ingredient(name="n" * 200_000, amount=FLOUR.amount)
    for number in range(1, 21):
        stores.orders.add(order(number).model_copy(update={"base": (long,)}))

    joining = stores.batches.waiting(SIX)
    batch = run(stores)

    assert len(joining) == 17
    assert batch
    assert batch.orders == tuple(range(1, 21))


def run(stores: Stores, at: datetime = SIX) -> Batch | None:
    return Batching(stores.batches, now=lambda: at).run_scheduled(at).batch


def test_b9_a_hundred_orders_join_one_batch(stores: Stores) -> None:
    for number in range(1, 101):
        stores.orders.add(order(number))

    batch = run(stores)

    assert batch
    assert batch.orders == tuple(range(1, 101))
    assert [str(line.amount) for line in batch.lines] == ["19800 g"]
    assert run(stores) == batch
    assert stores.batches.batch(DAY) == batch
    assert stores.requested() == {"jira#batch#2026-11-21"}
    assert {each.status for each in stores.orders.orders(None, page_size=PAGE)} == {"ticketed"}
    assert stores.batches.unsealed() == []


def joining(stores: Stores, number: int) -> tuple[Order, Order]:
    before = order(number)
    stores.orders.add(before)
    return before, before.changed("ticketed", at=SIX, by="test", reason="test", batch=DAY)


def test_claims_and_seals_hold_what_they_rest_on(stores: Stores) -> None:
    empty = Gathering(day=DAY, cutoff=SIX, by="test", version=0)
    first, second, third = (joining(stores, number) for number in (1, 2, 3))

    assert stores.batches.claim(empty, [first])
    begun = stores.batches.gathering(DAY)
    assert begun
    assert not stores.batches.claim(empty, [second]), "somebody began it"
    assert not stores.batches.claim(begun, [first, second]), "one of them has joined"
    assert stores.batches.claim(begun, [second])

    late = Batch(day=DAY, cutoff=SIX, by="test", sealed_at=SIX, orders=(1,), lines=())
    assert not stores.batches.seal(begun, late, effects.batch_ticket(DAY)), "one joined since"
    moved_on = stores.batches.gathering(DAY)
    assert moved_on
    assert [each.id for each in stores.batches.members(DAY)] == [1, 2]
    assert stores.batches.seal(moved_on, late, effects.batch_ticket(DAY))
    assert not stores.batches.seal(moved_on, late, effects.batch_ticket(DAY)), "it is sealed"
    assert not stores.batches.claim(empty, [third]), "nothing joins a sealed batch"
    assert stores.orders.order(3) == third[0]


def test_batches_are_listed_newest_first(stores: Stores) -> None:
    for days in range(3):
        stores.orders.add(order(days + 1))
        run(stores, SIX + timedelta(days=days))

    found = [batch.day for batch in stores.batches.batches(None)]
    assert found == [DAY + timedelta(2), DAY + timedelta(1), DAY]
    assert [batch.day for batch in stores.batches.batches(DAY + timedelta(1))] == [DAY]
    assert list(stores.batches.batches(date.min)) == []


# --- tickets --------------------------------------------------------------------------------------


def test_extra_tickets_are_batches_of_their_own(stores: Stores) -> None:
    clock = Clock(NOON)
    batching = Batching(stores.batches, now=clock)
    for day in range(2):
        for number in (1, 2, 3):
            stores.orders.add(order(10 * day + number, clock.at))
            clock.forward(minutes=1)
            assert batching.run_by_hand(number).new
        clock.forward(days=1)

    names = [each.id for each in stores.batches.batches(None)]
    days = [date(2026, 11, 21), date(2026, 11, 20)]
    assert names == [each for day in days for each in (Extra(day, 3), Extra(day, 2), day)]
    for place, name in enumerate(names):
        assert [each.id for each in stores.batches.batches(name)] == names[place + 1 :]
    assert [each.id for each in stores.batches.members(Extra(days[1], 2))] == [2]
    assert stores.requested() >= {"jira#batch#2026-11-20", "jira#batch#2026-11-20#03"}
    stores.tickets.know("ING-1", Extra(days[0], 2), issue_id="7")
    stores.tickets.settle(Extra(days[0], 2), Ticket(state="created", key="ING-1"))
    assert stores.tickets.owner("ING-1", "7") == Extra(days[0], 2)
    settled = stores.batches.batch(Extra(days[0], 2))
    assert settled is not None
    assert settled.ticket.key == "ING-1"


def test_the_outcome_of_a_ticket_is_stored_beside_its_batch(stores: Stores) -> None:
    stores.orders.add(order(1))
    run(stores)
    for _ in range(2):
        stores.tickets.know("ING-1", DAY)
        stores.tickets.settle(DAY, Ticket(state="created", key="ING-1"))
    stores.tickets.know("ING-2", 7)

    batch = stores.batches.batch(DAY)
    assert batch
    assert batch.ticket == Ticket(state="created", key="ING-1")
    assert stores.tickets.owner("ING-1") == DAY
    assert stores.tickets.owner("ING-2") == 7
    assert stores.tickets.owner("ING-3") is None


def test_a_ticket_is_known_by_its_id_first_and_by_its_key_second(stores: Stores) -> None:
    stores.tickets.know("ING-1", DAY, issue_id="10001")
    stores.tickets.know("ING-1", DAY)
    stores.tickets.know("ING-2", 7)

    assert stores.tickets.owner("ING-1", "10001") == DAY
    assert stores.tickets.owner("OPS-7", "10001") == DAY, "it was moved"
    assert stores.tickets.owner("ING-1", "10002") is None, "another ticket has that key now"
    assert stores.tickets.owner("ING-2", "10002") == 7, "an older version kept no id"
    assert (stores.tickets.issue_id("ING-1"), stores.tickets.issue_id("ING-2")) == ("10001", None)


def test_an_effect_by_itself_is_requested_once(stores: Stores) -> None:
    asked = [stores.tickets.request(effects.inspection("ING-1", "abc")) for _ in range(2)]

    assert asked == [True, False]


def test_a_cake_that_an_older_version_stored_without_its_own_letters_is_found(
    stores: Stores,
) -> None:
    cake = Cake(name="KäseKuchen 李", ingredients=(), created_at=NOON)
    stores.table.put(items.item(("CAKES", "kase_kuchen"), cake))

    assert stores.cakes.cake(cake.id) == cake
    assert stores.cakes.cake("kase_kuchen") is None, "that is another cake"
    assert not stores.cakes.remove("kase_kuchen")
    assert stores.cakes.remove(cake.id)
    assert stores.cakes.cakes() == []


# --- staff ----------------------------------------------------------------------------------------


def ada(**said: object) -> Employee:
    told = {"id": 1, "first_name": "Ada", "last_name": "Lovelace", "developer": True}
    return Employee.model_validate(
        {**told, "login": "octocat", "access": "pending", "created_at": NOON, **said}
    )


def test_b14_hiring_changing_and_firing_hold_what_they_rest_on(stores: Stores) -> None:
    said = stores.staff.access("OctoCat").after(holder=1, wanted=True)
    granted = effects.access(1, 1, said)
    assert stores.staff.change(None, ada(), access=[said], effects=[granted])
    assert not stores.staff.change(None, ada(), access=[said]), "it is there"

    renamed = ada().after(first_name="Augusta")
    assert stores.staff.change(ada(), renamed)
    assert not stores.staff.change(ada(), None), "it has changed"
    assert stores.staff.employees() == [renamed]
    assert stores.staff.access("octocat") == said

    assert not stores.staff.change(renamed, None, access=[said]), "somebody spoke since"
    assert stores.staff.change(renamed, None, access=[said.after(holder=None, wanted=False)])
    assert stores.staff.employee(1) is None
    assert stores.staff.access("OCTOCAT").version == 2
    assert stores.requested() == {"access#1#grant#v1"}


def test_of_a_stranger_nothing_is_stored(stores: Stores) -> None:
    assert stores.staff.access("stranger") == Access(login="stranger")


def test_who_has_a_name_is_kept_unless_a_later_word_was_on_it(stores: Stores) -> None:
    assert stores.staff.user("octocat") is None

    stores.staff.know_user(GitHubUser(login="OctoCat", user_id=5, word=3))
    stores.staff.know_user(GitHubUser(login="octocat", user_id=4, word=2))
    stores.staff.know_user(GitHubUser(login="octodog", user_id=5, word=1))

    assert stores.staff.user("octocat") == GitHubUser(login="OctoCat", user_id=5, word=3)
    assert sorted(stores.staff.logins_of(5)) == ["OctoCat", "octodog"]
    stores.staff.know_user(GitHubUser(login="octocat", user_id=9, word=4))
    assert stores.staff.logins_of(5) == ["octodog"], "the name is somebody else's now"
    assert stores.staff.logins_of(4) == []


# --- documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["document/mr_cakelover", "document/山田"])
def test_a_document_is_made_by_one(stores: Stores, name: str) -> None:
    fresh = stores.documents.spot(name)
    assert fresh == Spot()
    assert stores.documents.claim(name, maker="cancelled#1", at=NOON, before=fresh)
    assert not stores.documents.claim(name, maker="cancelled#2", at=NOON, before=fresh)

    claimed = stores.documents.spot(name)
    assert claimed == Spot(None, "cancelled#1", NOON)
    assert stores.documents.claim(name, maker="cancelled#2", at=SIX, before=claimed)
    assert not stores.documents.claim(name, maker="cancelled#3", at=SIX, before=claimed)

    stores.documents.keep(name, "abc")
    kept = stores.documents.spot(name)
    assert kept.document_id == "abc"


def test_who_certainly_made_no_document_lets_others_make_it(stores: Stores) -> None:
    name = "document/mr_cakelover"
    stores.documents.claim(name, maker="cancelled#1", at=NOON, before=Spot())

    stores.documents.release(name, maker="cancelled#2")
    assert stores.documents.spot(name).maker == "cancelled#1", "it is another's"
    stores.documents.release(name, maker="cancelled#1")
    assert stores.documents.spot(name) == Spot()

    stores.documents.claim(name, maker="cancelled#2", at=SIX, before=Spot())
    stores.documents.keep(name, "abc")
    stores.documents.release(name, maker="cancelled#2")
    assert stores.documents.spot(name).document_id == "abc"


def test_a_document_that_is_gone_is_made_anew_by_one(stores: Stores) -> None:
    name = "document/mr_cakelover"
    assert stores.documents.claim(name, maker="cancelled#1", at=NOON, before=Spot())
    stores.documents.keep(name, "abc")
    gone = stores.documents.spot(name)

    assert stores.documents.claim(name, maker="cancelled#2", at=SIX, before=gone)
    assert not stores.documents.claim(name, maker="cancelled#3", at=SIX, before=gone)
    assert stores.documents.spot(name) == Spot(None, "cancelled#2", SIX)

"""One ticket a day, whatever happens meanwhile (B9, 5c 7-9)."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bakery.answers import BatchAnswer
from chalicelib.bakery.batching import Filling, Room, cutoff_of, day_of
from chalicelib.bakery.records import Batch, Extra
from chalicelib.bakery.service.batches import Batching, TicketTooEarlyError
from chalicelib.bakery.service.orders import WrongStateError
from chalicelib.core.errors import NotFoundError
from tests.support.bakery.house import Bakehouse
from tests.support.stage import Act, Killed, Stage

DAY = date(2026, 11, 21)
# What three of the orders here take, and what not even one takes, which has a ticket all the same.
FOR_THREE, FOR_ONE = Room(stored=1_000, answered=1_700), Room(stored=1, answered=1)
SIX = datetime(2026, 11, 21, 6, tzinfo=UTC)


def totals(house: Bakehouse, orders: list[int]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    for order in orders:
        for need in house.orders.rows[order].needs:
            key = need.id, need.amount.unit
            found[key] = found.get(key, Decimal(0)) + need.amount.value
    return found


def test_b9_the_day_s_orders_are_summed_up_in_one_ticket(house: Bakehouse) -> None:
    first, second = house.order(persons=1), house.order(persons=2, extras={"cherries": 5})

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.new
    assert run.batch
    assert run.batch.orders == (first.id, second.id)
    lines = {line.name: (str(line.amount), line.orders) for line in run.batch.lines}
    assert lines["chocolate"] == ("201 g", 2)
    assert lines["cherries"] == ("5 units", 1)
    assert {house.now(order).status for order in (first, second)} == {"ticketed"}
    assert house.now(first).batch == DAY
    assert house.effects.ids == ["jira#batch#2026-11-21"]


def test_b9_without_an_order_there_is_no_ticket(house: Bakehouse) -> None:
    run = house.batching.run_scheduled(SIX)

    assert (run.batch, run.new) == (None, False)
    assert house.effects.ids == []
    with pytest.raises(NotFoundError):
        house.batching.show(DAY)


def test_an_ingredient_in_two_units_has_two_lines_that_are_never_converted(
    house: Bakehouse,
) -> None:
    house.bake("Egg Cake", Eggs=Decimal("100.0"))
    house.order(), house.order(recipe="egg cake", persons=1)

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.batch
    eggs = [str(line.amount) for line in run.batch.lines if line.id == "eggs"]
    assert eggs == ["100 g", "8 units"]


@pytest.mark.parametrize(("at", "joins"), [(SIX - timedelta(microseconds=1), True), (SIX, False)])
def test_5c8_exactly_six_is_tomorrow_s(house: Bakehouse, at: datetime, joins: bool) -> None:
    house.clock.at = at
    order = house.order()

    run = house.batching.run_scheduled(SIX)

    assert (run.batch is not None) is joins
    tomorrow = house.batching.run_scheduled(SIX + timedelta(days=1))
    assert tomorrow.new is not joins
    assert house.now(order).batch == DAY + timedelta(days=not joins)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_5c8_a_day_lasts_from_six_to_six(at: datetime) -> None:
    assert cutoff_of(day_of(at)) <= at < cutoff_of(day_of(at) + timedelta(days=1))


def test_5c8_a_double_or_late_run_finishes_the_same_batch(house: Bakehouse) -> None:
    house.order()
    first = house.batching.run_scheduled(house.tomorrow_at_six())
    house.clock.forward(hours=3)
    house.order()

    late = house.batching.run_scheduled(SIX + timedelta(hours=3))
    by_hand = house.batching.run_by_hand()

    assert first.batch == late.batch == by_hand.batch
    assert not late.new
    assert house.effects.ids == ["jira#batch#2026-11-21"]


def test_5c8_a_missed_day_joins_the_next_ticket(house: Bakehouse) -> None:
    orders = [house.order()]
    house.clock.forward(days=1)
    orders.append(house.order())

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.batch
    assert (run.day, run.batch.orders) == (date(2026, 11, 22), (1, 2))


def test_5d_by_hand_takes_the_orders_until_now_and_then_the_day_has_its_batch(
    house: Bakehouse,
) -> None:
    house.order()
    house.clock.forward(minutes=1)
    run = house.batching.run_by_hand()
    house.order()
    again = house.batching.run_by_hand()

    assert run.batch
    assert run.new
    assert (run.day, run.batch.by) == (date(2026, 11, 20), "hand")
    assert again.batch == run.batch
    assert not again.new


def test_5c10_a_cancelled_order_is_not_bought_for(house: Bakehouse) -> None:
    gone, kept = house.order(), house.order()
    house.cancel(gone)

    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.batch
    assert run.batch.orders == (kept.id,)
    assert "comment#1" not in house.effects.ids


def test_5c10_one_that_is_cancelled_later_stays_on_the_ticket_which_is_told(
    house: Bakehouse,
) -> None:
    order = house.order()
    house.batching.run_scheduled(house.tomorrow_at_six())
    house.cancel(order)

    assert "comment#1" in house.effects.ids
    expanded = house.batching.show(DAY)
    assert expanded.batch.orders == (order.id,)


def test_every_line_leads_back_to_its_orders(house: Bakehouse) -> None:
    house.order(persons=1), house.order(persons=2, extras={"cherries": 5})
    house.batching.run_scheduled(house.tomorrow_at_six())

    expanded = house.batching.show(DAY)

    shares = {
        name: [(order, str(amount)) for order, amount in found]
        for (name, _), found in expanded.shares.items()
    }
    assert shares["chocolate"] == [(1, "67 g"), (2, "134 g")]
    assert shares["cherries"] == [(2, "5 units")]


# --- whatever happens meanwhile -------------------------------------------------------------------


class Died(Exception):  # noqa: N818 - it is no error, it is an end
    """The function's process is gone."""


class Meanwhile:
    """Batches between whose calls other things happen, as a script says: one entry a call."""

    def __init__(self, house: Bakehouse, script: Iterator[Callable[[Bakehouse], None]]) -> None:
        self._house = house
        self._script = script

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._house.batches, name)

        def calling(*args: Any, **kwargs: Any) -> Any:
            next(self._script, lambda _: None)(self._house)
            return call(*args, **kwargs)

        return calling


def interrupted(house: Bakehouse, script: Iterator[Callable[[Bakehouse], None]]) -> Batching:
    """Return what runs batches while other things happen."""
    return Batching(Meanwhile(house, script), house.clock, house.batching.room)


def nothing(_: Bakehouse) -> None:
    """The world stands still."""


def die(_: Bakehouse) -> None:
    raise Died


def place(house: Bakehouse) -> None:
    house.order(persons=1 + len(house.orders.rows) % 7)


def place_late(house: Bakehouse) -> None:
    """An order is stored now that was created before the cut-off."""
    now, house.clock.at = house.clock.at, SIX - timedelta(seconds=1)
    house.order()
    house.clock.at = now


def late_and_claimed(house: Bakehouse) -> None:
    """The same, and another run claims it at once, and then dies."""
    place_late(house)
    script = iter([*[nothing] * 5, die])
    with suppress(Died):
        interrupted(house, script).run_scheduled(SIX)


def place_urgently(house: Bakehouse) -> None:
    house.order(urgent=True)


def cancel_one(house: Bakehouse) -> None:
    for order in list(house.orders.rows.values()):
        if order.status not in {"cancelled", "ready"}:
            house.cancel(order)
            return


def cancel_last(house: Bakehouse) -> None:
    for order in list(house.orders.rows.values())[-1:]:
        with suppress(WrongStateError):
            house.cancel(order)


def make_ready(house: Bakehouse) -> None:
    for order in list(house.orders.rows.values())[:1]:
        with suppress(WrongStateError):
            house.ready(order)


def another_run(house: Bakehouse) -> None:
    house.batching.run_scheduled(SIX)


def by_hand(house: Bakehouse) -> None:
    house.batching.run_by_hand()


def half_a_run(house: Bakehouse) -> None:
    script = iter([nothing] * 5 + [die])
    with suppress(Died):
        interrupted(house, script).run_scheduled(SIX)


EVENTS = [
    *(nothing, nothing, die, place, place_late, late_and_claimed, place_urgently),
    *(cancel_one, cancel_last),
    *(make_ready, another_run, by_hand, half_a_run),
]


@given(
    early=st.integers(0, 8),
    script=st.lists(st.sampled_from(EVENTS), max_size=40),
    runs=st.integers(1, 4),
    room=st.sampled_from([Room(), FOR_THREE, FOR_ONE]),
)
def test_any_interleaving_leaves_every_order_on_one_ticket_or_none(
    early: int, script: list[Callable[[Bakehouse], None]], runs: int, room: Room
) -> None:
    house = Bakehouse(room=room)
    house.bake()
    for number in range(early):
        house.order(persons=number + 1)
    house.clock.at = SIX + timedelta(seconds=1)
    entries = iter(script)

    for _ in range(runs):
        with suppress(Died):
            interrupted(house, entries).run_scheduled(SIX)
    house.batching.run_scheduled(SIX)
    house.clock.at = SIX + timedelta(days=1)
    house.batching.finish()
    house.batching.run_scheduled(SIX + timedelta(days=1))

    check(house)


def check(house: Bakehouse) -> None:
    """Each order is on one ticket or none, and the tickets add up."""
    assert house.batches.gatherings == {}
    bought = [order for batch in house.batches.rows.values() for order in batch.orders]
    assert len(bought) == len(set(bought))
    for order in house.orders.rows.values():
        joined = [change for change in order.history if change.status == "ticketed"]
        alone = f"jira#order#{order.id}" in house.effects.requested
        assert len(joined) == (order.id in bought) + alone <= 1
        assert order.status != "open"
        assert alone == order.urgent
        assert (order.batch is not None) == (order.id in bought)
        commented = f"comment#{order.id}" in house.effects.requested
        assert commented == (order.status == "cancelled" and bool(joined))
    for day, batch in house.batches.rows.items():
        assert {(line.id, line.amount.unit): line.amount.value for line in batch.lines} == totals(
            house, list(batch.orders)
        )
        assert all(house.orders.rows[order].batch_id == day for order in batch.orders)
        filled = Filling(house.batching.room)
        assert len(filled.fitting(house.orders.rows[each] for each in batch.orders)) == len(
            batch.orders
        )
    asked = [each for each in house.effects.requested if each.startswith("jira#batch#")]
    assert asked == [f"jira#batch#{day.isoformat()}" for day in house.batches.rows]


@pytest.mark.parametrize("steps", range(16))
def test_a_run_that_dies_anywhere_is_finished_by_the_next(house: Bakehouse, steps: int) -> None:
    for _ in range(7):
        house.order()
    house.tomorrow_at_six()
    script = iter([*[nothing] * steps, die])

    with suppress(Died):
        interrupted(house, script).run_scheduled(SIX)
    run = house.batching.run_scheduled(SIX)

    assert run.batch
    assert run.batch.orders == tuple(range(1, 8))
    check(house)


def test_a_batch_that_nobody_came_back_to_is_finished_by_the_hourly_check(
    house: Bakehouse,
) -> None:
    for _ in range(5):
        house.order()
    house.tomorrow_at_six()
    half_a_run(house)
    assert house.batches.gatherings

    assert house.batching.finish() == [DAY]
    assert house.batching.finish() == []
    check(house)


@pytest.mark.parametrize("steps", range(14))
def test_who_joins_while_the_sum_is_made_is_in_it_or_on_the_next_ticket(
    house: Bakehouse, steps: int
) -> None:
    for _ in range(4):
        house.order()
    house.tomorrow_at_six()
    script = iter([*[nothing] * steps, late_and_claimed])

    interrupted(house, script).run_scheduled(SIX)
    house.clock.at = SIX + timedelta(days=1)
    house.batching.run_scheduled(house.clock.at)

    check(house)


# --- more than a ticket takes ---------------------------------------------------------------------


@pytest.fixture
def small() -> Bakehouse:
    """A bakery whose tickets take three orders."""
    house = Bakehouse(room=FOR_THREE)
    house.bake()
    return house


def tickets(house: Bakehouse) -> list[tuple[str, tuple[int, ...]]]:
    return [(each.isoformat(), batch.orders) for each, batch in sorted_rows(house)]


def sorted_rows(house: Bakehouse) -> list[tuple[Any, Batch]]:
    return sorted(house.batches.rows.items(), key=lambda row: row[0].isoformat())


def test_orders_that_a_ticket_has_no_room_for_go_on_extra_ones_of_the_day(small: Bakehouse) -> None:
    for _ in range(7):
        small.order()

    run = small.batching.run_scheduled(small.tomorrow_at_six())

    assert tickets(small) == [
        ("2026-11-21", (1, 2, 3)),
        ("2026-11-21#02", (4, 5, 6)),
        ("2026-11-21#03", (7,)),
    ]
    assert run.batch
    assert [batch.full for _, batch in sorted_rows(small)] == [True, True, False]
    assert {batch.cutoff for _, batch in sorted_rows(small)} == {SIX}
    check(small)
    assert not small.batching.run_scheduled(SIX).new
    assert len(small.batches.rows) == 3


def test_orders_that_just_fill_a_ticket_have_no_other(small: Bakehouse) -> None:
    for _ in range(3):
        small.order()

    run = small.batching.run_scheduled(small.tomorrow_at_six())

    assert run.batch
    assert not run.batch.full
    assert tickets(small) == [("2026-11-21", (1, 2, 3))]


def test_by_hand_says_on_which_tickets_the_other_orders_are(small: Bakehouse) -> None:
    for _ in range(7):
        small.order()
    small.clock.forward(minutes=1)

    run = small.batching.run_by_hand()

    assert run.batch
    assert (run.batch.orders, run.waiting, run.next_ticket) == ((1, 2, 3), 0, None)
    assert run.message == "full; further orders are on tickets 2 to 3"


def test_after_a_death_behind_a_full_ticket_the_hourly_check_goes_on(small: Bakehouse) -> None:
    for _ in range(4):
        small.order()
    small.tomorrow_at_six()

    def die_when_full(house: Bakehouse) -> None:
        if house.batches.rows:
            raise Died

    with suppress(Died):
        script = iter(lambda: die_when_full, None)
        interrupted(small, script).run_scheduled(SIX)
    assert tickets(small) == [("2026-11-21", (1, 2, 3))]
    late = small.order()

    small.batching.finish()

    assert tickets(small) == [("2026-11-21", (1, 2, 3)), ("2026-11-21#02", (4,))]
    assert small.now(late).status == "open"


def test_the_99th_ticket_of_a_day_is_its_last_and_what_is_left_is_tomorrow_s() -> None:
    house = Bakehouse(room=FOR_ONE)
    house.bake()
    for _ in range(101):
        house.order()

    house.batching.run_scheduled(house.tomorrow_at_six())
    again = house.batching.run_by_hand()

    assert len(house.batches.rows) == 99
    assert (again.waiting, again.next_ticket) == (2, None)
    house.batching.run_scheduled(SIX + timedelta(days=1))
    check(house)


def test_the_preview_has_what_the_next_ticket_takes_and_says_how_many_wait(
    small: Bakehouse,
) -> None:
    for _ in range(5):
        small.order()

    upcoming = small.batching.upcoming()
    run = small.batching.run_scheduled(small.tomorrow_at_six())

    assert run.batch
    assert (upcoming.orders, upcoming.lines) == (run.batch.orders, run.batch.lines)
    assert upcoming.waiting == 5


@pytest.mark.parametrize("distinct", [True, False], ids=["own ingredients", "the same ones"])
@pytest.mark.parametrize("letter", ["n", '"', "é", "日"])
def test_a_full_batch_has_room_where_it_is_stored_and_where_it_is_answered(
    letter: str, distinct: bool
) -> None:
    house = Bakehouse(room=Room(stored=20_000, answered=40_000))
    house.bake()
    largest = {"amount": 100_000 - Decimal("0.000001"), "unit": "g"}
    for number in range(100):
        names = [f"x{n} {number * distinct} {letter * 40}" for n in range(6)]
        house.order(persons=10_000, quantity=10_000, extras=dict.fromkeys(names, largest))

    house.batching.run_scheduled(house.tomorrow_at_six())

    _, batch = sorted_rows(house)[0]
    answer = json.dumps(BatchAnswer.of(house.batching.show(DAY)).model_dump_json())
    # With the largest numbers of orders: their ids are in the list, and in each share.
    longer = len(batch.orders) * 13 * (1 + 11)
    assert batch.full
    assert len(batch.stored_text().encode()) + longer / 12 < house.batching.room.stored + 300
    assert len(answer.encode()) + longer < house.batching.room.answered + 600


# --- before the ticket goes -----------------------------------------------------------------------


def test_what_the_waiting_orders_need_is_what_their_ticket_will_say(house: Bakehouse) -> None:
    orders = [house.order(persons=number) for number in (1, 2, 3)]
    house.order(urgent=True)
    house.cancel(orders[1])

    upcoming = house.batching.upcoming()
    run = house.batching.run_scheduled(house.tomorrow_at_six())

    assert run.batch is not None
    assert (upcoming.day, upcoming.cutoff) == (run.batch.day, run.batch.cutoff)
    assert (upcoming.orders, upcoming.lines) == (run.batch.orders, run.batch.lines)
    assert upcoming.shares == house.batching.show(run.day).shares


def test_after_a_ticket_by_hand_the_next_one_is_a_day_later(house: Bakehouse) -> None:
    house.order()
    house.clock.at = datetime(2026, 11, 21, 4, tzinfo=UTC)
    assert house.batching.upcoming().day == date(2026, 11, 21)

    house.batching.run_by_hand()

    upcoming = house.batching.upcoming()
    assert (upcoming.day, upcoming.orders, upcoming.lines) == (date(2026, 11, 22), (), ())


# --- extra tickets --------------------------------------------------------------------------------


def test_a_second_run_by_hand_says_what_waits_and_an_extra_ticket_takes_it(
    house: Bakehouse,
) -> None:
    house.clock.at = datetime(2026, 11, 20, 14, 44, tzinfo=UTC)
    house.order()
    house.clock.forward(minutes=1)
    first = house.batching.run_by_hand()
    later = [house.order() for _ in range(2)]
    house.clock.forward(minutes=20)

    again = house.batching.run_by_hand()
    extra = house.batching.run_by_hand(again.next_ticket or 0)
    repeated = house.batching.run_by_hand(2)

    assert again.batch == first.batch
    assert again.message == "already sealed at 14:45 UTC; 2 orders wait for tomorrow"
    assert (again.waiting, again.next_ticket) == (2, 2)
    assert extra.new
    assert extra.batch is not None
    assert extra.batch.orders == tuple(order.id for order in later)
    assert repeated.batch == extra.batch
    assert repeated.message == "already sealed at 15:05 UTC; no orders are waiting"
    assert not repeated.new
    assert house.effects.ids == ["jira#batch#2026-11-20", "jira#batch#2026-11-20#02"]
    assert house.now(later[0]).batch_id == Extra(date(2026, 11, 20), 2)
    assert house.batching.run_by_hand().message == repeated.message


def test_without_a_waiting_order_there_is_no_extra_ticket(house: Bakehouse) -> None:
    house.order()
    house.clock.forward(minutes=1)
    house.batching.run_by_hand()

    run = house.batching.run_by_hand(2)

    assert (run.batch, run.new, run.waiting) == (None, False, 0)
    assert len(house.effects.ids) == 1


@pytest.mark.parametrize("number", [2, 3])
def test_an_extra_ticket_comes_after_the_one_before(house: Bakehouse, number: int) -> None:
    house.order()
    house.clock.forward(minutes=1)
    if number > 2:
        house.batching.run_by_hand()

    with pytest.raises(TicketTooEarlyError, match=f"Ticket {number} of 2026-11-20 comes after"):
        house.batching.run_by_hand(number)


def test_an_extra_ticket_has_a_label_a_name_and_a_life_of_its_own(house: Bakehouse) -> None:
    house.order()
    house.clock.forward(minutes=1)
    house.batching.run_by_hand()
    order = house.order()
    house.clock.forward(minutes=1)
    house.batching.run_by_hand(2)

    house.perform_all()

    first, extra = house.desk.issues.values()
    assert "order-batch-2026-11-20-02" in extra.labels
    assert "order-batch-2026-11-20" in first.labels
    ticket = house.ordering.ticket(house.now(order))
    assert ticket is not None
    assert ticket.key == extra.key
    batch = house.batching.show(date(2026, 11, 20), 2).batch
    assert (batch.ticket.key, batch.number) == (extra.key, 2)
    assert house.tickets.owner(extra.key) == Extra(date(2026, 11, 20), 2)
    assert [each.id for each in house.batching.recent(before=None)] == [batch.id, batch.day]
    house.cancel(order)
    house.perform_all()
    assert house.now(order).status == "cancelled"


@given(
    st.lists(st.integers(0, 9), max_size=40),
    st.lists(st.integers(0, 12), min_size=4, max_size=4),
)
def test_after_races_and_crashes_an_extra_ticket_is_one(
    order: list[int], deaths: list[int]
) -> None:
    """Two ask for ticket 2, one runs the day again, one cancels; some die; then all is finished."""
    house, stage = Bakehouse(), Stage()
    house.bake()
    house.order()
    house.clock.forward(minutes=1)
    house.batching.run_by_hand()
    waiting = [house.order() for _ in range(5)]
    house.clock.forward(minutes=1)
    racing = replace(house.batching, batches=stage.on(house.batches))
    cancelling = replace(house.ordering, orders=stage.on(house.orders))

    def cancel() -> None:
        cancelling.cancel(waiting[0].id, by="staff", reason="cancelled on request")

    deeds: list[Callable[[], Any]] = [
        lambda: racing.run_by_hand(2),
        lambda: racing.run_by_hand(2),
        racing.run_by_hand,
        cancel,
    ]
    acts = [
        Act(deed, dies_after=moment if moment < 10 else None)
        for deed, moment in zip(deeds, deaths, strict=True)
    ]
    stage.play(acts, order)
    assert all(act.error is None or isinstance(act.error, Killed) for act in acts)
    run = house.batching.run_by_hand(2)

    assert run.batch is not None
    assert house.effects.ids.count("jira#batch#2026-11-20#02") == 1
    assert {each.id for each in waiting[1:]} <= set(run.batch.orders)
    joined = [each for each in waiting if house.now(each).batch_id == run.batch.id]
    assert [each.id for each in joined] == list(run.batch.orders)
    steps = [change.status for each in waiting for change in house.now(each).history]
    assert steps.count("ticketed") == len(joined)


@pytest.mark.parametrize("known", [0, 1, 40])
def test_a_batch_that_a_restore_lost_is_sealed_again_with_those_of_its_orders_that_are_known(
    house: Bakehouse, known: int
) -> None:
    """Another that is open now was not on its ticket."""
    orders = [house.order() for _ in range(known)]
    other = house.order()
    lost = Batch(
        day=DAY,
        cutoff=SIX,
        by="schedule",
        sealed_at=SIX,
        orders=(*(order.id for order in orders), 9_999),
        lines=(),
    )

    for _ in range(2):
        house.batching.seal_again(lost)

    sealed = house.batches.batch(DAY)
    assert sealed
    assert sealed.orders == tuple(order.id for order in orders)
    assert {house.now(order).status for order in orders} <= {"ticketed"}
    assert house.now(other).status == "open"
    assert house.effects.ids == ["jira#batch#2026-11-21"]

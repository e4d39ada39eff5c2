"""Sending people to machines (V6)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from chalicelib.core import paging
from chalicelib.core.errors import ConflictError, NotFoundError, UnprocessableError
from chalicelib.core.paging import Id
from chalicelib.vending.models import (
    ClosingBody,
    Dispatch,
    DispatchBody,
    DispatchQuery,
    ServiceVisit,
)
from tests.support.vending.world import World, log


def send(world: World, machine: str = "GM001", note: str = "") -> tuple[Dispatch, bool]:
    return world.vending.dispatching.open(DispatchBody(machine=machine, note=note))


def listed(world: World, **wanted: str) -> list[int]:
    query = DispatchQuery.model_validate(wanted)
    return [dispatch.id for dispatch in world.vending.dispatching.listed(query, start=None).rows]


def test_v6_the_machine_s_technician_is_sent(world: World) -> None:
    dispatch, new = send(world, note="bring a wheel")

    assert new
    assert dispatch == Dispatch(
        id=1, machine="GM001", technician="T0001", note="bring a wheel", opened_at=world.clock()
    )
    assert world.vending.dispatching.get(1) == dispatch


def test_the_same_again_while_it_is_open_is_the_same_dispatch(world: World) -> None:
    first, _ = send(world, note="bring a wheel")

    assert send(world, note="bring a wheel") == (first, False)
    assert listed(world) == [first.id]


def test_two_different_errands_to_one_machine_at_once_are_a_conflict(world: World) -> None:
    first, _ = send(world, note="bring a wheel")

    with pytest.raises(ConflictError, match="close it first") as refused:
        send(world, note="bring a sensor")

    assert refused.value.facts == {"dispatch": first.id}


def test_nobody_is_sent_to_a_machine_that_nobody_knows(world: World) -> None:
    with pytest.raises(UnprocessableError, match="There is no machine GM777"):
        send(world, "GM777")


def test_a_machine_that_only_a_file_knows_can_be_visited_while_the_file_is_there(
    world: World,
) -> None:
    file = world.take_import(log("GM777", 1))
    world.settle()
    dispatch, _ = send(world, "GM777")
    assert dispatch.technician is None
    world.vending.dispatching.close(dispatch.id, ClosingBody())

    world.vending.uploads.delete("dispatcher", file.id)
    world.settle()

    with pytest.raises(UnprocessableError):
        send(world, "GM777")


def test_v6_what_was_wrong_until_the_dispatcher_closes_is_settled(world: World) -> None:
    world.upload(log("GM001", *[0] * 20))
    world.settle()
    dispatch, _ = send(world)
    assert world.machine("GM001").state == "out_of_service"
    world.clock.forward(hours=5)

    closed = world.vending.dispatching.close(dispatch.id, ClosingBody(note="was unplugged"))

    assert (closed.state, closed.closed_by, closed.closing_note) == (
        "closed",
        "dispatcher",
        "was unplugged",
    )
    assert closed.closed_at == world.clock()
    machine = world.machine("GM001")
    assert (machine.state, machine.settled_until) == ("healthy", world.clock())
    assert world.worklist() == []


def test_closing_again_changes_nothing(world: World) -> None:
    dispatch, _ = send(world)
    closed = world.vending.dispatching.close(dispatch.id, ClosingBody(note="done"))
    world.clock.forward(days=1)

    assert world.vending.dispatching.close(dispatch.id, ClosingBody(note="again")) == closed
    assert world.ports.fleet.settled_until("GM001") == closed.closed_at


def test_closing_the_dispatch_to_an_unread_machine_does_not_make_it_any_less_due(
    world: World,
) -> None:
    due_at = world.machine("GM001").due_at
    dispatch, _ = send(world)

    world.vending.dispatching.close(dispatch.id, ClosingBody())

    assert world.machine("GM001").due_at == due_at
    world.clock.forward(days=15)
    assert world.machine("GM001").overdue


def test_a_closed_machine_can_be_visited_again(world: World) -> None:
    first, _ = send(world)
    world.vending.dispatching.close(first.id, ClosingBody())

    second, new = send(world)

    assert new
    assert second.id != first.id


def test_dispatches_are_listed_newest_first_by_state_and_machine(world: World) -> None:
    first, _ = send(world, "GM001")
    world.vending.dispatching.close(first.id, ClosingBody())
    second, _ = send(world, "GM002")
    third, _ = send(world, "GM001")

    assert listed(world) == [third.id, second.id, first.id]
    assert listed(world, state="open") == [third.id, second.id]
    assert listed(world, machine="GM001") == [third.id, first.id]
    assert listed(world, machine="GM001", state="closed") == [first.id]


def test_13_3_a_page_of_dispatches_looks_at_so_many_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 3)
    wanted, _ = send(world, "GM001")
    for _ in range(5):
        other, _ = send(world, "GM002")
        world.vending.dispatching.close(other.id, ClosingBody())
    query = DispatchQuery.model_validate({"machine": "GM001", "limit": 5})

    first = world.vending.dispatching.listed(query, start=None)
    second = world.vending.dispatching.listed(query, start=first.next)

    assert (first.rows, first.next) == ([], Id(other.id - 2))
    assert (second.rows, second.next) == ([wanted], None)


def test_an_unknown_dispatch_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError, match="There is no dispatch 404"):
        world.vending.dispatching.get(404)
    with pytest.raises(NotFoundError):
        world.vending.dispatching.close(404, ClosingBody())


def test_a_dispatch_that_a_file_closes_at_the_same_time_is_closed_once(world: World) -> None:
    dispatch, _ = send(world)
    by_file = {"state": "closed", "closed_by": "file 7", "closed_at": world.clock()}
    book = world.ports.dispatches

    class Faster:
        def __getattr__(self, name: str) -> object:
            return getattr(book, name)

        def close(self, mine: Dispatch, visit: ServiceVisit | None = None) -> bool:
            book.close(dispatch.model_copy(update=by_file))
            return book.close(mine, visit)

    services = replace(world.vending.dispatching, dispatches=cast(Any, Faster()))
    world.clock.forward(minutes=1)

    closed = services.close(dispatch.id, ClosingBody())

    assert closed.closed_by == "file 7"
    assert closed.closed_at == world.clock() - timedelta(minutes=1)
    assert world.ports.fleet.settled_until("GM001") == world.clock()

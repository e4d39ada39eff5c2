"""Two at once: whatever somebody does in the middle of a run, the end is the same.

The services run in one thread; `Fuse` lets somebody else act at every moment in turn.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.vending.models import AwaitedUpload
from chalicelib.vending.ports import Found
from tests.support.vending.conclusions import stored
from tests.support.vending.share import FakeShare
from tests.support.vending.world import LEAP_DAY, WHEN, Fuse, When, World, log, with_fuse
from tests.support.vending.world import world as new_world

NAME = "T0001.GM001.2020-02-29_080000.zip"
KEY = f"incoming/{NAME}"
CLEAN = log("GM001", 1, 1, 1)


def gumballs(world: World, serial: str = "GM001") -> list[int]:
    return [each.gumballs for each in world.rows(serial)]


def every_moment(world: Callable[[], World], deed: Callable[[World], object]) -> list[World]:
    """Return worlds in which ``deed`` was done in the middle of a delivery, at every moment."""
    worlds: list[World] = []
    for at in range(1, 200):
        quiet = world()
        fuse = Fuse(at, "before", partial(deed, quiet))
        fuse.lit = True
        with_fuse(quiet, fuse).deliver()
        if not fuse.burnt:
            return worlds
        worlds.append(quiet)
    raise AssertionError("it never ends")


def _uploaded() -> World:
    fresh = new_world()
    fresh.employ("T0001", "GM001")
    fresh.upload(log("GM001", 0, 0, 0) + b"junk\n")
    return fresh


def test_a_file_that_is_read_twice_at_once_is_processed_once() -> None:
    for world in every_moment(_uploaded, lambda same: same.vending.arrivals.look_at(KEY)):
        world.settle()
        assert world.picture() == world.replayed().picture()
        assert len(_chunks(world)) == 2


def test_a_file_that_is_replaced_while_it_is_read_is_the_new_one() -> None:
    for world in every_moment(_uploaded, lambda same: same.ports.share.put(KEY, CLEAN)):
        world.settle()
        assert gumballs(world) == [1, 1, 1]
        assert world.files()[KEY].rows_refused == 0
        assert len(_chunks(world)) == 1


@pytest.mark.parametrize("and_cleaned", [False, True])
def test_a_file_that_is_deleted_while_it_is_read_leaves_nothing(and_cleaned: bool) -> None:
    def delete(same: World) -> None:
        if KEY in same.files():
            same.vending.uploads.delete("T0001", same.files()[KEY].id)
        if and_cleaned:
            same.vending.arrivals.look_at(KEY)

    for world in every_moment(_uploaded, delete):
        world.settle()
        assert (world.files(), gumballs(world)) == ({}, [])
        assert world.machine("GM001").state == "healthy"
        world.night_falls()
        assert _chunks(world) == []
        assert world.ports.files.to_clean() == []


def test_a_machine_is_never_judged_by_rows_that_are_older_than_its_summary() -> None:
    def add_faults(same: World) -> None:
        same.upload(log("GM001", 0, 0, 0, 0, 0, 0), at="2020-02-29T09:00:00")
        same.deliver(len(same.queues.arrivals) - 1)

    for world in every_moment(_uploaded, add_faults):
        assert world.machine("GM001").under == 6


def test_an_object_that_never_stays_the_same_is_left_for_later(world: World) -> None:
    class Restless(FakeShare):
        def find(self, key: str) -> Found | None:
            self.objects[key] += b"\n"
            return super().find(key)

    share = Restless()
    share.put(KEY, CLEAN)
    restless = new_world(world.clock, replace(world.ports, share=share))

    with pytest.raises(UnavailableError, match="keeps changing"):
        restless.vending.arrivals.look_at(KEY)


@pytest.mark.parametrize("when", WHEN)
def test_a_sweep_is_not_stopped_by_what_happens_meanwhile(when: When) -> None:
    """Such as the upload arriving, or somebody else cleaning up, just now."""

    def unswept() -> World:
        fresh = new_world()
        fresh.employ("T0001", "GM001", "GM002")
        fresh.vending.uploads.await_upload(_told())
        gone = fresh.upload(log("GM002", 0, 0, 0), "GM002")
        fresh.settle()
        fresh.vending.uploads.delete("T0001", gone.id)
        fresh.queues.arrivals.clear()
        fresh.clock.forward(hours=3)
        return fresh

    for at in range(1, 40):
        world = unswept()

        def meanwhile(same: World = world) -> None:
            same.drop(NAME, CLEAN)
            same.deliver()

        fuse = Fuse(at, when, meanwhile)
        fuse.lit = True
        with_fuse(world, fuse).vending.arrivals.sweep()
        world.settle()
        assert fuse.burnt == (KEY in world.files() and world.files()[KEY].state == "processed")
        assert world.machine("GM002").transactions == 0
        if not fuse.burnt:
            return
    raise AssertionError("it never ends")


def _told() -> AwaitedUpload:
    return AwaitedUpload(technician="T0001", machine="GM001", downloaded_at=LEAP_DAY)


def _chunks(world: World) -> list[object]:
    kept = stored(world.ports)
    return [
        sk
        for pk, items in kept.items()
        if pk.startswith("MACHINE#")
        for sk in items
        if sk[0] == "2"
    ]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("at", range(1, 8))
def test_v4_a_delete_that_the_share_s_own_message_finishes_is_answered_as_done(
    at: int, when: When
) -> None:
    """The object's removal is noticed before the request itself gets to the record."""
    whole = _uploaded()
    whole.settle()
    file = whole.files()[KEY]
    fuse = Fuse(at, when, lambda: whole.vending.arrivals.look_at(KEY))
    fuse.lit = True

    deleted = with_fuse(whole, fuse).vending.uploads.delete("T0001", file.id)

    assert deleted.state == "deleted"
    whole.night_falls()
    assert whole.files_of("T0001") == []

"""Making records agree with the share: what stands at a key now is what counts.

However the change was told: by its event, by another one, twice, or not at all.
"""

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta

import pytest

from chalicelib.core.errors import NotFoundError
from chalicelib.vending.files import FileView
from chalicelib.vending.models import AwaitedUpload
from tests.support.stage import Killed
from tests.support.vending.conclusions import stored
from tests.support.vending.world import LEAP_DAY, Fuse, World, log, with_fuse

NAME = "T0001.GM001.2020-02-29_080000.zip"
KEY = f"incoming/{NAME}"
CLEAN = log("GM001", 1, 1, 1)


def arrived(world: World, content: bytes, **told: str) -> FileView:
    """Upload a file, let everything settle, and return the file."""
    file = world.upload(content, **told)
    world.settle()
    return world.file(file.id)


def gumballs(world: World, serial: str = "GM001") -> list[int]:
    return [each.gumballs for each in world.rows(serial)]


# --- objects that change ------------------------------------------------------------------------


def test_an_object_that_is_replaced_replaces_its_rows(world: World) -> None:
    file = arrived(world, log("GM001", 1, 0, 0, 0))

    world.drop(NAME, log("GM001", 1, 2))
    world.settle()

    assert gumballs(world) == [1, 2]
    assert world.machine("GM001").verdicts == ()
    assert (world.file(file.id).rows_kept, world.file(file.id).id) == (2, file.id)


def test_an_object_that_is_replaced_takes_its_refused_lines_along(world: World) -> None:
    file = arrived(world, CLEAN + b"junk\n" * 300)
    assert len(world.file(file.id).refused) == 300

    world.drop(NAME, CLEAN + b"moss\n")
    world.settle()
    assert [line.text for line in world.file(file.id).refused] == ["moss"]

    world.drop(NAME, CLEAN)
    world.settle()
    assert world.file(file.id).refused == ()


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n"])
def test_nothing_is_said_of_a_file_s_former_content(world: World, content: bytes) -> None:
    file = arrived(world, log("GM001", 0, 0, 0) + b"junk\n")

    world.drop(NAME, content)
    world.settle()

    seen = world.file(file.id)
    assert (seen.state, seen.rows_kept, seen.refused) == ("rejected", 0, ())
    gone = ("sha256", "size_bytes", "rows_known", "rows_refused", "first_at", "last_at")
    assert [getattr(seen, name) for name in gone] == [None] * 6
    assert gumballs(world) == []
    assert world.machine("GM001").verdicts == ()


def test_a_dropped_file_that_is_replaced_when_its_machine_is_another_s_is_held_whole(
    world: World,
) -> None:
    key = world.drop(NAME, log("GM001", 0, 0, 0))
    world.settle()
    world.employ("T0002", "GM001")

    world.drop(NAME, CLEAN)
    world.settle()

    file = world.files()[key]
    assert (file.state, file.sha256, file.rows_kept, file.first_at) == ("held", None, None, None)
    assert gumballs(world) == []
    assert world.machine("GM001").state == "healthy"


def test_v4_c7_a_delete_withdraws_exactly_the_rows_that_no_other_file_holds(
    world: World,
) -> None:
    arrived(world, log("GM001", 1, 1, 0), at="2020-02-29T08:00:00")
    wrong = arrived(world, log("GM001", 1, 1, 0, 0, 0), at="2020-02-29T09:00:00")
    assert world.machine("GM001").state == "degraded"

    world.vending.uploads.delete("T0001", wrong.id)
    assert gumballs(world) == [1, 1, 0]  # at once
    world.settle()

    assert gumballs(world) == [1, 1, 0]
    assert world.machine("GM001").state == "healthy"


@pytest.mark.parametrize("noticed", ["by its event", "at night"])
def test_an_object_that_is_removed_by_hand_takes_its_rows_along(world: World, noticed: str) -> None:
    file = arrived(world, CLEAN)

    world.ports.share.delete(KEY)
    if noticed == "at night":
        world.queues.arrivals.clear()
    world.night_falls()

    assert world.files_of("T0001") == []
    assert gumballs(world) == []
    with pytest.raises(NotFoundError):
        world.file(file.id)


def test_a_machine_whose_files_are_all_gone_is_as_if_it_had_never_been_read(
    world: World,
) -> None:
    world.settle()
    before = world.fleet()
    mine = arrived(world, log("GM001", 0, 0, 0))
    mixed = world.take_import(log("GM777", 0, 0, 0))
    world.settle()

    world.vending.uploads.delete("T0001", mine.id)
    world.vending.uploads.delete("dispatcher", mixed.id)
    world.settle()

    assert world.fleet() == before
    assert world.machine("GM001").due_at == world.clock() + timedelta(days=14)


# --- messages -----------------------------------------------------------------------------------


def test_looking_again_changes_nothing(world: World) -> None:
    arrived(world, log("GM001", 1, 0, 0, 0) + b"junk\n")
    before, kept = world.picture(), deepcopy(stored(world.ports))

    for _ in range(3):
        world.vending.arrivals.look_at(KEY)

    assert world.picture() == before
    assert stored(world.ports) == kept


def test_looking_where_nothing_is_finds_nothing(world: World) -> None:
    assert world.vending.arrivals.look_at("incoming/nothing.zip") is None
    assert world.files() == {}


def test_a_removal_told_before_the_arrival_does_no_harm(world: World) -> None:
    world.ports.share.put(KEY, CLEAN)
    world.ports.share.delete(KEY)
    world.ports.share.put(KEY, CLEAN)

    for place in (1, 0, 0):
        world.deliver(place)

    assert gumballs(world) == [1, 1, 1]


@pytest.mark.parametrize(
    "lost",
    [
        lambda world: world.upload(CLEAN),
        lambda world: world.drop(NAME, CLEAN),
        lambda world: world.drop_import("all.txt", CLEAN),
        lambda world: world.vending.uploads.await_upload(_told()) and world.drop(NAME, CLEAN),
    ],
    ids=["upload", "drop", "import", "url"],
)
def test_v5_c8_what_was_never_announced_is_found_at_night(
    world: World, lost: Callable[[World], object]
) -> None:
    lost(world)
    world.queues.arrivals.clear()

    found = world.vending.arrivals.sweep()
    world.settle()

    assert found == 1
    assert gumballs(world) == [1, 1, 1]


def test_v5_c8_an_object_that_was_replaced_unannounced_is_found_at_night(world: World) -> None:
    arrived(world, log("GM001", 0, 0, 0))
    world.drop(NAME, CLEAN)
    world.queues.arrivals.clear()

    world.night_falls()

    assert gumballs(world) == [1, 1, 1]


def test_v5_c8_a_night_in_which_all_is_well_has_nothing_to_do(world: World) -> None:
    arrived(world, CLEAN + b"junk\n")
    arrived(world, CLEAN, at="2020-02-29T09:00:00")
    gone = arrived(world, CLEAN, at="2020-02-29T10:00:00")
    world.vending.uploads.delete("T0001", gone.id)
    world.settle()

    assert world.vending.arrivals.sweep() == 0
    assert world.queues.arrivals == []


def test_c8_an_upload_that_broke_off_is_given_up_after_two_hours(world: World) -> None:
    file = world.vending.uploads.await_upload(_told()).file

    world.clock.forward(hours=2)
    world.vending.arrivals.sweep()
    assert world.file(file.id).state == "awaiting_upload"

    world.clock.forward(seconds=1)
    world.vending.arrivals.sweep()
    assert world.file(file.id).state == "failed"


def test_looking_for_an_upload_that_has_not_arrived_yet_leaves_it_awaited(world: World) -> None:
    file = world.vending.uploads.await_upload(_told()).file

    world.vending.arrivals.look_at(KEY)

    assert world.file(file.id).state == "awaiting_upload"


def test_an_object_that_comes_after_all_is_processed(world: World) -> None:
    file = world.vending.uploads.await_upload(_told()).file
    world.night_falls()

    world.drop(NAME, CLEAN)
    world.settle()

    assert (world.file(file.id).state, world.file(file.id).reason) == ("processed", None)


def test_a_dropped_object_that_vanished_before_it_was_read_leaves_no_file(world: World) -> None:
    world.drop(NAME, CLEAN)
    fuse = Fuse(2, "after")  # the record is made, and nothing more
    fuse.lit = True
    with suppress(Killed):
        with_fuse(world, fuse).deliver()
    assert world.files()[KEY].state == "received"

    world.ports.share.delete(KEY)
    world.night_falls()

    assert world.files() == {}


def test_a_deleted_file_that_somebody_may_be_reading_still_is_judged_only_once(
    world: World,
) -> None:
    file = arrived(world, CLEAN)
    world.drop(NAME, log("GM001", 2))
    fuse = Fuse(1, "after")  # the new content is claimed, and nothing more
    fuse.lit = True
    with suppress(Killed):
        with_fuse(world, fuse).deliver()
    world.vending.uploads.delete("T0001", file.id)
    world.settle()
    judged = world.ports.fleet.machine("GM001")

    world.upload(CLEAN, "GM002")
    world.settle()

    assert [waiting.id for waiting in world.ports.files.to_clean()] == [file.id]
    assert world.ports.fleet.machine("GM001") == judged
    world.night_falls()
    assert world.ports.files.to_clean() == []


def test_when_processing_keeps_failing_the_file_says_so_and_is_tried_again(
    world: World,
) -> None:
    file = world.upload(CLEAN)
    world.vending.arrivals.give_up(KEY, "processing failed 5 times: no luck")
    assert (world.file(file.id).state, world.file(file.id).reason) == (
        "failed",
        "processing failed 5 times: no luck",
    )

    world.queues.arrivals.clear()
    world.night_falls()

    assert (world.file(file.id).state, world.file(file.id).reason) == ("processed", None)


def test_a_file_that_was_processed_after_all_is_not_given_up(world: World) -> None:
    file = arrived(world, CLEAN)

    world.vending.arrivals.give_up(KEY, "too late")
    world.vending.arrivals.give_up("incoming/nothing.zip", "nobody's")

    assert world.file(file.id).state == "processed"


def _told() -> AwaitedUpload:
    return AwaitedUpload(technician="T0001", machine="GM001", downloaded_at=LEAP_DAY)

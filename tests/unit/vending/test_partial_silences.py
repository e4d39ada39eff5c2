"""A silence that many machines share is one case, and none of theirs, wherever it is looked at."""

from datetime import UTC, datetime, timedelta
from random import Random

from tests.support.vending.conclusions import conclusions
from tests.support.vending.world import World, row

FIRST, SILENT = datetime(2020, 1, 20, tzinfo=UTC), datetime(2020, 2, 10, tzinfo=UTC)
SERIALS = [f"GM20{number}" for number in range(6)]


def sold(serial: str, days: int, silent: bool) -> bytes:
    """Return 16 sales a day at any hour; none for two days, when ``silent``."""
    dice = Random(serial)
    at = sorted(FIRST + timedelta(seconds=dice.randrange(days * 86_400)) for _ in range(16 * days))
    held = (each for each in at if not (silent and SILENT <= each < SILENT + timedelta(days=2)))
    return b"".join(row(serial, each) for each in held)


def causes(world: World) -> dict[str, list[str]]:
    return {item.machine: [cause.kind for cause in item.causes] for item in world.worklist()}


def arrive(world: World, *serials: str) -> list[int]:
    files = [world.take_import(sold(each, 35, each != SERIALS[0])).id for each in serials]
    world.settle()
    return files


def test_five_of_six_silent_machines_are_one_case_that_names_them(world: World) -> None:
    arrive(world, *SERIALS[:2])
    assert causes(world) == {"GM201": ["lost_log"]}

    arrive(world, *SERIALS[2:])

    [case] = world.fleet().partial_silences
    assert (case.silent, case.machines) == (5, tuple(SERIALS[1:]))
    assert causes(world) == {}
    assert world.fleet().fleet_gaps == ()


def test_a_case_that_is_none_any_more_is_each_machine_s_again(world: World) -> None:
    files = arrive(world, *SERIALS)
    assert causes(world) == {}

    for file in files[3:]:
        world.vending.uploads.delete("dispatcher", file)
    world.settle()

    assert world.fleet().partial_silences == ()
    assert causes(world) == {"GM201": ["lost_log"], "GM202": ["lost_log"]}


def test_the_order_of_the_files_does_not_matter_nor_does_a_rebuild(world: World) -> None:
    arrive(world, *SERIALS)
    world.night_falls()
    before = conclusions(world.ports)

    world.vending.rebuilding.begin()
    world.night_falls()

    assert conclusions(world.ports) == before
    replayed = world.replayed()
    replayed.night_falls()
    assert conclusions(replayed.ports) == before

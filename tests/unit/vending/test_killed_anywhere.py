"""A process may die before its first write or after any; what it was at is finished all the same.

By the message that is delivered again, by the night's sweep when it is not, or by the client that
tries again. `tests/integration/vending/test_kills.py` does the same to every single write of the
real stores.
"""

from collections.abc import Callable
from itertools import count

import pytest

from tests.support.stage import Killed
from tests.support.vending.stories import ERRANDS, HAPPENINGS, Story, outcome
from tests.support.vending.world import Echo, World, every_moment, with_fuse


@pytest.mark.parametrize("story", HAPPENINGS, ids=str)
def test_v5_a_message_that_is_delivered_again_finishes_what_was_begun(story: Story) -> None:
    def delivered_again(world: World) -> None:
        world.settle()

    killed_at_every_moment(story, delivered_again)


@pytest.mark.parametrize("story", HAPPENINGS, ids=str)
def test_c8_the_night_s_sweep_finishes_what_no_message_tells_of(story: Story) -> None:
    def lost(world: World) -> None:
        world.queues.arrivals.clear()
        world.queues.fleet.clear()

    killed_at_every_moment(story, lost)


@pytest.mark.parametrize("story", ERRANDS, ids=str)
def test_a_client_that_tries_again_gets_what_the_first_try_would_have_brought(
    story: Story,
) -> None:
    killed_at_every_moment(story, story.deed)


@pytest.mark.parametrize("story", [*HAPPENINGS, *ERRANDS], ids=str)
def test_a_write_that_is_repeated_because_its_answer_was_lost_does_no_harm(story: Story) -> None:
    undisturbed = story.begin()
    story.deed(undisturbed)
    expected, begun = outcome(undisturbed), story.begin()
    for at in count(1):
        world, fuse = begun.copied(), Echo(at)
        fuse.lit = True
        story.deed(with_fuse(world, fuse))
        assert outcome(world) == expected, f"repeated write {at} of {story}"
        if not fuse.burnt:
            break


def killed_at_every_moment(story: Story, recover: Callable[[World], object]) -> None:
    """Die after one write after the other; the end is that of nobody having died."""
    undisturbed = story.begin()
    story.deed(undisturbed)
    expected, begun = outcome(undisturbed), story.begin()
    deaths = 0
    for fuse in every_moment():
        world = begun.copied()
        dying = with_fuse(world, fuse)
        fuse.lit = True
        try:
            story.deed(dying)
        except Killed:
            deaths += 1
            recover(world)
        assert outcome(world) == expected, f"died after write {deaths - 1} of {story}"
    assert deaths > 1

"""A process dies after any single write to the table or the share; it is finished all the same.

The stories are those of `tests/unit/vending/test_killed_anywhere.py`. Here a store's one write may
be many: the chunks of a file go out in batches, and each batch may be the last.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.support.dynamodb_in_memory import MemoryDynamoDB
from tests.support.size import FUZZING, grows
from tests.support.stage import Killed
from tests.support.vending.stories import ERRANDS, HAPPENINGS, Story, outcome
from tests.support.vending.wiring import fake_ports
from tests.support.vending.world import Fuse, Tapped, World, every_moment, world

_WRITES = {
    "put_item",
    "update_item",
    "delete_item",
    "transact_write_items",
    "batch_write_item",
    "put",
    "delete",
}


def told(*names: str, fuzz: tuple[str, ...] = ()) -> list[Story]:
    """Return stories by name; in `make fuzz` more of them."""
    wanted = {*names, *(fuzz if FUZZING else ())}
    return [story for story in (*HAPPENINGS, *ERRANDS) if story.name in wanted]


@grows
@pytest.mark.parametrize(
    "story",
    told(
        "an import arrives",
        "a file was deleted",
        fuzz=("a file is dropped", "an object is replaced", "a visit has helped"),
    ),
    ids=str,
)
def test_v5_a_message_that_is_delivered_again_finishes_what_was_begun(story: Story) -> None:
    killed_at_every_moment(story, lambda again: again.settle())


@grows
@pytest.mark.parametrize(
    "story", told("an object is replaced", fuzz=("a file was deleted",)), ids=str
)
def test_c8_the_night_s_sweep_finishes_what_no_message_tells_of(story: Story) -> None:
    killed_at_every_moment(story, lambda again: again.queues.arrivals.clear())


@grows
@pytest.mark.parametrize("story", told("delete", fuzz=("upload", "close a dispatch")), ids=str)
def test_a_client_that_tries_again_gets_what_the_first_try_would_have_brought(
    story: Story,
) -> None:
    killed_at_every_moment(story, story.deed)


def killed_at_every_moment(story: Story, recover: Callable[[World], object]) -> None:
    """Die after one write after the other; the end is that of nobody having died."""
    undisturbed = story.begin()
    story.deed(undisturbed)
    expected = outcome(undisturbed)
    deaths = 0
    for fuse in every_moment():
        dying = story.begin(partial(_dying_of, fuse))
        fuse.lit = True
        try:
            story.deed(dying)
        except Killed:
            deaths += 1
            recover(dying)
        fuse.lit = False
        assert outcome(dying) == expected, f"died after write {deaths - 1} of {story}"
    assert deaths > 1


def _dying_of(fuse: Fuse) -> World:
    ports = fake_ports(Tapped(MemoryDynamoDB(), _WRITES, fuse))
    share: Any = Tapped(ports.share, _WRITES, fuse)
    return world(None, replace(ports, share=share))

"""Kinds with several tasks: each effect reaches the handler of its own task."""

import re
from pathlib import Path

import pytest

from chalicelib.core.outbox.effects import Effect, Ending, RejectedError
from chalicelib.core.outbox.tasks import ByTask
from tests.support.bakery.house import Bakehouse


class Recording:
    def __init__(self, search_lag_s: float) -> None:
        self.search_lag_s = search_lag_s
        self.seen: list[str] = []

    def handle(self, effect: Effect) -> str:
        self.seen.append(f"handle {effect.id}")
        return "done"

    def find(self, effect: Effect) -> None:
        self.seen.append(f"find {effect.id}")

    def on_finished(self, effect: Effect, ending: Ending) -> None:
        self.seen.append(f"{ending.state} {effect.id}")


def test_each_effect_reaches_the_handler_of_its_task() -> None:
    one, other = Recording(5), Recording(9)
    tasks, effect = ByTask({"one": one, "other": other}), Effect("e", "kind", {"task": "other"})

    assert tasks.handle(effect) == "done"
    assert tasks.find(effect) is None
    tasks.on_finished(effect, Ending("done"))

    assert (one.seen, other.seen) == ([], ["handle e", "find e", "done e"])
    assert tasks.search_lag_s == 9


@pytest.mark.parametrize("payload", [{"task": "third"}, {}])
def test_an_unknown_task_is_rejected_and_notifies_no_one(payload: dict[str, str]) -> None:
    tasks, effect = ByTask({"one": Recording(0)}), Effect("e", "kind", payload)

    with pytest.raises(RejectedError, match="no such task"):
        tasks.handle(effect)
    with pytest.raises(RejectedError, match="no such task"):
        tasks.find(effect)
    tasks.on_finished(effect, Ending("dead"))


def test_every_task_that_the_bakery_asks_for_has_a_handler() -> None:
    effects = Path(__file__).parents[3] / "chalicelib" / "bakery" / "effects.py"
    requested = set(re.findall(r'"task": "(\w+)"', effects.read_text()))
    by_task = [each for each in Bakehouse().handlers.values() if isinstance(each, ByTask)]

    assert requested <= {task for each in by_task for task in each._handlers}

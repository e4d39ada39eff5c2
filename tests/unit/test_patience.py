"""How tests wait: for progress, and as long as the machine needs."""

import ast
from itertools import count
from pathlib import Path

import pytest

from tests.support import patience
from tests.support.patience import Deadline, NotYetError, eventually

TESTS = Path(__file__).parents[1]


class Machine:
    """A clock that a test moves, and how busy the machine is."""

    def __init__(self, busy: float = 0.5) -> None:
        self.now, self.busy = 0.0, busy

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, now=lambda: self.now, busy=lambda: self.busy)


def test_a_deadline_passes_on_an_idle_machine_after_its_seconds() -> None:
    machine = Machine()
    deadline = machine.deadline(30)

    machine.now = 30
    assert not deadline.passed()
    machine.now = 31
    assert deadline.passed()


def test_on_a_busy_machine_seconds_count_for_the_part_that_is_ours() -> None:
    machine = Machine(busy=5)
    deadline = machine.deadline(30)

    machine.now = 140
    assert not deadline.passed()
    machine.now = 160
    assert deadline.passed()


def test_progress_starts_the_wait_again_but_not_for_ever() -> None:
    machine = Machine()
    deadline = machine.deadline(30)

    for _ in range(24):
        machine.now += 25
        assert not deadline.passed()
        deadline.progressed()
    machine.now += 25
    assert deadline.passed()


def test_eventually_gives_up_with_what_was_last_wrong() -> None:
    with pytest.raises(NotYetError, match="not within 0 s; last: AssertionError"):
        eventually(_wrong, within_s=0)


def test_eventually_waits_while_what_it_sees_changes() -> None:
    seen = count(-6)

    def check() -> bool:
        found = next(seen)
        assert found >= 0, found
        return True

    assert eventually(check, within_s=0.3, every_s=0.1)


def test_eventually_looks_less_often_the_longer_it_has_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, looks = Machine(), count()
    monkeypatch.setattr(patience, "time", machine)

    assert eventually(lambda: next(looks) and machine.now >= 60, within_s=100)
    assert machine.now < 61
    assert next(looks) < 100


def _wrong() -> bool:
    raise AssertionError


def test_no_test_lets_a_busy_machine_s_server_only_five_seconds() -> None:
    """Which httpx gives where nothing else is said."""
    calls = {"Client", "delete", "get", "post", "put", "request"}
    hurried = [
        f"{path.name}:{node.lineno}"
        for folder in ("browser", "e2e", "features", "integration", "support", "targets")
        for path in TESTS.joinpath(folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "httpx"
        and node.func.attr in calls
        and not {"timeout", "transport"} & {each.arg for each in node.keywords}
    ]
    assert hurried == []

"""Waiting between tries, inside a budget of time."""

import random
import time

import pytest

from chalicelib.core.retry import tries


@pytest.fixture(name="waits")
def _waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have no real time pass; return what was waited, with the longest jitter each time."""
    waits: list[float] = []
    monkeypatch.setattr(random, "uniform", lambda _, ceiling: ceiling)
    monkeypatch.setattr(time, "monotonic", lambda: sum(waits))
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def test_the_first_try_does_not_wait(waits: list[float]) -> None:
    assert next(tries()) == 0
    assert waits == []


def test_each_wait_may_be_twice_as_long_as_the_one_before_up_to_a_limit(
    waits: list[float],
) -> None:
    list(tries(budget_s=5, first_s=0.5, longest_s=2))

    assert waits == [0.5, 1, 2, 2]


def test_tries_are_numbered_and_end_with_the_budget(waits: list[float]) -> None:
    assert list(tries(budget_s=3, first_s=1, longest_s=1)) == [0, 1, 2]
    assert sum(waits) == 3


def test_there_is_one_try_even_without_a_budget(waits: list[float]) -> None:
    assert list(tries(budget_s=0)) == [0]
    assert len(waits) == 1


def test_waits_are_spread_over_the_whole_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full jitter: those who meet at one item part at once."""
    spans: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        spans.append((low, high))
        return 0

    monkeypatch.setattr(random, "uniform", uniform)
    for attempt in tries():
        if attempt == 2:
            break

    assert spans == [(0, 0.02), (0, 0.04)]

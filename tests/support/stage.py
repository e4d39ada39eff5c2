"""A stage on which callers act at the same time, step by step, and may die in the middle."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone; nothing may catch this but who plays the platform."""


@dataclass
class Act:
    """What one caller does, and what came of it: a result, an error, or the caller's death."""

    deed: Callable[[], Any]
    dies_after: int | None = None
    outcome: Any = None
    error: BaseException | None = None
    steps: int = 0
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: bool = False


class Stage:
    """Runs callers at the same time, one step outside of them at a time.

    Wrap the store with `on`; each call of it is a step. `play` lets the callers step in the order
    that it is given, and whoever is to die does so before or after a step.
    """

    def __init__(self) -> None:
        self._actor = threading.local()
        self._yielded = threading.Semaphore(0)

    def on(self, store: T) -> T:
        """Return ``store``, each call of which waits for its turn."""
        return _Stepwise(store, self)  # type: ignore[return-value]

    def play(self, acts: Sequence[Act], order: Iterable[int]) -> None:
        """Let the acts step in this ``order`` (numbers of any size), then the rest in turn."""
        threads = [threading.Thread(target=self._run, args=[act]) for act in acts]
        for thread in threads:
            thread.start()
            self._yielded.acquire()  # it stands before its first step, or is done
        for number in order:
            self._step([act for act in acts if not act.done], number)
        while waiting := [act for act in acts if not act.done]:
            self._step(waiting, 0)
        for thread in threads:
            thread.join()

    def step(self, call: Callable[[], T]) -> T:
        """Make a call when it is the caller's turn, unless they die before or after it."""
        act: Act | None = getattr(self._actor, "act", None)
        if act is None:
            return call()
        self._yielded.release()
        act.turn.acquire()
        if act.dies_after is not None and act.dies_after <= 2 * act.steps:
            raise Killed
        result = call()
        act.steps += 1
        if act.dies_after is not None and act.dies_after <= 2 * act.steps - 1:
            raise Killed
        return result

    def _step(self, waiting: Sequence[Act], number: int) -> None:
        if waiting:
            waiting[number % len(waiting)].turn.release()
            self._yielded.acquire()

    def _run(self, act: Act) -> None:
        self._actor.act = act
        try:
            act.outcome = act.deed()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            act.error = error
        act.done = True
        self._yielded.release()


class _Stepwise:
    def __init__(self, store: object, stage: Stage) -> None:
        self._store = store
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return lambda *given, **named: self._stage.step(lambda: method(*given, **named))

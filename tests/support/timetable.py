"""Work for several threads at times of a clock that is sent ahead whenever all of them are idle."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from threading import Condition, Thread

from infra.standins.vendor import Clock


class Timetable:
    """What is to be done when; between two things nobody waits, the clock is sent ahead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._todo: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._moved = Condition()
        self._busy = 0
        self.broken: list[BaseException] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        with self._moved:
            heapq.heappush(self._todo, (self._clock() + seconds, next(self._numbers), do))
            self._moved.notify()

    def run(self, hands: int) -> None:
        """Do everything, and what comes of it, with so many threads, until nothing is left."""
        threads = [Thread(target=self._work) for _ in range(hands)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException as interrupted:
            self.broken.append(interrupted)  # or they would go on for ever
            raise
        for broken in self.broken:
            raise broken

    def _work(self) -> None:
        while do := self._taken():
            try:
                do()
            except Exception as error:  # noqa: BLE001 - the test fails of it
                self.broken.append(error)
            finally:
                with self._moved:
                    self._busy -= 1
                    self._moved.notify_all()

    def _taken(self) -> Callable[[], object] | None:
        with self._moved:
            while not self.broken:
                wait_s = self._todo[0][0] - self._clock() if self._todo else None
                if wait_s is not None and wait_s <= 0:
                    self._busy += 1
                    return heapq.heappop(self._todo)[2]
                if self._busy:
                    self._moved.wait()
                elif wait_s is None:
                    break
                else:
                    self._clock.forward(wait_s)
            self._moved.notify_all()
            return None

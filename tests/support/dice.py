"""Chance that tests can repeat."""

import threading
from collections import Counter
from collections.abc import Mapping
from random import Random


class Dice:
    """What happens by chance, the same in each run as far as threads allow, and counted."""

    def __init__(self, seed: int) -> None:
        self._random, self._lock = Random(seed), threading.Lock()
        self.happened: Counter[str] = Counter()

    def happens(self, chances: Mapping[str, float]) -> str | None:
        with self._lock:
            roll = self._random.random()
            for name, chance in chances.items():
                roll -= chance
                if roll < 0:
                    self.happened[name] += 1
                    return name
        return None

    def between(self, low: float, high: float) -> float:
        with self._lock:
            return self._random.uniform(low, high)

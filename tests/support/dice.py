"""Chance that tests can repeat."""

import threading
from collections import Counter
from collections.abc import Mapping
from random import Random

_DECK = 100


class Dice:
    """What happens by chance, the same in each run as far as threads allow, and counted.

    Outcomes are dealt from a shuffled deck and not thrown, so each hundred throws for the same
    chances show each outcome as often as its chance says: a test may rely on what happened.
    """

    def __init__(self, seed: int) -> None:
        self._random, self._lock = Random(seed), threading.Lock()
        self._decks: dict[tuple[tuple[str, float], ...], list[str | None]] = {}
        self.happened: Counter[str] = Counter()

    def happens(self, chances: Mapping[str, float]) -> str | None:
        """Return what happens of the outcomes, whose chances are whole hundredths, or None."""
        with self._lock:
            deck = self._decks.setdefault(tuple(chances.items()), [])
            if not deck:
                outcomes = [name for name, chance in chances.items() for _ in range(_cards(chance))]
                deck += outcomes + [None] * (_DECK - len(outcomes))
                self._random.shuffle(deck)
            outcome = deck.pop()
            if outcome:
                self.happened[outcome] += 1
        return outcome

    def between(self, low: float, high: float) -> float:
        with self._lock:
            return self._random.uniform(low, high)


def _cards(chance: float) -> int:
    return round(chance * _DECK)

"""Suggestions for a mistyped name."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_CANDIDATES = 50


def closest(word: str, known: Iterable[str]) -> str:
    """Return what ``word`` was probably meant to be, empty if nothing comes close.

    Of names that are as close, one with the same characters in another order is preferred.
    """
    folded = {each.casefold(): each for each in known}
    wanted = word.casefold()
    found = get_close_matches(wanted, folded, n=_CANDIDATES)

    def likeness(name: str) -> tuple[float, bool]:
        return SequenceMatcher(None, name, wanted).ratio(), sorted(name) == sorted(wanted)

    return folded[max(found, key=likeness)] if found else ""

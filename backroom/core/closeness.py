"""What somebody meant who mistyped a name."""

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, known: Iterable[str]) -> str:
    """Return what ``word`` was probably meant to be, empty if nothing comes close."""
    folded = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), folded, n=1)
    return folded[found[0]] if found else ""

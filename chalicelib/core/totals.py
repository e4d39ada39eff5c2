"""How many rows a list has, counted at a bounded cost."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from chalicelib.core.values import dataclass

T = TypeVar("T")

MOST_COUNTED = 1_000
"""Rows that are read to count a list."""
EXACT, AT_LEAST = "Total-Count", "Total-Count-At-Least"


@dataclass(frozen=True)
class Total:
    """How many rows a list has: exactly so many, or at least so many where counting has stopped."""

    rows: int
    exact: bool = True

    def headers(self) -> dict[str, str]:
        """Return the header that says it."""
        return {EXACT if self.exact else AT_LEAST: str(self.rows)}


def count(rows: Iterable[T], wanted: Callable[[T], bool] = lambda _: True) -> Total:
    """Count the rows that are ``wanted`` among the first `MOST_COUNTED`."""
    found = 0
    for number, row in enumerate(rows):
        if number == MOST_COUNTED:
            return Total(found, exact=False)
        found += wanted(row)
    return Total(found)


def add(parts: Iterable[Callable[[int], Total]]) -> Total:
    """Count parts of a list one after the other; each is called with how many rows it may count."""
    found = 0
    for part in parts:
        total = part(MOST_COUNTED - found)
        found += total.rows
        if not total.exact:
            return Total(found, exact=False)
    return Total(found)

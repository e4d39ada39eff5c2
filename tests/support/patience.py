"""Waiting for what happens elsewhere."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotYetError(AssertionError):
    """What was waited for did not happen in time."""


def eventually(check: Callable[[], T], within_s: float = 30, every_s: float = 0.1) -> T:
    """Return what ``check`` returns once that is true and nothing in it fails.

    Raises NotYetError with what was last wrong after ``within_s``.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            last: object = check()
            if last:
                return last  # type: ignore[return-value]
        except (AssertionError, LookupError) as wrong:
            last = wrong
        if time.monotonic() > deadline:
            raise NotYetError(f"not within {within_s} s; last: {last!r}")
        time.sleep(every_s)

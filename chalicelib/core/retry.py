"""Waiting between tries, with full jitter, inside a budget of time.

See "Exponential Backoff And Jitter", AWS Architecture Blog: with full jitter the fewest calls
are made in all when many writers meet at one item.
"""

import random
import time
from collections.abc import Iterator

from chalicelib.core import log


def tries(*, budget_s: float = 5.0, first_s: float = 0.02, longest_s: float = 1.0) -> Iterator[int]:
    """Yield 0, 1, 2, ... with a random wait before each but the first, until ``budget_s`` is spent.

    The caller breaks out when it has succeeded; when the loop runs dry, time is up.
    """
    deadline = time.monotonic() + budget_s
    ceiling_s = first_s
    attempt = 0
    while attempt == 0 or time.monotonic() < deadline:
        if attempt:
            log.count("Retries")
        yield attempt
        attempt += 1
        time.sleep(random.uniform(0, ceiling_s))  # noqa: S311 - jitter is no secret
        ceiling_s = min(ceiling_s * 2, longest_s)

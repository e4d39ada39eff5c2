"""Waiting for what happens elsewhere, on a machine that may be busy with something else.

A limit is what the wait may take on an idle machine, without any progress. Seconds in which others
use the processors count for as little as they are ours, and progress starts the wait again; a
ceiling ends what goes on for ever.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# After many writes LocalStack's table streams are minutes late.
_SLOWER = {"localstack": 4, "compose": 4}.get(os.environ.get("TEST_TARGET", ""), 1)
CLIENT_S = 600
"""How long a client of a test waits for an answer: a slow machine is not what it tests."""
TEST_S = 600 * _SLOWER
"""How long a deployed test may take; one that hangs does not stop the others for ever."""
_CEILING = 20
# Looking costs the time that what is waited for needs, so the pause grows with the wait.
_PAUSE = 0.1
_LONGEST_PAUSE_S = 1.0


class NotYetError(AssertionError):
    """What was waited for did not happen in time."""


class Deadline:
    """A limit in seconds of an idle machine, which progress starts again."""

    def __init__(
        self,
        seconds: float,
        *,
        now: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] | None = None,
    ) -> None:
        self._seconds, self._now, self._busy = seconds, now, busy or processes_per_processor
        self._seen = now()
        self._ceiling = self._seen + _CEILING * seconds
        self._waited = 0.0

    def passed(self) -> bool:
        """Return whether the wait is over; to be polled."""
        now = self._now()
        self._waited += (now - self._seen) / max(1.0, self._busy())
        self._seen = now
        return self._waited > self._seconds or now > self._ceiling

    def progressed(self) -> None:
        """Start again, but for the ceiling."""
        self._waited = 0


def processes_per_processor() -> float:
    """Return how many processes share a processor of this machine: more than 1 when it is busy."""
    running = os.getloadavg()[0]
    with suppress(OSError):
        _, _, _, counts, _ = Path("/proc/loadavg").read_text().split()
        running = max(running, float(counts.partition("/")[0]))
    return running / (os.cpu_count() or 1)


def eventually(check: Callable[[], T], within_s: float = 30, every_s: float = 0.1) -> T:
    """Return what ``check`` returns once that is true and nothing in it fails.

    What it returns or raises otherwise is taken as progress when it changes. Raises NotYetError
    with the last of it when ``within_s`` passes without any (see `Deadline`). Looks every
    ``every_s`` seconds, later less often: at most a tenth of the wait, or a second, is lost.
    """
    deadline, began = Deadline(within_s * _SLOWER), time.monotonic()
    before: object = None
    while True:
        try:
            last: object = check()
            if last:
                return last  # type: ignore[return-value]
        except (AssertionError, LookupError) as wrong:
            last = wrong
        if repr(last) != before:
            before = repr(last)
            deadline.progressed()
        if deadline.passed():
            raise NotYetError(f"not within {within_s} s; last: {last!r}")
        waited_s = time.monotonic() - began
        time.sleep(max(every_s, min(_LONGEST_PAUSE_S, _PAUSE * waited_s)))

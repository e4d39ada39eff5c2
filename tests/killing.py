"""Killing functions while they work."""

import os
import signal
from contextlib import suppress
from random import Random
from threading import Event, Thread

from tests.deployed import Deployed


class killing:  # noqa: N801 - reads as what it does
    """Kill a process of the API's function every now and then."""

    def __init__(self, stack: Deployed) -> None:
        self._stack = stack
        self._over = Event()
        self._killer = Thread(target=self._kill)

    def __enter__(self) -> None:
        self._killer.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._killer.join()

    def _kill(self) -> None:
        dice = Random(7)
        while not self._over.wait(dice.uniform(0.1, 0.5)):
            for pid in self._stack.workers("api")[:1]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

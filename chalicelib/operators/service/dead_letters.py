"""What operators do with dead letters: list them, and send them back after a fix."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.core.errors import ConflictError, NotFoundError
from chalicelib.core.log import logger
from chalicelib.operators.models.dead_letters import DeadLetter, DeadLetters, Redriven

_PATIENCE = timedelta(seconds=15)
_MOST = 1_000


class Source(Protocol):
    """A queue of dead letters."""

    @property
    def back_to(self) -> str | None: ...


class Queues(Protocol):
    """The dead-letter queues of the stack."""

    @property
    def sources(self) -> Mapping[str, Source]: ...
    def depth(self, queue: str) -> int: ...
    def load(self, queue: str) -> tuple[int, int] | None: ...
    def letters(self, queue: str) -> tuple[DeadLetter, ...]: ...
    def send_back(self, queue: str) -> int | None: ...


class DeadLetterService:
    """Lists dead letters and sends them back."""

    def __init__(self, queues: Queues, *, now: Callable[[], datetime]) -> None:
        self._queues = queues
        self._now = now

    def all(self) -> list[DeadLetters]:
        """Return every queue with its dead letters, in the order of their names."""
        return [self._look(queue) for queue in sorted(self._queues.sources)]

    def redrive(self, queue: str) -> Redriven:
        """Send back as many as were there, as far as time allows; a repeat continues with the rest.

        Raises NotFoundError for a queue that is not there, ConflictError for one whose dead
        letters can't be sent back.
        """
        source = self._queues.sources.get(queue)
        if source is None:
            names = ", ".join(sorted(self._queues.sources))
            raise NotFoundError(f"There is no queue {queue}; there are {names}.")
        if source.back_to is None:
            raise ConflictError(f"There is nowhere to send the dead letters of {queue} back to.")
        until, most = self._now() + _PATIENCE, min(self._queues.depth(queue), _MOST)
        moved = 0
        while moved < most and self._now() < until:
            sent = self._queues.send_back(queue)
            if sent is None:
                break
            moved += sent
        logger.info("re-driven", extra={"queue": queue, "moved": moved})
        return Redriven(queue=queue, moved=moved, left=self._queues.depth(queue))

    def _look(self, queue: str) -> DeadLetters:
        depth = self._queues.depth(queue)
        waiting, in_process = self._queues.load(queue) or (None, None)
        return DeadLetters(
            queue=queue,
            depth=depth,
            redrivable=self._queues.sources[queue].back_to is not None,
            waiting=waiting,
            in_process=in_process,
            letters=self._queues.letters(queue) if depth else (),
        )

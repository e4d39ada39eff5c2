"""Sends effects again that are due, stuck, or were never sent.

A run is bounded, in time and per kind, and reads unfinished effects only. It defers what it sends,
so that the next run continues after it. A long queue gets no more messages, so that a slow worker
is not flooded with repeats.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chalicelib.core import log
from chalicelib.core.log import logger
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Ending
from chalicelib.core.outbox.index import EffectIndex, Waiting
from chalicelib.core.outbox.queues import Queues
from chalicelib.core.outbox.rows import Pause
from chalicelib.core.outbox.store import EffectStore, OvertakenError, closed
from chalicelib.core.values import dataclass


@dataclass(frozen=True)
class Bounds:
    """How much a run does: effects of each kind, messages that a queue may hold, time.

    An effect whose kind has no queue is dead ``unknown_after`` its request (or retry): a
    deployment that adds the queue may be in progress.
    """

    effects: int = 2_000
    backlog: int = 1_000
    time: timedelta = timedelta(seconds=60)
    again_after: timedelta = timedelta(minutes=15)
    unknown_after: timedelta = timedelta(hours=1)


class Sweeper:
    """Sends effects again that no worker has claimed."""

    def __init__(
        self,
        store: EffectStore,
        index: EffectIndex,
        queues: Queues,
        *,
        now: Callable[[], datetime],
        bounds: Bounds | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._queues = queues
        self._now = now
        self._bounds = bounds or Bounds()

    def sweep(self) -> dict[str, int]:
        """Send what is due; return how many of each kind."""
        started, pauses = self._now(), self._store.pauses()
        swept: dict[str, int] = {}
        oldest_s = 0.0
        waiting = self._index.kinds()
        for kind in set(self._queues.kinds).difference(waiting):
            log.measure("OldestEffectSeconds", 0.0, log.SECONDS, kind=kind)  # or the last age stays
        for kind in waiting:
            pause, age_s = pauses.get(kind), self._age_s(kind)
            log.measure("OldestEffectSeconds", age_s, log.SECONDS, kind=kind)
            if pause is None or pause.state == "paused":  # what is switched off may get old
                oldest_s = max(oldest_s, age_s)
            try:
                swept[kind] = self._sweep(kind, pause, started + self._bounds.time)
            except Exception:  # noqa: BLE001 - one kind must not block the others
                log.count("KindsNotSwept")
                logger.exception("kind not swept", extra={"kind": kind})
        log.measure("OldestEffectSeconds", oldest_s, log.SECONDS)
        log.measure("KindsDenied", [pause.state for pause in pauses.values()].count("paused"))
        return swept

    def _sweep(self, kind: str, pause: Pause | None, until: datetime) -> int:
        if kind not in self._queues:
            return self._bury(kind)
        if pause:
            return self._probe(kind, pause)
        if self._queues.waiting(kind) >= self._bounds.backlog:
            logger.warning("queue is long", extra={"kind": kind})
            return 0
        return self._name(kind, self._index.waiting(kind, self._now(), self._bounds.effects), until)

    def _name(self, kind: str, waiting: Sequence[Waiting], until: datetime) -> int:
        named = 0
        for start in range(0, len(waiting), 10):
            if self._now() >= until:
                break
            batch = waiting[start : start + 10]
            unsent = self._queues.send(kind, [effect_id for effect_id, _ in batch])
            sent = [each for each in batch if each[0] not in unsent]
            for effect_id, place in sent:
                later = self._now() + self._bounds.again_after
                self._store.put_off_waking(effect_id, place, rows.wake(kind, later) or "")
            named += len(sent)
        return named

    def _probe(self, kind: str, pause: Pause) -> int:
        """Send one effect of a paused kind, when a probe is due.

        It is another one than was refused last, if there is any: the refusal may be about that one.
        """
        if self._now() < pause.probe_at:
            return 0
        soon = self._now() + rows.GRACE  # what was just requested may be tried, too
        waiting = [each for each, _ in self._index.waiting(kind, soon, 2 * rows.SHARDS)]
        others = [each for each in waiting if each != pause.refused]
        first = (others or waiting)[:1]
        return len(first) - len(self._queues.send(kind, first))

    def _bury(self, kind: str) -> int:
        """Mark effects of a kind without a queue as dead; their context cannot be notified."""
        now, buried = self._now(), 0
        for effect_id, _ in self._index.waiting(kind, now, self._bounds.effects):
            row = self._store.get(effect_id)
            if row is None or row.over or now - row.since < self._bounds.unknown_after:
                continue
            dead = closed(row, Ending("dead", answer=f"there is no queue for {kind}"), now)
            try:
                self._store.change(row, dead)
            except OvertakenError:
                continue
            logger.error("effect of unknown kind", extra={"effect_id": effect_id, "kind": kind})
            buried += 1
        if buried:
            log.measure("Effects", buried, kind=kind, outcome="dead")
            log.measure("DeadEffects", buried)
        return buried

    def _age_s(self, kind: str) -> float:
        oldest = self._index.oldest(kind)
        return max(0.0, (self._now() - oldest).total_seconds()) if oldest else 0.0

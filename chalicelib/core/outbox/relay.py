"""Forwards the ids of new effects from the table's stream to the queues of their kinds.

The relay only sends messages and never fails: an unreadable record, a kind without a queue, or a
queue that does not answer blocks neither the stream nor other records. The sweeper sends what the
relay could not forward.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.core import log
from chalicelib.core.log import logger
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.queues import LONGEST_DELAY_S, Queues


class Relay:
    """Forwards the ids of new effects, those that are not due yet with a delay."""

    def __init__(self, queues: Queues, *, now: Callable[[], datetime]) -> None:
        self._queues = queues
        self._now = now

    def forward(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Send the ids of the effects that the stream reports as added."""
        ids_by_name: dict[tuple[str, int], list[str]] = defaultdict(list)
        now = self._now()
        for record in records:
            try:
                if added := _added(record):
                    ids_by_name[added.kind, added.delay_s(now)].append(added.effect_id)
            except Exception:  # noqa: BLE001 - one record must not block the others
                log.count("RecordsUnreadable")
                logger.exception("record unreadable", extra={"event_id": _event_id(record)})
        for (kind, delay_s), ids in ids_by_name.items():
            self._name(kind, ids, delay_s)

    def _name(self, kind: str, ids: list[str], delay_s: int) -> None:
        if kind not in self._queues:
            log.count("EffectsOfUnknownKind", len(ids))
            logger.error("kind without a queue", extra={"kind": kind, "effect_ids": ids})
            return
        try:
            unsent = self._queues.send(kind, ids, delay_s=delay_s)
        except Exception:  # noqa: BLE001 - as above
            logger.exception("queue does not answer", extra={"kind": kind})
            unsent = ids
        log.count("EffectsForwarded", len(ids) - len(unsent))
        if unsent:
            log.count("EffectsLeftToSweeper", len(unsent))
            logger.error("left to the sweeper", extra={"kind": kind, "effect_ids": unsent})


class _Added(NamedTuple):
    kind: str
    effect_id: str
    due_at: datetime | None

    def delay_s(self, now: datetime) -> int:
        """Return how long the message waits; a second more, as clocks differ."""
        if self.due_at is None or self.due_at <= now:
            return 0
        return min(LONGEST_DELAY_S, math.ceil((self.due_at - now).total_seconds()) + 1)


def _added(record: Mapping[str, Any]) -> _Added | None:
    """Return the effect that a record adds, if it adds one."""
    change = record["dynamodb"]
    if record["eventName"] != "INSERT" or change["Keys"]["sk"]["S"] != rows.EFFECT:
        return None
    image = change["NewImage"]
    due_at = datetime.fromisoformat(image["due_at"]["S"]) if "due_at" in image else None
    return _Added(image["kind"]["S"], rows.effect_id(change["Keys"]["pk"]["S"]), due_at)


def _event_id(record: object) -> object:
    return record.get("eventID") if isinstance(record, Mapping) else None

"""From the table's stream to the queues: new effects are named to the workers of their kinds.

The relay reads nothing and writes nothing but messages, and it never fails: a record that makes no
sense, a kind without a queue, a queue that does not answer hold up neither the stream nor each
other. What is not forwarded stands in the table, and the sweeper comes for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import log
from chalicelib.core.log import logger
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.queues import Queues


class Relay:
    """Forwards the ids of new effects."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def forward(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Name the effects that were added, as the stream tells it, to their workers."""
        ids_by_kind: dict[str, list[str]] = defaultdict(list)
        for record in records:
            try:
                if added := _added(record):
                    ids_by_kind[added[0]].append(added[1])
            except Exception:  # noqa: BLE001 - whatever it is, its neighbours go on
                log.count("RecordsUnreadable")
                logger.exception("record unreadable", extra={"event_id": _event_id(record)})
        for kind, ids in ids_by_kind.items():
            self._name(kind, ids)

    def _name(self, kind: str, ids: list[str]) -> None:
        if kind not in self._queues:
            log.count("EffectsOfUnknownKind", len(ids))
            logger.error("kind without a queue", extra={"kind": kind, "effect_ids": ids})
            return
        try:
            unsent = self._queues.send(kind, ids)
        except Exception:  # noqa: BLE001 - as above
            logger.exception("queue does not answer", extra={"kind": kind})
            unsent = ids
        log.count("EffectsForwarded", len(ids) - len(unsent))
        if unsent:
            log.count("EffectsLeftToSweeper", len(unsent))
            logger.error("left to the sweeper", extra={"kind": kind, "effect_ids": unsent})


def _added(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return kind and id of the effect that a record adds, if it adds one."""
    change = record["dynamodb"]
    if record["eventName"] != "INSERT" or change["Keys"]["sk"]["S"] != rows.EFFECT:
        return None
    kind: str = change["NewImage"]["kind"]["S"]
    return kind, rows.effect_id(change["Keys"]["pk"]["S"])


def _event_id(record: object) -> object:
    return record.get("eventID") if isinstance(record, Mapping) else None

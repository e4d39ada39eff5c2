"""What a worker's function does with its messages; see docs/outbox.md for a whole one."""

from collections import Counter

from chalice.app import SQSEvent

from chalicelib.core import log
from chalicelib.core.batches import Failures, untried_first
from chalicelib.core.log import logger
from chalicelib.core.outbox import queues
from chalicelib.core.outbox.worker import Worker

__all__ = ["Failures", "handle"]


def handle(event: SQSEvent, worker: Worker) -> Failures:
    """Work on the effects that the messages name; return the messages that are to come again.

    Those are only messages whose effect could not be looked at or written to: whatever a vendor
    does is on the effect's record, and its message is spent.
    """
    failures: list[dict[str, str]] = []
    outcomes: Counter[str] = Counter()
    for record in untried_first(event):
        try:
            effect_id = queues.effect_id(record.body)
        except (ValueError, RecursionError):
            outcomes["unreadable"] += 1
            logger.error("message names no effect", extra={"body": record.body[:200]})
            continue
        try:
            outcomes[worker.work(effect_id)] += 1
        except Exception:  # noqa: BLE001 - whatever it is, its neighbours go on
            outcomes["failed"] += 1
            logger.exception("effect failed", extra={"effect_id": effect_id, "kind": worker.kind})
            failures.append({"itemIdentifier": record.to_dict()["messageId"]})
    for outcome, count in outcomes.items():
        log.measure("Effects", count, kind=worker.kind, outcome=outcome)
    if dead := outcomes["dead"]:
        log.measure("DeadEffects", dead)
    return {"batchItemFailures": failures}

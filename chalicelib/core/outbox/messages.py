"""What a worker's function does with its messages; see `chalicelib.warranties.events`."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from chalice.app import SQSEvent, SQSRecord

from chalicelib.core import log
from chalicelib.core.batches import Failures, untried_first
from chalicelib.core.log import logger
from chalicelib.core.outbox import queues
from chalicelib.core.outbox.worker import Worker

__all__ = ["Failures", "handle"]


def handle(event: SQSEvent, worker: Worker, *, at_once: int = 1) -> Failures:
    """Process the effects that the messages name; return the messages to redeliver.

    Those are only messages whose effect could not be read or written: the outcome of a call is on
    the effect's row, and its message is consumed. ``at_once`` are processed side by side.
    """
    records = untried_first(event)
    if at_once == 1:
        results = [_worked(worker, record) for record in records]
    else:
        with ThreadPoolExecutor(at_once) as pool:
            results = list(pool.map(partial(_worked, worker), records))
    outcomes = Counter(results)
    failures = [
        {"itemIdentifier": record.to_dict()["messageId"]}
        for record, result in zip(records, results, strict=True)
        if result == "failed"
    ]
    for outcome, count in outcomes.items():
        log.measure("Effects", count, kind=worker.kind, outcome=outcome)
    if dead := outcomes["dead"]:
        log.measure("DeadEffects", dead)
    return {"batchItemFailures": failures}


def _worked(worker: Worker, record: SQSRecord) -> str:
    """Return the outcome of a message."""
    try:
        effect_id = queues.effect_id(record.body)
    except (ValueError, RecursionError):
        logger.error("message names no effect", extra={"body": record.body[:200]})
        return "unreadable"
    try:
        return worker.work(effect_id)
    except Exception:  # noqa: BLE001 - one message must not block the others
        logger.exception("effect failed", extra={"effect_id": effect_id, "kind": worker.kind})
        return "failed"

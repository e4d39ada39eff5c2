"""What a worker's function does with its messages; see docs/outbox.md for a whole one."""

from collections import Counter

from chalice.app import SQSEvent, SQSRecord

from chalicelib.core import log
from chalicelib.core.log import logger
from chalicelib.core.outbox import queues
from chalicelib.core.outbox.worker import Worker

Failures = dict[str, list[dict[str, str]]]
"""The messages of a batch that come again, as SQS wants it told (ReportBatchItemFailures)."""


def perform(event: SQSEvent, worker: Worker) -> Failures:
    """Work on the effects that the messages name; return the messages that are to come again.

    Those are only messages whose effect could not be looked at or written to: whatever a vendor
    does is on the effect's record, and its message is spent. Messages that have been received
    before come last, so that one which kills the function takes no untried neighbour with it.
    """
    failures: list[dict[str, str]] = []
    outcomes: Counter[str] = Counter()
    for record in sorted(event, key=_receives):
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


def _receives(record: SQSRecord) -> int:
    return int(record.to_dict()["attributes"].get("ApproximateReceiveCount", 1))

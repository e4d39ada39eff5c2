"""The vending context's event functions: arrivals in the share, fleet passes, the daily sweep.

Each runs in a Lambda of its own that imports this module and never ``app.py``. Event sources are
bound to the real queues by the templates under ``infra/``.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus

from chalice import Blueprint, Cron, Rate
from chalice.app import CloudWatchEvent, SQSEvent, SQSRecord

from chalicelib.core import log
from chalicelib.core.audit.recording import entered_as
from chalicelib.core.batches import Failures, receives, untried_first
from chalicelib.core.log import logger, observed
from chalicelib.core.outbox.wiring import schedules
from chalicelib.vending.ports import Clearing, Enrolment, Round
from chalicelib.vending.wiring import vending

bp = Blueprint(__name__)

# The queues' redrive policies say the same: after the fifth time a message is dead.
MAX_RECEIVES = 5
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 2, 300


@bp.on_sqs_message(queue="vending-uploads", batch_size=10, name="vending_file_arrived")
@observed("vending_file_arrived")
@entered_as("queue:files")
def file_arrived(event: SQSEvent) -> Failures:
    """Look at the keys that S3 or the sweep names; report the messages that failed."""
    failures: list[dict[str, str]] = []
    for record in untried_first(event):
        try:
            _look_at(record)
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours go on
            extra = {"body": record.body, "receives": receives(record)}
            logger.exception("file failed", extra=extra)
            failures.append({"itemIdentifier": record.to_dict()["messageId"]})
            with suppress(Exception):  # what failed the file, such as an outage, may fail this
                _tell_file(record, error)
            with suppress(Exception):  # it then comes back when it is no longer hidden
                _put_off(record)
    return {"batchItemFailures": failures}


@bp.on_sqs_message(queue="vending-fleet", batch_size=10, name="vending_fleet_changed")
@observed("vending_fleet_changed")
@entered_as("queue:fleet")
def fleet_changed(event: SQSEvent) -> Failures:
    """Process each message; judge what has changed once for the whole batch."""
    failures: list[dict[str, str]] = []
    sweep_failure: Exception | None = None
    try:
        logger.info("fleet", extra={"noted": vending().verdicts.look_at_notes()})
    except Exception as failed:  # noqa: BLE001 - rounds and rebuilds go on
        sweep_failure = failed
    for record in event:
        try:
            if not _continued(json.loads(record.body)) and sweep_failure:
                raise sweep_failure
        except Exception:  # noqa: BLE001 - its neighbours go on
            logger.exception("fleet failed", extra={"body": record.body})
            failures.append({"itemIdentifier": record.to_dict()["messageId"]})
    return {"batchItemFailures": failures}


def _continued(message: dict[str, Any]) -> bool:
    """Do a part of a round or of a rebuild; return False when neither is requested."""
    if "round" in message:
        vending().verdicts.go_round(Round.model_validate(message["round"]))
    elif "enrolment" in message:
        vending().rebuilding.enrol(Enrolment.model_validate(message["enrolment"]))
    elif "clearing" in message:
        vending().rebuilding.clear(Clearing.model_validate(message["clearing"]))
    else:
        return False
    return True


@bp.schedule(Cron(0, 23, "*", "*", "?", "*"), name="vending_daily_sweep")
@observed("vending_daily_sweep")
@entered_as("schedule:daily-sweep")
def daily_sweep(_: CloudWatchEvent) -> None:
    """Queue again what never arrived, and heal what a lost message left behind."""
    queued = vending().arrivals.sweep()
    logger.info("swept", extra={"queued": queued})
    vending().rebuilding.catch_up()
    _measure_overdue()
    schedules().ran("vending_daily_sweep")


@bp.schedule(Rate(15, unit=Rate.MINUTES), name="vending_digests")
@observed("vending_digests")
@entered_as("schedule:digests")
def digests(_: CloudWatchEvent) -> None:
    """Send the digests of the zones in which it is seven in the morning."""
    logger.info("digests", extra={"sent": vending().announcing.send_digests()})


def _measure_overdue() -> None:
    log.measure("MachinesOverdue", vending().fleet.overdue())


def _look_at(record: SQSRecord) -> None:
    for key in _keys(record.body):
        found = vending().arrivals.look_at(key)
        log.count("FilesLookedAt")
        logger.info("looked at", extra={"key": key, "state": found and found.state})


def _keys(body: str) -> Iterator[str]:
    """Yield the keys that a message is about: our own, or those of an S3 event.

    S3's first message to a queue is a test event without records.
    """
    message: dict[str, Any] = json.loads(body)
    yield from message.get("keys", ())
    for record in message.get("Records", ()):
        yield unquote_plus(record["s3"]["object"]["key"])


def _tell_file(record: SQSRecord, error: Exception) -> None:
    """Say on the files of a message that it was received for the last time."""
    times = receives(record)
    if times >= MAX_RECEIVES:
        for key in _keys(record.body):
            vending().arrivals.give_up(key, f"processing failed {times} times: {error}")


def _put_off(record: SQSRecord) -> None:
    """Have the message come back after a while, longer each time."""
    wait_s = min(_FIRST_BACKOFF_S * 2 ** receives(record), _LONGEST_BACKOFF_S)
    vending().queues.put_off(record.receipt_handle, wait_s)

"""The bakery's event functions: the daily batch, and the hourly look after what was missed.

Each runs in a Lambda of its own that imports this module and never ``app.py``.
"""

from datetime import UTC, datetime

from chalice import Blueprint, Cron
from chalice.app import CloudWatchEvent

from chalicelib.bakery.wiring import bakery
from chalicelib.core import log
from chalicelib.core.log import logger, observed
from chalicelib.core.outbox.effects import DisabledError

bp = Blueprint(__name__)


@bp.schedule(Cron(0, 6, "*", "*", "?", "*"), name="bakery_daily_batch")
@observed("bakery_daily_batch")
def daily_batch(event: CloudWatchEvent) -> None:
    """Order the ingredients of all orders from before the cut-off, once, however often it fires."""
    run = bakery().batching.run_scheduled(_time(event))
    if run.new:
        log.count("BatchesSealed")
    orders = len(run.batch.orders) if run.batch else 0
    logger.info("batch", extra={"day": run.day, "orders": orders, "sealed": run.new})


@bp.schedule(Cron(30, "*", "*", "*", "?", "*"), name="bakery_hourly_check")
@observed("bakery_hourly_check")
def hourly_check(_: CloudWatchEvent) -> None:
    """Finish what a crash left behind, and find what a lost webhook would have told."""
    finished = bakery().batching.finish()
    if finished:
        logger.warning("batches finished late", extra={"days": finished})
    try:
        cancelled = bakery().shortages.reconcile()
    except DisabledError as off:
        logger.info("tickets not looked at", extra={"reason": str(off)})
    else:
        logger.info("tickets looked at", extra={"cancelled": cancelled})


def _time(event: CloudWatchEvent) -> datetime:
    """Return the time that the schedule meant; a late event is of its own day."""
    told = event.to_dict().get("time")
    return datetime.fromisoformat(told) if told else datetime.now(UTC)

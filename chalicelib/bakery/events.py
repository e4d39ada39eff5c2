"""The functions of the bakery's two schedules.

Each runs in a Lambda of its own that imports this module and never ``app.py``.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from chalice import Blueprint, Cron
from chalice.app import CloudWatchEvent

from chalicelib.bakery.wiring import bakery
from chalicelib.core import log
from chalicelib.core.audit.recording import entered_as
from chalicelib.core.instants import now
from chalicelib.core.log import logger, observed
from chalicelib.core.outbox.effects import EffectError, NotConfiguredError
from chalicelib.core.outbox.wiring import schedules
from chalicelib.integrations import wiring as vendors

bp = Blueprint(__name__)


@bp.schedule(Cron(0, 6, "*", "*", "?", "*"), name="bakery_daily_batch")
@observed("bakery_daily_batch")
@entered_as("schedule:daily-batch")
def daily_batch(event: CloudWatchEvent) -> None:
    """Order the ingredients of all orders from before the cut-off, once, however often it fires."""
    run = bakery().batching.run_scheduled(_time(event))
    if run.new:
        log.count("BatchesSealed")
    orders = len(run.batch.orders) if run.batch else 0
    logger.info("batch", extra={"day": run.day, "orders": orders, "sealed": run.new})
    schedules().ran("bakery_daily_batch")


@bp.schedule(Cron(30, "*", "*", "*", "?", "*"), name="bakery_hourly_check")
@observed("bakery_hourly_check")
@entered_as("schedule:hourly-check")
def hourly_check(_: CloudWatchEvent) -> None:
    """Finish what a crash left behind, and find changes that were not reported."""
    finished = bakery().batching.finish()
    if finished:
        logger.warning("batches finished late", extra={"days": finished})
    _check("tickets that came back short", bakery().shortages.reconcile)
    _check(
        "answers to invitations", lambda: bakery().employees.follow_invitations(vendors.github())
    )


def _check(what: str, check: Callable[[], Sequence[int]]) -> None:
    """Run a check at a vendor; a failed one runs again in an hour."""
    try:
        found = check()
    except NotConfiguredError as off:
        logger.info("not looked", extra={"at": what, "reason": str(off)})
    except EffectError:
        logger.exception("could not look", extra={"at": what})
    else:
        logger.info("looked", extra={"at": what, "changed": found})


def _time(event: CloudWatchEvent) -> datetime:
    """Return the time that the schedule meant; a late event is of its own day."""
    time = event.to_dict().get("time")
    return datetime.fromisoformat(time) if time else now()

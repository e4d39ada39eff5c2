"""The functions that perform the bakery's effects, and their workers, built once per process.

Each function runs in a Lambda of its own that imports this module and never ``app.py``. Queues are
bound by the templates under ``infra/``; a function takes one message at a time, as a call may take
seconds.
"""

from functools import cache
from typing import Any

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib.bakery.handlers import jira
from chalicelib.bakery.handlers.access import AccessHandler
from chalicelib.bakery.handlers.files import DocumentErasureHandler, FilingHandler
from chalicelib.bakery.handlers.notices import MessageErasureHandler, NoticeHandler
from chalicelib.bakery.handlers.tickets import Provider
from chalicelib.bakery.records import Order
from chalicelib.bakery.service.directory import Directory
from chalicelib.bakery.service.notifying import Notifying
from chalicelib.bakery.wiring import BakerySettings, addresses, bakery, notifying, stores
from chalicelib.core.instants import now
from chalicelib.core.log import observed
from chalicelib.core.outbox import messages
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.messages import Failures
from chalicelib.core.outbox.tasks import ByTask
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.integrations import wiring as vendors

bp = Blueprint(__name__)


@bp.on_sqs_message(queue="outbox-jira", batch_size=1, name="bakery_ticket_asked")
@observed("bakery_ticket_asked")
def ticket_asked(event: SQSEvent) -> Failures:
    """Make tickets, comment on them, and inspect those that report shortages."""
    return messages.handle(event, tickets())


@cache
def tickets() -> Worker:
    """Return the worker for the effects of kind ``jira``."""
    bakery_stores, settings = stores(), from_env(BakerySettings)
    provider = Provider(
        vendors.jira,
        home=settings.bakery_home.rstrip("/"),
        search_lag_s=settings.bakery_settle_s,
    )
    handler = jira.by_task(
        provider,
        bakery_stores.orders,
        bakery_stores.batches,
        bakery_stores.tickets,
        bakery().ordering,
        bakery().shortages,
    )
    return outbox.worker("jira", vendors.renewing(handler))


@bp.on_sqs_message(queue="outbox-notify", batch_size=1, name="bakery_notice_asked")
@observed("bakery_notice_asked")
def notice_asked(event: SQSEvent) -> Failures:
    """Tell customers, by Slack or by mail."""
    return messages.handle(event, notices())


@bp.lambda_function(name="bakery_notice_previewed")
@observed("bakery_notice_previewed")
def notice_previewed(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return how the customer of an order would be notified: the API may not ask vendors."""
    return notifying().decide(Order.model_validate(event)).model_dump(mode="json")


@cache
def notices() -> Worker:
    """Return the worker for the effects of kind ``notify``."""
    bakery_stores = stores()
    deciding = Notifying(Directory(vendors.slack, now=now), addresses, bakery_stores.cakes)
    telling = NoticeHandler(vendors.slack, vendors.mail, deciding, bakery_stores.orders, now=now)
    handler = ByTask({"": telling, "erase": MessageErasureHandler(vendors.slack)})
    return outbox.worker("notify", vendors.renewing(handler))


@bp.on_sqs_message(queue="outbox-google", batch_size=1, name="bakery_filing_asked")
@observed("bakery_filing_asked")
def filing_asked(event: SQSEvent) -> Failures:
    """File cancelled orders in their customers' documents."""
    return messages.handle(event, files())


@cache
def files() -> Worker:
    """Return the worker for the effects of kind ``google``."""
    bakery_stores = stores()
    filing = FilingHandler(
        vendors.drive,
        vendors.docs,
        bakery_stores.documents,
        bakery_stores.orders,
        now=now,
        search_lag_s=from_env(BakerySettings).bakery_drive_settle_s,
    )
    handler = ByTask({"": filing, "erase": DocumentErasureHandler(vendors.drive)})
    return outbox.worker("google", vendors.renewing(handler))


@bp.on_sqs_message(queue="outbox-github", batch_size=1, name="bakery_access_asked")
@observed("bakery_access_asked")
def access_asked(event: SQSEvent) -> Failures:
    """Give access to the repository, and take it away."""
    return messages.handle(event, access())


@cache
def access() -> Worker:
    """Return the worker for the effects of kind ``github``."""
    return outbox.worker("github", vendors.renewing(AccessHandler(vendors.github, stores().staff)))

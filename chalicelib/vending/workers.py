"""The function that sends vending's announcements; it runs in a Lambda of its own."""

from functools import cache

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib.core import aws
from chalicelib.core.instants import now
from chalicelib.core.log import observed
from chalicelib.core.outbox import messages
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.messages import Failures
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.integrations import wiring as vendors
from chalicelib.vending.handlers import AnnouncementHandler
from chalicelib.vending.store.announcements import AnnouncementStore
from chalicelib.vending.wiring import VendingSettings

bp = Blueprint(__name__)


@bp.on_sqs_message(queue="outbox-announce", batch_size=1, name="vending_announcement_asked")
@observed("vending_announcement_asked")
def announcement_asked(event: SQSEvent) -> Failures:
    """Announce new causes, by Slack or by mail."""
    return messages.handle(event, announcer())


@cache
def announcer() -> Worker:
    """Return the worker for the effects of kind ``announce``."""
    table = Table(aws.dynamodb(), from_env(VendingSettings).vending_table)
    letters = AnnouncementStore(table, outbox.outbox())
    handler = AnnouncementHandler(vendors.slack, vendors.mail, letters, now=now)
    return outbox.worker("announce", vendors.renewing(handler))

"""Builds the workers for the bakery's effects, once per process, on first use."""

from datetime import UTC, datetime
from functools import cache

from chalicelib.bakery.letters import Addresses
from chalicelib.bakery.performers.access import AccessPerformer
from chalicelib.bakery.performers.directory import Directory
from chalicelib.bakery.performers.files import FilingPerformer
from chalicelib.bakery.performers.notices import NoticePerformer
from chalicelib.bakery.performers.tickets import TicketPerformer
from chalicelib.bakery.wiring import BakerySettings, bakery, stores
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.integrations import wiring as vendors


@cache
def tickets() -> Worker:
    """Return the worker for the effects of kind ``jira``."""
    kept, settings = stores(), from_env(BakerySettings)
    performer = TicketPerformer(
        vendors.jira,
        kept.orders,
        kept.batches,
        kept.tickets,
        bakery().ordering,
        bakery().shortages,
        home=settings.bakery_home.rstrip("/"),
        settle_s=settings.bakery_settle_s,
    )
    return outbox.worker("jira", performer)


@cache
def notices() -> Worker:
    """Return the worker for the effects of kind ``notify``."""
    kept = stores()
    performer = NoticePerformer(
        vendors.slack,
        Directory(vendors.slack, now=_now),
        vendors.mail,
        _addresses,
        kept.orders,
        kept.cakes,
        now=_now,
    )
    return outbox.worker("notify", performer)


@cache
def files() -> Worker:
    """Return the worker for the effects of kind ``google``."""
    kept = stores()
    performer = FilingPerformer(
        vendors.drive,
        vendors.docs,
        kept.documents,
        kept.orders,
        now=_now,
        settle_s=from_env(BakerySettings).bakery_drive_settle_s,
    )
    return outbox.worker("google", performer)


@cache
def access() -> Worker:
    """Return the worker for the effects of kind ``github``."""
    return outbox.worker("github", AccessPerformer(vendors.github, stores().staff))


def _addresses() -> Addresses:
    """Return how addresses come about. Raises DisabledError while mail is off."""
    return Addresses(vendors.mail_domain(), from_env(BakerySettings).mail_domains)


def _now() -> datetime:
    return datetime.now(UTC)

"""Builds the workers for the bakery's effects, once per process, on first use."""

from functools import cache

from chalicelib.bakery.handlers.access import AccessHandler
from chalicelib.bakery.handlers.directory import Directory
from chalicelib.bakery.handlers.files import FilingHandler
from chalicelib.bakery.handlers.notices import NoticeHandler
from chalicelib.bakery.handlers.tickets import TicketHandler
from chalicelib.bakery.letters import Addresses
from chalicelib.bakery.wiring import BakerySettings, bakery, stores
from chalicelib.core.instants import now
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.integrations import wiring as vendors


@cache
def tickets() -> Worker:
    """Return the worker for the effects of kind ``jira``."""
    kept, settings = stores(), from_env(BakerySettings)
    handler = TicketHandler(
        vendors.jira,
        kept.orders,
        kept.batches,
        kept.tickets,
        bakery().ordering,
        bakery().shortages,
        home=settings.bakery_home.rstrip("/"),
        search_lag_s=settings.bakery_settle_s,
    )
    return outbox.worker("jira", handler)


@cache
def notices() -> Worker:
    """Return the worker for the effects of kind ``notify``."""
    kept = stores()
    handler = NoticeHandler(
        vendors.slack,
        Directory(vendors.slack, now=now),
        vendors.mail,
        _addresses,
        kept.orders,
        kept.cakes,
        now=now,
    )
    return outbox.worker("notify", handler)


@cache
def files() -> Worker:
    """Return the worker for the effects of kind ``google``."""
    kept = stores()
    handler = FilingHandler(
        vendors.drive,
        vendors.docs,
        kept.documents,
        kept.orders,
        now=now,
        search_lag_s=from_env(BakerySettings).bakery_drive_settle_s,
    )
    return outbox.worker("google", handler)


@cache
def access() -> Worker:
    """Return the worker for the effects of kind ``github``."""
    return outbox.worker("github", AccessHandler(vendors.github, stores().staff))


def _addresses() -> Addresses:
    """Return how addresses come about. Raises NotConfiguredError while mail is off."""
    return Addresses(vendors.mail_domain(), from_env(BakerySettings).mail_domains)

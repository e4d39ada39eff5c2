"""Builds the bakery's services, once per process, on first use."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.bakery.letters import Addresses
from chalicelib.bakery.performers.access import AccessPerformer
from chalicelib.bakery.performers.files import FilingPerformer
from chalicelib.bakery.performers.notices import NoticePerformer
from chalicelib.bakery.performers.tickets import TicketPerformer
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.cakes import Kitchen
from chalicelib.bakery.service.orders import Ordering
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.service.staff import Office
from chalicelib.bakery.store.batches import BatchStore, TicketStore
from chalicelib.bakery.store.cakes import CakeStore
from chalicelib.bakery.store.documents import DocumentStore
from chalicelib.bakery.store.orders import OrderStore
from chalicelib.bakery.store.staff import StaffStore
from chalicelib.core import aws
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.integrations import gdocs, jira
from chalicelib.integrations import wiring as vendors


class BakerySettings(BaseModel):
    """What the bakery reads from the environment (upper-case names).

    ``bakery_tickets`` says whether a ticket is for a day or for an order; ``bakery_home`` is the
    address of this API in tickets; ``bakery_mail_domains``, separated by commas, are the only ones
    that letters go to, all when there is none. ``bakery_settle_s`` is how long the search of Jira
    may trail a write.
    """

    model_config = ConfigDict(frozen=True)

    bakery_table: str
    bakery_tickets: Literal["daily", "per_order"] = "daily"
    bakery_home: str = "http://localhost:8000"
    bakery_mail_domains: str = ""
    bakery_settle_s: float = jira.SETTLE_S

    @property
    def mail_domains(self) -> Collection[str]:
        """Return the domains that letters may go to; none means any."""
        names = (name.strip().lower() for name in self.bakery_mail_domains.split(","))
        return {name for name in names if name}


@dataclass(frozen=True)
class Bakery:
    """Everything that the edges of the bakery call."""

    kitchen: Kitchen
    ordering: Ordering
    batching: Batching
    shortages: Shortages
    office: Office


@dataclass(frozen=True)
class _Stores:
    cakes: CakeStore
    orders: OrderStore
    batches: BatchStore
    tickets: TicketStore
    staff: StaffStore
    documents: DocumentStore


@cache
def bakery() -> Bakery:
    """Return the services on the tables that the settings name."""
    stores = _stores()
    ordering = Ordering(
        stores.orders,
        stores.cakes,
        stores.batches,
        now=_now,
        per_order=from_env(BakerySettings).bakery_tickets == "per_order",
    )
    return Bakery(
        kitchen=Kitchen(stores.cakes, now=_now),
        ordering=ordering,
        batching=Batching(stores.batches, now=_now),
        shortages=Shortages(
            stores.tickets,
            stores.batches,
            stores.orders,
            ordering,
            desk=vendors.jira,
            now=_now,
            secret=vendors.jira_webhook_secret,
        ),
        office=Office(stores.staff, now=_now),
    )


@cache
def tickets() -> Worker:
    """Return the worker for the effects of kind ``jira``."""
    stores, settings = _stores(), from_env(BakerySettings)
    performer = TicketPerformer(
        vendors.jira,
        stores.orders,
        stores.batches,
        stores.tickets,
        bakery().ordering,
        bakery().shortages,
        home=settings.bakery_home.rstrip("/"),
        settle_s=settings.bakery_settle_s,
    )
    return outbox.worker("jira", performer)


@cache
def notices() -> Worker:
    """Return the worker for the effects of kind ``notify``."""
    stores = _stores()
    performer = NoticePerformer(
        vendors.slack, vendors.mail, _addresses, stores.orders, stores.cakes, now=_now
    )
    return outbox.worker("notify", performer)


@cache
def files() -> Worker:
    """Return the worker for the effects of kind ``google``."""
    stores = _stores()
    performer = FilingPerformer(
        vendors.drive,
        vendors.docs,
        stores.documents,
        stores.orders,
        now=_now,
        settle_s=gdocs.SETTLE_S,
    )
    return outbox.worker("google", performer)


@cache
def access() -> Worker:
    """Return the worker for the effects of kind ``github``."""
    return outbox.worker("github", AccessPerformer(vendors.github, _stores().staff))


@cache
def _stores() -> _Stores:
    table = Table(aws.dynamodb(), from_env(BakerySettings).bakery_table)
    asking = outbox.outbox()
    return _Stores(
        cakes=CakeStore(table),
        orders=OrderStore(table, asking),
        batches=BatchStore(table, asking),
        tickets=TicketStore(table, asking),
        staff=StaffStore(table, asking),
        documents=DocumentStore(table),
    )


def _addresses() -> Addresses:
    """Return how addresses come about. Raises DisabledError while mail is off."""
    return Addresses(vendors.mail_domain(), from_env(BakerySettings).mail_domains)


def _now() -> datetime:
    return datetime.now(UTC)

"""Builds the bakery's services, once per process, on first use."""

import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.bakery.letters import Addresses
from chalicelib.bakery.records import Order
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.cakes import Recipes
from chalicelib.bakery.service.directory import Directory
from chalicelib.bakery.service.erasing import Erasing
from chalicelib.bakery.service.notifying import Decision, Notifying, Previewing
from chalicelib.bakery.service.orders import Ordering
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.service.staff import Employees
from chalicelib.bakery.store.batches import BatchStore, TicketStore
from chalicelib.bakery.store.cakes import CakeStore
from chalicelib.bakery.store.documents import DocumentStore
from chalicelib.bakery.store.erasing import ErasureStore
from chalicelib.bakery.store.orders import OrderStore
from chalicelib.bakery.store.staff import StaffStore
from chalicelib.bakery.store.things import thing
from chalicelib.core import aws
from chalicelib.core.calling import call
from chalicelib.core.instants import now
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.core.values import dataclass

if TYPE_CHECKING:
    from chalicelib.integrations.jira import Jira
    from chalicelib.integrations.slack import Slack

# A board of previews would else read Slack's directory for each customer who is not in it.
_MISSES_KEPT = timedelta(minutes=1)


class BakerySettings(BaseModel):
    """What the bakery reads from the environment (upper-case names).

    ``bakery_tickets`` says whether a ticket is for a day or for an order; ``bakery_home`` is the
    address of this API in tickets; ``bakery_mail_domains``, separated by commas, are the only ones
    that letters go to, all when there is none. ``bakery_settle_s`` is how long the search of Jira
    may trail a write, ``bakery_drive_settle_s`` how long Drive's list may. ``bakery_undo_s`` is how
    long "ready" can be taken back before the customer is notified. ``bakery_previews`` is the
    function that decides for the API how a customer would be notified.
    """

    model_config = ConfigDict(frozen=True)

    bakery_table: str
    bakery_tickets: Literal["daily", "per_order"] = "daily"
    bakery_home: str = "http://localhost:8000"
    bakery_mail_domains: str = ""
    bakery_settle_s: float = 900.0
    bakery_drive_settle_s: float = 300.0
    bakery_previews: str = ""
    bakery_undo_s: float = Field(default=60.0, ge=0, le=900)

    @property
    def mail_domains(self) -> Collection[str]:
        """Return the domains that letters may go to; none means any."""
        names = (name.strip().lower() for name in self.bakery_mail_domains.split(","))
        return {name for name in names if name}


@dataclass(frozen=True)
class Bakery:
    """Everything that the edges of the bakery call."""

    recipes: Recipes
    ordering: Ordering
    batching: Batching
    shortages: Shortages
    employees: Employees
    erasing: Erasing
    notices: Previewing


@dataclass(frozen=True)
class Stores:
    """Everything that the bakery keeps."""

    cakes: CakeStore
    orders: OrderStore
    batches: BatchStore
    tickets: TicketStore
    staff: StaffStore
    documents: DocumentStore
    erasures: ErasureStore


@cache
def bakery() -> Bakery:
    """Return the services on the tables that the settings name."""
    bakery_stores = stores()
    ordering = Ordering(
        bakery_stores.orders,
        bakery_stores.cakes,
        bakery_stores.batches,
        now=now,
        per_order=from_env(BakerySettings).bakery_tickets == "per_order",
        undo_s=from_env(BakerySettings).bakery_undo_s,
    )
    return Bakery(
        recipes=Recipes(bakery_stores.cakes, now=now),
        ordering=ordering,
        batching=Batching(bakery_stores.batches, now=now),
        shortages=Shortages(
            bakery_stores.tickets,
            bakery_stores.batches,
            bakery_stores.orders,
            ordering,
            desk=_desk,
            now=now,
            secrets=_webhook_secrets,
        ),
        employees=Employees(bakery_stores.staff, now=now),
        erasing=Erasing(
            bakery_stores.orders,
            bakery_stores.documents,
            bakery_stores.erasures,
            now=now,
            new_salt=lambda: secrets.token_hex(16),
        ),
        notices=Previewing(ordering, notifying(), _decide, now=now),
    )


@cache
def notifying() -> Notifying:
    """Return what decides how customers are notified, for previews."""
    directory = Directory(_slack, now=now, misses_kept=_MISSES_KEPT)
    return Notifying(directory, addresses, stores().cakes)


def _decide(order: Order) -> Decision:
    """Return how a customer is notified; without a stack this process asks the vendors itself."""
    if name := from_env(BakerySettings).bakery_previews:
        found = call(aws.functions(), name, order.stored_text().encode())
        return Decision.model_validate(found)
    return notifying().decide(order)


@cache
def stores() -> Stores:
    """Return the stores on the table that the settings name."""
    table = Table(aws.dynamodb(), from_env(BakerySettings).bakery_table, things=thing)
    effects = outbox.outbox()
    return Stores(
        cakes=CakeStore(table),
        orders=OrderStore(table, effects),
        batches=BatchStore(table, effects),
        tickets=TicketStore(table, effects),
        staff=StaffStore(table, effects),
        documents=DocumentStore(table),
        erasures=ErasureStore(table, effects),
    )


def _desk() -> "Jira":
    """Return Jira. Raises NotConfiguredError while it is off."""
    from chalicelib.integrations.wiring import jira  # noqa: PLC0415 - no cold start pays for it

    return jira()


def _slack() -> "Slack":
    """Return Slack, which somebody waits for. Raises NotConfiguredError while it is off."""
    from chalicelib.integrations.wiring import Timeout, slack  # noqa: PLC0415

    return slack(Timeout(connect=2, read=5))


def addresses() -> Addresses:
    """Return how addresses are made. Raises NotConfiguredError while mail is off."""
    from chalicelib.integrations.wiring import mail_domain  # noqa: PLC0415

    return Addresses(mail_domain(), from_env(BakerySettings).mail_domains)


def _webhook_secrets() -> Sequence[bytes]:
    """Return what Jira may sign with. Raises NotConfiguredError while there is nothing."""
    from chalicelib.integrations.wiring import jira_webhook_secrets  # noqa: PLC0415

    return jira_webhook_secrets()

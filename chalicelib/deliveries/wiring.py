"""Builds the deliveries services, once per process, on first use."""

from datetime import timedelta
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core import aws
from chalicelib.core.instants import now
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.core.values import dataclass
from chalicelib.deliveries.service.batches import Batches
from chalicelib.deliveries.service.choosing import Choosing
from chalicelib.deliveries.service.counting import Counting
from chalicelib.deliveries.service.listing import Listing
from chalicelib.deliveries.service.messages import Messages
from chalicelib.deliveries.service.sending import Sending
from chalicelib.deliveries.store.messages import VerdictStore
from chalicelib.deliveries.store.packages import PackageStore
from chalicelib.deliveries.store.preferences import PreferenceStore
from chalicelib.deliveries.store.statistics import CounterStore
from chalicelib.deliveries.store.tally import Tally
from chalicelib.deliveries.store.things import thing


class DeliveriesSettings(BaseModel):
    """What the deliveries context reads from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    deliveries_table: str
    deliveries_shards: Annotated[int, Field(ge=1, le=10_000)] = 256
    deliveries_verdict_days: Annotated[int, Field(ge=15, le=3_650)] = 30


@dataclass(frozen=True)
class Deliveries:
    """Everything that the edges of the deliveries context call."""

    sending: Sending
    choosing: Choosing
    counting: Counting
    messages: Messages
    listing: Listing
    batches: Batches


@cache
def deliveries() -> Deliveries:
    """Return the services on the table that the settings name."""
    settings = from_env(DeliveriesSettings)
    table = Table(aws.dynamodb(), settings.deliveries_table, things=thing)
    tally = Tally(table, spread=settings.deliveries_shards, now=now)
    packages = PackageStore(table, tally)
    sending = Sending(packages, now=now)
    retention = timedelta(days=settings.deliveries_verdict_days)
    counters = CounterStore(table, tally, hasty=_hasty)
    counting = Counting(counters)
    return Deliveries(
        sending=sending,
        choosing=Choosing(PreferenceStore(table), now=now),
        counting=counting,
        messages=Messages(sending, VerdictStore(table, tally, retention=retention), now=now),
        listing=Listing(packages, counters),
        batches=Batches(sending, counting, now=now),
    )


def _hasty() -> Table:
    return Table(aws.fail_fast_dynamodb(), from_env(DeliveriesSettings).deliveries_table)

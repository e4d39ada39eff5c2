"""The table, the bucket and the queues of vending, as the environment names them."""

from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws
from chalicelib.core.table import Table
from chalicelib.vending.store.queues import SqsQueues
from chalicelib.vending.store.things import thing


class ResourceSettings(BaseModel):
    """What the environment says about them (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    vending_table: str
    vending_bucket: str
    vending_uploads_queue_url: str
    vending_fleet_queue_url: str
    vending_fleet_delay_s: int = 5


def table_of(settings: ResourceSettings) -> Table:
    """Return the table."""
    return Table(aws.dynamodb(), settings.vending_table, things=thing)


def queues_of(settings: ResourceSettings) -> SqsQueues:
    """Return the queues of arrivals and of the fleet."""
    return SqsQueues(
        aws.sqs,
        arrivals_url=settings.vending_uploads_queue_url,
        fleet_url=settings.vending_fleet_queue_url,
        fleet_delay_s=settings.vending_fleet_delay_s,
    )

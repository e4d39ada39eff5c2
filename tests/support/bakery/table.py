"""The bakery's table as the template defines it, an outbox beside it, and stores on both."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.bakery.store.batches import BatchStore, TicketStore
from chalicelib.bakery.store.cakes import CakeStore
from chalicelib.bakery.store.documents import DocumentStore
from chalicelib.bakery.store.erasing import ErasureStore
from chalicelib.bakery.store.orders import OrderStore
from chalicelib.bakery.store.staff import StaffStore
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Table
from tests.support import dynamodb
from tests.support.outbox.table import make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def make_tables(client: "DynamoDBClient", bakery: str, outbox: str) -> None:
    """Make the tables that the templates define, under names of their own."""
    dynamodb.make_table(client, "BakeryTable", bakery)
    make_table(client, outbox)


class Stores:
    """All the stores on two tables."""

    def __init__(self, client: Any, bakery: str, outbox: str) -> None:
        self.client = client
        self.table, self.effects = Table(client, bakery), Table(client, outbox)
        asking = Outbox(self.effects, now=lambda: datetime.now(UTC))
        self.cakes = CakeStore(self.table)
        self.orders = OrderStore(self.table, asking)
        self.batches = BatchStore(self.table, asking)
        self.tickets = TicketStore(self.table, asking)
        self.staff = StaffStore(self.table, asking)
        self.documents = DocumentStore(self.table)
        self.erasures = ErasureStore(self.table, asking)

    def requested(self) -> set[str]:
        """Return the ids of all effects."""
        found = self.client.scan(TableName=self.effects.name, ConsistentRead=True)["Items"]
        return {item["pk"]["S"].removeprefix("EFFECT#") for item in found}

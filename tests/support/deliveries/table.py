"""The deliveries table as the template defines it, made anywhere; and the stores on it."""

from typing import TYPE_CHECKING

from chalicelib.core.table import Table
from chalicelib.deliveries.store.messages import VerdictStore
from chalicelib.deliveries.store.packages import PackageStore
from chalicelib.deliveries.store.preferences import PreferenceStore
from chalicelib.deliveries.store.statistics import CounterStore
from tests.support import dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def make_table(client: "DynamoDBClient", name: str) -> None:
    """Make the table that the template defines, under a name of its own."""
    dynamodb.make_table(client, "DeliveriesTable", name)


class RealStore(PackageStore, PreferenceStore, CounterStore, VerdictStore):
    """All the stores in one, as the fakes are."""

    def __init__(self, client: "DynamoDBClient", name: str, *, shards: int = 256) -> None:
        table = Table(client, name)
        PackageStore.__init__(self, table, shards=shards)
        CounterStore.__init__(self, table, hasty=lambda: table)

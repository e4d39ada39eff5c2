"""The deliveries table as the template defines it, made anywhere; and the stores on it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core import instants
from chalicelib.core.table import Table
from chalicelib.deliveries.store.messages import VerdictStore
from chalicelib.deliveries.store.packages import PackageStore
from chalicelib.deliveries.store.preferences import PreferenceStore
from chalicelib.deliveries.store.statistics import CounterStore
from chalicelib.deliveries.store.tally import Tally
from tests.support import dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def make_table(client: "DynamoDBClient", name: str) -> None:
    """Make the table that the template defines, under a name of its own."""
    dynamodb.make_table(client, "DeliveriesTable", name)


class RealStore(PackageStore, PreferenceStore, CounterStore, VerdictStore):
    """All the stores in one, as the fakes are."""

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        *,
        shards: int = 256,
        now: Callable[[], datetime] = instants.now,
    ) -> None:
        table = Table(client, name)
        tally = Tally(table, spread=shards, now=now)
        PackageStore.__init__(self, table, tally)
        CounterStore.__init__(self, table, tally, hasty=lambda: table)
        VerdictStore.__init__(self, table, tally, retention=timedelta(days=30))

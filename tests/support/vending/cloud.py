"""AWS in memory (moto) with what the deployer would make of the vending template.

moto is right about one caller at a time only: whatever needs two goes against the embedded AWS.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from chalicelib.core.instants import now
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.vending.store.share import BucketShare
from chalicelib.vending.wiring import VendingSettings, on_table
from tests.support.aws import client
from tests.support.dynamodb import make_table
from tests.support.moto_aws import mock_aws
from tests.support.vending.share import FakeQueues
from tests.support.vending.wiring import Ports

C = TypeVar("C")


def _same(client: C) -> C:
    return client


@contextmanager
def vending_cloud() -> Iterator[None]:
    """Have a table, a bucket and two queues, as empty as a new stack's."""
    named = from_env(VendingSettings)
    with mock_aws():
        dynamodb = client("dynamodb")
        make_table(dynamodb, "VendingTable", named.vending_table)
        client("s3").create_bucket(Bucket=named.vending_bucket)
        for url in (named.vending_uploads_queue_url, named.vending_fleet_queue_url):
            client("sqs").create_queue(QueueName=url.rpartition("/")[2])
        yield


def vending_table(through: Callable[[Any], Any] = _same) -> Table:
    """Return the table, reached ``through`` something around its client."""
    return Table(through(client("dynamodb")), from_env(VendingSettings).vending_table)


def vending_ports(through: Callable[[Any], Any] = _same) -> Ports:
    """Return the real stores, but for the queues; the share tells them of its changes."""
    table, queues = vending_table(through), FakeQueues()
    share = BucketShare(lambda: through(client("s3")), from_env(VendingSettings).vending_bucket)
    outbox = Outbox(table, now=now)
    return on_table(table, outbox, cast(Any, _Telling(share, queues)), queues)


class _Telling:
    """A share whose changes are queued, as S3's notifications are."""

    def __init__(self, share: BucketShare, queues: FakeQueues) -> None:
        self._share, self._queues = share, queues

    def __getattr__(self, name: str) -> Any:
        return getattr(self._share, name)

    def put(self, key: str, content: bytes) -> None:
        self._share.put(key, content)
        self._queues.arrivals.append(key)

    def delete(self, key: str) -> None:
        known = self._share.find(key)
        self._share.delete(key)
        if known:
            self._queues.arrivals.append(key)

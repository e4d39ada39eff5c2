"""AWS in memory (moto) with what the deployer would make of the vending template.

moto is right about one caller at a time only: whatever needs two goes against the embedded AWS.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from moto import mock_aws

from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.vending.store.chunks import ChunkStore
from chalicelib.vending.store.dispatches import DispatchStore
from chalicelib.vending.store.files import FileStore
from chalicelib.vending.store.fleet import FleetStore
from chalicelib.vending.store.registry import RegistryStore
from chalicelib.vending.store.share import BucketShare
from chalicelib.vending.wiring import VendingSettings
from tests.support.aws import client
from tests.support.dynamodb import items, make_table
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


@dataclass(frozen=True)
class Stored:
    """All that a vending cloud holds."""

    items: Sequence[Any]
    objects: Mapping[str, bytes]

    @classmethod
    def now(cls) -> "Stored":
        """Return what the present cloud holds."""
        named, s3 = from_env(VendingSettings), client("s3")
        listed = s3.list_objects_v2(Bucket=named.vending_bucket).get("Contents", [])
        bodies = {
            each["Key"]: s3.get_object(Bucket=named.vending_bucket, Key=each["Key"])["Body"].read()
            for each in listed
        }
        return cls(items(client("dynamodb"), named.vending_table), bodies)

    def put_back(self) -> None:
        """Have the present cloud, an empty one, hold the same."""
        named = from_env(VendingSettings)
        for first in range(0, len(self.items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in self.items[first : first + 25]]
            client("dynamodb").batch_write_item(RequestItems={named.vending_table: puts})
        for key, body in self.objects.items():
            client("s3").put_object(Bucket=named.vending_bucket, Key=key, Body=body)


def vending_table(through: Callable[[Any], Any] = _same) -> Table:
    """Return the table, reached ``through`` something around its client."""
    return Table(through(client("dynamodb")), from_env(VendingSettings).vending_table)


def vending_ports(through: Callable[[Any], Any] = _same) -> Ports:
    """Return the real stores, but for the queues; the share tells them of its changes."""
    table, queues = vending_table(through), FakeQueues()
    files = FileStore(table)
    share = BucketShare(lambda: through(client("s3")), from_env(VendingSettings).vending_bucket)
    return Ports(
        registry=RegistryStore(table),
        files=files,
        chunks=ChunkStore(table, files),
        fleet=FleetStore(table),
        dispatches=DispatchStore(table),
        share=cast(Any, _Telling(share, queues)),
        queues=queues,
    )


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

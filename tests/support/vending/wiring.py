"""The services of vending on the real stores in memory, or on any others."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Table
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.wiring import Outside as Ports
from chalicelib.vending.wiring import Vending, on_table, wired
from tests.support.clock import Clock
from tests.support.dynamodb_in_memory import MemoryDynamoDB
from tests.support.vending.share import FakeQueues, FakeShare

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MORNING = datetime(2020, 3, 1, 8, tzinfo=UTC)


def fake_ports(client: object | None = None) -> Ports:
    """Return the stores on an empty table in memory; what changes in the share is queued."""
    queues = FakeQueues()
    dynamodb = cast("DynamoDBClient", client or MemoryDynamoDB())
    table = Table(dynamodb, "vending")
    outbox = Outbox(Table(dynamodb, "outbox"), now=Clock(MORNING))
    return on_table(table, outbox, FakeShare(queues.arrivals.append), queues)


def copied(ports: Ports) -> Ports:
    """Return other stores in memory that hold what these ones of `fake_ports` hold."""
    held: Any = ports
    other: Any = fake_ports(held.rollups._table._client.copied())
    other.share.hold(held.share)
    other.queues.hold(held.queues)
    return cast("Ports", other)


def fake_vending(
    outside: Ports | None = None,
    *,
    now: Callable[[], datetime] | None = None,
    thresholds: Thresholds | None = None,
    announce_to: str = "",
) -> Vending:
    """Return the services, wired as `chalicelib.vending.wiring.vending` does."""
    on, now, limits = outside or fake_ports(), now or Clock(MORNING), thresholds or Thresholds()
    return wired(on, limits, now=now, processed=lambda _: None, announce_to=announce_to)


__all__ = ["MORNING", "Ports", "fake_ports", "fake_vending"]

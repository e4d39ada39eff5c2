"""The services of vending on ports in memory, or on any others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib.vending import ports
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.service.arrivals import Arrivals
from chalicelib.vending.service.dispatching import Dispatching
from chalicelib.vending.service.history import HistoryService
from chalicelib.vending.service.registry import RegistryService
from chalicelib.vending.service.uploads import Uploads
from chalicelib.vending.service.verdicts import Verdicts
from chalicelib.vending.wiring import Vending
from tests.support.clock import Clock
from tests.support.vending.fakes import (
    FakeChunks,
    FakeDispatchBook,
    FakeFiles,
    FakeFleet,
    FakeRegistry,
)
from tests.support.vending.share import FakeQueues, FakeShare

MORNING = datetime(2020, 3, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Ports:
    """Everything that the services need from the outside."""

    registry: ports.Registry
    files: ports.Files
    chunks: ports.Chunks
    fleet: ports.Fleet
    dispatches: ports.DispatchBook
    share: ports.Share
    queues: ports.Queues


def fake_ports() -> Ports:
    """Return empty ports in memory; what changes in the share is queued as an arrival."""
    files, queues = FakeFiles(), FakeQueues()
    return Ports(
        registry=FakeRegistry(),
        files=files,
        chunks=FakeChunks(files),
        fleet=FakeFleet(),
        dispatches=FakeDispatchBook(),
        share=FakeShare(queues.arrivals.append),
        queues=queues,
    )


def fake_vending(
    outside: Ports | None = None,
    *,
    now: Callable[[], datetime] | None = None,
    thresholds: Thresholds | None = None,
) -> Vending:
    """Return the services, wired as `chalicelib.vending.wiring.vending` does."""
    on, now, limits = outside or fake_ports(), now or Clock(MORNING), thresholds or Thresholds()
    verdicts = Verdicts(on.chunks, on.fleet, on.registry, on.dispatches, on.queues, limits, now=now)
    return Vending(
        registry=RegistryService(on.registry, on.files, on.queues, now=now),
        uploads=Uploads(on.files, on.registry, on.share, now=now),
        arrivals=Arrivals(on.files, on.chunks, on.share, on.registry, on.queues, verdicts, now=now),
        verdicts=verdicts,
        dispatching=Dispatching(on.dispatches, on.registry, on.fleet, verdicts, now=now),
        history=HistoryService(on.chunks),
        queues=on.queues,
    )

"""Builds the vending services, once per process, on first use."""

from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws, log
from chalicelib.core.instants import now
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.files import FileRecord
from chalicelib.vending.ports import Queues
from chalicelib.vending.service.arrivals import Arrivals
from chalicelib.vending.service.dispatching import Dispatching
from chalicelib.vending.service.history import HistoryService
from chalicelib.vending.service.registry import RegistryService
from chalicelib.vending.service.uploads import Uploads
from chalicelib.vending.service.verdicts import Verdicts
from chalicelib.vending.store.chunks import ChunkStore
from chalicelib.vending.store.dispatches import DispatchStore
from chalicelib.vending.store.files import FileStore
from chalicelib.vending.store.fleet import FleetStore
from chalicelib.vending.store.queues import SqsQueues
from chalicelib.vending.store.registry import RegistryStore
from chalicelib.vending.store.share import BucketShare


class VendingSettings(BaseModel):
    """What the vending context reads from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    vending_table: str
    vending_bucket: str
    vending_uploads_queue_url: str
    vending_fleet_queue_url: str
    vending_fleet_delay_s: int = 5
    vending_window_days: int = Thresholds.window_days
    vending_due_days: int = Thresholds.due_days
    vending_min_faults: int = Thresholds.min_faults
    vending_fault_rate: float = Thresholds.fault_rate
    vending_out_of_service_rate: float = Thresholds.out_of_service_rate
    vending_fleet_gap_e: float = Thresholds.fleet_gap_e
    vending_lost_log_e: float = Thresholds.lost_log_e

    def thresholds(self) -> Thresholds:
        """Return where chance ends and a case begins."""
        return Thresholds(
            min_faults=self.vending_min_faults,
            fault_rate=self.vending_fault_rate,
            out_of_service_rate=self.vending_out_of_service_rate,
            fleet_gap_e=self.vending_fleet_gap_e,
            lost_log_e=self.vending_lost_log_e,
            window_days=self.vending_window_days,
            due_days=self.vending_due_days,
        )


@dataclass(frozen=True)
class Vending:
    """Everything that the edges of the vending context call."""

    registry: RegistryService
    uploads: Uploads
    arrivals: Arrivals
    verdicts: Verdicts
    dispatching: Dispatching
    history: HistoryService
    queues: Queues


@cache
def vending() -> Vending:
    """Return the services on the stores that the settings name."""
    settings = from_env(VendingSettings)
    table = Table(aws.dynamodb(), settings.vending_table)
    registry, files = RegistryStore(table), FileStore(table)
    chunks, fleet, dispatches = ChunkStore(table, files), FleetStore(table), DispatchStore(table)
    share = BucketShare(aws.s3, settings.vending_bucket)
    queues = SqsQueues(
        aws.sqs,
        arrivals_url=settings.vending_uploads_queue_url,
        fleet_url=settings.vending_fleet_queue_url,
        fleet_delay_s=settings.vending_fleet_delay_s,
    )
    verdicts = Verdicts(chunks, fleet, registry, dispatches, queues, settings.thresholds(), now=now)
    return Vending(
        registry=RegistryService(registry, files, queues, now=now),
        uploads=Uploads(files, registry, share, now=now),
        arrivals=Arrivals(
            files, chunks, share, registry, queues, verdicts, now=now, processed=_count
        ),
        verdicts=verdicts,
        dispatching=Dispatching(dispatches, registry, fleet, verdicts, now=now),
        history=HistoryService(chunks),
        queues=queues,
    )


def _count(record: FileRecord) -> None:
    """Count a file by what became of it, and its lines."""
    log.count(f"Files{record.state.title()}")
    log.count("RowsKept", record.rows_kept or 0)
    log.count("RowsRefused", record.rows_refused or 0)

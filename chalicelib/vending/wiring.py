"""Builds the vending services, once per process, on first use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws, log
from chalicelib.core.instants import now
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.files import FileRecord
from chalicelib.vending.ports import (
    Chunks,
    DispatchBook,
    Files,
    Fleet,
    Queues,
    Registry,
    Rollups,
    Share,
)
from chalicelib.vending.service.arrivals import Arrivals
from chalicelib.vending.service.calendar import Calendar
from chalicelib.vending.service.days import Days
from chalicelib.vending.service.dispatching import Dispatching
from chalicelib.vending.service.fleet import FleetService
from chalicelib.vending.service.history import HistoryService
from chalicelib.vending.service.rebuilding import Rebuilding
from chalicelib.vending.service.regions import Regions
from chalicelib.vending.service.registry import RegistryService
from chalicelib.vending.service.uploads import Uploads
from chalicelib.vending.service.verdicts import Verdicts
from chalicelib.vending.store.chunks import ChunkStore
from chalicelib.vending.store.dispatches import DispatchStore
from chalicelib.vending.store.files import FileStore
from chalicelib.vending.store.fleet import FleetStore
from chalicelib.vending.store.queues import SqsQueues
from chalicelib.vending.store.registry import RegistryStore
from chalicelib.vending.store.rollups import RollupStore
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
    fleet: FleetService
    rebuilding: Rebuilding
    calendar: Calendar
    dispatching: Dispatching
    history: HistoryService
    queues: Queues


@cache
def vending() -> Vending:
    """Return the services on the stores that the settings name."""
    settings = from_env(VendingSettings)
    queues = SqsQueues(
        aws.sqs,
        arrivals_url=settings.vending_uploads_queue_url,
        fleet_url=settings.vending_fleet_queue_url,
        fleet_delay_s=settings.vending_fleet_delay_s,
    )
    share = BucketShare(aws.s3, settings.vending_bucket, aws.presigning_s3)
    outside = on_table(Table(aws.dynamodb(), settings.vending_table), share, queues)
    return wired(outside, settings.thresholds(), now=now, processed=_count)


@dataclass(frozen=True)
class Outside:
    """Everything that the services need from the outside."""

    registry: Registry
    files: Files
    chunks: Chunks
    rollups: Rollups
    fleet: Fleet
    dispatches: DispatchBook
    share: Share
    queues: Queues


def on_table(table: Table, share: Share, queues: Queues) -> Outside:
    """Return the stores of one table, beside a share and queues."""
    files, rollups = FileStore(table), RollupStore(table)
    return Outside(
        registry=RegistryStore(table, rollups),
        files=files,
        chunks=ChunkStore(table, files),
        rollups=rollups,
        fleet=FleetStore(table, rollups),
        dispatches=DispatchStore(table),
        share=share,
        queues=queues,
    )


def wired(
    on: Outside,
    thresholds: Thresholds,
    *,
    now: Callable[[], datetime],
    processed: Callable[[FileRecord], None],
) -> Vending:
    """Return the services on these ports."""
    regions = Regions(on.chunks, on.rollups, on.queues, thresholds)
    verdicts = Verdicts(
        Days(on.chunks, on.rollups, thresholds.window_days),
        regions,
        on.rollups,
        on.fleet,
        on.registry,
        on.dispatches,
        on.queues,
        thresholds,
        now=now,
    )
    fleet = FleetService(on.fleet, on.rollups, on.registry, on.dispatches, thresholds, now=now)
    return Vending(
        registry=RegistryService(
            on.registry, on.files, on.queues, verdicts.judge, fleet.serials_of, now=now
        ),
        uploads=Uploads(on.files, on.registry, on.share, fleet.serials_of, now=now),
        arrivals=Arrivals(
            on.files,
            on.chunks,
            on.share,
            on.registry,
            on.queues,
            verdicts,
            now=now,
            processed=processed,
        ),
        verdicts=verdicts,
        fleet=fleet,
        rebuilding=Rebuilding(on.rollups, on.fleet, on.registry, on.files, on.queues),
        calendar=Calendar(on.chunks, on.rollups, on.fleet, regions, thresholds.window_days),
        dispatching=Dispatching(on.dispatches, on.registry, on.fleet, verdicts, now=now),
        history=HistoryService(on.chunks),
        queues=on.queues,
    )


def _count(record: FileRecord) -> None:
    """Count a file by what became of it, and its lines."""
    log.count(f"Files{record.state.title()}")
    log.count("RowsKept", record.rows_kept or 0)
    log.count("RowsRefused", record.rows_refused or 0)

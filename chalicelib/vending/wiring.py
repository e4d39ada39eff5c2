"""Builds the vending services, once per process, on first use."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Annotated

from pydantic import StringConstraints

from chalicelib.core import aws, log
from chalicelib.core.instants import now
from chalicelib.core.outbox import wiring as outbox_wiring
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.core.values import dataclass
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.files import FileRecord
from chalicelib.vending.ports import (
    Announcements,
    Chunks,
    DispatchBook,
    Files,
    Fleet,
    Queues,
    Registry,
    Rollups,
    Share,
    Visits,
)
from chalicelib.vending.resources import ResourceSettings, queues_of, table_of
from chalicelib.vending.service.announcing import Announcing
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
from chalicelib.vending.service.visiting import Visiting
from chalicelib.vending.store.announcements import AnnouncementStore
from chalicelib.vending.store.chunks import ChunkStore
from chalicelib.vending.store.dispatches import DispatchStore
from chalicelib.vending.store.files import FileStore
from chalicelib.vending.store.fleet import FleetStore
from chalicelib.vending.store.registry import RegistryStore
from chalicelib.vending.store.rollups import RollupStore
from chalicelib.vending.store.share import BucketShare
from chalicelib.vending.store.visits import VisitStore

# A Slack channel or user by id, or an address.
_ANNOUNCE_TO = r"^(slack:[CDGUW][A-Z0-9]{2,}|mail:[^@\s]+@[^@\s]+)?$"


class VendingSettings(ResourceSettings):
    """What the vending context reads from the environment (upper-case names)."""

    vending_announce_to: Annotated[str, StringConstraints(pattern=_ANNOUNCE_TO)] = ""
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
    announcing: Announcing
    calendar: Calendar
    dispatching: Dispatching
    visiting: Visiting
    history: HistoryService
    queues: Queues


@cache
def vending() -> Vending:
    """Return the services on the stores that the settings name."""
    settings = from_env(VendingSettings)
    share = BucketShare(aws.s3, settings.vending_bucket, aws.presigning_s3)
    return wired(
        on_table(table_of(settings), outbox_wiring.outbox(), share, queues_of(settings)),
        settings.thresholds(),
        now=now,
        processed=_count,
        announce_to=settings.vending_announce_to,
    )


@dataclass(frozen=True)
class Outside:
    """Everything that the services need from the outside."""

    registry: Registry
    files: Files
    chunks: Chunks
    rollups: Rollups
    fleet: Fleet
    dispatches: DispatchBook
    visits: Visits
    announcements: Announcements
    share: Share
    queues: Queues


def on_table(table: Table, outbox: Outbox, share: Share, queues: Queues) -> Outside:
    """Return the stores of one table, beside the outbox, a share and queues."""
    files, rollups = FileStore(table), RollupStore(table)
    visits = VisitStore(table, rollups)
    announcements = AnnouncementStore(table, outbox)
    return Outside(
        registry=RegistryStore(table, rollups),
        files=files,
        chunks=ChunkStore(table, files),
        rollups=rollups,
        fleet=FleetStore(table, rollups, announcements),
        dispatches=DispatchStore(table, visits),
        visits=visits,
        announcements=announcements,
        share=share,
        queues=queues,
    )


def wired(
    on: Outside,
    thresholds: Thresholds,
    *,
    now: Callable[[], datetime],
    processed: Callable[[FileRecord], None],
    announce_to: str = "",
) -> Vending:
    """Return the services on these ports."""
    announcing = Announcing(announce_to, on.announcements, now=now)
    regions = Regions(on.chunks, on.rollups, on.queues, thresholds)
    verdicts = Verdicts(
        Days(on.chunks, on.rollups, thresholds.window_days),
        regions,
        on.rollups,
        on.fleet,
        on.registry,
        on.dispatches,
        on.visits,
        announcing,
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
        announcing=announcing,
        rebuilding=Rebuilding(
            on.rollups, on.fleet, on.registry, on.files, on.dispatches, on.queues
        ),
        calendar=Calendar(
            on.chunks,
            on.rollups,
            on.fleet,
            on.dispatches,
            on.visits,
            regions,
            thresholds.window_days,
        ),
        dispatching=Dispatching(on.dispatches, on.registry, on.fleet, verdicts, now=now),
        visiting=Visiting(on.visits, on.registry, verdicts, now=now),
        history=HistoryService(on.chunks),
        queues=on.queues,
    )


def _count(record: FileRecord) -> None:
    """Count a file by its outcome, and its lines."""
    log.count(f"Files{record.state.title()}")
    log.count("RowsKept", record.rows_kept or 0)
    log.count("RowsRefused", record.rows_refused or 0)

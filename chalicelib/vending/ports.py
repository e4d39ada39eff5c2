"""What the services need from the outside, and what the outside may answer.

The stores implement these protocols on DynamoDB, S3 and SQS, the tests in memory. The methods are
documented in the stores.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from typing import BinaryIO, Literal, NamedTuple, Protocol

from pydantic import Field

from chalicelib.core.instants import Instant
from chalicelib.core.models import Model
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.vending import names
from chalicelib.vending.announcements import Digest, News
from chalicelib.vending.files import FileRecord, RefusedLine
from chalicelib.vending.models import (
    Dispatch,
    Machine,
    MachineSummary,
    OwnSilence,
    PartialSilence,
    ServiceVisit,
    Site,
    Technician,
    Totals,
    Visit,
)
from chalicelib.vending.rollups import RegionDay, Rollup

INCOMING, IMPORTS = "incoming/", "imports/"
"""Where technicians and the dispatcher drop files: prefixes of the share's keys."""
SHARDS = 4
"""Parts, by serial, of what all machines change: counters of a region-day, sums, the list of all.

A part takes about 500 transactions a second, and a file makes a few."""


class VisitTakenError(Exception):
    """The machine has a visit at that time."""

    def __init__(self, visit: ServiceVisit) -> None:
        super().__init__(visit.machine)
        self.visit = visit


class KeyTakenError(Exception):
    """Another file is at that key of the share."""


class StaleRecordError(Exception):
    """The file's record has changed since it was read; read it again and decide again."""


class StaleSummaryError(Exception):
    """The machine's state has changed since it was read; read the rows again."""


class StaleMonthError(Exception):
    """The month has changed since it was read; read the rows again."""


class SupersededError(Exception):
    """Another run has taken the file over, or it was deleted; that run or deletion finishes."""


class ChangedMeanwhileError(Exception):
    """The object in the share has changed since it was looked up."""


class AlreadyOpenError(Exception):
    """The machine has an open dispatch: ``dispatch``."""

    def __init__(self, dispatch: Dispatch) -> None:
        super().__init__(dispatch.machine)
        self.dispatch = dispatch


class Waiting(NamedTuple):
    """A file that something is still to be done about."""

    id: int
    owner: str
    key: str


@dataclass(frozen=True)
class Found:
    """An object of the share as it is now; ``sent_for`` is the file whose URL it came by."""

    etag: str
    size_bytes: int
    sent_for: int | None = None


@dataclass(frozen=True)
class Sending:
    """What a presigned URL accepts: one file, of this size and SHA-256 where they are given."""

    file_id: int
    size_bytes: int | None = None
    sha256: str | None = None


ChunkKind = Literal["rows", "corrupt", "beyond"]


class Chunk(NamedTuple):
    """What one file holds of one machine and day: 4 bytes a row, or a refused line.

    ``beyond`` is the number of all rows of that day, in 4 bytes, where only some are stored.
    """

    serial: str
    day: date
    kind: ChunkKind
    packed: bytes


@dataclass(frozen=True)
class MachineLog:
    """A machine's rows in a span of days, from all committed files.

    ``last_download_at`` is the latest download of its window, ``download_told`` the same as the
    technician wrote it, ``file_starts_at`` where the logs of other machines in those files usually
    begin. ``corrupt_lines`` are those of its window; ``refused`` and ``beyond`` (rows that are not
    stored) are by day, of the whole span.
    """

    keys: "array[int]"
    corrupt_lines: int = 0
    last_download_at: datetime | None = None
    refused: Mapping[date, int] = field(default_factory=dict)
    beyond: Mapping[date, int] = field(default_factory=dict)
    download_told: str | None = None
    file_starts_at: datetime | None = None

    def read_until(self, zone: str | None) -> datetime | None:
        """Return the earliest instant that the latest download can have been at."""
        if self.download_told is None:
            return None
        return names.download_time(self.download_told).earliest_instant(zone)


@dataclass(frozen=True)
class Month:
    """A machine's rollups of a month, in local days of ``zone``."""

    zone: str
    days: Mapping[date, Rollup] = field(default_factory=dict)
    epoch: int = 0
    version: int = 0


class Stretch(NamedTuple):
    """A silence of a whole region: the full local hours from ``start`` to ``end`` (epoch seconds).

    ``last`` is the last row before it and ``next`` the first one after it (0: not known yet),
    ``last_of`` and ``next_of`` their machines.
    """

    zone: str
    start: int
    end: int
    e: float
    expected: float
    machines: int
    last: int = 0
    last_of: str = ""
    next: int = 0
    next_of: str = ""


@dataclass(frozen=True)
class RegionMonth:
    """A region's month: its days, and the silences of the region that begin in it."""

    days: Mapping[date, RegionDay] = field(default_factory=dict)
    stretches: Sequence[Stretch] = ()
    version: int = 0


CASES = "cases"
"""What a note names instead of a month when a machine's silences have changed."""


@dataclass(frozen=True)
class RegionCases:
    """The silences that many machines of a region share."""

    cases: Sequence[PartialSilence] = ()
    version: int = 0


class StaleNote(NamedTuple):
    """A machine to judge again; with ``month``, because its rollups of that month changed."""

    serial: str
    zone: str
    month: str
    nonce: str

    @property
    def name(self) -> str:
        """Return the note's sort key."""
        return f"{self.serial}#{self.zone}#{self.month}" if self.month else f"{self.serial}#"


class MachineState(Model):
    """A machine's verdicts, with its entry in the registry at that time.

    ``zone`` is that of its rollups. ``place`` sorts by urgency; it is empty while the machine is in
    no list, because it is neither registered nor in any file.
    """

    summary: MachineSummary
    machine: Machine | None = None
    zone: str = "UTC"
    due_at: Instant | None = None
    place: str = ""
    epoch: int = 0
    version: int = 0
    episodes: dict[str, int] = Field(default_factory=dict)
    open: tuple[str, ...] = ()
    """Kinds of causes that are open; ``episodes`` counts how often each has begun."""

    @property
    def serial(self) -> str:
        """Return the machine's serial."""
        return self.summary.serial

    @property
    def site(self) -> str | None:
        """Return the machine's site."""
        return self.machine.site if self.machine else None

    @property
    def technician(self) -> str | None:
        """Return the machine's technician."""
        return self.machine.technician if self.machine else None


class Entry(NamedTuple):
    """A machine's place in a list."""

    place: str
    serial: str
    site: str | None
    technician: str | None
    state: str


Listed = tuple[Literal["ALL", "SITE", "TECHNICIAN"], str | None]
"""A list of machines: all, or those of a site or a technician."""


class Round(Model):
    """A page of machines to judge again: those of a shard after a serial.

    With ``zone`` only machines of that region, to find where its silences of ``month`` end; with
    ``anew`` (an epoch) from all their rows. ``done`` counts the machines so far.
    """

    shard: int
    after: str = ""
    zone: str | None = None
    month: str | None = None
    anew: int | None = None
    done: int = 0


class Enrolment(Model):
    """A page of machines to enrol for a round: the registry's, or those of an owner's files.

    With ``dispatches``, a page of dispatches to index by machine.
    """

    epoch: int
    owner: str | None = None
    after: str = ""
    dispatches: bool = False


class Clearing(Model):
    """Conclusions of epochs before this one to be deleted: those of the regions after a name."""

    epoch: int
    after: str = ""


class Registry(Protocol):
    """Sites, technicians, machines."""

    def put_site(self, site: Site) -> bool: ...
    def site(self, site_id: str) -> Site | None: ...
    def sites(self, *, after: str = "", limit: int) -> list[Site]: ...
    def count_sites(self) -> Total: ...
    def sites_of(self, site_ids: Iterable[str]) -> Mapping[str, Site]: ...
    def put_technician(self, technician: Technician) -> bool: ...
    def technician(self, technician_id: str) -> Technician | None: ...
    def technicians(self, *, after: str = "", limit: int) -> list[Technician]: ...
    def count_technicians(self) -> Total: ...
    def technicians_of(self, technician_ids: Iterable[str]) -> Mapping[str, Technician]: ...
    def technicians_after(self, after: str, *, limit: int) -> list[str]: ...
    def put_machine(self, machine: Machine) -> tuple[Machine, bool]: ...
    def machine(self, serial: str) -> Machine | None: ...
    def serials(self, *, after: str, limit: int) -> list[str]: ...


class Files(Protocol):
    """Files' records, and the list of files that need something done."""

    def next_id(self) -> int: ...
    def create(self, record: FileRecord) -> FileRecord: ...
    def at_key(self, key: str, /) -> FileRecord | None: ...
    def by_id(self, file_id: int) -> FileRecord | None: ...
    def owned(self, owner: str, file_id: int) -> FileRecord | None: ...
    def of_owner(self, owner: str) -> list[FileRecord]: ...
    def newest_first(self, owner: str, *, before: int | None) -> Iterator[FileRecord]: ...
    def save(self, record: FileRecord, *, done: bool = False) -> FileRecord: ...
    def release(self, record: FileRecord) -> FileRecord: ...
    def waiting(self) -> list[Waiting]: ...
    def to_clean(self) -> list[Waiting]: ...
    def unknown_keys(self, keys: Iterable[str]) -> list[str]: ...
    def put_refused(self, record: FileRecord, lines: Sequence[RefusedLine]) -> None: ...
    def refused(self, record: FileRecord) -> list[RefusedLine]: ...
    def forget_refused(
        self, file_id: int, *, first: int = 0, before: int | None = None
    ) -> None: ...


class Chunks(Protocol):
    """Machines' rows, one chunk per machine, day and file."""

    def put(self, record: FileRecord, flush: int, chunks: Sequence[Chunk]) -> None: ...
    def discard(self, file_id: int, *, first: int = 0, before: int | None = None) -> None: ...
    def log(self, serial: str, days: int, *, since: date | None = None) -> MachineLog: ...
    def visits(self, serial: str, *, first: date, last: date) -> list[Visit]: ...
    def touched(self, file_id: int) -> Mapping[str, set[date]]: ...
    def days(
        self, serial: str, *, first: date = date.min, last: date = date.max
    ) -> Iterator[tuple[date, "array[int]"]]: ...
    def others(
        self, serial: str, *, first: date, last: date, than: int
    ) -> Mapping[date, Sequence[bytes]]: ...


class Rollups(Protocol):
    """Rollups of machines, and what they add up to in their regions."""

    def epoch(self) -> int: ...
    def begin_epoch(self, number: int) -> None: ...
    def clear(self, epoch: int, *, after: str = "") -> str | None: ...
    def cleared(self) -> int: ...
    def months(self, serial: str, *, first: str = "", last: str = "9") -> Mapping[str, Month]: ...
    def put_month(self, serial: str, name: str, month: Month, *, over: Month | None) -> None: ...
    def counted(self, epoch: int, zone: str, month: str) -> Mapping[date, RegionDay]: ...
    def region_months(
        self, epoch: int, zone: str, months: Iterable[str]
    ) -> Mapping[str, RegionMonth]: ...
    def put_region_month(
        self, epoch: int, zone: str, name: str, month: RegionMonth, *, over: RegionMonth | None
    ) -> None: ...
    def gaps(self, epoch: int, limit: int) -> list[Stretch]: ...
    def silences(self, epoch: int, zone: str, limit: int) -> list[tuple[str, OwnSilence]]: ...
    def cases(self, epoch: int, zone: str) -> RegionCases: ...
    def all_cases(self, epoch: int) -> list[PartialSilence]: ...
    def put_cases(
        self, epoch: int, zone: str, cases: RegionCases, *, over: RegionCases, judge: Iterable[str]
    ) -> None: ...
    def note(self, serial: str) -> None: ...
    def notes(self, limit: int) -> list[StaleNote]: ...
    def strike(self, note: StaleNote) -> None: ...


class Announced(NamedTuple):
    """Stored in the transaction of a machine's state: news for a digest, effects to send at once.

    ``cleared`` are the kinds of causes that are over; their waiting news is deleted.
    """

    news: Sequence[News] = ()
    cleared: Sequence[str] = ()
    effects: Sequence[Effect] = ()


NOTHING_NEW = Announced()


class Fleet(Protocol):
    """Conclusions: a state per machine, and the lists and sums that these make up."""

    def machine(self, serial: str) -> MachineState | None: ...
    def machines(self, serials: Iterable[str]) -> Mapping[str, MachineState]: ...
    def put(
        self,
        state: MachineState,
        *,
        over: MachineState | None,
        announced: Announced = NOTHING_NEW,
    ) -> None: ...
    def entries(
        self,
        epoch: int,
        of: Listed,
        *,
        first: str = "",
        last: str = "~",
        page_size: int | None = None,
    ) -> Iterator[Entry]: ...
    def count(self, epoch: int, of: Listed) -> Total: ...
    def serials(self, shard: int, *, after: str = "", limit: int) -> list[str]: ...
    def enrol(self, serials: Iterable[str]) -> None: ...
    def put_progress(self, epoch: int, shard: int, machines: int, *, over: bool) -> None: ...
    def progress(self, epoch: int) -> Mapping[int, tuple[int, bool]]: ...
    def totals(self, epoch: int) -> Mapping[str, Totals]: ...
    def settled_until(self, serial: str) -> datetime | None: ...
    def settle(self, serial: str, until: datetime) -> None: ...


class DispatchBook(Protocol):
    """Dispatches of technicians to machines."""

    def next_id(self) -> int: ...
    def open(self, dispatch: Dispatch) -> None: ...
    def open_at(self, serial: str) -> Dispatch | None: ...
    def close(self, dispatch: Dispatch, visit: ServiceVisit | None = None) -> bool: ...
    def get(self, dispatch_id: int) -> Dispatch | None: ...
    def newest_first(self, *, before: int | None = None) -> Iterator[Dispatch]: ...
    def count(self) -> Total: ...
    def count_open(self) -> Total: ...
    def open_of(self, serials: Iterable[str]) -> Mapping[str, Dispatch]: ...
    def under_way(self, *, after: str = "") -> Iterator[Dispatch]: ...
    def of_machine(self, serial: str) -> Iterator[Dispatch]: ...
    def index(self, *, after: int, limit: int) -> int | None: ...


class Announcements(Protocol):
    """News that waits for a digest, and the latest digest of each zone."""

    def pending(self) -> list[News]: ...
    def latest(self, zone: str) -> Digest | None: ...
    def send(self, zone: str, which: Digest, effect: Effect, news: Sequence[News]) -> bool: ...


class Visits(Protocol):
    """Service visits: gumballs filled in, cash taken out."""

    def add(self, visit: ServiceVisit) -> None: ...
    def newest_first(
        self, serial: str, *, before: datetime | None = None, limit: int
    ) -> Sequence[ServiceVisit]: ...
    def count(self, serial: str) -> Total: ...


class Share(Protocol):
    """The bucket that holds the files themselves."""

    def find(self, key: str) -> Found | None: ...
    def put(self, key: str, content: bytes) -> None: ...
    def delete(self, key: str) -> None: ...
    def open(self, key: str, found: Found) -> BinaryIO: ...
    def upload_url(
        self, key: str, sending: Sending, *, expires_in_s: int
    ) -> tuple[str, dict[str, str]]: ...
    def etags(self) -> dict[str, str]: ...


class Queues(Protocol):
    """Messages to our own queues."""

    def look_at(self, keys: Iterable[str]) -> None: ...
    def look_at_notes(self) -> None: ...
    def go_round(self, rounds: Iterable[Round]) -> None: ...
    def enrol(self, part: Enrolment) -> None: ...
    def clear(self, part: Clearing) -> None: ...
    def put_off(self, receipt_handle: str, after_s: int) -> None: ...

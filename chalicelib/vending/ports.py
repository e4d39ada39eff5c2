"""What the services need from the outside, and what the outside may answer.

The stores implement these protocols on DynamoDB, S3 and SQS; tests implement them in memory.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import BinaryIO, Literal, NamedTuple, Protocol

from chalicelib.vending.files import FileRecord, RefusedLine
from chalicelib.vending.models import Dispatch, Machine, MachineSummary, Site, Technician
from chalicelib.vending.reports import Findings

INCOMING, IMPORTS = "incoming/", "imports/"
"""Where technicians and the dispatcher drop files: prefixes of the share's keys."""


class KeyTakenError(Exception):
    """Another file stands at that key of the share."""


class StaleRecordError(Exception):
    """The file's record has changed since it was read; read it again and decide again."""


class StaleSummaryError(Exception):
    """Someone stored a machine's summary since; read the rows again."""


class SupersededError(Exception):
    """Another run has taken the file over, or it was deleted; that run or deletion finishes."""


class ChangedMeanwhileError(Exception):
    """The object in the share is no longer the one that was asked for."""


class AlreadyOpenError(Exception):
    """Somebody is on the way to that machine already: ``dispatch``."""

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
    """An object of the share as it is now."""

    etag: str
    size_bytes: int


ChunkKind = Literal["rows", "corrupt"]


class Chunk(NamedTuple):
    """What one file says of one machine and day: 4 bytes a row, or a refused line."""

    serial: str
    day: date
    kind: ChunkKind
    packed: bytes


@dataclass(frozen=True)
class MachineLog:
    """What a machine did in a span of days, by the files whose records count.

    ``last_download_at`` is the latest visit of a technician among those files.
    """

    keys: "array[int]"
    corrupt_lines: int = 0
    last_download_at: datetime | None = None


@dataclass(frozen=True)
class FleetState:
    """All conclusions; ``settled`` (until when faults are settled by a visit) by serial."""

    summaries: Mapping[str, MachineSummary] = field(default_factory=dict)
    settled: Mapping[str, datetime] = field(default_factory=dict)
    findings: Findings | None = None
    changes: int = 0
    judged: int = 0

    @property
    def read(self) -> dict[str, MachineSummary]:
        """Return the summaries of the machines that some file says something of.

        A summary is never deleted, so that its version is not; it is empty once its files are.
        """
        return {
            serial: summary
            for serial, summary in self.summaries.items()
            if summary.transactions or summary.corrupt_lines
        }

    @property
    def up_to_date(self) -> bool:
        """Return whether the gaps are those of the newest summaries."""
        return self.judged >= self.changes


class Registry(Protocol):
    """Sites, technicians, machines."""

    def put_site(self, site: Site) -> bool: ...
    def site(self, site_id: str) -> Site | None: ...
    def sites(self) -> list[Site]: ...
    def put_technician(self, technician: Technician) -> bool: ...
    def technician(self, technician_id: str) -> Technician | None: ...
    def technicians(self) -> list[Technician]: ...
    def put_machine(self, machine: Machine) -> tuple[Machine, bool]: ...
    def machine(self, serial: str) -> Machine | None: ...
    def machines(self) -> list[Machine]: ...


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
    def forget_refused(self, file_id: int, *, before: int | None = None) -> None: ...


class Chunks(Protocol):
    """Machines' rows, one chunk per machine, day and file."""

    def put(self, record: FileRecord, flush: int, chunks: Sequence[Chunk]) -> None: ...
    def discard(self, file_id: int, *, before: int | None = None) -> None: ...
    def window(self, serial: str, days: int) -> MachineLog: ...
    def windows(self, serials: Iterable[str], days: int) -> Iterator[tuple[str, MachineLog]]: ...
    def days(
        self, serial: str, *, first: date = date.min, last: date = date.max
    ) -> Iterator[tuple[date, "array[int]"]]: ...
    def others(
        self, serial: str, *, first: date, last: date, than: int
    ) -> Mapping[date, Sequence[bytes]]: ...


class Fleet(Protocol):
    """Conclusions: a summary per machine, and the gaps of the fleet."""

    def state(self) -> FleetState: ...
    def machine_state(self, serial: str) -> FleetState: ...
    def version(self, serial: str) -> int: ...
    def put_summary(self, summary: MachineSummary, *, over: int) -> None: ...
    def settled_until(self, serial: str) -> datetime | None: ...
    def settle(self, serial: str, until: datetime) -> None: ...
    def note_change(self) -> int: ...
    def changes(self) -> tuple[int, int]: ...
    def put_findings(self, findings: Findings, *, of: int) -> None: ...


class DispatchBook(Protocol):
    """Who was sent where."""

    def next_id(self) -> int: ...
    def open(self, dispatch: Dispatch) -> None: ...
    def open_at(self, serial: str) -> Dispatch | None: ...
    def close(self, dispatch: Dispatch) -> bool: ...
    def get(self, dispatch_id: int) -> Dispatch | None: ...
    def newest_first(self, *, before: int | None = None) -> Iterator[Dispatch]: ...
    def under_way(self) -> list[Dispatch]: ...


class Share(Protocol):
    """The bucket that holds the files themselves."""

    def find(self, key: str) -> Found | None: ...
    def put(self, key: str, content: bytes) -> None: ...
    def delete(self, key: str) -> None: ...
    def open(self, key: str, found: Found) -> BinaryIO: ...
    def upload_url(self, key: str, *, expires_in_s: int) -> str: ...
    def etags(self) -> dict[str, str]: ...


class Queues(Protocol):
    """Work for later."""

    def look_at(self, keys: Iterable[str]) -> None:
        """Have the files at these keys of the share looked at, as if they had just arrived."""

    def judge_fleet(self) -> None:
        """Have the whole fleet judged soon; calls in a burst come to one pass."""

    def put_off(self, receipt_handle: str, after_s: int) -> None:
        """Have a message about a key come back later."""

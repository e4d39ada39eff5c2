"""The vending context in memory: what `chalicelib.vending.ports` promises, and nothing else.

`tests/integration/vending/test_stores.py` holds these fakes and the real stores to one contract.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar

from chalicelib.core.models import Model
from chalicelib.vending import ports, rows
from chalicelib.vending.files import COUNTED, FileRecord, RefusedLine
from chalicelib.vending.models import Dispatch, Machine, MachineSummary, Site, Technician
from chalicelib.vending.ports import Chunk, FleetState, MachineLog, Waiting
from chalicelib.vending.reports import Findings

M = TypeVar("M", bound=Model)


def _as_stored(value: M) -> M:
    """Return ``value`` as it comes back from a store: through its JSON."""
    return type(value).model_validate_json(value.json_text())


class FakeRegistry:
    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._technicians: dict[str, Technician] = {}
        self._machines: dict[str, Machine] = {}

    def put_site(self, site: Site) -> bool:
        new = site.site_id not in self._sites
        self._sites[site.site_id] = site
        return new

    def site(self, site_id: str) -> Site | None:
        return self._sites.get(site_id)

    def sites(self) -> list[Site]:
        return [self._sites[site_id] for site_id in sorted(self._sites)]

    def put_technician(self, technician: Technician) -> bool:
        new = technician.technician_id not in self._technicians
        self._technicians[technician.technician_id] = technician
        return new

    def technician(self, technician_id: str) -> Technician | None:
        return self._technicians.get(technician_id)

    def technicians(self) -> list[Technician]:
        return [self._technicians[each] for each in sorted(self._technicians)]

    def put_machine(self, machine: Machine) -> tuple[Machine, bool]:
        before = self._machines.get(machine.serial)
        if before:
            machine = machine.model_copy(update={"registered_at": before.registered_at})
        self._machines[machine.serial] = machine
        return machine, before is None

    def machine(self, serial: str) -> Machine | None:
        return self._machines.get(serial)

    def machines(self) -> list[Machine]:
        return [self._machines[serial] for serial in sorted(self._machines)]


class FakeFiles:
    def __init__(self) -> None:
        self.records: dict[int, FileRecord] = {}
        self.refusals: dict[tuple[int, int], list[RefusedLine]] = {}
        self._at_key: dict[str, int] = {}
        self._work: dict[int, Waiting] = {}
        self._to_clean: dict[int, Waiting] = {}
        self._last_id = 0

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def create(self, record: FileRecord) -> FileRecord:
        if record.key in self._at_key or record.id in self.records:
            raise ports.KeyTakenError(record.key)
        new = _as_stored(record.model_copy(update={"version": 1}))
        self.records[new.id] = new
        self._at_key[new.key] = new.id
        self._work[new.id] = Waiting(new.id, new.owner, new.key)
        return new

    def at_key(self, key: str, /) -> FileRecord | None:
        return self.records[self._at_key[key]] if key in self._at_key else None

    def by_id(self, file_id: int) -> FileRecord | None:
        return self.records.get(file_id)

    def owned(self, owner: str, file_id: int) -> FileRecord | None:
        record = self.records.get(file_id)
        return record if record and record.owner == owner else None

    def of_owner(self, owner: str) -> list[FileRecord]:
        return [each for _, each in sorted(self.records.items()) if each.owner == owner]

    def newest_first(self, owner: str, *, before: int | None) -> Iterator[FileRecord]:
        known = reversed(self.of_owner(owner))
        return (record for record in known if before is None or record.id < before)

    def save(self, record: FileRecord, *, done: bool = False) -> FileRecord:
        new = self._replaced(record)
        if done:
            listed = self._to_clean if new.state == "deleted" else self._work
            listed.pop(new.id, None)
        return new

    def release(self, record: FileRecord) -> FileRecord:
        if self._at_key.get(record.key) != record.id:
            raise ports.StaleRecordError(record.id)
        new = self._replaced(record)
        del self._at_key[new.key]
        self._work.pop(new.id, None)
        self._to_clean[new.id] = Waiting(new.id, new.owner, new.key)
        return new

    def waiting(self) -> list[Waiting]:
        return [waiting for _, waiting in sorted(self._work.items())]

    def to_clean(self) -> list[Waiting]:
        return [waiting for _, waiting in sorted(self._to_clean.items())]

    def unknown_keys(self, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if key not in self._at_key]

    def put_refused(self, record: FileRecord, lines: Sequence[RefusedLine]) -> None:
        self.refusals[record.id, record.generation] = list(lines)

    def refused(self, record: FileRecord) -> list[RefusedLine]:
        return self.refusals.get((record.id, record.live or 0), [])

    def forget_refused(self, file_id: int, *, before: int | None = None) -> None:
        for known, generation in list(self.refusals):
            if known == file_id and (before is None or generation < before):
                del self.refusals[known, generation]

    def _replaced(self, record: FileRecord) -> FileRecord:
        standing = self.records.get(record.id)
        if standing is None or standing.version != record.version:
            raise ports.StaleRecordError(record.id)
        new = _as_stored(record.model_copy(update={"version": record.version + 1}))
        self.records[new.id] = new
        return new


class StoredChunk(NamedTuple):
    """Where a chunk stands; sorts as in the real table."""

    serial: str
    day: date
    kind: str
    file_id: int
    generation: int
    flush: int


class FakeChunks:
    def __init__(self, files: FakeFiles) -> None:
        self.stored: dict[StoredChunk, bytes] = {}
        self._files = files

    def put(self, record: FileRecord, flush: int, chunks: Sequence[Chunk]) -> None:
        for serial, day, kind, packed in chunks:
            at = StoredChunk(serial, day, kind, record.id, record.generation, flush)
            self.stored[at] = packed

    def discard(self, file_id: int, *, before: int | None = None) -> None:
        for chunk in list(self.stored):
            if chunk.file_id == file_id and (before is None or chunk.generation < before):
                del self.stored[chunk]

    def window(self, serial: str, days: int) -> MachineLog:
        held = self._counting(serial)
        newest = max((chunk.day for chunk in held if chunk.kind == "rows"), default=None)
        if newest:
            held = [chunk for chunk in held if chunk.day >= newest - timedelta(days=days)]
        keys: array[int] = array("Q")
        for day in sorted({chunk.day for chunk in held}):
            keys.extend(rows.union(day, self._by_file(held, "rows", day)))
        records = [self._files.records[chunk.file_id] for chunk in held]
        visits = [record.not_after for record in records if record.technician]
        corrupt = rows.union_size(self._by_file(held, "corrupt"))
        return MachineLog(keys, corrupt, max(visits, default=None))

    def windows(self, serials: Iterable[str], days: int) -> Iterator[tuple[str, MachineLog]]:
        return ((serial, self.window(serial, days)) for serial in serials)

    def days(
        self, serial: str, *, first: date = date.min, last: date = date.max
    ) -> Iterator[tuple[date, "array[int]"]]:
        held = self._counting(serial)
        for day in sorted({chunk.day for chunk in held if first <= chunk.day <= last}):
            yield day, rows.union(day, self._by_file(held, "rows", day))

    def others(
        self, serial: str, *, first: date, last: date, than: int
    ) -> Mapping[date, Sequence[bytes]]:
        held = [chunk for chunk in self._counting(serial) if first <= chunk.day <= last]
        own = [chunk for chunk in held if chunk.file_id != than]
        return {day: self._by_file(own, "rows", day) for day in {chunk.day for chunk in held}}

    def _counting(self, serial: str) -> list[StoredChunk]:
        return [
            chunk for chunk in sorted(self.stored) if chunk.serial == serial and self._counts(chunk)
        ]

    def _counts(self, chunk: StoredChunk) -> bool:
        record = self._files.records[chunk.file_id]
        return record.state in COUNTED and record.live == chunk.generation

    def _by_file(
        self, chunks: Iterable[StoredChunk], kind: str, day: date | None = None
    ) -> list[bytes]:
        held: dict[int, bytes] = defaultdict(bytes)
        for chunk in chunks:
            if chunk.kind == kind and day in (None, chunk.day):
                held[chunk.file_id] += self.stored[chunk]
        return list(held.values())


class FakeFleet:
    def __init__(self) -> None:
        self._summaries: dict[str, MachineSummary] = {}
        self._versions: dict[str, int] = {}
        self._settled: dict[str, datetime] = {}
        self._findings: Findings | None = None
        self._changes = 0
        self._judged = 0

    def state(self) -> FleetState:
        return FleetState(
            dict(self._summaries), dict(self._settled), self._findings, self._changes, self._judged
        )

    def machine_state(self, serial: str) -> FleetState:
        whole = self.state()
        return FleetState(
            {key: value for key, value in whole.summaries.items() if key == serial},
            {key: value for key, value in whole.settled.items() if key == serial},
            whole.findings,
            whole.changes,
            whole.judged,
        )

    def version(self, serial: str) -> int:
        return self._versions.get(serial, 0)

    def put_summary(self, summary: MachineSummary, *, over: int) -> None:
        if self.version(summary.serial) != over:
            raise ports.StaleSummaryError(summary.serial)
        self._summaries[summary.serial] = _as_stored(summary)
        self._versions[summary.serial] = over + 1

    def settled_until(self, serial: str) -> datetime | None:
        return self._settled.get(serial)

    def settle(self, serial: str, until: datetime) -> None:
        self._settled[serial] = max(until, self._settled.get(serial, until))

    def note_change(self) -> int:
        self._changes += 1
        return self._changes

    def changes(self) -> tuple[int, int]:
        return self._changes, self._judged

    def put_findings(self, findings: Findings, *, of: int) -> None:
        if self._findings is None or of > self._judged:
            self._findings, self._judged = _as_stored(findings), of


class FakeDispatchBook:
    def __init__(self) -> None:
        self._dispatches: dict[int, Dispatch] = {}
        self._open: dict[str, int] = {}
        self._last_id = 0

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def open(self, dispatch: Dispatch) -> None:
        standing = self.open_at(dispatch.machine)
        if standing:
            raise ports.AlreadyOpenError(standing)
        self._dispatches[dispatch.id] = _as_stored(dispatch)
        self._open[dispatch.machine] = dispatch.id

    def open_at(self, serial: str) -> Dispatch | None:
        return self._dispatches[self._open[serial]] if serial in self._open else None

    def close(self, dispatch: Dispatch) -> bool:
        if self._open.get(dispatch.machine) != dispatch.id:
            return False
        self._dispatches[dispatch.id] = _as_stored(dispatch)
        del self._open[dispatch.machine]
        return True

    def get(self, dispatch_id: int) -> Dispatch | None:
        return self._dispatches.get(dispatch_id)

    def newest_first(self, *, before: int | None = None) -> Iterator[Dispatch]:
        known = sorted(self._dispatches.items(), reverse=True)
        return (dispatch for each, dispatch in known if before is None or each < before)

    def under_way(self) -> list[Dispatch]:
        return [self._dispatches[each] for each in self._open.values()]

"""A vending context to tell stories with: who does what, what the queues carry, what is seen.

`Fuse` makes something happen in the middle of a deed: before or after its n-th step outside
somebody else acts, or the process dies.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal, TypeVar

from chalicelib.vending.files import DISPATCHER, FileDetail, FileRecord, FileView
from chalicelib.vending.models import (
    FilesQuery,
    FleetReport,
    ImportQuery,
    ListQuery,
    MachineBody,
    MachinesQuery,
    MachineView,
    RowView,
    SiteBody,
    TechnicianBody,
    UploadQuery,
    WorkItem,
)
from chalicelib.vending.ports import IMPORTS, INCOMING, Clearing, Round
from chalicelib.vending.wiring import Vending
from tests.support.clock import Clock
from tests.support.stage import Killed
from tests.support.vending.share import FakeQueues
from tests.support.vending.wiring import MORNING, Ports, copied, fake_ports, fake_vending

T = TypeVar("T")

LEAP_DAY = "2020-02-29T08:00:00"
"""When most files of the stories were read from their machines, by the technician's clock."""

_OF_ONE_RUN = {"id", "original_name", "uploaded_at", "processed_at", "rows_known"}


def row(serial: str, at: datetime, gumballs: int = 1) -> bytes:
    return f"{serial}|{at:%Y-%m-%dT%H:%M:%SZ}|{gumballs}\n".encode()


def log(serial: str, *gumballs: int, first: str = "2020-02-20T08:00:00", hours: float = 1) -> bytes:
    """Return the log of a machine that gave ``gumballs``, one customer every ``hours``."""
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return b"".join(
        row(serial, start + number * timedelta(hours=hours), each)
        for number, each in enumerate(gumballs)
    )


@dataclass
class World:
    """The services, what they stand on, and the clock they go by."""

    ports: Ports
    clock: Clock
    vending: Vending

    @property
    def queues(self) -> FakeQueues:
        assert isinstance(self.ports.queues, FakeQueues)
        return self.ports.queues

    def copied(self) -> "World":
        """Return another world in which the same has happened, at the same time."""
        return world(Clock(self.clock()), copied(self.ports))

    # --- people ---

    def employ(self, technician: str, *machines: str, site: str | None = None) -> None:
        """Register a technician and their machines, all at one site."""
        registry = self.vending.registry
        registry.put_technician(technician, TechnicianBody(name=f"Technician {technician}"))
        for serial in machines:
            registry.put_machine(serial, MachineBody(technician=technician, site=site))

    def open_site(self, site_id: str, time_zone: str) -> None:
        self.vending.registry.put_site(site_id, SiteBody(name=site_id, time_zone=time_zone))

    def upload(
        self, content: bytes, machine: str = "GM001", technician: str = "T0001", at: str = LEAP_DAY
    ) -> FileView:
        query = UploadQuery(technician=technician, machine=machine, downloaded_at=at)
        return self.vending.uploads.upload(query, content)[0]

    def take_import(self, content: bytes) -> FileView:
        return self.vending.uploads.take_import(ImportQuery(), content)[0]

    def drop(self, name: str, content: bytes, folder: str = INCOMING) -> str:
        """Put a file into the bucket by hand; return its key."""
        self.ports.share.put(folder + name, content)
        return folder + name

    def drop_import(self, name: str, content: bytes) -> str:
        return self.drop(name, content, IMPORTS)

    # --- what runs by itself ---

    def deliver(self, place: int = 0) -> FileRecord | None:
        """Deliver the message at ``place``; it stays in the queue if its reader dies."""
        key = self.queues.arrivals.pop(place)
        try:
            return self.vending.arrivals.look_at(key)
        except BaseException:
            self.queues.arrivals.insert(place, key)
            raise

    def settle(self) -> None:
        """Deliver everything there is to deliver, then look at the fleet until it is quiet."""
        while self.queues.arrivals or self.queues.fleet:
            while self.queues.arrivals:
                self.deliver()
            if self.queues.fleet:
                self.look_at_the_fleet()

    def look_at_the_fleet(self) -> None:
        """Deliver all messages about the fleet; they stay in the queue if their reader dies."""
        delivered = list(self.queues.fleet)
        self.vending.verdicts.look_at_notes()
        for message in delivered:
            if isinstance(message, Round):
                self.vending.verdicts.go_round(message)
            elif isinstance(message, Clearing):
                self.vending.rebuilding.clear(message)
            elif message:
                self.vending.rebuilding.enrol(message)
        del self.queues.fleet[: len(delivered)]

    def night_falls(self) -> None:
        """Sweep, hours after the last thing that happened, and let everything settle."""
        self.clock.forward(hours=3)
        self.vending.arrivals.sweep()
        self.vending.rebuilding.catch_up()
        self.settle()

    # --- what is seen ---

    def file(self, file_id: int) -> FileDetail:
        return self.vending.uploads.detail(file_id)

    def files_of(self, technician: str) -> Sequence[FileView]:
        """Return a technician's files, newest first."""
        wanted = FilesQuery(technician=technician)
        return self.vending.uploads.technicians_files(wanted, start=None).rows

    def imports(self) -> Sequence[FileView]:
        """Return the dispatcher's files, newest first."""
        return self.vending.uploads.imports(ListQuery(), start=None).rows

    def machine(self, serial: str) -> MachineView:
        return self.vending.fleet.machine(serial)

    def machines(self) -> Sequence[MachineView]:
        return self.vending.fleet.machines(MachinesQuery()).rows

    def fleet(self) -> FleetReport:
        return self.vending.fleet.report(MachinesQuery())[0]

    def worklist(self, technician: str | None = None) -> Sequence[WorkItem]:
        return self.vending.fleet.worklist(MachinesQuery(technician=technician)).rows

    def rows(self, serial: str) -> Sequence[RowView]:
        return self.vending.history.page(serial, first=None, last=None, limit=10_000).rows

    def files(self) -> dict[str, FileView]:
        """Return every file that stands, by its key."""
        owners = [each.technician_id for each in self.ports.registry.technicians(limit=1_000)]
        unknown = ["T0404"]  # the stories' stranger
        return {
            record.key: record.view()
            for owner in (*owners, *unknown, DISPATCHER)
            for record in self.ports.files.of_owner(owner)
            if record.state != "deleted"
        }

    def picture(self) -> dict[str, Any]:
        """Return all that callers can see and that files alone decide."""
        fleet = json.loads(self.fleet().json_text())
        present = self.ports.share.etags()
        files = {
            key: self.file(view.id).model_dump(exclude=_OF_ONE_RUN)
            for key, view in self.files().items()
            if key in present
        }
        serials = [machine["serial"] for machine in fleet["machines"]]
        return {
            "fleet": fleet,
            "files": files,
            "rows": {serial: self.rows(serial) for serial in serials},
        }

    def replayed(self) -> "World":
        """Return an empty system, at the same time, in which only the remaining files arrive."""
        empty = world(self.clock, fake_ports())
        registry, copy = self.ports.registry, empty.ports.registry
        for site in registry.sites(limit=1_000):
            copy.put_site(site)
        for technician in registry.technicians(limit=1_000):
            copy.put_technician(technician)
        for serial in registry.serials(after="", limit=1_000):
            machine = registry.machine(serial)
            assert machine
            copy.put_machine(machine)
        empty.queues.look_at_notes()
        for key in self.ports.share.etags():
            found = self.ports.share.find(key)
            assert found
            with self.ports.share.open(key, found) as content:
                empty.ports.share.put(key, content.read())
        empty.settle()
        return empty


def world(clock: Clock | None = None, outside: Ports | None = None) -> World:
    """Return a world on ``outside``, or on nothing but memory."""
    now, on = clock or Clock(MORNING), outside or fake_ports()
    return World(on, now, fake_vending(on, now=now))


# --- in the middle of a deed ---------------------------------------------------------------------


def die() -> None:
    raise Killed


When = Literal["before", "after"]
WHEN: tuple[When, ...] = ("before", "after")
_WRITES: Mapping[str, set[str]] = {
    "registry": {"put_site", "put_technician", "put_machine"},
    "files": {"next_id", "create", "save", "release", "put_refused", "forget_refused"},
    "chunks": {"put", "discard"},
    "rollups": {"begin_epoch", "put_month", "put_region_month", "put_cases", "note", "strike"},
    "fleet": {"put", "enrol", "put_progress", "settle"},
    "dispatches": {"next_id", "open", "close"},
    "visits": {"add"},
    "announcements": {"send"},
    "share": {"put", "delete"},
    "queues": {"look_at", "look_at_notes", "go_round", "enrol"},
}


class Fuse:
    """Counts steps once it is lit, and does its ``deed`` before or after one of them.

    A step is a write, since dying before or after a read is the same; or, for a ``deed`` that
    changes what is read, any call of a port.
    """

    def __init__(self, at: int, when: When, deed: Callable[[], object] = die) -> None:
        self._left, self._when, self._deed = at, when, deed
        self.lit = self.burnt = False

    @property
    def steps(self) -> Mapping[str, set[str]] | None:
        """Return which calls count, by port; all where it says None."""
        return _WRITES if self._deed is die else None

    def step(self, take: Callable[[], T]) -> T:
        self._left -= self.lit
        if not self.lit or self._left or self.burnt:
            return take()
        self.burnt = True
        if self._when == "before":
            self._deed()
            return take()
        result = take()
        self._deed()
        return result


class Echo(Fuse):
    """Does a write twice: its answer was lost, and AWS's client asks again by itself.

    Not those that carry a token, by which DynamoDB knows the second one for the first.
    """

    def __init__(self, at: int) -> None:
        super().__init__(at, "before")

    @property
    def steps(self) -> Mapping[str, set[str]]:
        tokens = {
            "registry": {"put_machine"},
            "files": {"create", "release"},
            "rollups": {"put_month", "put_region_month", "put_cases"},
            "fleet": {"put", "settle"},
            "dispatches": {"open", "close"},
        }
        return {port: names - tokens.get(port, set()) for port, names in _WRITES.items()}

    def step(self, take: Callable[[], T]) -> T:
        self._deed = take
        return super().step(take)


class Tapped:
    """A port whose steps go past a fuse."""

    def __init__(self, port: object, steps: set[str] | None, fuse: Fuse) -> None:
        self._port, self._steps, self._fuse = port, steps, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if self._steps is not None and name not in self._steps:
            return found
        return lambda *args, **named: self._fuse.step(lambda: found(*args, **named))


def tapped(outside: Ports, fuse: Fuse) -> Ports:
    """Return the ports with every step going past ``fuse``."""
    steps = fuse.steps
    taps: dict[str, Any] = {
        port.name: Tapped(getattr(outside, port.name), steps[port.name] if steps else None, fuse)
        for port in fields(outside)
    }
    return Ports(**taps)


def with_fuse(quiet: World, fuse: Fuse) -> World:
    """Return the same world, seen by services whose steps outside go past ``fuse``."""
    services = fake_vending(tapped(quiet.ports, fuse), now=quiet.clock)
    return World(quiet.ports, quiet.clock, services)


def every_moment() -> Iterator[Fuse]:
    """Yield fuses for before the first write and after each, until one is not reached any more.

    Dying before a write is dying after the one before it.
    """
    yield Fuse(1, "before")
    for at in count(1):
        fuse = Fuse(at, "after")
        yield fuse
        if not fuse.burnt:
            return

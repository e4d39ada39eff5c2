"""What a 14-day file costs beside 10, 1,000 and 100,000 machines (``bench.scale_vending``).

Makes the stored state of a fleet of one time zone: of every machine 90 days of rollups, its state
and its places in the lists; their region-days and sums. Then the app's own services take in files
of 14 days, of machines with 84 days of rows of their own, and look at the region. The table is in
memory (`tests.support.dynamodb_in_memory`), which counts calls and DynamoDB's units by its
documented rules; CPU and wall-clock time are this process's, table included. The fleets take their
files in turn. ``--machines`` names other sizes, ``--files`` how many files there are, ``--gap``
adds a day without any row.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import mean, median

from chalicelib.core import shards
from chalicelib.vending import reports
from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.history import History, Region
from chalicelib.vending.local_time import every_day
from chalicelib.vending.models import Machine, Site, Technician, UploadQuery
from chalicelib.vending.ports import SHARDS, MachineState, Month
from chalicelib.vending.rollups import RegionDay, Rollup, region_days, rollups
from chalicelib.vending.service.days import month_of
from chalicelib.vending.service.verdicts import placed
from chalicelib.vending.store import fleet as fleet_store
from chalicelib.vending.store import rollups as rollup_store
from tests.support.clock import Clock
from tests.support.dynamodb_in_memory import MemoryDynamoDB
from tests.support.vending.wiring import fake_ports, fake_vending

_ZONE, _SITE, _TECHNICIAN = "America/Chicago", "mall", "T0001"
_START = date(2020, 1, 6)
_FILE_DAYS, _FILES_BEFORE = 14, 6
_ROWS_A_DAY = 16
_MOST_APART = 0.1
_KINDS = 40
"""Machines of the fleet are alike in so many ways; each has its own serial and stored items."""


@dataclass(frozen=True)
class Cost:
    """What a file took."""

    calls: float
    read_units: float
    write_units: float
    cpu_ms: float
    wall_ms: float


def main() -> int:
    """Print a Markdown table; return 1 when a size costs over 10 % more than another."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--machines", type=int, nargs="+", default=[10, 1_000, 100_000])
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--gap", action="store_true")
    asked = parser.parse_args()
    offices = {machines: _made(machines, asked) for machines in asked.machines}
    gc.collect()
    gc.freeze()
    costs: dict[int, list[Cost]] = {machines: [] for machines in offices}
    for number in range(asked.files):  # in turn, so that what else the computer does hits all alike
        for machines, office in offices.items():
            costs[machines].append(office.file(number))
    print(
        "| machines | calls | read units | write units | CPU | seconds |\n|---|---|---|---|---|---|"
    )
    spent = {machines: _usual(each) for machines, each in costs.items()}
    for machines, cost in spent.items():
        print(
            f"| {machines:,} | {cost.calls:.1f} | {cost.read_units:.1f} | {cost.write_units:.1f} | "
            f"{cost.cpu_ms:.0f} ms | {cost.wall_ms / 1_000:.3f} |"
        )
    equal = True
    for name in ("calls", "read_units", "write_units", "cpu_ms"):
        figures = [getattr(cost, name) for cost in spent.values()]
        apart = max(figures) / min(figures) - 1
        equal = equal and apart <= _MOST_APART
        print(f"\n{name}: {apart:.1%} apart")
    return int(not equal)


def _made(machines: int, asked: argparse.Namespace) -> "Office":
    office = Office(asked.files, gap=asked.gap)
    office.fill(machines)
    return office


def _usual(costs: Sequence[Cost]) -> Cost:
    """Return the mean of what was counted, and the median of what was measured."""
    figures = list(zip(*map(_figures, costs), strict=True))
    return Cost(*map(mean, figures[:3]), *map(median, figures[3:]))


def _figures(cost: Cost) -> tuple[float, ...]:
    return cost.calls, cost.read_units, cost.write_units, cost.cpu_ms, cost.wall_ms


class Office:
    """The services on a table in memory, with machines that have rows, beside a fleet without."""

    def __init__(self, files: int, *, gap: bool) -> None:
        self._client = MemoryDynamoDB()
        self._ports = fake_ports(self._client)
        end = _START + timedelta(days=_FILE_DAYS * (_FILES_BEFORE + 1))
        self._clock = Clock(datetime(end.year, end.month, end.day, 12, tzinfo=UTC))
        self._vending = fake_vending(self._ports, now=self._clock)
        self._silent = _START + timedelta(days=80) if gap else None
        self._serials = [f"GM{number:06d}" for number in range(900_000, 900_000 + files)]
        registry = self._ports.registry
        registry.put_site(Site(site_id=_SITE, name="Mall", time_zone=_ZONE))
        registry.put_technician(Technician(technician_id=_TECHNICIAN, name="Ann"))
        for serial in self._serials:
            registry.put_machine(self._machine(serial))

    def _machine(self, serial: str) -> Machine:
        at = datetime(2019, 12, 1, tzinfo=UTC)
        return Machine(serial=serial, site=_SITE, technician=_TECHNICIAN, registered_at=at)

    def fill(self, machines: int) -> None:
        """Store what is concluded of a fleet, and the files before the measured ones."""
        kinds = [_Kind(self._days(f"kind {number}")) for number in range(min(_KINDS, machines))]
        for number in range(machines):
            self._store(f"GM{number:06d}", kinds[number % len(kinds)])
        self._sum(kinds, machines)
        for serial in self._serials:
            for part in range(_FILES_BEFORE):
                self._send(serial, part)
        self._look()

    def file(self, number: int) -> Cost:
        """Take in one machine's next 14 days, and return what that took until all is judged."""
        self._upload(self._serials[number], _FILES_BEFORE)
        client = self._client
        before = client.calls, client.read_units, client.write_units
        cpu, wall = time.process_time(), time.perf_counter()
        self._look()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        calls, read_units, write_units = before
        return Cost(
            client.calls - calls,
            client.read_units - read_units,
            client.write_units - write_units,
            1_000 * cpu,
            1_000 * wall,
        )

    def _look(self) -> None:
        """Do all that the queues ask for."""
        queues = self._ports.queues
        while queues.arrivals or queues.fleet:  # type: ignore[attr-defined]
            while queues.arrivals:  # type: ignore[attr-defined]
                self._vending.arrivals.look_at(queues.arrivals.pop(0))  # type: ignore[attr-defined]
            queues.fleet.clear()  # type: ignore[attr-defined]
            self._vending.verdicts.look_at_notes()

    def _send(self, serial: str, part: int) -> None:
        self._upload(serial, part)
        self._look()

    def _upload(self, serial: str, part: int) -> None:
        first = _START + timedelta(days=_FILE_DAYS * part)
        read = first + timedelta(days=_FILE_DAYS)
        text = "".join(
            f"{serial}|{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}|1\n"
            for second in self._seconds(serial, first, _FILE_DAYS)
        )
        told = UploadQuery(
            technician=_TECHNICIAN, machine=serial, downloaded_at=f"{read}T08:00:00-06:00"
        )
        self._vending.uploads.upload(told, text.encode())

    def _seconds(self, name: str, first: date, days: int) -> list[int]:
        """Return when a machine sells: 16 times a day, at any hour."""
        found = []
        for day in every_day(first, first + timedelta(days=days - 1)):
            dice = Random(f"{name} {day}")
            midnight = int(datetime(day.year, day.month, day.day, 6, tzinfo=UTC).timestamp())
            if day != self._silent:
                found += sorted(midnight + dice.randrange(86_400) for _ in range(_ROWS_A_DAY))
        return found

    def _days(self, name: str) -> tuple[Keys, Mapping[date, Rollup]]:
        span = _FILE_DAYS * (_FILES_BEFORE + 1)
        keys = Keys("Q", [10 * second + 1 for second in self._seconds(name, _START, span)])
        last = _START + timedelta(days=span)
        return keys, rollups(keys, _ZONE, every_day(_START - timedelta(days=1), last))

    # --- a fleet, as the stores would have left it ---

    def _store(self, serial: str, kind: "_Kind") -> None:
        machine = self._machine(serial)
        summary = kind.summary.model_copy(update={"serial": serial})
        state = placed(MachineState(summary=summary, machine=machine, zone=_ZONE, version=1))
        table = self._ports.fleet._table  # type: ignore[attr-defined]
        for item in (
            *kind.months(serial),
            *fleet_store.entries_of(state).values(),
            fleet_store.state_item(state),
            fleet_store.serial_item(serial),
        ):
            self._client.put_item(TableName=table.name, Item=item)

    def _sum(self, kinds: list["_Kind"], machines: int) -> None:
        """Store the region-days of the fleet; each kind has its share of the machines."""
        parts: list[dict[date, RegionDay]] = [{} for _ in range(SHARDS)]
        for number, kind in enumerate(kinds):
            serials = [f"GM{each:06d}" for each in range(number, machines, len(kinds))]
            for shard in range(SHARDS):
                times = sum(shards.of(serial, SHARDS) == shard for serial in serials)
                for day, total in kind.region.items():
                    before = parts[shard].get(day, RegionDay())
                    parts[shard][day] = before.plus(total, times)
        for shard, days in enumerate(parts):
            for day, total in days.items():
                item = rollup_store.counters_item(0, _ZONE, shard, day, total)
                self._client.put_item(TableName="vending", Item=item)


class _Kind:
    """Machines that are alike, but for their serials."""

    def __init__(self, told: tuple[Keys, Mapping[date, Rollup]]) -> None:
        keys, days = told
        self.region = region_days([days])
        history = History("GM000000", keys)
        self.summary = reports.summarise(history, Region(zone=_ZONE), Thresholds())
        names = sorted({month_of(day) for day in days})
        self._months = {
            name: rollup_store.month_item(
                "", name, Month(_ZONE, {d: r for d, r in days.items() if month_of(d) == name}), 1
            )
            for name in names
        }

    def months(self, serial: str) -> Iterator[dict[str, object]]:
        """Yield the items of a machine's rollups; what they hold is shared, to save memory."""
        for item in self._months.values():
            yield {**item, "pk": {"S": f"MACHINE#{serial}"}}


if __name__ == "__main__":
    sys.exit(main())

"""Realistic machine logs with planted faults, for demonstrations, benchmarks and tests.

Everything follows from the seed: no clock, no network, and no disk until a `Simulation` is written.
Each machine keeps its own pace, 10 to 24 customers a day, at least 2 s apart, in the rhythm of the
site. Each machine has its own random numbers: a fault planted in one machine leaves the rows of the
others alone.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Literal, get_args

from backroom.vending.rhythms import Place, Rhythm, customers
from chalicelib.vending.names import StoredName

Plant = Literal["fleet_gap", "lost_log", "under", "over", "dead", "duplicate", "corrupt", "cut"]
"""What can be planted, in the order in which it happens to the logs.

- fleet_gap: all rows of 20 to 28 hours are missing, on every machine.
- lost_log: the rows of 30 to 40 mean gaps are missing on one machine.
- under, over: 3 to 8 % of a machine's rows, at least 9, give no gumball, or two.
- dead: no row of a machine gives a gumball.
- duplicate: a row is doubled. corrupt: 3 to 8 lines are unreadable. cut: the last line ends early.
"""

ALL_PLANTS: tuple[Plant, ...] = get_args(Plant)
MOST_MACHINES = 10_000
FEWEST_DAYS = 14

_ONE_EACH: tuple[Plant, ...] = ("lost_log", "under", "over", "dead")
_FLEET_GAP_SLOT_DAYS = 2
_FLEET_GAP_SHARE = 0.25  # of the time: fleet gaps lie from 20 % to 45 % of it
_RECENT_DAYS = 84  # silences are planted in these, so that a window of 90 days shows them
_DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Damage = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Planted:
    """A fault that the logs hold.

    ``at`` and ``until`` bound a silence, else they are the times of the first and the last row
    touched; ``rows`` counts the rows that are faulty, missing, doubled or unreadable.
    """

    kind: Plant
    serial: str | None
    """None: all machines."""
    at: datetime
    until: datetime
    rows: int


@dataclass(frozen=True)
class Simulation:
    """The logs of a fleet, line by line with their line ends, and what was planted in them."""

    logs: dict[str, list[bytes]]
    planted: list[Planted]
    ending: datetime

    @property
    def mixed(self) -> list[bytes]:
        """Return the lines of all machines in time order; a line that was cut comes last."""
        *lines, last = sorted(
            (line for log in self.logs.values() for line in log),
            key=lambda line: (not line.endswith(b"\n"), line.partition(b"|")[2]),
        )
        return [*(line if line.endswith(b"\n") else line + b"\n" for line in lines), last]

    def write(self, folder: Path, *, technician: str = "T0001") -> list[Path]:
        """Write a file for each machine, such as ``T0001.GM001.2018-09-21_093448.txt``."""
        wall = self.ending.replace(tzinfo=None)
        paths = []
        for serial, log in self.logs.items():
            path = folder / f"{StoredName(technician, serial, wall).stem}.txt"
            path.write_bytes(b"".join(log))
            paths.append(path)
        return paths

    def write_mixed(self, path: Path) -> Path:
        """Write all machines into one file, as a dispatcher imports it."""
        path.write_bytes(b"".join(self.mixed))
        return path


def simulate(  # noqa: PLR0913 - all of it is by name
    *,
    seed: int,
    ending: datetime,
    machines: int = 6,
    days: int = 28,
    plants: Sequence[Plant] = ALL_PLANTS,
    rhythms: Sequence[Rhythm] = ("steady",),
    time_zones: Sequence[str] = ("UTC",),
    closed: Collection[date] = (),
) -> Simulation:
    """Return ``days`` of logs that were all downloaded at ``ending`` (aware, rows are older).

    Plants may repeat. No machine bears two of lost_log, under, over and dead, and damage goes to
    the others first. Machines take turns in ``rhythms`` and ``time_zones``; nobody buys on the
    local days ``closed``, but for a steady rhythm. Raises ValueError when there is no room.
    """
    if ending.tzinfo is None:
        raise ValueError("ending must be aware: the rows are in UTC")
    _check(machines, days, plants)
    if ending < _EPOCH + timedelta(days=days):
        raise ValueError(f"ending must be {days} days after 1970-01-01 or later")
    end = ending.timestamp()
    start = end - days * _DAY_S
    serials = [f"GM{number:03d}" for number in range(1, machines + 1)]
    places = [
        Place(rhythm, zone, closed)
        for rhythm, zone, _ in zip(cycle(rhythms), cycle(time_zones), serials, strict=False)
    ]
    fleet = {
        serial: _machine(serial, seed, start, end, place)
        for serial, place in zip(serials, places, strict=True)
    }
    rng = _rng(seed, "fleet")
    recent = (max(start, end - _RECENT_DAYS * _DAY_S), end)
    planted = list(_silence_fleet([*fleet.values()], plants.count("fleet_gap"), recent, rng))
    own = sorted((kind for kind in plants if kind != "fleet_gap"), key=ALL_PLANTS.index)
    victims = cycle(rng.sample(serials, len(serials)))
    planted += [
        fleet[serial].suffer(kind, recent) for kind, serial in zip(own, victims, strict=False)
    ]
    return Simulation({serial: fleet[serial].log() for serial in serials}, planted, ending)


@dataclass
class _Machine:
    """A machine whose log is being made: rows first, damage when the lines are written."""

    serial: str
    rng: Random
    mean_gap_s: float
    seconds: list[int]
    dispensed: dict[int, int] = field(default_factory=dict)
    damage: dict[int, _Damage] = field(default_factory=dict)

    @cached_property
    def spare(self) -> list[int]:
        """The rows that no plant has touched yet; the last one is reserved for a cut.

        Read it only when all silences are made: they move the rows.
        """
        rows = range(len(self.seconds) - 1)
        return self.rng.sample(rows, len(rows))

    def silence(self, at: float, until: float) -> int:
        """Lose the rows of a time; return how many."""
        remaining = [second for second in self.seconds if not at <= second < until]
        missing = len(self.seconds) - len(remaining)
        self.seconds = remaining
        return missing

    def suffer(self, kind: Plant, recent: tuple[float, float]) -> Planted:
        """Do what ``kind`` says to this machine's own rows."""
        if kind == "lost_log":
            start, end = recent
            length = self.rng.uniform(30, 40) * self.mean_gap_s
            at = self.rng.uniform((start + end) / 2, end - 0.05 * (end - start) - length)
            return _silence(kind, [self], at, at + length)
        rows = self._rows_for(kind)
        if kind in _DISPENSED:
            self.dispensed |= dict.fromkeys(rows, _DISPENSED[kind])
        else:
            self.damage |= {row: self._damage(kind) for row in rows}
        first, last = _instant(self.seconds[min(rows)]), _instant(self.seconds[max(rows)])
        return Planted(kind, self.serial, first, last, len(rows))

    def log(self) -> list[bytes]:
        """Return the lines as they come out of the machine."""
        text = bytearray()
        for row, second in enumerate(self.seconds):
            at = f"{_instant(second):%Y-%m-%dT%H:%M:%SZ}"
            line = f"{self.serial}|{at}|{self.dispensed.get(row, 1)}\n".encode()
            text += self.damage[row](line) if row in self.damage else line
        return bytes(text).splitlines(keepends=True)

    def _rows_for(self, kind: Plant) -> list[int]:
        rows = len(self.seconds)
        match kind:
            case "dead":
                return list(range(rows))
            case "cut":
                return [rows - 1]
            case "duplicate":
                wanted = 1
            case "corrupt":
                wanted = self.rng.randint(3, 8)
            case _:
                wanted = max(9, round(self.rng.uniform(0.03, 0.08) * rows))
        if wanted > len(self.spare):
            raise ValueError(f"{self.serial} has too few rows for another {kind}: take more days")
        return [self.spare.pop() for _ in range(wanted)]

    def _damage(self, kind: Plant) -> _Damage:
        if kind == "duplicate":
            return lambda line: line + line
        if kind == "cut":
            serial = len(self.serial)
            length = self.rng.randrange(serial + 1, serial + _REST)
            return lambda line: line[:length]
        return self.rng.choice(_CORRUPTIONS)


_DISPENSED: dict[Plant, int] = {"under": 0, "over": 2, "dead": 0}
_REST = len("|2020-02-20T11:29:44Z|1")

# Each takes a whole line, ``GM001|2020-02-20T11:29:44Z|1`` and its line end, and spares the serial.
_CORRUPTIONS: tuple[_Damage, ...] = (
    lambda line: line[:-3] + b"\n",  # a field is missing
    lambda line: line[:-1] + b"|1\n",  # a field too many
    lambda line: line[:-18] + b"02-30" + line[-13:],  # no such day
    lambda line: line[:-12] + b"25" + line[-10:],  # no such hour
    lambda line: line[:-2] + b"x\n",
    lambda line: line[:-2] + b"-1\n",
    lambda line: line[:-2] + b"1.5\n",
    lambda line: line[:-2] + b"10\n",
    lambda line: line[:-19] + bytes(8) + line[-11:],  # zeroed memory
    lambda line: line[:-19] + b"\xff\xfe" + line[-17:],  # not UTF-8
)


def _check(machines: int, days: int, plants: Sequence[Plant]) -> None:
    if not 1 <= machines <= MOST_MACHINES:
        raise ValueError(f"machines must be 1 to {MOST_MACHINES:,}")
    if days < FEWEST_DAYS:
        raise ValueError(f"days must be at least {FEWEST_DAYS}: less shows no rhythm")
    if unknown := set(plants) - set(ALL_PLANTS):
        raise ValueError(f"cannot plant {', '.join(sorted(unknown))}")
    if max(sum(kind in _ONE_EACH for kind in plants), plants.count("cut")) > machines:
        raise ValueError(
            "each of lost_log, under, over, dead and each cut needs its own machine: "
            "take more machines"
        )
    gaps = plants.count("fleet_gap")
    if gaps and machines < 3:
        raise ValueError("a fleet gap needs 3 machines: fewer are no fleet")
    if gaps * _FLEET_GAP_SLOT_DAYS > _FLEET_GAP_SHARE * min(days, _RECENT_DAYS):
        raise ValueError(f"{gaps} fleet gaps do not fit into {days} days: take more days")


def _rng(seed: int, owner: str) -> Random:
    return Random(f"{seed} {owner}")  # noqa: S311 - nothing secret, and it must repeat


def _machine(serial: str, seed: int, start: float, end: float, place: Place) -> _Machine:
    rng = _rng(seed, serial)
    mean_gap_s = _DAY_S / rng.uniform(10, 24)
    times = list(customers(rng, place, _DAY_S / mean_gap_s, start, end))
    return _Machine(serial, rng, mean_gap_s, times)


def _silence_fleet(
    machines: Sequence[_Machine], count: int, recent: tuple[float, float], rng: Random
) -> Iterator[Planted]:
    """Yield ``count`` fleet gaps, apart from each other and from the second half's lost logs."""
    start, end = recent
    slot = _FLEET_GAP_SHARE * (end - start) / max(count, 1)
    for number in range(count):
        length = rng.uniform(20, 28) * 3_600
        earliest = start + 0.2 * (end - start) + number * slot
        at = rng.uniform(earliest, earliest + 0.8 * slot - length)
        yield _silence("fleet_gap", machines, at, at + length)


def _silence(kind: Plant, machines: Sequence[_Machine], at: float, until: float) -> Planted:
    serial = None if kind == "fleet_gap" else machines[0].serial
    missing = sum(machine.silence(at, until) for machine in machines)
    return Planted(kind, serial, _instant(at), _instant(until), missing)


def _instant(second: float) -> datetime:
    return datetime.fromtimestamp(int(second), UTC)

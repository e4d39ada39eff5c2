"""Who plays what in the demo: its sites, its people, its machines and their logs.

A closed visit settles a machine's past (rule A uses later rows only), so a machine that the
story sent a technician to plays a healthy one in the runs of the next four weeks.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, pairwise

from backroom.core.errors import ClientError
from backroom.vending.rhythms import Rhythm
from backroom.vending.simulation import ALL_PLANTS, simulate
from chalicelib.vending.models import Dispatch, MachineView, SiteBody
from chalicelib.vending.names import StoredName

SERIALS = tuple(f"GM{number}" for number in range(900, 1_000))
ZONE = "America/Chicago"
SITES = {
    "demo-mall": SiteBody(name="Riverside Mall (demo)", time_zone=ZONE),
    "demo-station": SiteBody(name="Central Station (demo)", time_zone=ZONE),
}
TECHNICIANS = {"T9001": "Ada (demo)", "T9002": "Grace (demo)"}
RHYTHMS: dict[str, Rhythm] = {"demo-mall": "mall", "demo-station": "station"}
DAYS = 28
NIGHT_S = 10 * 3_600

_SEED = 3
_TEST_CREDITS = 5
_BY_RULE_A = {"under", "over", "dead"}


@dataclass(frozen=True)
class Cast:
    """The log of each demo machine, downloaded at ``ending``, its site, and which are broken."""

    logs: dict[str, bytes]
    sites: dict[str, str]
    dead: str
    ending: datetime

    def technician(self, serial: str) -> str:
        """Return the technician of a machine: they take turns."""
        return _turn(list(TECHNICIANS), sorted(self.logs).index(serial))

    def site(self, serial: str) -> str:
        """Return a machine's site."""
        return self.sites[serial]

    def nights(self) -> int:
        """Return how many times the mall's machines were silent for a night, on average."""
        theirs = [text for serial, text in self.logs.items() if self.site(serial) == "demo-mall"]
        return round(sum(map(_nights, theirs)) / len(theirs))

    def name(self, serial: str, downloaded_at: datetime) -> str:
        """Return the name of a machine's log, on a wall clock in UTC."""
        wall = downloaded_at.replace(tzinfo=None)
        return f"{StoredName(self.technician(serial), serial, wall).stem}.txt"

    def after_visit(self, visited_at: datetime) -> tuple[bytes, datetime]:
        """Return the dead machine's log once it is mended, and when it is downloaded.

        The technician buys a few gumballs to test it, seconds after ``visited_at``.
        """
        start = visited_at.replace(microsecond=0)
        credits_ = [start + timedelta(seconds=2 * number) for number in range(1, _TEST_CREDITS + 1)]
        tested = "".join(f"{self.dead}|{at:%Y-%m-%dT%H:%M:%SZ}|1\n" for at in credits_)
        return self.logs[self.dead] + tested.encode(), credits_[-1] + timedelta(seconds=2)


def cast(machines: Sequence[MachineView], visits: Iterable[Dispatch], ending: datetime) -> Cast:
    """Return six machines with four weeks of logs up to ``ending`` (whole seconds, UTC).

    ``machines`` and ``visits`` are all there are: those of others are left alone, and where others
    have rows of these weeks, no silence of the whole fleet is planted, for it would be none.
    Raises ClientError when the demo has sent a technician to all of its own lately.
    """
    since = ending - timedelta(days=DAYS)
    others = [machine for machine in machines if machine.technician not in TECHNICIANS]
    busy = any(machine.last_at and machine.last_at > since for machine in others)
    plants = [plant for plant in ALL_PLANTS if not (busy and plant == "fleet_gap")]
    made = simulate(
        seed=_SEED,
        ending=ending,
        days=DAYS,
        plants=plants,
        rhythms=[*RHYTHMS.values()],
        time_zones=[ZONE],
    )
    faulty = [plant.serial for plant in made.planted if plant.kind in _BY_RULE_A]
    dead = next(plant.serial for plant in made.planted if plant.kind == "dead")
    taken = {machine.serial for machine in others}
    visited = {visit.machine for visit in visits if visit.closed_at and visit.closed_at > since}
    settled = [serial for serial in SERIALS if serial in visited - taken]
    fresh = [serial for serial in SERIALS if serial not in visited | taken]
    if len(fresh) < len(faulty):
        raise ClientError(
            "The demo has sent a technician to each of its machines in the last four weeks.",
            next_step="make reset forgets all local data",
        )
    healthy = [serial for serial in made.logs if serial not in faulty]
    players = zip(
        [*filter(None, faulty), *healthy],
        [*fresh[: len(faulty)], *settled, *fresh[len(faulty) :]],
        strict=False,
    )
    role = dict(players)
    logs = {
        role[serial]: b"".join(role[serial].encode() + line[len(serial) :] for line in lines)
        for serial, lines in made.logs.items()
    }
    sites = {role[serial]: site for serial, site in zip(made.logs, cycle(RHYTHMS), strict=False)}
    return Cast(logs, sites, role[str(dead)], ending)


def _nights(log: bytes) -> int:
    """Return how many gaps between the rows of a log are as long as a night."""
    times = []
    for line in log.splitlines():
        with suppress(ValueError):
            times.append(datetime.fromisoformat(line.split(b"|")[1].decode()).timestamp())
    return sum(NIGHT_S < after - before < 2 * NIGHT_S for before, after in pairwise(times))


def _turn(names: Sequence[str], number: int) -> str:
    return names[number % len(names)]

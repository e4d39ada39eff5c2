"""Measure the rules: false alarms and what they find.

``python -m bench.alarms [ARRIVALS --time-zone ZONE] [--sizes 5 50 500] [--only R1 R5]``

Prints the table of docs/vending-rules.md: what is wanted, and what today's rules reach, on
simulated fleets without a fault, on real arrivals, and on both with losses planted. Equal arguments
give equal figures. ``--seeds`` makes other fleets, or more: with one seed a figure of R5 rests on 4
to 80 times 30 days, and chance alone puts it above its goal now and then.

Real arrivals are no part of this repository. They are a log, as it is or gzipped, whose machines
are, say, the stations of a bicycle-sharing system: one line ``<serial>|<start of a trip, UTC>|1`` a
trip, from the trip data that such systems publish. ``BACKROOM_ARRIVALS`` names the file, too;
without one R1 to R4 are left out.
"""

import argparse
import os
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

from bench import fleets
from bench.fleets import DAY_S, ENDING, Kind
from chalicelib.vending.anomalies import SENSITIVE_E, Thresholds, bursts, find_faults, window
from chalicelib.vending.findings import fault_verdicts
from chalicelib.vending.history import History, Region
from chalicelib.vending.models import FleetReport, MachineSummary, OwnSilence
from chalicelib.vending.reports import audit, partial_silences, region_of, summarise

_USUAL = Thresholds()
_SENSITIVE = replace(_USUAL, lost_log_e=SENSITIVE_E)
_SAMPLE = Path(__file__).parents[1] / "tests" / "data" / "transactions.txt"
_MACHINES_OF_A_SIZE = 100  # several small fleets are as much as one large one
Row = tuple[str, str, str]


def main() -> None:
    """Print a Markdown table of what is wanted and what is measured."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("arrivals", nargs="?", default=os.environ.get("BACKROOM_ARRIVALS"))
    arguments.add_argument("--time-zone", default="America/Los_Angeles")
    arguments.add_argument("--sizes", nargs="*", type=int, default=[5, 50, 500])
    arguments.add_argument(
        "--days", nargs="+", type=int, default=[30, 90], help="of the simulated logs of R5"
    )
    arguments.add_argument("--losses", type=int, default=150, help="planted for each figure")
    arguments.add_argument(
        "--judged", type=int, default=100, help="machines of a large fleet whose lost logs count"
    )
    arguments.add_argument(
        "--seeds", nargs="+", type=int, default=[0], help="of the simulated fleets of R5"
    )
    arguments.add_argument("--only", nargs="*", help="such as R1 R5")
    options = arguments.parse_args()
    print("| R | wanted | today |\n|---|---|---|")
    for names, measure in _measures(options):
        if not options.only or set(names) & set(options.only):
            for row in measure():
                print("| " + " | ".join(row) + " |", flush=True)


def _measures(
    options: argparse.Namespace,
) -> Iterator[tuple[set[str], Callable[[], Iterator[Row]]]]:
    if options.arrivals:
        path = Path(options.arrivals)
        yield {"R1", "R2", "R3", "R4"}, lambda: _real(path, options.time_zone, options.losses)
    else:
        print("R1 to R4 are left out: no arrivals are given; see --help.", file=sys.stderr)
    for kind in fleets.KINDS:
        yield {"R5"}, partial(_false_alarms, kind, options)
    yield {"R6"}, lambda: _new_machine(options.losses)
    yield {"R7"}, _fading
    yield {"R8", "R9"}, _sudden
    yield {"R10"}, _tolerated
    yield {"R11"}, _sample
    yield {"R12"}, _independence


# --- real arrivals ---


def _real(path: Path, zone: str, planted: int) -> Iterator[Row]:
    fleet = fleets.arrivals(path)
    months = fleets.months(fleet, _USUAL)
    report = audit(fleet, now=ENDING, thresholds=_USUAL, zone=zone)
    named = ", ".join(f"{gap.from_:%d %b} {gap.hours:.0f} h" for gap in report.fleet_gaps)
    yield "R1", "fleet gaps: 0 to 1 a year", f"{len(report.fleet_gaps)} {named}".strip()
    region = region_of({each.serial: each.keys for each in fleet}, _USUAL, zone)
    lost, cases = _lost(report), len(report.partial_silences)
    often = sum(len(_silences(each, region, _SENSITIVE)) for each in fleet)
    yield (
        "R2",
        "lost logs <= 0.03 a machine-month",
        f"{lost / months:.3f} ({lost} in {months:.0f}, and {cases} partial silences); "
        f"sensitive {often / months:.3f}",
    )
    for hours, rows, wanted in (
        (24, (10, 1e6), "1 day with 10 sales due or more: found >= 0.85"),
        (24, None, "any day, of machines with 10 sales a day"),
        (72, None, "3 days found = 1.00"),
        (6, (9, 11), "6 h at 10 rows >= 0.25, sensitive >= 0.44"),
    ):
        made = list(fleets.losses(fleet, hours, planted, seed=1, rows=rows))
        yield ("R4" if hours == 6 else "R3"), wanted, _share_found(made, region)


def _share_found(made: Sequence[tuple[History, float, float]], region: Region) -> str:
    found = [
        sum(_finds(machine, region, thresholds, start, end) for machine, start, end in made)
        for thresholds in (_USUAL, _SENSITIVE)
    ]
    count = max(len(made), 1)
    return f"{found[0] / count:.2f}, sensitive {found[1] / count:.2f} of {len(made)}"


def _finds(
    machine: History, region: Region, thresholds: Thresholds, start: float, end: float
) -> bool:
    middle = (start + end) / 2
    return any(
        silence.from_.timestamp() <= middle <= silence.to.timestamp()
        for silence in _silences(machine, region, thresholds)
    )


def _silences(machine: History, region: Region, thresholds: Thresholds) -> Sequence[OwnSilence]:
    return summarise(machine, region, thresholds).silences


def _lost(report: FleetReport) -> int:
    return sum(v.kind == "lost_log" for each in report.machines for v in each.verdicts)


# --- simulated fleets ---


def _false_alarms(kind: Kind, options: argparse.Namespace) -> Iterator[Row]:
    closed = fleets.closed_days(kind)
    for size in options.sizes:
        lost = gaps = cases = 0
        months = spans = 0.0
        fleets_of_size = max(1, _MACHINES_OF_A_SIZE // size)
        seeds = [first + number for first in options.seeds for number in range(fleets_of_size)]
        for days in options.days:
            for seed in seeds:
                fleet = fleets.simulated(kind, size, days, seed)
                region = region_of({each.serial: each.keys for each in fleet}, _USUAL, kind.zone)
                # Machines do not change each other's verdicts (R12): some stand for all.
                judged = fleet[: options.judged]
                silences = [
                    (each.serial, silence)
                    for each in judged
                    for silence in summarise(each, region, _USUAL).silences
                ]
                gaps += sum(
                    not fleets.is_real(region, gap.from_, gap.to, closed) for gap in region.gaps
                )
                lost += len(silences)
                cases += len(partial_silences(silences, region.days, region.zone))
                months, spans = months + fleets.months(judged, _USUAL), spans + days / 30
        yield (
            "R5",
            f"{size} machines, {kind.name}: fleet gaps <= 0.1 in 30 days, lost <= "
            f"{0.12 if kind.zone == 'UTC' else 0.01} a machine-month",
            f"{gaps / spans:.2f} fleet gaps ({gaps} in {spans:.0f}), "
            f"{lost / months:.4f} lost ({lost} in {months:.0f}), "
            f"{cases} partial",
        )


def _new_machine(planted: int) -> Iterator[Row]:
    fleet = fleets.simulated(fleets.KINDS[0], 50, 60, seed=3)
    region = region_of({each.serial: each.keys for each in fleet}, _USUAL, fleets.KINDS[0].zone)
    found = 0
    for seed in range(planted):
        dice = Random(seed)
        [machine] = fleets.simulated(fleets.KINDS[0], 1, 7, seed=1_000 + seed)
        start = int(ENDING.timestamp()) - dice.choice((5, 4, 3)) * DAY_S + 6 * 3_600
        lossy = fleets.without(machine, start, start + DAY_S)
        found += _finds(lossy, region, _USUAL, start, start + DAY_S)
    yield "R6", "7 days of data, one lost: found >= 0.9", f"{found / planted:.2f} of {planted}"


def _fading() -> Iterator[Row]:
    for falls in (2.7, 7.4):
        fleet = [fleets.fading(falls, seed) for seed in range(100)]
        lost = sum(len(_silences(each, Region("America/Chicago"), _USUAL)) for each in fleet)
        months = fleets.months(fleet, _USUAL)
        wanted = f"rate falling by {falls}: lost <= 0.03 a machine-month"
        yield "R7", wanted, f"{lost / months:.3f} ({lost} in {months:.0f})"


# --- faults ---


def _rows(gumballs: Sequence[int]) -> "array[int]":
    return array("Q", [(1_700_000_000 + row * 5_400) * 10 + g for row, g in enumerate(gumballs)])


def _sudden() -> Iterator[Row]:
    dead = [1] * 960 + [0] * 480
    out = next(
        row - 960
        for row in range(960, 1_441)
        if any(f.level == "out_of_service" for f in find_faults(_rows(dead[:row]), _USUAL))
    )
    yield "R8", "dead from row 960 of 1,440: out of service within 4 rows", f"{out} rows"
    for length in (8, 10):
        log = [1] * 700 + [0] * length + [1] * 700
        flagged = [row for row in range(690, 1_400) if find_faults(_rows(log[:row]), _USUAL)]
        later = bursts(_rows(log), "under", _USUAL)
        yield (
            "R9",
            f"a burst of {length}: noted within 3 rows, clears by itself",
            f"seen after {flagged[0] - 700} rows, cleared after {flagged[-1] - 700 - length + 1} "
            f"clean ones, then {len(later)} note",
        )


def _tolerated() -> Iterator[Row]:
    for rate, years, wanted in (
        (0.005, 2_000, "true rate 0.5 %, judged fortnightly for a year: flagged <= 1 %"),
        (0.01, 500, "1 %: still flagged"),
        (0.02, 100, "2 %: still flagged"),
        (0.1, 100, "10 %: still flagged"),
    ):
        looks = [_flagged_on(Random(f"{rate} {year}"), rate) for year in range(years)]
        found = [look for look in looks if look]
        when = f", half of them by day {median(found):.0f}" if found else ""
        yield "R10", wanted, f"{len(found) / years:.1%} of {years}{when}"


def _flagged_on(dice: Random, rate: float, a_day: int = 16) -> int | None:
    log = _rows([int(dice.random() >= rate) for _ in range(365 * a_day)])
    for day in range(14, 366, 14):
        seen = log[: day * a_day]
        keys = window(seen, _USUAL)
        if fault_verdicts(keys, History("GM001", seen), "UTC", _USUAL):
            return day
    return None


# --- as ever, and alone as among others ---


def _sample() -> Iterator[Row]:
    fleet = _histories(_SAMPLE)
    report = audit(fleet, now=ENDING, thresholds=_USUAL)
    bad = {each.serial: each.state for each in report.machines if each.state[0] in "od"}
    gaps = [f"{gap.from_:%d %b %H:%M:%S} to {gap.to:%d %b %H:%M:%S}" for gap in report.fleet_gaps]
    states = ", ".join(f"{serial} {state}" for serial, state in sorted(bad.items()))
    yield (
        "R11",
        "the sample as ever",
        f"{states}; fleet gap {', '.join(gaps)}; {_lost(report)} lost",
    )


def _histories(path: Path) -> list[History]:
    rows: dict[str, list[int]] = {}
    for line in path.read_text().split():
        serial, at, gumballs = line.split("|")
        key = int(datetime.fromisoformat(at).timestamp()) * 10 + int(gumballs)
        rows.setdefault(serial, []).append(key)
    return [History(serial, array("Q", sorted(keys))) for serial, keys in rows.items()]


def _independence() -> Iterator[Row]:
    kind = fleets.KINDS[0]
    own = fleets.simulated(kind, 500, 60, seed=9)
    start = int(ENDING.timestamp()) - 20 * DAY_S
    own[:5] = [
        fleets.without(each, start + 2 * n * DAY_S, start + (2 * n + 1) * DAY_S)
        for n, each in enumerate(own[:5])
    ]
    summaries: list[list[MachineSummary]] = []
    for size in (5, 50, 500):
        fleet = own[:size] if size > 5 else own[:5]
        region = region_of({each.serial: each.keys for each in fleet}, _USUAL, kind.zone)
        summaries.append([summarise(each, region, _USUAL) for each in own[:5]])
    alone = [summarise(each, Region(kind.zone), _USUAL) for each in own[:5]]
    same = sum(all(each[n] == alone[n] for each in summaries[1:]) for n in range(5))
    found = sum(bool(each.silences) for each in alone)
    yield "R12", "alone, among 50 and among 500: the same", f"{same} of 5 ({found} lost a day)"


if __name__ == "__main__":
    main()

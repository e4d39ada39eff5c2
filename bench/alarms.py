"""Count the rules' false alarms: ``python -m bench.alarms [--fleets 300]``.

The fleets are simulated without any fault, so whatever a rule finds in them is chance. Seeds are
fixed: equal arguments give equal figures.
"""

import argparse
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from backroom.vending.simulation import simulate
from chalicelib.vending.anomalies import Keys, Thresholds, faults
from chalicelib.vending.parsing import parse
from chalicelib.vending.reports import Findings, find_gaps
from chalicelib.vending.rows import keys

MACHINES = 6
_USUAL = Thresholds()
_START = 1_700_000_000
_MEAN_GAP_S = 5_400
_ENDING = datetime(2024, 1, 1, tzinfo=UTC)


def main() -> None:
    """Print a Markdown table of false alarms."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--fleets", type=int, default=300)
    for line in _report(arguments.parse_args().fleets):
        print(line, flush=True)


def _report(fleets: int) -> Iterator[str]:
    yield "| fleets without a fault | with a false lost log | with a false fleet gap |"
    yield "|---|---|---|"
    for rows in (5, 10, 20, 50, 280):
        dice = (Random(f"{rows} {number}") for number in range(fleets))
        found = [find_gaps(_poisson_fleet(each, rows), _USUAL) for each in dice]
        yield _line(f"{fleets} fleets of {MACHINES} machines, about {rows} rows each", found)
    for day_night in (False, True):
        found = [find_gaps(_simulated(seed, day_night), _USUAL) for seed in range(fleets // 5)]
        rhythm = "with quiet nights" if day_night else "round the clock"
        yield _line(
            f"{len(found)} fleets of {MACHINES} machines, 28 days, customers {rhythm}", found
        )
    yield from _at_lower_thresholds(fleets // 10)
    yield "\n| a machine's true fault rate | rows | machines flagged by rule A |\n|---|---|---|"
    for rate in (0.001, 0.003, 0.005):
        for rows in (320, 1_440):
            flagged = sum(_flagged(Random(f"{rate} {n}"), rate, rows) for n in range(10 * fleets))
            yield f"| {rate:.1%} | {rows:,} | {flagged / (10 * fleets):.1%} of {10 * fleets:,} |"


def _at_lower_thresholds(fleets: int) -> Iterator[str]:
    nights = [_simulated(seed, day_night=True) for seed in range(fleets)]
    for e in (1e-4, 1e-8, 1e-12, 1e-15):
        stricter = Thresholds(fleet_gap_e=e, lost_log_e=e)
        found = [find_gaps(fleet, stricter) for fleet in nights]
        yield _line(f"{fleets} of the last, both thresholds at {e:g}", found)


def _line(name: str, found: list[Findings]) -> str:
    lost = sum(bool(each.lost_logs) for each in found)
    gaps = sum(bool(each.fleet_gaps) for each in found)
    return f"| {name} | {_share(lost, len(found))} | {_share(gaps, len(found))} |"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})"


def _poisson_fleet(dice: Random, rows: int) -> dict[str, Keys]:
    return {f"GM{number:03d}": _poisson(dice, rows) for number in range(MACHINES)}


def _poisson(dice: Random, rows: int) -> Keys:
    """Return the rows of as long a time as lets expect ``rows``, the same for every machine."""
    second, found = float(_START), array("Q")
    while (second := second + dice.expovariate(1 / _MEAN_GAP_S)) < _START + rows * _MEAN_GAP_S:
        found.append(int(second) * 10 + 1)
    return found


def _simulated(seed: int, day_night: bool) -> dict[str, Keys]:
    fleet = simulate(seed=seed, ending=_ENDING, plants=[], day_night=day_night)
    found: dict[str, Keys] = {serial: array("Q") for serial in fleet.logs}
    for batch in parse([b"".join(fleet.mixed)], machine=None, not_after=_ENDING):
        for (serial, day), packed in batch.rows.items():
            found[serial].extend(keys(day, bytes(packed)))
    return {serial: array("Q", sorted(rows)) for serial, rows in found.items()}


def _flagged(dice: Random, rate: float, rows: int) -> bool:
    given = array("Q", [number * 10 + (dice.random() >= rate) for number in range(rows)])
    return faults(given, "under", _USUAL) is not None


if __name__ == "__main__":
    main()

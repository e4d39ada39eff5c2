"""The rules that tell a fault from chance: A (faults), B1 (fleet gaps), B2 (lost logs).

Terms: a machine's *keys* are its rows as ``epoch_seconds * 10 + gumballs``, its *times* their epoch
seconds, both sorted. A *gap* is the time between one row and the next. *E* is how many gaps as long
as this one chance alone would leave among all gaps tested: customers come as a Poisson process, so
a gap is exponential with the mean of the gaps that it is compared with.

The rules see only what they are given and compute unrounded (requirement V6).
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    Keys = array[int]
else:
    Keys = array  # not to be subscripted at run time before Python 3.12

FaultKind = Literal["under", "over"]
FaultLevel = Literal["degraded", "out_of_service"]
_Compared = tuple[int, int, float]  # start and end of a gap, and the mean gap it is compared with

_DOUBT = 0.05  # a machine is called mended when chance explains its clean rows less often
_Z_95 = 1.959963984540054  # standard normal quantile of 0.975: a two-sided 95 % interval
_DAY_S = 86_400
_HOUR_S = 3_600


@dataclass(frozen=True)
class Thresholds:
    """Where chance ends and a case begins; rates are shares of rows, E values are counts."""

    min_faults: int = 3
    fault_rate: float = 0.005
    out_of_service_rate: float = 0.5
    fleet_gap_e: float = 0.01
    fleet_gap_neighbours: int = 200
    fleet_min_machines: int = 3
    lost_log_e: float = 0.05
    window_days: int = 90
    due_days: int = 14


@dataclass(frozen=True)
class Fault:
    """A machine that fails too often in one way, by rule A."""

    kind: FaultKind
    level: FaultLevel
    faults: int
    rows: int
    rate: float
    wilson_low: float
    first_known_at: int
    """Epoch second of the row at which the rule fired for the first time, in time order."""


@dataclass(frozen=True)
class Gap:
    """A silence that chance does not explain, from one row to the next (epoch seconds)."""

    start: int
    end: int
    e: float
    expected: float
    """Rows that the rhythm around the gap lets expect in it."""
    machines: int = 1
    """How many machines reported before or after, and not in it."""

    @property
    def hours(self) -> float:
        """Return how long it lasted."""
        return (self.end - self.start) / _HOUR_S


def wilson_low(k: int, n: int) -> float:
    """Return the lower end of the 95 % interval for the rate behind ``k`` faults in ``n`` rows.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if k == 0:
        return 0.0
    half = _Z_95**2 / 2
    return (k + half - _Z_95 * math.sqrt(k * (n - k) / n + half / 2)) / (n + 2 * half)


def rows_to_clear(rate: float) -> int:
    """Return how many rows in a row without a fault show (95 %) that its ``rate`` is gone.

    Unmended, n such rows come with a chance of (1 - rate) ** n: 5 % at n = ln 0.05 / ln(1 - rate).
    ``rate`` is above 0; at 1 a single row will do.
    """
    return math.ceil(math.log(_DOUBT) / math.log1p(-rate)) if rate < 1 else 1


def since(keys: Keys, second: int) -> Keys:
    """Return the rows at or after ``second`` (epoch)."""
    return keys[bisect_left(keys, second * 10) :]


def window(keys: Keys, thresholds: Thresholds) -> Keys:
    """Return the rows of the ``window_days`` up to the newest row."""
    if not keys:
        return keys
    return since(keys, keys[-1] // 10 - thresholds.window_days * _DAY_S)


def faults(keys: Sequence[int], kind: FaultKind, thresholds: Thresholds) -> Fault | None:
    """Return rule A's finding: enough faults, and a rate surely above what is tolerated.

    Only ``under`` can put a machine out of service. Under and over are judged apart: in a net sum
    the one would hide the other.
    """
    at_fault = [(row, key // 10) for row, key in enumerate(keys, 1) if _is_fault(key % 10, kind)]
    count, rows = len(at_fault), len(keys)
    if not _fires(count, rows, thresholds):
        return None
    # More rows without a fault only lower the bound, so the rule can first fire at a fault alone.
    fired = (at for k, (row, at) in enumerate(at_fault, 1) if _fires(k, row, thresholds))
    low = wilson_low(count, rows)
    dead = kind == "under" and low > thresholds.out_of_service_rate
    level: FaultLevel = "out_of_service" if dead else "degraded"
    return Fault(kind, level, count, rows, count / rows, low, first_known_at=next(fired))


def fleet_gaps(times_by_serial: Mapping[str, Sequence[int]], thresholds: Thresholds) -> list[Gap]:
    """Return rule B1's findings, in time order: silences of all machines at once.

    A silence longer than the window parts two eras, whose logs say nothing of each other. Each era
    is looked at in the window up to its newest row, if ``fleet_min_machines`` have rows there.
    """
    merged = sorted(chain.from_iterable(times_by_serial.values()))
    span = thresholds.window_days * _DAY_S
    eras = [era[bisect_left(era, era[-1] - span) :] for era in _eras(merged, span)]
    reporting = [(era, _reporting(era, times_by_serial)) for era in eras]
    fleets = [(era, count) for era, count in reporting if count >= thresholds.fleet_min_machines]
    tests = sum(len(era) - 1 for era, _ in fleets)
    near = thresholds.fleet_gap_neighbours
    return [
        replace(gap, machines=count)
        for era, count in fleets
        for gap in _beyond_chance(_with_mean_nearby(era, near), tests, thresholds.fleet_gap_e)
    ]


def lost_logs(
    times_by_serial: Mapping[str, Sequence[int]], gaps: Iterable[Gap], thresholds: Thresholds
) -> dict[str, list[Gap]]:
    """Return rule B2's findings by serial, in time order: silences of one machine.

    ``gaps`` are the fleet's, which no single machine is blamed for. Machines without a finding are
    left out.
    """
    cuts = sorted(gap.start for gap in gaps)
    pieces = {serial: list(_pieces(times, cuts)) for serial, times in times_by_serial.items()}
    tests = sum(len(piece) - 1 for piece in chain.from_iterable(pieces.values()))
    return {
        serial: found
        for serial, own in pieces.items()
        if (found := _beyond_chance(_with_mean_of_others(own), tests, thresholds.lost_log_e))
    }


def _is_fault(gumballs: int, kind: FaultKind) -> bool:
    return gumballs == 0 if kind == "under" else gumballs > 1


def _fires(count: int, rows: int, thresholds: Thresholds) -> bool:
    return count >= thresholds.min_faults and wilson_low(count, rows) > thresholds.fault_rate


def _beyond_chance(compared: Iterable[_Compared], tests: int, limit: float) -> list[Gap]:
    """Return the gaps with E below ``limit``, out of ``tests`` gaps in all.

    A mean of 0 (rows all in one second, or nothing to compare with) is no rhythm: no test.
    """
    if tests < 1:
        return []
    bar = math.log(tests / limit)  # E < limit, solved for the gap in units of its mean
    return [
        Gap(start, end, e=tests * math.exp((start - end) / mean), expected=(end - start) / mean)
        for start, end, mean in compared
        if mean and end - start > bar * mean
    ]


def _eras(times: Sequence[int], longest: int) -> Iterator[Sequence[int]]:
    """Yield the parts of ``times`` between silences over ``longest`` seconds."""
    ends = [row for row, (start, end) in enumerate(pairwise(times), 1) if end - start > longest]
    for first, last in pairwise([0, *ends, len(times)]):
        if first < last:
            yield times[first:last]


def _reporting(era: Sequence[int], times_by_serial: Mapping[str, Sequence[int]]) -> int:
    """Return how many machines have a row in ``era``."""
    return sum(
        bisect_left(times, era[0]) < bisect_right(times, era[-1])
        for times in times_by_serial.values()
    )


def _with_mean_nearby(times: Sequence[int], neighbours: int) -> Iterator[_Compared]:
    """Yield each gap with the longer of the mean gaps before and after it (the lower rate).

    Near the ends a side has fewer neighbours; a side with none counts 0, and the other decides.
    """
    last = len(times) - 1
    for row, (start, end) in enumerate(pairwise(times)):
        first, final = max(row - neighbours, 0), min(row + 1 + neighbours, last)
        before = (start - times[first]) / max(row - first, 1)
        after = (times[final] - end) / max(final - row - 1, 1)
        yield start, end, max(before, after)


def _pieces(times: Sequence[int], cuts: Iterable[int]) -> Iterator[Sequence[int]]:
    """Yield the parts of ``times`` that end at ``cuts`` and have a rhythm.

    That takes three different seconds: no gap is then compared with others that are all 0.
    """
    ends = (bisect_right(times, cut) for cut in cuts)
    for first, last in pairwise([0, *ends, len(times)]):
        if len(set(times[first:last])) > 2:
            yield times[first:last]


def _with_mean_of_others(pieces: Iterable[Sequence[int]]) -> Iterator[_Compared]:
    """Yield each gap of each piece with the mean of the other gaps of that piece."""
    for times in pieces:
        span, others = times[-1] - times[0], len(times) - 2
        for start, end in pairwise(times):
            yield start, end, (span - (end - start)) / others

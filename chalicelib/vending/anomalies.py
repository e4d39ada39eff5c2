"""The rules that distinguish a faulty machine from chance: A (a rate) and A2 (a run of faults).

Terms: a machine's *keys* are its rows as ``epoch_seconds * 10 + gumballs``, sorted. *under* is a
credit that gave no gumball, *over* one that gave two or more.

Rule A looks at all rows of the window; A2 is a cumulative sum (Page 1954) that grows with each
fault and falls with each good row, so that it sees at once what began yesterday, and forgets what
is over. The rules see only what they are given and compute unrounded (requirement V6).
"""

import dataclasses
import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.core.values import dataclass

if TYPE_CHECKING:
    Keys = array[int]
else:
    Keys = array  # not to be subscripted at run time before Python 3.12

FaultKind = Literal["under", "over"]
FaultLevel = Literal["degraded", "out_of_service"]
KINDS: tuple[FaultKind, ...] = ("under", "over")

_DOUBT = 0.05  # a machine counts as repaired when chance explains its clean rows less often
_Z_95 = 1.959963984540054  # standard normal quantile of 0.975: a two-sided 95 % interval
_DAY_S = 86_400
_STEPS_TO = (0.1, 0.6)  # the fault rates that A2 looks for
_ALARM, _CEILING = 12.0, 15.0  # of its sum; at the ceiling a few good rows still clear it
_BURST = 24.0  # what a sum that has cleared must have reached to be worth a note
_FEW_ROWS = 200  # a log that short has not been judged often
_DEAD_RUN = 4  # faults in a row whose Wilson bound is above one half


@dataclass(frozen=True)
class Thresholds:
    """Where chance ends and a case begins.

    Rates are shares of rows. ``fault_chance`` is how often a tolerated rate may give so many faults
    at one judgement, in the window or in ``memory_days``. ``lost_log_e`` is how many false lost
    logs are tolerated in a machine-month, ``fleet_gap_e`` how many false fleet gaps in a month of a
    region.
    """

    min_faults: int = 3
    fault_rate: float = 0.005
    fault_chance: float = 0.0005
    out_of_service_rate: float = 0.5
    fleet_gap_e: float = 0.02
    lost_log_e: float = 0.008
    window_days: int = 90
    memory_days: int = 365
    due_days: int = 14


SENSITIVE_E = 0.03
"""``lost_log_e`` for sensitive audits: half of all silences of 6 hours are found."""


@dataclass(frozen=True)
class Fault:
    """A machine that fails too often in one way, by rule A or A2.

    ``faults`` of ``rows`` are those of the window, or for A2 those since its run of faults began,
    at ``began_at`` (epoch second).
    """

    kind: FaultKind
    level: FaultLevel
    faults: int
    rows: int
    rate: float
    wilson_low: float
    first_known_at: int
    """Epoch second of the row at which the rule fired for the first time, in time order."""
    began_at: int | None = None


class FaultCounts(NamedTuple):
    """Rows, and how many of them were faults of each kind."""

    rows: int = 0
    under: int = 0
    over: int = 0


class Burst(NamedTuple):
    """A run of faults that is over (epoch seconds of its first and last one)."""

    kind: FaultKind
    start: int
    end: int
    faults: int
    clean_rows: int
    """Rows since without such a fault."""


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


def find_faults(
    keys: Sequence[int],
    thresholds: Thresholds,
    earlier: Callable[[], FaultCounts] = FaultCounts,
) -> list[Fault]:
    """Return what rules A and A2 find, under before over.

    Only ``under`` can put a machine out of service. Under and over are judged apart: in a net sum
    the one would hide the other. A machine is judged again and again, so rule A counts only
    where one of the two is beyond what repeated looks at a tolerated rate would give: in ``keys``,
    or together with the rows before them, which are asked for only where it matters.
    """
    rated = {kind: faults(keys, kind, thresholds) for kind in KINDS}
    running = {kind: _running(keys, kind, thresholds) for kind in KINDS}
    sure = any(running.values()) or any(
        fault.rows < _FEW_ROWS
        or _is_beyond_chance(fault, FaultCounts(), thresholds)
        or _is_beyond_chance(fault, earlier(), thresholds)
        for fault in rated.values()
        if fault
    )
    found = []
    for kind in KINDS:
        rate, run = rated[kind] if sure else None, running[kind]
        worse = run and run.level == "out_of_service" and (not rate or rate.level != run.level)
        if fault := run if worse or not rate else rate:
            found.append(fault)
    return found


def faults(keys: Sequence[int], kind: FaultKind, thresholds: Thresholds) -> Fault | None:
    """Return rule A's finding: enough faults, and a rate surely above what is tolerated."""
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


def bursts(keys: Sequence[int], kind: FaultKind, thresholds: Thresholds) -> list[Burst]:
    """Return the runs of faults that are over, in time order."""
    rate = _STEPS_TO[-1]
    over = [run for run in _runs(keys, kind, rate, thresholds) if run.peak > _BURST]
    last_fault = max((run.last for run in _runs(keys, kind, rate, thresholds)), default=-1)
    return [
        Burst(
            kind,
            keys[run.first] // 10,
            keys[run.last] // 10,
            run.faults,
            len(keys) - 1 - last_fault,
        )
        for run in over
        if run.sum <= _ALARM
    ]


def binomial_tail(k: int, n: int, p: float) -> float:
    """Return the chance of ``k`` or more among ``n``, each with chance ``p``."""
    if k <= n * p:
        return 1.0
    if not 0 < p < 1:
        return 0.0
    log_term = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = math.exp(log_term + k * math.log(p) + (n - k) * math.log1p(-p))
    total = 0.0
    while term > total * 1e-12:
        total += term
        term *= (n - k) / (k + 1) * p / (1 - p)
        k += 1
    return total


@dataclasses.dataclass
class _Run:
    """A time in which the sum of A2 is above 0: rows by their place, the sum with its ceiling."""

    first: int
    last: int = 0
    alarm: int | None = None
    """The row at which the sum passed the alarm for the first time since it was last below."""
    faults: int = 0
    sum: float = 0.0
    peak: float = 0.0
    """The highest sum, without a ceiling."""
    uncapped: float = 0.0
    in_a_row: int = 0


def _runs(
    keys: Sequence[int], kind: FaultKind, rate: float, thresholds: Thresholds
) -> Iterator[_Run]:
    """Yield the runs of A2 for a step to ``rate``; the last one may be going on."""
    tolerated = thresholds.fault_rate
    up, down = math.log(rate / tolerated), math.log((1 - rate) / (1 - tolerated))
    run: _Run | None = None
    for row, key in enumerate(keys):
        if _is_fault(key % 10, kind):
            run = run or _Run(first=row)
            run.last, run.faults, run.in_a_row = row, run.faults + 1, run.in_a_row + 1
            run.sum, run.uncapped = min(run.sum + up, _CEILING), run.uncapped + up
            run.peak = max(run.peak, run.uncapped)
            if run.alarm is None and run.sum > _ALARM:
                run.alarm = row
        elif run:
            run.in_a_row, run.sum, run.uncapped = 0, run.sum + down, run.uncapped + down
            if run.sum <= _ALARM:
                run.alarm = None
            if run.sum <= 0:
                yield run
                run = None
    if run:
        yield run


def _running(keys: Sequence[int], kind: FaultKind, thresholds: Thresholds) -> Fault | None:
    """Return A2's finding: a run of faults that includes the newest row."""
    found = []
    for rate in _STEPS_TO:
        for run in _runs(keys, kind, rate, thresholds):
            # A run that is over has a sum of 0 at most; only the last can be above the alarm.
            if run.sum > _ALARM and run.alarm is not None:
                found.append(_fault_of(keys, kind, run, thresholds))
    return max(found, key=lambda fault: fault.wilson_low, default=None)


def _fault_of(keys: Sequence[int], kind: FaultKind, run: _Run, thresholds: Thresholds) -> Fault:
    rows, count, first = len(keys) - run.first, run.faults, run.first
    if run.in_a_row >= _DEAD_RUN:
        # What came before the last good row no longer matters: nothing works since.
        rows, count, first = run.in_a_row, run.in_a_row, len(keys) - run.in_a_row
    low = wilson_low(count, rows)
    dead = kind == "under" and low > thresholds.out_of_service_rate
    known = keys[run.alarm if run.alarm is not None else run.last] // 10
    return Fault(
        kind=kind,
        level="out_of_service" if dead else "degraded",
        faults=count,
        rows=rows,
        rate=count / rows,
        wilson_low=low,
        first_known_at=max(known, keys[first] // 10),
        began_at=keys[first] // 10,
    )


def _is_fault(gumballs: int, kind: FaultKind) -> bool:
    return gumballs == 0 if kind == "under" else gumballs > 1


def _is_beyond_chance(fault: Fault, earlier: FaultCounts, thresholds: Thresholds) -> bool:
    before = earlier.under if fault.kind == "under" else earlier.over
    count, rows = fault.faults + before, fault.rows + earlier.rows
    return binomial_tail(count, rows, thresholds.fault_rate) < thresholds.fault_chance


def _fires(count: int, rows: int, thresholds: Thresholds) -> bool:
    return count >= thresholds.min_faults and wilson_low(count, rows) > thresholds.fault_rate

"""From stored rows and the rules' findings to what the dispatcher reads.

A machine is summarised from its own rows and what its region has in common. Everything is counted
over a machine's window, the days up to its own newest row. The models carry rounded numbers: rates
to 6 digits, hours to 3, E to 6 significant digits.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from operator import eq
from typing import NamedTuple

from chalicelib.vending.anomalies import (
    Fault,
    FaultKind,
    Gap,
    Keys,
    Thresholds,
    faults,
    lost_logs,
    rows_to_clear,
    since,
    window,
)
from chalicelib.vending.models import (
    CREDIT_CENTS,
    Cause,
    FleetGap,
    FleetReport,
    MachineReport,
    MachineState,
    MachineSummary,
    Totals,
    Verdict,
)
from chalicelib.vending.rollups import (
    HOURS,
    MOST_ROWS,
    RegionDay,
    every_day,
    hours_of,
    local_day,
    region_days,
    rollups,
)

_SYMPTOM: dict[FaultKind, str] = {
    "under": "gave no gumball",
    "over": "gave more than one gumball",
}
_PARTS: dict[FaultKind, tuple[str, ...]] = {
    "under": ("dispensing mechanism",),
    "over": ("metering wheel", "wheel brush"),
}
_DEAD_PARTS = ("dispensing mechanism", "dispense sensor")
_LOG_PARTS = ("log memory", "backup battery", "data cable")
_CORRUPT_SHARE = 0.05
_TINY_E = 0.0001  # below it the figure says no more


@dataclass(frozen=True)
class History:
    """What is stored of one machine: the sorted union of its files' rows, and its visits.

    A closed visit settles the faults up to ``settled_until``: rule A looks at later rows only.
    ``registered_at`` is for a machine that nobody has read yet: it is due from then on.
    """

    serial: str
    keys: Keys
    corrupt_lines: int = 0
    last_download_at: datetime | None = None
    settled_until: datetime | None = None
    registered_at: datetime | None = None
    beyond: Mapping[date, int] = field(default_factory=dict)


class HourGap(NamedTuple):
    """A silence of a region: its full empty local hours (epoch seconds), and what it is judged by.

    ``machines`` cover it; ``expected`` rows are missing; chance leaves ``e`` such silences.
    """

    start: int
    end: int
    e: float
    expected: float
    machines: int


@dataclass(frozen=True)
class Region:
    """What is known of a time zone's machines together, in the months around a window."""

    zone: str = "UTC"
    days: Mapping[date, RegionDay] = field(default_factory=dict)
    gaps: Sequence[FleetGap] = ()


def summarise(history: History, region: Region, thresholds: Thresholds) -> MachineSummary:
    """Return the counts, the money and the verdicts of one machine."""
    keys = window(history.keys, thresholds)
    rows_by_gumballs = Counter(key % 10 for key in keys)
    extra = {gumballs: rows for gumballs, rows in rows_by_gumballs.items() if gumballs > 1}
    verdicts = _fault_verdicts(keys, history.settled_until, thresholds)
    return MachineSummary(
        serial=history.serial,
        state=_state(verdicts),
        transactions=len(keys),
        under=rows_by_gumballs[0],
        over=sum(extra.values()),
        gumballs=sum(gumballs * rows for gumballs, rows in rows_by_gumballs.items()),
        credits_cents=CREDIT_CENTS * len(keys),
        unserved_cents=CREDIT_CENTS * rows_by_gumballs[0],
        given_away_cents=CREDIT_CENTS * sum((each - 1) * rows for each, rows in extra.items()),
        corrupt_lines=history.corrupt_lines,
        suspected_duplicates=sum(map(eq, keys, keys[1:])),
        first_at=_instant(keys[0] // 10) if keys else None,
        last_at=_instant(keys[-1] // 10) if keys else None,
        last_download_at=history.last_download_at,
        settled_until=history.settled_until,
        verdicts=(*verdicts, *_lost(history.serial, keys, region, thresholds)),
        due_at=_due_at(history, keys, thresholds),
        stuck_days=tuple(sorted(history.beyond)),
    )


def _due_at(history: History, keys: Keys, thresholds: Thresholds) -> datetime | None:
    last_at = _instant(keys[-1] // 10) if keys else None
    signs = [at for at in (history.last_download_at, last_at) if at]
    if not signs and history.registered_at:
        signs = [history.registered_at]
    return max(signs) + timedelta(days=thresholds.due_days) if signs else None


def _lost(serial: str, keys: Keys, region: Region, thresholds: Thresholds) -> tuple[Verdict, ...]:
    gaps = [
        Gap(int(gap.from_.timestamp()), int(gap.to.timestamp()), e=gap.e, expected=0)
        for gap in region.gaps
    ]
    # Of one machine alone: a tenth of the gaps that a fleet may leave to chance.
    own = replace(thresholds, lost_log_e=thresholds.lost_log_e / 10)
    found = lost_logs({serial: [key // 10 for key in keys]}, gaps, own)
    return tuple(_lost_log(gap, thresholds) for gap in found.get(serial, ()))


def fleet_gaps(
    days: Mapping[date, RegionDay], zone: str, month: date, thresholds: Thresholds
) -> tuple[HourGap, ...]:
    """Return the silences of a region whose first full empty hour lies in ``month``.

    They follow from the days of the month before, the month itself and the three after it.
    """
    near = {day: total for day, total in days.items() if -1 <= _months(month, day) <= 3}
    rows = sum(sum(total.rows) for total in near.values())
    covered = sum(sum(map(bool, total.covered)) for total in near.values())
    found = []
    for start, end, hours, machines in _empty(near, zone, thresholds):
        expected = hours * rows / max(covered - hours, 1)
        gap = HourGap(start, end, rows * math.exp(-expected), expected, machines)
        if gap.e < thresholds.fleet_gap_e and not _months(month, local_day(zone, start)):
            found.append(gap)
    return tuple(found)


def _months(month: date, day: date) -> int:
    return (day.year - month.year) * 12 + day.month - month.month


def _empty(
    days: Mapping[date, RegionDay], zone: str, thresholds: Thresholds
) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, end, hours and covering machines of each run of empty hours."""
    run: list[tuple[int, int, int]] = []
    for day in sorted(days):
        bounds = hours_of(zone, day)
        for hour in range(HOURS):
            if bounds[hour] == bounds[hour + 1]:
                continue
            quiet = not days[day].rows[hour]
            quiet &= days[day].covered[hour] >= thresholds.fleet_min_machines
            if run and (not quiet or run[-1][1] != bounds[hour]):
                yield run[0][0], run[-1][1], len(run), min(each[2] for each in run)
                run = []
            if quiet:
                run.append((bounds[hour], bounds[hour + 1], days[day].covered[hour]))
    if run:
        yield run[0][0], run[-1][1], len(run), min(each[2] for each in run)


def fleet_gap(gap: HourGap, last: int, following: int) -> FleetGap:
    """Return a silence of a region as it is shown, from its last row before to its next one."""
    whole = Gap(last, following, e=gap.e, expected=gap.expected, machines=gap.machines)
    return _fleet_gap(whole, Thresholds())


def with_overdue(summary: MachineSummary, now: datetime) -> MachineReport:
    """Return a machine as it is at ``now`` (aware), which decides whether it is overdue."""
    due_at = summary.due_at
    return MachineReport(**dict(summary), overdue=due_at is not None and now > due_at)


NO_CAUSE = 4
"""The urgency of a machine with which nothing is wrong; it is on the worklist when it is due."""


def urgency(summary: MachineSummary) -> int:
    """Return how urgent a machine is, 0 being the most: by what is wrong, whatever is due."""
    reasons = (
        summary.state == "out_of_service",
        summary.state == "degraded",
        any(verdict.kind == "lost_log" for verdict in summary.verdicts),
        _much_is_corrupt(summary) or bool(summary.stuck_days),
        True,
    )
    return reasons.index(True)


def causes(machine: MachineReport) -> Iterator[Cause]:
    """Yield the reasons to go to a machine."""
    yield from map(_cause, machine.verdicts)
    lines = machine.transactions + machine.corrupt_lines
    if _much_is_corrupt(machine):
        yield Cause(
            kind="corrupt_data",
            why=f"{machine.corrupt_lines} of {lines} lines of its log could not be read",
            clears_when="a download whose lines can be read",
        )
    if machine.stuck_days:
        day = machine.stuck_days[-1]
        yield Cause(
            kind="stuck_sensor",
            since=datetime(day.year, day.month, day.day, tzinfo=UTC),
            why=f"it reported more than {MOST_ROWS:,} sales on {day}; the rest is only counted",
            clears_when=f"no such day in the {Thresholds.window_days} days up to its newest row",
        )
    if machine.overdue:
        due = f"{machine.due_at:%Y-%m-%d}" if machine.due_at else "long ago"
        yield Cause(
            kind="overdue",
            since=machine.due_at,
            why=f"its log was due on {due}",
            clears_when="the next download",
        )


def _much_is_corrupt(summary: MachineSummary) -> bool:
    lines = summary.transactions + summary.corrupt_lines
    return summary.corrupt_lines > _CORRUPT_SHARE * lines


def _cause(verdict: Verdict) -> Cause:
    return Cause(
        kind=verdict.kind,
        since=verdict.first_known_at,
        why=verdict.why,
        clears_when=verdict.clears_when,
    )


def audit(histories: Iterable[History], *, now: datetime, thresholds: Thresholds) -> FleetReport:
    """Return the report of a whole fleet at once."""
    fleet = list(histories)
    region = region_of({each.serial: each.keys for each in fleet}, thresholds)
    reports = [with_overdue(summarise(each, region, thresholds), now) for each in fleet]
    return FleetReport(
        machines=tuple(sorted(reports, key=order)),
        fleet_gaps=tuple(region.gaps),
        totals=Totals(
            machines=len(reports),
            **{
                name: sum(getattr(each, name) for each in reports)
                for name in Totals.model_fields
                if name != "machines"
            },
        ),
        window_days=thresholds.window_days,
    )


def region_of(
    keys_by_serial: Mapping[str, Keys], thresholds: Thresholds, zone: str = "UTC"
) -> Region:
    """Return what these machines have in common, all of one time zone."""
    days = region_days(
        rollups(keys, zone, _all_days(keys, zone)) for keys in keys_by_serial.values() if keys
    )
    merged = sorted(key // 10 for keys in keys_by_serial.values() for key in keys)
    gaps = []
    for month in sorted({day.replace(day=1) for day in days}):
        for gap in fleet_gaps(days, zone, month, thresholds):
            last = merged[bisect_left(merged, gap.start) - 1]
            following = merged[bisect_left(merged, gap.end)]
            gaps.append(fleet_gap(gap, last, following))
    return Region(zone, days, tuple(gaps))


def _all_days(keys: Keys, zone: str) -> Iterable[date]:
    return every_day(local_day(zone, keys[0] // 10), local_day(zone, keys[-1] // 10))


def order(machine: MachineSummary) -> tuple[int, str, int, str]:
    """Return what a machine is sorted by: urgency, money that went wrong, serial.

    Those with which nothing is wrong are sorted by the day on which they are due, before all else.
    """
    rank = urgency(machine)
    due = f"{machine.due_at:%Y-%m-%d}" if machine.due_at else "9999"
    wrong = machine.unserved_cents + machine.given_away_cents
    return rank, due if rank == NO_CAUSE else "", -wrong, machine.serial


def _fault_verdicts(
    keys: Keys, settled_until: datetime | None, thresholds: Thresholds
) -> tuple[Verdict, ...]:
    if settled_until:
        keys = since(keys, math.floor(settled_until.timestamp()) + 1)
    found = (faults(keys, kind, thresholds) for kind in ("under", "over"))
    return tuple(_fault(fault, settled_until, thresholds) for fault in found if fault)


def _fault(fault: Fault, settled_until: datetime | None, thresholds: Thresholds) -> Verdict:
    dead = fault.kind == "under" and fault.faults == fault.rows
    return Verdict(
        kind=fault.kind,
        level=fault.level,
        faults=fault.faults,
        rate=round(fault.rate, 6),
        wilson_low=round(fault.wilson_low, 6),
        first_known_at=_instant(fault.first_known_at),
        why=_why_fault(fault, dead, settled_until, thresholds),
        clears_when=_when_mended(fault.rate),
        parts=_DEAD_PARTS if dead else _PARTS[fault.kind],
    )


def _why_fault(
    fault: Fault, dead: bool, settled_until: datetime | None, thresholds: Thresholds
) -> str:
    visit = " since the last visit" if settled_until else ""
    out = fault.level == "out_of_service"
    tolerated = thresholds.out_of_service_rate if out else thresholds.fault_rate
    limit = "puts a machine out of service" if out else "is tolerated"
    diagnosis = (
        "; customers went on paying, so it is a dead mechanism or a stuck sensor: carry both"
    )
    return (
        f"{fault.faults} of {fault.rows} credits{visit} {_SYMPTOM[fault.kind]} "
        f"({_percent(fault.rate)}); even the cautious estimate, {_percent(fault.wilson_low)}, "
        f"is above the {_percent(tolerated)} that {limit}{diagnosis if dead else ''}"
    )


def _when_mended(rate: float) -> str:
    rows = rows_to_clear(rate)
    clean = "credit" if rows == 1 else f"{rows} credits"
    return f"no such fault in the first {clean} after a visit shows (95 %) that it is mended"


def _fleet_gap(gap: Gap, thresholds: Thresholds) -> FleetGap:
    why = (
        f"none of {gap.machines} machines reported for {gap.hours:.1f} h, where the fleet's rhythm "
        f"predicts {gap.expected:.0f} credits; chance alone would leave {_chance(gap.e)} such "
        f"gaps, and below {thresholds.fleet_gap_e:g} it is a case for IT, not for technicians"
    )
    return FleetGap.model_validate({**_extent(gap), "why": why})


def _lost_log(gap: Gap, thresholds: Thresholds) -> Verdict:
    why = (
        f"no row for {gap.hours:.1f} h, where the machine's own rhythm predicts "
        f"{gap.expected:.0f} credits; chance alone would leave {_chance(gap.e)} such gaps in the "
        f"whole fleet, and below {thresholds.lost_log_e:g} the log counts as lost"
    )
    clears_when = (
        "a download that still holds the missing rows; else it is shown until the machine has "
        f"{thresholds.window_days} days of newer rows"
    )
    known = {"kind": "lost_log", "first_known_at": _instant(gap.end), "parts": _LOG_PARTS}
    return Verdict.model_validate({**known, **_extent(gap), "why": why, "clears_when": clears_when})


def _extent(gap: Gap) -> dict[str, datetime | float]:
    return {
        "from": _instant(gap.start),
        "to": _instant(gap.end),
        "hours": round(gap.hours, 3),
        "e": float(f"{gap.e:.6g}"),
    }


def _state(verdicts: Iterable[Verdict]) -> MachineState:
    levels = {verdict.level for verdict in verdicts}
    if "out_of_service" in levels:
        return "out_of_service"
    return "degraded" if "degraded" in levels else "healthy"


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _percent(share: float) -> str:
    return f"{_two_digits(100 * share)} %"


def _chance(e: float) -> str:
    return _two_digits(e) if e >= _TINY_E else f"fewer than {_TINY_E:g}"


def _two_digits(number: float) -> str:
    return f"{float(f'{number:.2g}'):g}"

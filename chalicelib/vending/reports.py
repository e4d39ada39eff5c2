"""From stored rows and the rules' findings to what the dispatcher reads.

A machine is summarised on its own; fleet gaps and lost logs need the whole fleet and are joined
afterwards. Everything is counted over a machine's window, the days up to its own newest row. The
models carry rounded numbers: rates to 6 digits, hours to 3, E to 6 significant digits.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import eq

from chalicelib.core.models import Model
from chalicelib.vending.anomalies import (
    Fault,
    FaultKind,
    Gap,
    Keys,
    Thresholds,
    faults,
    fleet_gaps,
    lost_logs,
    rows_to_clear,
    since,
    window,
)
from chalicelib.vending.models import (
    CREDIT_CENTS,
    FleetGap,
    FleetReport,
    MachineReport,
    MachineState,
    MachineSummary,
    Totals,
    Verdict,
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


class Findings(Model):
    """What only the fleet as a whole can tell: its gaps, and the lost logs by serial."""

    fleet_gaps: tuple[FleetGap, ...]
    lost_logs: dict[str, tuple[Verdict, ...]]


class _Unread(MachineSummary):
    """A summary that is never stored: its machine is known from the registry alone."""

    registered_at: datetime


def summarise(history: History, thresholds: Thresholds) -> MachineSummary:
    """Return the counts, the money and rule A's verdicts of one machine."""
    keys = window(history.keys, thresholds)
    rows_by_gumballs = Counter(key % 10 for key in keys)
    extra = {gumballs: rows for gumballs, rows in rows_by_gumballs.items() if gumballs > 1}
    verdicts = _fault_verdicts(keys, history.settled_until, thresholds)
    summary = MachineSummary(
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
        verdicts=verdicts,
    )
    if history.registered_at is None:
        return summary
    return _Unread(**dict(summary), registered_at=history.registered_at)


def find_gaps(keys_by_serial: Mapping[str, Keys], thresholds: Thresholds) -> Findings:
    """Return the fleet gaps and the lost logs that the sorted keys of all machines show.

    Both are looked for in each machine's window, the days up to its own newest row, so that old
    logs are judged among their like.
    """
    times = {
        serial: [key // 10 for key in window(keys, thresholds)]
        for serial, keys in keys_by_serial.items()
    }
    gaps = fleet_gaps(times, thresholds)
    lost = lost_logs(times, gaps, thresholds)
    return Findings(
        fleet_gaps=tuple(_fleet_gap(gap, thresholds) for gap in gaps),
        lost_logs={
            serial: tuple(_lost_log(gap, thresholds) for gap in found)
            for serial, found in lost.items()
        },
    )


def fleet_report(
    summaries: Iterable[MachineSummary],
    findings: Findings,
    *,
    now: datetime,
    thresholds: Thresholds,
) -> FleetReport:
    """Join summaries and findings into one report, the most urgent machine first.

    ``now`` (aware) decides who is overdue. A machine without a row, a download or a registration is
    due at no known time.
    """
    machines = [
        _machine(summary, findings.lost_logs.get(summary.serial, ()), now, thresholds)
        for summary in summaries
    ]
    return FleetReport(
        machines=tuple(sorted(machines, key=_urgency)),
        fleet_gaps=findings.fleet_gaps,
        totals=Totals(
            machines=len(machines),
            transactions=sum(machine.transactions for machine in machines),
            gumballs=sum(machine.gumballs for machine in machines),
            credits_cents=sum(machine.credits_cents for machine in machines),
            unserved_cents=sum(machine.unserved_cents for machine in machines),
            given_away_cents=sum(machine.given_away_cents for machine in machines),
        ),
        window_days=thresholds.window_days,
    )


def audit(histories: Iterable[History], *, now: datetime, thresholds: Thresholds) -> FleetReport:
    """Return the report of a whole fleet at once."""
    fleet = list(histories)
    findings = find_gaps({history.serial: history.keys for history in fleet}, thresholds)
    summaries = (summarise(history, thresholds) for history in fleet)
    return fleet_report(summaries, findings, now=now, thresholds=thresholds)


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


def _machine(
    summary: MachineSummary, lost: Iterable[Verdict], now: datetime, thresholds: Thresholds
) -> MachineReport:
    registered_at = summary.registered_at if isinstance(summary, _Unread) else None
    signs = [at for at in (summary.last_download_at, summary.last_at, registered_at) if at]
    due_at = max(signs) + timedelta(days=thresholds.due_days) if signs else None
    joined = {**dict(summary), "verdicts": (*summary.verdicts, *lost)}
    return MachineReport(**joined, overdue=due_at is not None and now > due_at, due_at=due_at)


def _state(verdicts: Iterable[Verdict]) -> MachineState:
    levels = {verdict.level for verdict in verdicts}
    if "out_of_service" in levels:
        return "out_of_service"
    return "degraded" if "degraded" in levels else "healthy"


def _urgency(machine: MachineReport) -> tuple[int, int, str]:
    """Order by what is wrong, then by the money that went wrong, then by serial."""
    reasons = (
        machine.state == "out_of_service",
        machine.state == "degraded",
        any(verdict.kind == "lost_log" for verdict in machine.verdicts),
        machine.overdue,
        True,
    )
    return reasons.index(True), -machine.unserved_cents - machine.given_away_cents, machine.serial


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _percent(share: float) -> str:
    return f"{_two_digits(100 * share)} %"


def _chance(e: float) -> str:
    return _two_digits(e) if e >= _TINY_E else f"fewer than {_TINY_E:g}"


def _two_digits(number: float) -> str:
    return f"{float(f'{number:.2g}'):g}"

"""From stored rows to what the dispatcher reads: the one place where all rules meet.

A machine is summarised from its own rows and from what its region has in common. Everything is
counted over its window, the days up to its own newest row that is trusted. The models carry rounded
numbers: rates to 6 digits, hours to 3, E to 6 significant digits.
"""

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from operator import eq

from chalicelib.vending import anomalies, clock, regions, rhythm, stock, wording
from chalicelib.vending.anomalies import Fault, FaultKind, Keys, Thresholds, find_faults, since
from chalicelib.vending.causes import open_causes, order, state_of, with_overdue
from chalicelib.vending.models import (
    CREDIT_CENTS,
    WEEKDAYS,
    DailySales,
    FleetGap,
    FleetReport,
    MachineNote,
    MachineReport,
    MachineSummary,
    OwnSilence,
    PartialSilence,
    ServiceVisit,
    Totals,
    Verdict,
    Weekday,
)
from chalicelib.vending.regions import Common, HourGap
from chalicelib.vending.rhythm import Calendar, Silence
from chalicelib.vending.rollups import (
    MOST_ROWS,
    RegionDay,
    every_day,
    hours_of,
    local_day,
    region_days,
    rollups,
)

_PARTS: dict[FaultKind, tuple[str, ...]] = {
    "under": ("dispensing mechanism",),
    "over": ("metering wheel", "wheel brush"),
}
_DEAD_PARTS = ("dispensing mechanism", "dispense sensor")
_LOG_PARTS = ("log memory", "backup battery", "data cable")
_CLOCK_PARTS = ("clock battery",)
_SENSOR_PARTS = ("dispense sensor",)
_MOST_NAMED = 50
_DAILY = 30
_DAY_S = 86_400


@dataclass(frozen=True)
class History:
    """What is stored of one machine: the sorted union of its files' rows, its visits, its site.

    A closed visit settles the faults up to ``settled_until``: rules A and A2 look at later rows
    only. ``registered_at`` is for a machine that nobody has read yet: it is due from then on.
    """

    serial: str
    keys: Keys
    corrupt_lines: int = 0
    last_download_at: datetime | None = None
    settled_until: datetime | None = None
    registered_at: datetime | None = None
    beyond: Mapping[date, int] = field(default_factory=dict)
    """Rows by UTC day that were counted and not kept, where a day has more than `MOST_ROWS`."""
    read_until: datetime | None = None
    """The earliest instant that the latest download can have been at."""
    file_starts_at: datetime | None = None
    """Where the logs of the other machines in its files usually begin."""
    closed: tuple[date, ...] = ()
    closed_weekly: tuple[Weekday, ...] = ()
    retired: date | None = None
    capacity: int | None = None
    visits: Sequence[ServiceVisit] = ()
    """What was reported of filling the machine and taking its cash out."""


@dataclass(frozen=True)
class Region:
    """What is known of a time zone's machines together, in the months around a window."""

    zone: str = "UTC"
    days: Mapping[date, RegionDay] = field(default_factory=dict)
    gaps: Sequence[FleetGap] = ()
    cases: Sequence[PartialSilence] = ()

    @cached_property
    def quiet(self) -> Mapping[date, float]:
        """The days on which everybody sold less, and the share that was left."""
        return regions.quiet_days(self.days)


def summarise(history: History, region: Region, thresholds: Thresholds) -> MachineSummary:
    """Return the counts, the money and the verdicts of one machine."""
    history = _in_service(history, region.zone)
    times = array("q", [key // 10 for key in history.keys])
    believed = clock.trusted(times, _second(history.last_download_at))
    keys = anomalies.window(history.keys[:believed], thresholds)
    silences = _silences(keys, history, region, thresholds)
    summary = _counted(history, keys, thresholds)
    stocked = _stocked(history, keys, silences, region.zone, thresholds)
    verdicts = (
        *_fault_verdicts(keys, history, region.zone, thresholds),
        *_lost_logs(keys, silences, region, thresholds),
        *_clock(times, believed, history, region.zone),
        *_stuck(history.beyond, keys, thresholds),
    )
    judged = summary.model_copy(
        update={
            "verdicts": verdicts,
            "notes": (
                *_bursts(keys, verdicts, history, region.zone, thresholds),
                *_shared(silences, region),
            ),
            "silences": tuple(_own(silence) for silence in silences),
            "daily_sales": _daily(keys, region.zone),
            **stocked,
        }
    )
    state = state_of(verdicts, any_cause=bool(open_causes(judged)))
    return judged.model_copy(update={"state": state})


def _daily(keys: Keys, zone: str) -> DailySales | None:
    """Return the sales of the last local days up to the newest row."""
    if not keys:
        return None
    last = local_day(zone, keys[-1] // 10)
    first = date.fromordinal(max(last.toordinal() - _DAILY + 1, 1))
    starts = (hours_of(zone, day)[0] for day in every_day(first, last))
    edges = [*(bisect_left(keys, start * 10) for start in starts), len(keys)]
    return DailySales(last=last, sales=tuple(after - before for before, after in pairwise(edges)))


def fleet_gaps(
    days: Mapping[date, RegionDay], zone: str, month: date, thresholds: Thresholds
) -> tuple[HourGap, ...]:
    """Return the fleet gaps that begin in ``month``, to the hour, in time order."""
    return tuple(regions.fleet_gaps(days, zone, month, allowed=thresholds.fleet_gap_e))


def fleet_gap(gap: HourGap, last: int, following: int, thresholds: Thresholds) -> FleetGap:
    """Return a fleet gap as it is shown, from its last row before to its next one."""
    return FleetGap.model_validate(
        {
            **_extent(last, following, gap.e),
            "machines": gap.machines,
            "expected": round(gap.expected),
            "why": wording.fleet_gap(last, following, gap.expected, gap.machines),
            "how_we_know": wording.how_fleet_gap(gap.expected, gap.e, gap.machines, thresholds),
        }
    )


def partial_silences(
    silences: Iterable[tuple[str, OwnSilence]], days: Mapping[date, RegionDay], zone: str
) -> tuple[PartialSilence, ...]:
    """Return the silences that many machines share, in time order."""
    own = (
        (serial, Silence(_at(each.from_), _at(each.to), each.expected, each.e))
        for serial, each in silences
    )
    return tuple(map(_partial, regions.partial_silences(own, days, zone)))


def audit(
    histories: Iterable[History], *, now: datetime, thresholds: Thresholds, zone: str = "UTC"
) -> FleetReport:
    """Return the report of a whole fleet of one time zone at once."""
    fleet = list(histories)
    region = region_of({each.serial: each.keys for each in fleet}, thresholds, zone)
    summaries = [summarise(each, region, thresholds) for each in fleet]
    silences = [(each.serial, silence) for each in summaries for silence in each.silences]
    if cases := partial_silences(silences, region.days, zone):
        region = replace(region, cases=cases)
        summaries = [summarise(each, region, thresholds) for each in fleet]
    machines = sorted((with_overdue(each, zone, now) for each in summaries), key=order)
    return FleetReport(
        machines=tuple(machines),
        fleet_gaps=tuple(gaps_to_show(region, machines)),
        partial_silences=tuple(region.cases),
        totals=totals(machines),
        window_days=thresholds.window_days,
    )


def totals(machines: Sequence[MachineReport]) -> Totals:
    """Return the sums over some machines."""
    names = [name for name in Totals.model_fields if name != "machines"]
    sums = {name: sum(getattr(each, name) for each in machines) for name in names}
    return Totals(machines=len(machines), **sums)


def gaps_to_show(region: Region, machines: Sequence[MachineReport]) -> list[FleetGap]:
    """Return the fleet gaps in any machine's window that are no part of a partial silence."""
    windows = [(each.first_at, each.last_at) for each in machines]
    return [
        gap
        for gap in region.gaps
        if any(first and last and first < gap.to and last > gap.from_ for first, last in windows)
        and not any(each.from_ <= gap.from_ and gap.to <= each.to for each in region.cases)
    ]


def region_of(
    keys_by_serial: Mapping[str, Keys], thresholds: Thresholds, zone: str = "UTC"
) -> Region:
    """Return what these machines have in common, all of one time zone."""
    own = (rollups(keys, zone, _all_days(keys, zone)) for keys in keys_by_serial.values() if keys)
    days = region_days(own)
    merged = sorted(key // 10 for keys in keys_by_serial.values() for key in keys)
    gaps = [
        fleet_gap(
            gap,
            merged[bisect_left(merged, gap.start) - 1],
            merged[bisect_left(merged, gap.end)],
            thresholds,
        )
        for month in sorted({day.replace(day=1) for day in days})
        for gap in fleet_gaps(days, zone, month, thresholds)
    ]
    return Region(zone, days, tuple(gaps))


def usual_start(first_days: Iterable[date]) -> datetime | None:
    """Return where the logs in a file usually begin, given the first day of each machine's.

    A file of fewer than three machines has nothing usual.
    """
    days = sorted(first_days)
    if len(days) < regions.LEAST_MACHINES:
        return None
    usual = days[len(days) // 2]
    return datetime(usual.year, usual.month, usual.day, tzinfo=UTC)


def _all_days(keys: Keys, zone: str) -> Iterable[date]:
    return every_day(local_day(zone, keys[0] // 10), local_day(zone, keys[-1] // 10))


def _in_service(history: History, zone: str) -> History:
    """Return the history up to the machine's last day of service."""
    if history.retired is None:
        return history
    end = hours_of(zone, history.retired)[-1]
    ended = datetime.fromtimestamp(end, UTC)
    until = min(history.read_until, ended) if history.read_until else None
    return replace(
        history, keys=history.keys[: bisect_left(history.keys, end * 10)], read_until=until
    )


def _counted(history: History, keys: Keys, thresholds: Thresholds) -> MachineSummary:
    rows_by_gumballs = Counter(key % 10 for key in keys)
    extra = {gumballs: rows for gumballs, rows in rows_by_gumballs.items() if gumballs > 1}
    return MachineSummary(
        serial=history.serial,
        state="healthy",
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
        due_at=_due_at(history, keys, thresholds),
        retired=history.retired,
    )


def _due_at(history: History, keys: Keys, thresholds: Thresholds) -> datetime | None:
    last_at = _instant(keys[-1] // 10) if keys else None
    signs = [at for at in (history.last_download_at, last_at) if at]
    if not signs and history.registered_at:
        signs = [history.registered_at]
    return max(signs) + timedelta(days=thresholds.due_days) if signs else None


# --- rules A and A2 ---


def _fault_verdicts(
    keys: Keys, history: History, zone: str, thresholds: Thresholds
) -> tuple[Verdict, ...]:
    settled = history.settled_until
    found = find_faults(_unsettled(keys, settled), thresholds)
    verdicts = (_fault(fault, settled is not None, zone, thresholds) for fault in found)
    return tuple(
        _perhaps_empty(verdict, fault, keys, history, zone, thresholds)
        for verdict, fault in zip(verdicts, found, strict=True)
    )


def _perhaps_empty(
    verdict: Verdict, fault: Fault, keys: Keys, history: History, zone: str, thresholds: Thresholds
) -> Verdict:
    """Return the verdict, or that the machine is empty where it gives nothing and should be."""
    if verdict.kind != "under" or verdict.level != "out_of_service" or not history.capacity:
        return verdict
    known = _since_window(history.visits, keys, thresholds)
    filling = stock.last_filling(known, keys, history.capacity)
    last_given = next((key // 10 for key in reversed(keys) if key % 10), None)
    if filling is None or last_given is None or last_given < filling.at:
        return verdict
    if not stock.was_empty(filling, keys, last_given):
        return verdict
    empty = {
        "why": wording.empty(filling.at, filling.gumballs, fault.faults, zone),
        "how_we_know": wording.how_empty(filling.gumballs),
        "clears_when": "a gumball that it gives",
        "parts": ("gumballs", *verdict.parts),
    }
    return verdict.model_copy(update=empty)


def _stocked(
    history: History, keys: Keys, silences: Sequence[Silence], zone: str, thresholds: Thresholds
) -> dict[str, object]:
    """Return the stock and the cash of a machine, as far as they are known."""
    if not (history.visits and keys):
        return {}
    visits = _since_window(history.visits, keys, thresholds)
    return {
        "stock": stock.stock_of(visits, keys, silences, history.capacity, zone),
        "cash": stock.cash_of(visits, keys, silences),
    }


def _since_window(
    visits: Iterable[ServiceVisit], keys: Keys, thresholds: Thresholds
) -> list[ServiceVisit]:
    """Return the visits after which all rows are known."""
    begin = keys[-1] // 10 - thresholds.window_days * _DAY_S
    return [visit for visit in visits if visit.at.timestamp() >= begin]


def _unsettled(keys: Keys, settled_until: datetime | None) -> Keys:
    return since(keys, math.floor(settled_until.timestamp()) + 1) if settled_until else keys


def _fault(fault: Fault, settled: bool, zone: str, thresholds: Thresholds) -> Verdict:
    dead = fault.kind == "under" and fault.faults == fault.rows
    return Verdict(
        kind=fault.kind,
        level=fault.level,
        faults=fault.faults,
        rate=round(fault.rate, 6),
        wilson_low=round(fault.wilson_low, 6),
        first_known_at=_instant(fault.first_known_at),
        why=wording.fault(fault, zone, settled=settled),
        how_we_know=wording.how_fault(fault, settled, thresholds),
        clears_when=wording.fault_clears(fault.rate),
        parts=_DEAD_PARTS if dead else _PARTS[fault.kind],
    )


def _bursts(
    keys: Keys,
    verdicts: Iterable[Verdict],
    history: History,
    zone: str,
    thresholds: Thresholds,
) -> Iterable[MachineNote]:
    standing = {verdict.kind for verdict in verdicts}
    for kind in anomalies.KINDS:
        if kind not in standing:
            for burst in anomalies.bursts(
                _unsettled(keys, history.settled_until), kind, thresholds
            ):
                yield _note("burst", burst.start, burst.end, wording.burst(burst, zone))


# --- silences ---


def _silences(
    keys: Keys, history: History, region: Region, thresholds: Thresholds
) -> list[Silence]:
    gaps = tuple((_at(gap.from_), _at(gap.to)) for gap in region.gaps)
    calendar = Calendar(
        zone=region.zone,
        closed=frozenset(history.closed),
        closed_weekly=frozenset(map(WEEKDAYS.index, history.closed_weekly)),
        explained=gaps,
        quiet=region.quiet,
    )
    return rhythm.own_silences(
        [key // 10 for key in keys],
        calendar,
        until=_second(history.read_until),
        allowed=thresholds.lost_log_e,
    )


def _lost_logs(
    keys: Keys, silences: Sequence[Silence], region: Region, thresholds: Thresholds
) -> Iterable[Verdict]:
    silent_s = sum(each.end - each.start for each in silences)
    for silence in silences:
        if any(_is_part(silence, case) for case in region.cases):
            continue
        still = silence.end > keys[-1] // 10
        span_s = max(keys[-1] // 10 - keys[0] // 10 - (silent_s if not still else 0), 1)
        pace = len(keys) * rhythm.DAY_S / span_s
        yield Verdict.model_validate(
            {
                "kind": "lost_log",
                **_extent(silence.start, silence.end, silence.e),
                "expected": round(silence.expected),
                "first_known_at": _instant(silence.end),
                "why": wording.lost_log(
                    silence.start, silence.end, silence.expected, pace, region.zone, still=still
                ),
                "how_we_know": wording.how_lost_log(
                    silence.expected, silence.e, thresholds, still=still
                ),
                "clears_when": "a download that still holds the missing rows; else it is shown "
                f"until the machine has {thresholds.window_days} days of newer rows",
                "parts": _LOG_PARTS,
            }
        )


def _shared(silences: Iterable[Silence], region: Region) -> Iterable[MachineNote]:
    for case in region.cases:
        if any(_is_part(silence, case) for silence in silences):
            yield _note("partial_silence", _at(case.from_), _at(case.to), case.why)


def _is_part(silence: Silence, case: PartialSilence) -> bool:
    start, end = _at(case.from_), _at(case.to)
    shared = min(silence.end, end) - max(silence.start, start)
    return 2 * shared >= max(silence.end - silence.start, end - start)


def _partial(found: Common) -> PartialSilence:
    hours, silent = (found.end - found.start) / rhythm.HOUR_S, len(found.serials)
    return PartialSilence.model_validate(
        {
            "from": _instant(found.start),
            "to": _instant(found.end),
            "hours": round(hours, 3),
            "silent": silent,
            "of": found.of,
            "machines": found.serials[:_MOST_NAMED],
            "why": wording.partial_silence(hours, silent, found.of),
            "how_we_know": wording.how_partial_silence(silent, found.of),
        }
    )


# --- clocks and sensors ---


def _clock(times: Sequence[int], believed: int, history: History, zone: str) -> Iterable[Verdict]:
    found = clock.doubt(
        times,
        believed,
        read_at=_second(history.last_download_at),
        file_starts_at=_second(history.file_starts_at),
    )
    if found:
        yield Verdict(
            kind="clock",
            first_known_at=_instant(found.at),
            why=wording.clock(found, zone),
            how_we_know=wording.how_clock(found),
            clears_when="a download with at least four rows of one week that its clock dates right",
            parts=_CLOCK_PARTS,
        )


def _stuck(beyond: Mapping[date, int], keys: Keys, thresholds: Thresholds) -> Iterable[Verdict]:
    oldest = _instant(keys[0] // 10).date() if keys else date.max
    for day in sorted(each for each in beyond if each >= oldest):
        yield Verdict(
            kind="stuck_sensor",
            first_known_at=datetime(day.year, day.month, day.day, tzinfo=UTC),
            why=wording.stuck_sensor(str(day), MOST_ROWS + beyond[day], MOST_ROWS),
            how_we_know=wording.how_stuck_sensor(MOST_ROWS),
            clears_when=f"{thresholds.window_days} days of newer rows without such a day",
            parts=_SENSOR_PARTS,
        )


# --- small change ---


def _own(silence: Silence) -> OwnSilence:
    return OwnSilence.model_validate(
        {
            "from": _instant(silence.start),
            "to": _instant(silence.end),
            "expected": round(silence.expected, 3),
            "e": float(f"{silence.e:.6g}"),
        }
    )


def _note(kind: str, start: int, end: int, why: str) -> MachineNote:
    told = {"kind": kind, "from": _instant(start), "to": _instant(end), "why": why}
    return MachineNote.model_validate(told)


def _extent(start: int, end: int, e: float) -> dict[str, datetime | float]:
    return {
        "from": _instant(start),
        "to": _instant(end),
        "hours": round((end - start) / rhythm.HOUR_S, 3),
        "e": float(f"{e:.6g}"),
    }


def _at(instant: datetime) -> int:
    return int(instant.timestamp())


def _second(instant: datetime | None) -> int | None:
    return None if instant is None else math.floor(instant.timestamp())


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)

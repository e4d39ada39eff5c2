"""From stored rows to what the dispatcher reads: the one place where all rules meet.

A machine is summarised from its own rows and from what its region has in common. Everything is
counted over its window, the days up to its own newest row that is trusted. The models carry rounded
numbers: rates to 6 digits, hours to 3, E to 6 significant digits.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from operator import eq

from chalicelib.vending import anomalies, clock, findings, regions, wording
from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.causes import open_causes, order, state_of, with_overdue
from chalicelib.vending.history import History, Region
from chalicelib.vending.local_time import every_day, hours_of, local_day
from chalicelib.vending.models import (
    CREDIT_CENTS,
    DailySales,
    FleetGap,
    FleetReport,
    MachineReport,
    MachineSummary,
    OwnSilence,
    PartialSilence,
    Totals,
)
from chalicelib.vending.regions import HourGap
from chalicelib.vending.rollups import RegionDay, region_days, rollups
from chalicelib.vending.silences import Silence

_DAILY = 30


def summarise(history: History, region: Region, thresholds: Thresholds) -> MachineSummary:
    """Return the counts, the money and the verdicts of one machine."""
    history = _in_service(history, region.zone)
    times = array("q", [key // 10 for key in history.keys])
    believed = clock.trusted(times, findings.second_if_known(history.last_download_at))
    keys = anomalies.window(history.keys[:believed], thresholds)
    silences = findings.own_silences(keys, history, region, thresholds)
    summary = _counted(history, keys, thresholds)
    stocked = findings.stocked(history, keys, silences, region.zone, thresholds)
    verdicts = (
        *findings.fault_verdicts(keys, history, region.zone, thresholds),
        *findings.lost_logs(keys, silences, region, thresholds),
        *findings.doubted_clock(times, believed, history, region.zone),
        *findings.stuck_sensor(history.beyond, keys, thresholds),
    )
    judged = summary.model_copy(
        update={
            "verdicts": verdicts,
            "notes": (
                *findings.bursts(keys, verdicts, history, region.zone, thresholds),
                *findings.shared_silences(silences, region),
            ),
            "silences": tuple(findings.stored_silence(silence) for silence in silences),
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
            **findings.extent(last, following, gap.e),
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
        (
            serial,
            Silence(
                findings.second_of(each.from_), findings.second_of(each.to), each.expected, each.e
            ),
        )
        for serial, each in silences
    )
    return tuple(map(findings.partial_silence, regions.partial_silences(own, days, zone)))


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
        first_at=findings.instant(keys[0] // 10) if keys else None,
        last_at=findings.instant(keys[-1] // 10) if keys else None,
        last_download_at=history.last_download_at,
        settled_until=history.settled_until,
        due_at=_due_at(history, keys, thresholds),
        retired=history.retired,
    )


def _due_at(history: History, keys: Keys, thresholds: Thresholds) -> datetime | None:
    last_at = findings.instant(keys[-1] // 10) if keys else None
    signs = [at for at in (history.last_download_at, last_at) if at]
    if not signs and history.registered_at:
        signs = [history.registered_at]
    return max(signs) + timedelta(days=thresholds.due_days) if signs else None

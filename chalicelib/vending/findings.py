"""What the rules find on one machine, as verdicts and notes; `reports` puts them together."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from chalicelib.vending import anomalies, clock, stock, wording
from chalicelib.vending.anomalies import (
    Fault,
    FaultCounts,
    FaultKind,
    Keys,
    Thresholds,
    find_faults,
    since,
)
from chalicelib.vending.cells import Calendar
from chalicelib.vending.history import History, Region
from chalicelib.vending.local_time import DAY_S, HOUR_S, local_day
from chalicelib.vending.models import (
    WEEKDAYS,
    MachineNote,
    OwnSilence,
    PartialSilence,
    ServiceVisit,
    Verdict,
)
from chalicelib.vending.regions import Common
from chalicelib.vending.rollups import MOST_ROWS
from chalicelib.vending.silences import Silence, unexplained

_PARTS: dict[FaultKind, tuple[str, ...]] = {
    "under": ("dispensing mechanism",),
    "over": ("metering wheel", "wheel brush"),
}
_DEAD_PARTS = ("dispensing mechanism", "dispense sensor")
_LOG_PARTS = ("log memory", "backup battery", "data cable")
_CLOCK_PARTS = ("clock battery",)
_SENSOR_PARTS = ("dispense sensor",)
_MOST_NAMED = 50


# --- rules A and A2 ---


def fault_verdicts(
    keys: Keys, history: History, zone: str, thresholds: Thresholds
) -> tuple[Verdict, ...]:
    """Return the verdicts of rules A and A2 on the faults that no visit has settled."""
    settled = history.settled_until
    found = find_faults(
        _unsettled(keys, settled), thresholds, lambda: _earlier(keys, history, zone, thresholds)
    )
    verdicts = (_fault(fault, settled is not None, zone, thresholds) for fault in found)
    return tuple(
        _perhaps_empty(verdict, fault, keys, history, zone, thresholds)
        for verdict, fault in zip(verdicts, found, strict=True)
    )


def _earlier(keys: Keys, history: History, zone: str, thresholds: Thresholds) -> FaultCounts:
    """Return the rows and faults of the local days before the window that no visit has settled."""
    newest = local_day(zone, keys[-1] // 10).toordinal()
    first = newest - thresholds.memory_days
    last = newest - thresholds.window_days - 2  # clocks may have changed since
    if history.settled_until:
        settled = local_day(zone, math.floor(history.settled_until.timestamp()))
        first = max(first, settled.toordinal() + 1)
    if not 1 < first <= last:
        return FaultCounts()
    days = history.days(zone, date.fromordinal(first), date.fromordinal(last)).values()
    return FaultCounts(
        rows=sum(sum(day.rows) for day in days),
        under=sum(day.under for day in days),
        over=sum(day.over for day in days),
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


def stocked(
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
    begin = keys[-1] // 10 - thresholds.window_days * DAY_S
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
        first_known_at=instant(fault.first_known_at),
        why=wording.fault(fault, zone, settled=settled),
        how_we_know=wording.how_fault(fault, settled, thresholds),
        clears_when=wording.fault_clears(fault.rate),
        parts=_DEAD_PARTS if dead else _PARTS[fault.kind],
    )


def bursts(
    keys: Keys,
    verdicts: Iterable[Verdict],
    history: History,
    zone: str,
    thresholds: Thresholds,
) -> Iterable[MachineNote]:
    """Yield notes on bursts of faults that have passed, of the kinds without a verdict."""
    present = {verdict.kind for verdict in verdicts}
    for kind in anomalies.KINDS:
        if kind not in present:
            for burst in anomalies.bursts(
                _unsettled(keys, history.settled_until), kind, thresholds
            ):
                yield _note("burst", burst.start, burst.end, wording.burst(burst, zone))


# --- silences ---


def own_silences(
    keys: Keys, history: History, region: Region, thresholds: Thresholds
) -> list[Silence]:
    """Return the silences of the machine's own rows that its rhythm does not explain."""
    gaps = tuple((second_of(gap.from_), second_of(gap.to)) for gap in region.gaps)
    calendar = Calendar(
        zone=region.zone,
        closed=frozenset(history.closed),
        closed_weekly=frozenset(map(WEEKDAYS.index, history.closed_weekly)),
        explained=gaps,
        quiet=region.quiet,
    )
    return unexplained(
        [key // 10 for key in keys],
        calendar,
        until=second_if_known(history.read_until),
        allowed=thresholds.lost_log_e,
    )


def lost_logs(
    keys: Keys, silences: Sequence[Silence], region: Region, thresholds: Thresholds
) -> Iterable[Verdict]:
    """Yield the verdict of each silence that the machine does not share with many others."""
    silent_s = sum(each.end - each.start for each in silences)
    for silence in silences:
        if any(_is_part(silence, case) for case in region.cases):
            continue
        still = silence.end > keys[-1] // 10
        span_s = max(keys[-1] // 10 - keys[0] // 10 - (silent_s if not still else 0), 1)
        pace = len(keys) * DAY_S / span_s
        yield Verdict.model_validate(
            {
                "kind": "lost_log",
                **extent(silence.start, silence.end, silence.e),
                "expected": round(silence.expected),
                "first_known_at": instant(silence.end),
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


def shared_silences(silences: Iterable[Silence], region: Region) -> Iterable[MachineNote]:
    """Yield notes on the silences that it shares with many others."""
    for case in region.cases:
        if any(_is_part(silence, case) for silence in silences):
            yield _note("partial_silence", second_of(case.from_), second_of(case.to), case.why)


def _is_part(silence: Silence, case: PartialSilence) -> bool:
    start, end = second_of(case.from_), second_of(case.to)
    shared = min(silence.end, end) - max(silence.start, start)
    return 2 * shared >= max(silence.end - silence.start, end - start)


def partial_silence(found: Common) -> PartialSilence:
    """Return the case of many machines that are silent at once."""
    hours, silent = (found.end - found.start) / HOUR_S, len(found.serials)
    return PartialSilence.model_validate(
        {
            "from": instant(found.start),
            "to": instant(found.end),
            "hours": round(hours, 3),
            "silent": silent,
            "of": found.of,
            "machines": found.serials[:_MOST_NAMED],
            "why": wording.partial_silence(hours, silent, found.of),
            "how_we_know": wording.how_partial_silence(silent, found.of),
        }
    )


# --- clocks and sensors ---


def doubted_clock(
    times: Sequence[int], believed: int, history: History, zone: str
) -> Iterable[Verdict]:
    """Yield the verdict on a clock that has dated rows wrong."""
    found = clock.doubt(
        times,
        believed,
        read_at=second_if_known(history.last_download_at),
        file_starts_at=second_if_known(history.file_starts_at),
    )
    if found:
        yield Verdict(
            kind="clock",
            first_known_at=instant(found.at),
            why=wording.clock(found, zone),
            how_we_know=wording.how_clock(found),
            clears_when="a download with at least four rows of one week that its clock dates right",
            parts=_CLOCK_PARTS,
        )


def stuck_sensor(
    beyond: Mapping[date, int], keys: Keys, thresholds: Thresholds
) -> Iterable[Verdict]:
    """Yield the verdict on each day with more rows than are stored."""
    oldest = instant(keys[0] // 10).date() if keys else date.max
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


def stored_silence(silence: Silence) -> OwnSilence:
    """Return a silence as it is stored with the summary."""
    return OwnSilence.model_validate(
        {
            "from": instant(silence.start),
            "to": instant(silence.end),
            "expected": round(silence.expected, 3),
            "e": float(f"{silence.e:.6g}"),
        }
    )


def _note(kind: str, start: int, end: int, why: str) -> MachineNote:
    fields = {"kind": kind, "from": instant(start), "to": instant(end), "why": why}
    return MachineNote.model_validate(fields)


def extent(start: int, end: int, e: float) -> dict[str, datetime | float]:
    """Return the fields that say from when to when nothing was sold, and how unlikely that is."""
    return {
        "from": instant(start),
        "to": instant(end),
        "hours": round((end - start) / HOUR_S, 3),
        "e": float(f"{e:.6g}"),
    }


def second_of(at: datetime) -> int:
    """Return the whole second of the epoch that an instant lies in."""
    return math.floor(at.timestamp())


def second_if_known(at: datetime | None) -> int | None:
    """Return the same of an instant that may be unknown."""
    return None if at is None else second_of(at)


def instant(second: int) -> datetime:
    """Return the instant (UTC) at which a second of the epoch begins."""
    return datetime.fromtimestamp(second, UTC)

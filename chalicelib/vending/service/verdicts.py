"""Judging machines (V6, V8): from their own rows, and from what their region has in common.

A machine is judged after each of its files, over the days up to its newest row, and once more when
the region has taken the file's days into account. Nothing here reads more than one machine's days
and one region's months.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter

from chalicelib.core import retry
from chalicelib.core.errors import UnavailableError
from chalicelib.core.log import logger
from chalicelib.core.values import dataclass
from chalicelib.vending import anomalies, causes, reports
from chalicelib.vending.anomalies import FaultKind, Thresholds
from chalicelib.vending.history import History, Region
from chalicelib.vending.models import Dispatch, Machine, ServiceVisit, Site, Verdict
from chalicelib.vending.ports import (
    CASES,
    SHARDS,
    Clearing,
    DispatchBook,
    Fleet,
    MachineLog,
    MachineState,
    Queues,
    Registry,
    Rollups,
    Round,
    StaleMonthError,
    StaleNote,
    StaleSummaryError,
    Visits,
)
from chalicelib.vending.service.announcing import Announcing
from chalicelib.vending.service.days import Days, stored_days
from chalicelib.vending.service.regions import Regions

NO_ZONE = "UTC"
"""The region of machines without a site."""
_NOTES, _ROUND = 100, 25
_MOST_VISITS = 50
_MOST_CENTS = 10**10
_NEAR = timedelta(weeks=6)
"""A quiet day is compared with the same weekdays before and after it."""


@dataclass(frozen=True)
class Verdicts:
    """Judges from stored rows; nothing it stores is needed to judge again."""

    days: Days
    regions: Regions
    rollups: Rollups
    fleet: Fleet
    registry: Registry
    dispatches: DispatchBook
    visits: Visits
    announcing: Announcing
    queues: Queues
    thresholds: Thresholds
    now: Callable[[], datetime]

    # --- one machine ---

    def judge(
        self,
        serial: str,
        *,
        touched: Iterable[date] = (),
        anew: bool = False,
        file_id: int | None = None,
    ) -> None:
        """Judge a machine from the rows that count now, and store what was concluded.

        The rollups of the UTC days ``touched``, or of all days, are made to agree with the rows. A
        visit that file ``file_id`` proves to have helped is closed and settles what came before.
        Raises UnavailableError when others keep judging it at the same time.
        """
        for _ in retry.tries(budget_s=20):
            try:
                self._judge_once(serial, set(touched), anew, file_id)
            except (StaleSummaryError, StaleMonthError):
                continue
            return
        raise UnavailableError(f"Machine {serial} is being judged by too many callers; try again.")

    def judge_each(
        self,
        serials: Iterable[str],
        *,
        touched: Mapping[str, Iterable[date]] | None = None,
        anew: bool = False,
        file_id: int | None = None,
    ) -> list[Exception]:
        """Judge machines one after the other, whatever happens to one; return what did."""
        failures: list[Exception] = []
        for serial in serials:
            days = (touched or {}).get(serial, ())
            try:
                self.judge(serial, touched=days, anew=anew, file_id=file_id)
            except Exception as failure:  # noqa: BLE001 - no machine holds up another one
                failures.append(failure)
                logger.exception("machine failed", extra={"machine": serial})
        return failures

    def _judge_once(self, serial: str, touched: set[date], anew: bool, file_id: int | None) -> None:
        epoch = self.rollups.epoch()
        over = self.fleet.machine(serial)
        machine = self.registry.machine(serial)
        site = self.registry.site(machine.site) if machine and machine.site else None
        zone = site.time_zone if site else NO_ZONE
        if anew or over is None or (over.zone, over.epoch) != (zone, epoch):
            log = self.days.refreshed(serial, zone, epoch, None)
        elif touched:
            log = self.days.refreshed(serial, zone, epoch, touched)
        else:
            log = self.days.log(serial)
        region = self._region(epoch, zone, log)
        settled = self._close_if_mended(serial, log, region, file_id)
        visits = self.visits.newest_first(serial, limit=_MOST_VISITS) if machine else ()
        history = self._history(serial, log, settled, machine, site, visits)
        judged = reports.summarise(history, region, self.thresholds)
        summary = causes.with_retirement(judged, zone, self.now())
        state = MachineState(summary=summary, machine=machine, zone=zone, epoch=epoch)
        self.announcing.put(self.fleet, placed(state), over, site)

    def _region(self, epoch: int, zone: str, log: MachineLog) -> Region:
        if not log.keys:
            return Region(zone=zone)
        first, last = (datetime.fromtimestamp(log.keys[end] // 10, UTC).date() for end in (0, -1))
        first = max(first, last - timedelta(days=self.thresholds.window_days + 1))
        return self.regions.around(epoch, zone, first - _NEAR, last + _NEAR)

    def _history(
        self,
        serial: str,
        log: MachineLog,
        settled: datetime | None,
        machine: Machine | None = None,
        site: Site | None = None,
        visits: Sequence[ServiceVisit] = (),
    ) -> History:
        return History(
            serial,
            log.keys,
            corrupt_lines=log.corrupt_lines,
            last_download_at=log.last_download_at,
            settled_until=settled,
            registered_at=machine.registered_at if machine else None,
            beyond=log.beyond,
            read_until=log.read_until(site.time_zone if site else None),
            file_starts_at=log.file_starts_at,
            closed=site.closed if site else (),
            closed_weekly=site.closed_weekly if site else (),
            retired=machine.retired if machine else None,
            capacity=machine.capacity if machine else None,
            visits=visits,
            stored_days=partial(stored_days, self.rollups, serial),
        )

    # --- what changes have to be followed by ---

    def announce(self) -> None:
        """Queue the regions whose machines have changed."""
        self.queues.look_at_notes()

    def look_at_notes(self) -> int:
        """Look at the region-months that are noted, and judge their machines; return how many.

        What is noted again meanwhile stays noted, and so does a machine that fails; what happened
        to the first such is raised. A run takes a part and queues the next one.
        """
        failures: list[Exception] = []
        notes = self.rollups.notes(_NOTES)
        self._look_at_regions(notes)
        for serial, own in groupby(sorted(notes), attrgetter("serial")):
            if not (failed := self.judge_each([serial])):
                for note in own:
                    self.rollups.strike(note)
            failures += failed
        if not failures and self.rollups.notes(1):
            self.queues.look_at_notes()
        if failures:
            raise failures[0]
        return len(notes)

    def _look_at_regions(self, notes: Iterable[StaleNote]) -> None:
        epoch = self.rollups.epoch()
        months: dict[tuple[str, str], set[str]] = {}
        for note in notes:
            if note.month:
                months.setdefault((note.zone, note.month), set()).add(note.serial)
        for (zone, month), serials in sorted(months.items()):
            if month != CASES:
                self.regions.look_at(epoch, zone, month, sorted(serials))
        for zone in sorted({zone for zone, _ in months}):
            self.regions.look_at_cases(epoch, zone)

    def go_round(self, part: Round) -> None:
        """Judge the next machines of a round, and have it go on behind them.

        One that fails is noted, to be judged again.
        """
        serials = self.fleet.serials(part.shard, after=part.after, limit=_ROUND)
        chosen = self._of_region(part, serials)
        if part.zone and part.month and chosen:
            epoch = self.rollups.epoch()
            self.regions.pull_together(epoch, part.zone, part.month, chosen)
        for serial in chosen:
            if self.judge_each([serial], anew=part.anew is not None):
                self.rollups.note(serial)
        self._go_on(part, serials)

    def _of_region(self, part: Round, serials: list[str]) -> list[str]:
        if part.zone is None:
            return serials
        states = self.fleet.machines(serials)
        return [each for each in serials if each in states and states[each].zone == part.zone]

    def _go_on(self, part: Round, serials: list[str]) -> None:
        done, over = part.done + len(serials), len(serials) < _ROUND
        if part.anew is not None:
            self.fleet.put_progress(part.anew, part.shard, done, over=over)
            if sum(ended for _, ended in self.fleet.progress(part.anew).values()) == SHARDS:
                self.queues.clear(Clearing(epoch=part.anew))
        self.queues.look_at_notes()
        if not over:
            self.queues.go_round([part.model_copy(update={"after": serials[-1], "done": done})])

    def catch_up(self) -> None:
        """Have all machines judged again by what is known of their regions now, page by page."""
        self.queues.look_at_notes()
        self.queues.go_round(Round(shard=shard) for shard in range(SHARDS))

    # --- visits ---

    def _close_if_mended(
        self, serial: str, log: MachineLog, region: Region, file_id: int | None
    ) -> datetime | None:
        """Close the open visit if ``log`` shows that it helped; return until when is settled."""
        settled = self.fleet.settled_until(serial)
        visit = self.dispatches.open_at(serial) if file_id else None
        if visit is None or not self._helped(visit, serial, log, region, settled):
            return settled
        # Settled first: if we die in between, the visit is still open and closed the next time.
        self.fleet.settle(serial, visit.opened_at)
        self.dispatches.close(
            visit.model_copy(
                update={
                    "state": "closed",
                    "closed_at": self.now(),
                    "closed_by": f"file {file_id}",
                    "closing_note": "the rows since the visit are clean",
                }
            )
        )
        return max(settled or visit.opened_at, visit.opened_at)

    def _helped(
        self,
        visit: Dispatch,
        serial: str,
        log: MachineLog,
        region: Region,
        settled: datetime | None,
    ) -> bool:
        """Return whether a download after the visit shows that its faults are repaired."""
        if log.last_download_at is None or log.last_download_at <= visit.opened_at:
            return False
        after = anomalies.since(log.keys, int(visit.opened_at.timestamp()) + 1)
        then = replace(log, keys=log.keys[: len(log.keys) - len(after)])
        was = self._faults(self._history(serial, then, settled), region)
        now = self._faults(self._history(serial, log, visit.opened_at), region)
        return not now and all(self._cleared(verdict, after) for verdict in was)

    def _faults(self, history: History, region: Region) -> list[Verdict]:
        summary = reports.summarise(history, region, self.thresholds)
        return [verdict for verdict in summary.verdicts if verdict.kind in {"under", "over"}]

    def _cleared(self, verdict: Verdict, after: "array[int]") -> bool:
        """Return whether the first rows ``after`` a visit show what the verdict asks for."""
        if verdict.rate is None:
            return True
        needed = anomalies.rows_to_clear(verdict.rate)
        single = replace(self.thresholds, min_faults=1, fault_rate=0.0)
        kind: FaultKind = "over" if verdict.kind == "over" else "under"
        fault = anomalies.faults(after[:needed], kind, single)
        return len(after) >= needed and fault is None


def placed(state: MachineState) -> MachineState:
    """Return the state with its place in the lists; an unregistered machine has none."""
    summary = state.summary
    if not (state.machine or summary.transactions or summary.corrupt_lines):
        return state
    urgency, due, wrong, serial = causes.order(summary)
    place = f"{urgency}#{due}#{_MOST_CENTS + wrong:011d}#{serial}"
    return state.model_copy(update={"place": place})

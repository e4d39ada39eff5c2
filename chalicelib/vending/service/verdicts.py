"""Judging machines and the fleet, and saying what there is to do (V6, V8).

A machine is judged after each of its files, over the days up to its newest row. What only the
fleet can tell (its gaps, lost logs) is judged in one pass for a burst of files.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core import retry
from chalicelib.core.errors import UnavailableError
from chalicelib.vending import anomalies, reports
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.models import (
    Cause,
    Dispatch,
    FleetReport,
    Machine,
    MachineReport,
    MachineSummary,
    MachineView,
    Verdict,
    WorkItem,
)
from chalicelib.vending.ports import (
    Chunks,
    DispatchBook,
    Fleet,
    FleetState,
    MachineLog,
    Queues,
    Registry,
    StaleSummaryError,
)
from chalicelib.vending.reports import Findings, History
from chalicelib.vending.service.registry import found

_CORRUPT_SHARE = 0.05
_NOTHING_FOUND = Findings(fleet_gaps=(), lost_logs={})


@dataclass(frozen=True)
class Verdicts:
    """Judges from stored rows; nothing it stores is needed to judge again."""

    chunks: Chunks
    fleet: Fleet
    registry: Registry
    dispatches: DispatchBook
    queues: Queues
    thresholds: Thresholds
    now: Callable[[], datetime]

    def judge(self, serial: str, *, file_id: int | None = None) -> None:
        """Judge a machine from the rows that count now, and store its summary.

        A visit that file ``file_id`` proves to have helped is closed and settles what came before.
        Raises UnavailableError when others keep judging it at the same time.
        """
        for _ in retry.tries(budget_s=20):
            version = self.fleet.version(serial)
            log = self.chunks.window(serial, self.thresholds.window_days)
            settled = self._close_if_mended(serial, log, file_id)
            summary = reports.summarise(_history(serial, log, settled), self.thresholds)
            try:
                self.fleet.put_summary(summary, over=version)
            except StaleSummaryError:
                continue
            return
        raise UnavailableError(f"{serial} is being evaluated by too many writers; try again.")

    def announce(self) -> None:
        """Have the fleet judged soon, because machines have changed."""
        self.fleet.note_change()
        self.queues.judge_fleet()

    def judge_fleet(self) -> bool:
        """Look for gaps over all machines; return False when nothing changed since the last time.

        The number of the change is read before the rows: a change in between is judged again.
        """
        changes, judged = self.fleet.changes()
        if judged >= changes:
            return False
        logs = self.chunks.windows(self.fleet.state().summaries, self.thresholds.window_days)
        keys = {serial: log.keys for serial, log in logs}
        self.fleet.put_findings(reports.find_gaps(keys, self.thresholds), of=changes)
        return True

    def catch_up(self) -> None:
        """Judge again what a lost message left behind: settled machines, and the fleet."""
        state = self.fleet.state()
        for serial, until in state.settled.items():
            summary = state.summaries.get(serial)
            if summary and summary.settled_until != until:
                self.judge(serial)
        if not state.up_to_date:
            self.queues.judge_fleet()

    def fleet_report(self) -> FleetReport:
        """Return all machines, most urgent first: those with rows and those registered."""
        state = self.fleet.state()
        return self._report(state, self.registry.machines())

    def machine(self, serial: str) -> MachineView:
        """Return one machine's report and its place in the registry. Raises NotFoundError."""
        state = self.fleet.machine_state(serial)
        registered = self.registry.machine(serial)
        report = self._report(state, [registered] if registered else [])
        alone = next((machine for machine in report.machines if machine.serial == serial), None)
        return _view(found(alone, f"There is no machine {serial}."), registered)

    def machines(self) -> list[MachineView]:
        """Return all machines with their place in the registry, most urgent first."""
        state = self.fleet.state()
        registered = self.registry.machines()
        by_serial = {machine.serial: machine for machine in registered}
        return [
            _view(machine, by_serial.get(machine.serial))
            for machine in self._report(state, registered).machines
        ]

    def worklist(self, technician: str | None = None) -> list[WorkItem]:
        """Return where to go and why, most urgent first; of one technician, or of all.

        Raises NotFoundError for an unknown technician.
        """
        if technician:
            known = self.registry.technician(technician)
            found(known, f"There is no technician {technician}.")
        under_way = {d.machine: d for d in self.dispatches.under_way()}
        items = [_work(machine, under_way.get(machine.serial)) for machine in self.machines()]
        return [
            item
            for item in items
            if (item.causes or item.dispatch) and technician in (None, item.technician)
        ]

    def _report(self, state: FleetState, registered: Iterable[Machine]) -> FleetReport:
        read = state.read
        unread = (machine for machine in registered if machine.serial not in read)
        report = reports.fleet_report(
            [*read.values(), *map(self._unread, unread)],
            state.findings or _NOTHING_FOUND,
            now=self.now(),
            thresholds=self.thresholds,
        )
        return report.model_copy(update={"up_to_date": state.up_to_date})

    def _unread(self, machine: Machine) -> MachineSummary:
        """Return the summary of a machine without a file: it is due from its registration on."""
        history = History(machine.serial, array("Q"), registered_at=machine.registered_at)
        return reports.summarise(history, self.thresholds)

    def _close_if_mended(
        self, serial: str, log: MachineLog, file_id: int | None
    ) -> datetime | None:
        """Close the open visit if ``log`` shows that it helped; return until when is settled."""
        settled = self.fleet.settled_until(serial)
        visit = self.dispatches.open_at(serial) if file_id else None
        if visit is None or not self._helped(visit, serial, log, settled):
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
        self, visit: Dispatch, serial: str, log: MachineLog, settled: datetime | None
    ) -> bool:
        """Return whether a download after the visit shows that what was wrong then is mended."""
        if log.last_download_at is None or log.last_download_at <= visit.opened_at:
            return False
        after = anomalies.since(log.keys, int(visit.opened_at.timestamp()) + 1)
        then = replace(log, keys=log.keys[: len(log.keys) - len(after)])
        was = reports.summarise(_history(serial, then, settled), self.thresholds)
        now = reports.summarise(_history(serial, log, visit.opened_at), self.thresholds)
        return not now.verdicts and all(self._cleared(verdict, after) for verdict in was.verdicts)

    def _cleared(self, verdict: Verdict, after: "array[int]") -> bool:
        """Return whether the first rows ``after`` a visit show what the verdict asks for."""
        if verdict.kind == "lost_log" or verdict.rate is None:
            return True
        needed = anomalies.rows_to_clear(verdict.rate)
        single = replace(self.thresholds, min_faults=1, fault_rate=0.0)
        fault = anomalies.faults(after[:needed], verdict.kind, single)
        return len(after) >= needed and fault is None


def _history(serial: str, log: MachineLog, settled: datetime | None) -> History:
    return History(
        serial,
        log.keys,
        corrupt_lines=log.corrupt_lines,
        last_download_at=log.last_download_at,
        settled_until=settled,
    )


def _view(report: MachineReport, registered: Machine | None) -> MachineView:
    place = dict(registered) if registered else {}
    return MachineView(**{**dict(report), **place})


def _work(machine: MachineView, dispatch: Dispatch | None) -> WorkItem:
    causes = tuple(_causes(machine))
    parts = dict.fromkeys(part for verdict in machine.verdicts for part in verdict.parts)
    known = [cause.since for cause in causes if cause.since]
    return WorkItem(
        machine=machine.serial,
        site=machine.site,
        technician=machine.technician,
        state=machine.state,
        causes=causes,
        parts=tuple(parts),
        since=min(known, default=None),
        overdue=machine.overdue,
        due_at=machine.due_at,
        dispatch=dispatch,
    )


def _causes(machine: MachineReport) -> Iterator[Cause]:
    yield from map(_cause, machine.verdicts)
    lines = machine.transactions + machine.corrupt_lines
    if machine.corrupt_lines > _CORRUPT_SHARE * lines:
        yield Cause(
            kind="corrupt_data",
            why=f"{machine.corrupt_lines} of {lines} lines of its log could not be read",
            clears_when="a download whose lines can be read",
        )
    if machine.overdue:
        due = f"{machine.due_at:%Y-%m-%d}" if machine.due_at else "long ago"
        yield Cause(
            kind="overdue",
            since=machine.due_at,
            why=f"its log was due on {due}",
            clears_when="the next download",
        )


def _cause(verdict: Verdict) -> Cause:
    return Cause(
        kind=verdict.kind,
        since=verdict.first_known_at,
        why=verdict.why,
        clears_when=verdict.clears_when,
    )

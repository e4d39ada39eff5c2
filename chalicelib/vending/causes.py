"""From what is wrong with a machine to what there is to do about it: causes, state, urgency."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from chalicelib.vending.models import (
    Cause,
    Kind,
    MachineReport,
    MachineState,
    MachineSummary,
    Verdict,
)

_CORRUPT_SHARE = 0.05
_KINDS: tuple[Kind, ...] = ("under", "over", "lost_log", "clock", "stuck_sensor")
NO_CAUSE = 4
"""The urgency of a machine with which nothing is wrong; it is on the worklist when it is due."""


def with_retirement(summary: MachineSummary, zone: str, now: datetime) -> MachineSummary:
    """Return a machine as it is at ``now`` (aware): once it is retired nothing is wrong or due.

    Its last day of service ends at midnight of the time ``zone``.
    """
    if summary.retired and now.astimezone(ZoneInfo(zone)).date() > summary.retired:
        return summary.model_copy(update={"verdicts": (), "due_at": None, "state": "retired"})
    return summary


def with_overdue(summary: MachineSummary, zone: str, now: datetime) -> MachineReport:
    """Return a machine as it is at ``now`` (aware), which decides whether it is due or retired.

    ``zone`` is the one of its site.
    """
    summary = with_retirement(summary, zone, now)
    if summary.state == "retired":
        return MachineReport(**vars(summary), overdue=False)
    overdue = summary.due_at is not None and now > summary.due_at
    causes = tuple(_causes(summary, overdue=overdue))
    known = {**vars(summary), "state": state_of(summary.verdicts, any_cause=bool(causes))}
    return MachineReport(**known, overdue=overdue, causes=causes)


def state_of(verdicts: Iterable[Verdict], *, any_cause: bool) -> MachineState:
    """Return what a machine is called, given whether there is any reason to go to it."""
    levels = {verdict.level for verdict in verdicts}
    if "out_of_service" in levels:
        return "out_of_service"
    if "degraded" in levels:
        return "degraded"
    return "needs_attention" if any_cause else "healthy"


def urgency(summary: MachineSummary) -> int:
    """Return how urgent a machine is, 0 being the most: by what is wrong, whatever is due."""
    reasons = (
        summary.state == "out_of_service",
        summary.state == "degraded",
        any(verdict.kind == "lost_log" for verdict in summary.verdicts),
        bool(summary.verdicts) or _much_is_corrupt(summary),
        True,
    )
    return reasons.index(True)


def order(machine: MachineSummary) -> tuple[int, str, int, str]:
    """Return what machines are sorted by: what is wrong, the money that went wrong, the serial.

    Those with nothing wrong are sorted by when they are due.
    """
    level = urgency(machine)
    due = f"{machine.due_at:%Y-%m-%d}" if machine.due_at else "9999"
    wrong = machine.unserved_cents + machine.given_away_cents
    return level, due if level == NO_CAUSE else "", -wrong, machine.serial


def open_causes(summary: MachineSummary, *, overdue: bool = False) -> tuple[Cause, ...]:
    """Return the reasons to go to a machine, whatever is due unless it is ``overdue``."""
    return tuple(_causes(summary, overdue=overdue))


def by_kind(verdicts: Iterable[Verdict]) -> Iterator[Cause]:
    """Yield one cause for all findings of a kind; it names the longest."""
    ordered = sorted(verdicts, key=lambda verdict: _KINDS.index(verdict.kind))
    for _, alike in groupby(ordered, key=lambda verdict: verdict.kind):
        yield _cause(list(alike))


def _causes(summary: MachineSummary, *, overdue: bool) -> Iterator[Cause]:
    yield from by_kind(summary.verdicts)
    lines = summary.transactions + summary.corrupt_lines
    if _much_is_corrupt(summary):
        yield Cause(
            kind="corrupt_data",
            why=f"{summary.corrupt_lines:,} of {lines:,} lines of its log could not be read",
            clears_when="a download whose lines can be read",
        )
    if overdue and summary.due_at:
        yield Cause(
            kind="overdue",
            since=summary.due_at,
            why=f"its log was due on {summary.due_at:%Y-%m-%d}",
            clears_when="the next download",
        )


def _cause(alike: list[Verdict]) -> Cause:
    worst = max(alike, key=lambda verdict: verdict.hours or 0)
    more = f" It is the longest of {len(alike)}." if len(alike) > 1 else ""
    return Cause(
        kind=worst.kind,
        count=len(alike),
        since=min(verdict.first_known_at for verdict in alike),
        why=worst.why + more,
        how_we_know=worst.how_we_know,
        clears_when=worst.clears_when,
    )


def _much_is_corrupt(summary: MachineSummary) -> bool:
    lines = summary.transactions + summary.corrupt_lines
    return summary.corrupt_lines > _CORRUPT_SHARE * lines

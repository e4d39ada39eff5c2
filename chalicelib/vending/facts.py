"""The events of machines for subscribers."""

from collections.abc import Iterator, Mapping
from typing import cast

from chalicelib.core.facts import EventKind, Fact, ItemChange
from chalicelib.core.models import Model
from chalicelib.vending.announcements import OUT_OF_SERVICE
from chalicelib.vending.causes import open_causes
from chalicelib.vending.models import CauseEvent, Urgency
from chalicelib.vending.ports import MachineState
from chalicelib.vending.store.fleet import state_before_and_after

PAYLOADS: Mapping[EventKind, type[Model]] = {
    "cause.cleared": CauseEvent,
    "cause.raised": CauseEvent,
}
_OVERDUE = "overdue"


def facts(change: ItemChange) -> Iterator[Fact]:
    """Yield which causes have begun at a machine, and which are over: once an episode."""
    if found := state_before_and_after(change):
        before, state = found
        was_open = before.open if before else ()
        for cause in state.open:
            if cause not in was_open:
                yield _fact("cause.raised", cause, state, state, change)
        for cause in was_open:
            if before and cause not in state.open:
                yield _fact("cause.cleared", cause, before, state, change)


def _fact(
    kind: EventKind, cause: str, explained: MachineState, now: MachineState, change: ItemChange
) -> Fact:
    """Return the fact; the state in which the cause was open explains it."""
    summary, episode = explained.summary, now.episodes.get(cause, 1)
    shown = "under" if cause == OUT_OF_SERVICE else cause
    why = {each.kind: each for each in open_causes(summary, overdue=cause == _OVERDUE)}.get(
        cast("Urgency", shown)
    )
    parts = [part for each in summary.verdicts if each.kind == shown for part in each.parts]
    data = CauseEvent(
        machine=now.serial,
        cause=cast("Urgency", cause),
        episode=episode,
        state=now.summary.state,
        site=now.site,
        technician=now.technician,
        since=why.since if why else None,
        why=why.why if why else None,
        how_we_know=why.how_we_know if why else None,
        clears_when=why.clears_when if why else None,
        parts=tuple(dict.fromkeys(parts)),
    )
    return Fact(kind, f"machines/{now.serial}", change.at, data, f"{cause}#{episode}")

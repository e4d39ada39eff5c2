"""Sending people to machines, and what their visits settle."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from chalicelib.core.errors import ConflictError, UnprocessableError
from chalicelib.core.paging import Id, Page, sift
from chalicelib.core.totals import Total, count
from chalicelib.core.values import dataclass
from chalicelib.vending.models import (
    ClosingBody,
    Dispatch,
    DispatchBody,
    DispatchQuery,
    ServiceVisit,
)
from chalicelib.vending.ports import (
    AlreadyOpenError,
    DispatchBook,
    Fleet,
    Registry,
    VisitTakenError,
)
from chalicelib.vending.service.registry import found
from chalicelib.vending.service.verdicts import Verdicts
from chalicelib.vending.service.visiting import another_visit


@dataclass(frozen=True)
class Dispatching:
    """Opens and closes dispatches; a machine has one open dispatch at a time."""

    dispatches: DispatchBook
    registry: Registry
    fleet: Fleet
    verdicts: Verdicts
    now: Callable[[], datetime]

    def open(self, body: DispatchBody) -> tuple[Dispatch, bool]:
        """Send the machine's technician; return the dispatch, and True when it is new.

        The same again while it is open is the same dispatch. Raises UnprocessableError for a
        unknown machine, ConflictError when it is open with another note.
        """
        machine = self.registry.machine(body.machine)
        state = self.fleet.machine(body.machine)
        if machine is None and not (state and state.place):
            raise UnprocessableError(f"There is no machine {body.machine}.")
        dispatch = Dispatch(
            id=self.dispatches.next_id(),
            machine=body.machine,
            technician=machine.technician if machine else None,
            note=body.note,
            opened_at=self.now(),
        )
        try:
            self.dispatches.open(dispatch)
        except AlreadyOpenError as existing:
            if existing.dispatch.note == body.note:
                return existing.dispatch, False
            raise ConflictError(
                f"Dispatch {existing.dispatch.id} to {body.machine} is open; close it first.",
                dispatch=existing.dispatch.id,
            ) from existing
        return dispatch, True

    def listed(self, wanted: DispatchQuery, *, start: Id | None) -> Page[Dispatch, Id]:
        """Return the dispatches, newest first."""
        if wanted.machine and wanted.state == "open":  # there is one at most
            existing = self.dispatches.open_at(wanted.machine)
            known = existing and (start is None or existing.id < start.id)
            return Page([existing] if existing and known else [])
        every = self.dispatches.newest_first(before=start and start.id)
        return sift(every, partial(_is, wanted), wanted.limit, lambda last: Id(last.id))

    def count(self, wanted: DispatchQuery) -> Total:
        """Return how many dispatches the list has."""
        if wanted.state is wanted.machine is None:
            return self.dispatches.count()
        if wanted.machine is None and wanted.state == "open":
            return self.dispatches.count_open()
        return count(self.dispatches.newest_first(), partial(_is, wanted))

    def close(self, dispatch_id: int, body: ClosingBody) -> Dispatch:
        """Close a dispatch: the dispatcher says that what was wrong until now is settled.

        What was filled in and taken out is a visit of its own. Closing again changes nothing.
        Raises NotFoundError, ConflictError (the machine has another visit at this very time).
        """
        existing = self.get(dispatch_id)
        if existing.state == "open":
            now = self.now()
            ending = {"state": "closed", "closed_at": now, "closed_by": "dispatcher"}
            note = {"closing_note": body.note or None}
            # Settled first: if we die in between, the dispatch is open still and can be closed.
            self.fleet.settle(existing.machine, now)
            closed = existing.model_copy(update={**ending, **note})
            try:
                done = self.dispatches.close(closed, _visit(closed, body))
            except VisitTakenError as taken:
                raise another_visit(taken.visit) from taken
            existing = closed if done else self.get(dispatch_id)
        self.verdicts.announce()
        self.verdicts.judge(existing.machine)
        return existing

    def get(self, dispatch_id: int) -> Dispatch:
        """Return a dispatch. Raises NotFoundError."""
        return found(self.dispatches.get(dispatch_id), f"There is no dispatch {dispatch_id}.")


def _is(wanted: DispatchQuery, dispatch: Dispatch) -> bool:
    """Return whether a dispatch is in the state and to the machine that are wanted."""
    return wanted.state in (None, dispatch.state) and wanted.machine in (None, dispatch.machine)


def _visit(closed: Dispatch, body: ClosingBody) -> ServiceVisit | None:
    """Return what was done on a visit, if that was reported."""
    if not body.reported or closed.closed_at is None:
        return None
    done = {"filled": body.filled, "full": body.full, "cash_cents": body.cash_cents}
    return ServiceVisit(machine=closed.machine, at=closed.closed_at, dispatch=closed.id, **done)

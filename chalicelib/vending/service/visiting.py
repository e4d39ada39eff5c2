"""Service visits: what technicians report of filling machines and taking cash out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.core.errors import ConflictError, Fault, InvalidInputError
from chalicelib.core.paging import Page, cut
from chalicelib.core.values import dataclass
from chalicelib.vending.models import ListQuery, ServiceBody, ServiceVisit
from chalicelib.vending.ports import Registry, Visits, VisitTakenError
from chalicelib.vending.service.registry import found
from chalicelib.vending.service.verdicts import Verdicts

_CLOCK_SKEW = timedelta(days=1)


class VisitPosition(NamedTuple):
    """The visit that a page ended with."""

    at: datetime


@dataclass(frozen=True)
class Visiting:
    """Keeps visits; the stock and the cash of their machines follow."""

    visits: Visits
    registry: Registry
    verdicts: Verdicts
    now: Callable[[], datetime]

    def report(self, serial: str, body: ServiceBody) -> tuple[ServiceVisit, bool]:
        """Store a visit; return it, and True when it is new. The same again is the same visit.

        Raises NotFoundError, InvalidInputError (nothing was done, or in time to come),
        ConflictError (another visit at that time).
        """
        found(self.registry.machine(serial), f"There is no machine {serial}.")
        if faults := _faults(body, self.now() + _CLOCK_SKEW):
            raise InvalidInputError(faults)
        visit = ServiceVisit(machine=serial, **dict(body))
        new = True
        try:
            self.visits.add(visit)
        except VisitTakenError as taken:
            if taken.visit != visit:
                raise another_visit(taken.visit) from taken
            new = False
        self.verdicts.announce()
        self.verdicts.judge(serial)
        return visit, new

    def listed(
        self, serial: str, wanted: ListQuery, start: VisitPosition | None
    ) -> Page[ServiceVisit, VisitPosition]:
        """Return a machine's visits, newest first."""
        before = start.at if start else None
        rows = self.visits.newest_first(serial, before=before, limit=wanted.limit + 1)
        return cut(rows, wanted.limit, lambda last: VisitPosition(last.at))


def another_visit(visit: ServiceVisit) -> ConflictError:
    """Return the refusal of a visit when its machine has this one at that time."""
    return ConflictError(
        f"Machine {visit.machine} has another visit at {visit.at:%Y-%m-%dT%H:%M:%SZ}."
    )


def _faults(body: ServiceBody, latest: datetime) -> list[Fault]:
    faults = []
    if not body.reported:
        detail = "must say what was done: filled, full or cash_cents"
        faults.append(Fault(place="body", field="(body)", detail=detail))
    if body.at > latest:
        faults.append(Fault(place="body", field="at", detail="must not lie in the future"))
    return faults

"""What the dispatcher sees of all machines (V6, V8), in pages: the fleet, and where to go.

The most urgent machine comes first. A list is read from where the page before it ended, so it
costs what it shows; the sums are stored by state.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import Field

from chalicelib.core import paging
from chalicelib.core.paging import Page
from chalicelib.core.totals import MOST_COUNTED, Total, count
from chalicelib.core.values import dataclass
from chalicelib.vending import causes
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.models import (
    Dispatch,
    FleetGap,
    FleetReport,
    MachinesQuery,
    MachineView,
    PartialSilence,
    Totals,
    WorkItem,
)
from chalicelib.vending.models import MachineState as State
from chalicelib.vending.ports import (
    SHARDS,
    DispatchBook,
    Entry,
    Fleet,
    Listed,
    MachineState,
    Registry,
    Rollups,
)
from chalicelib.vending.service.regions import shown
from chalicelib.vending.service.registry import found

T = TypeVar("T")
P = TypeVar("P", bound=tuple[Any, ...])

_BATCH = 100
_MOST_BYTES = 4_500_000
"""What the machines of a page may take; a Lambda may answer 6 MB."""
_MOST_ENTRIES = 1_000
"""Entries of a list that one query reads."""
_MOST_GAPS = 100


class MachinePosition(NamedTuple):
    """Behind which place a page of machines begins."""

    place: Annotated[str, Field(min_length=1)]


class WorkPosition(NamedTuple):
    """Behind which machine a page of work begins; those with causes come first.

    ``place`` is a place among the machines with causes, or the serial of one that is visited.
    """

    part: Literal["causes", "visits"]
    place: str


@dataclass(frozen=True)
class FleetService:
    """Reads what was concluded; changes nothing."""

    fleet: Fleet
    rollups: Rollups
    registry: Registry
    dispatches: DispatchBook
    thresholds: Thresholds
    now: Callable[[], datetime]

    def machine(self, serial: str) -> MachineView:
        """Return one machine's report and its place in the registry. Raises NotFoundError."""
        state = self.fleet.machine(serial)
        known = state if state and state.place else None
        return self._view(found(known, f"There is no machine {serial}."))

    def machines(
        self, wanted: MachinesQuery, after: MachinePosition | None = None
    ) -> Page[MachineView, MachinePosition]:
        """Return a page of the machines, most urgent first.

        Raises NotFoundError for an unknown site or technician.
        """
        self._check(wanted)
        views = self._views(wanted, after.place if after else "")
        placed = ((MachinePosition(place), view) for place, view in views)
        room = _MOST_BYTES

        def fits(view: MachineView) -> bool:
            nonlocal room
            room -= len(view.json_text())
            return room >= 0

        return _first(placed, wanted.limit, fits)

    def report(
        self, wanted: MachinesQuery, after: MachinePosition | None = None
    ) -> tuple[FleetReport, MachinePosition | None]:
        """Return a page of the fleet, with the sums over the machines that are wanted."""
        page = self.machines(wanted, after)
        epoch = self.rollups.epoch()
        totals, exact = self._totals(epoch, wanted)
        cases = tuple(sorted(self.rollups.all_cases(epoch), key=_from)[-_MOST_GAPS:])
        report = FleetReport(
            machines=tuple(page.rows),
            fleet_gaps=tuple(sorted(self._gaps(epoch, cases), key=_from)),
            partial_silences=cases,
            totals=totals,
            totals_exact=exact,
            window_days=self.thresholds.window_days,
            up_to_date=self._up_to_date(epoch),
        )
        return report, page.next

    def worklist(
        self, wanted: MachinesQuery, after: WorkPosition | None = None
    ) -> Page[WorkItem, WorkPosition]:
        """Return a page of where to go and why, most urgent first.

        Machines with an open dispatch and no cause come last. Raises
        NotFoundError for an unknown site or technician.
        """
        self._check(wanted)
        return _first(self._work(wanted, after), wanted.limit)

    def count_machines(self, wanted: MachinesQuery) -> Total:
        """Return how many machines are wanted: by the sums, or by a list's places."""
        epoch = self.rollups.epoch()
        is_one_list = bool(wanted.site) != bool(wanted.technician) and not wanted.state
        if is_one_list:
            return self.fleet.count(epoch, _list_of(wanted))
        totals, exact = self._totals(epoch, wanted)
        return Total(totals.machines, exact)

    def count_work(self, wanted: MachinesQuery) -> Total:
        """Return how many machines the worklist has."""
        return count(self._work(_at_once(wanted), None), _is_wanted)

    def overdue(self) -> int:
        """Return how many machines are overdue."""
        wanted = MachinesQuery()
        views = self._views(wanted, "", last=self._last_due())
        return sum(view.overdue for _, view in views if view)

    def serials_of(self, technician: str) -> tuple[str, ...]:
        """Return the machines that are assigned to a technician, by serial."""
        entries = self.fleet.entries(self.rollups.epoch(), ("TECHNICIAN", technician))
        return tuple(sorted(entry.serial for entry in entries))

    # --- machines ---

    def _gaps(self, epoch: int, cases: Sequence[PartialSilence]) -> Iterator[FleetGap]:
        """Yield the fleet gaps that are no part of a silence which some machines did not share."""
        for stretch in self.rollups.gaps(epoch, _MOST_GAPS):
            gap = shown(stretch, self.thresholds)
            if not any(case.from_ <= gap.from_ and gap.to <= case.to for case in cases):
                yield gap

    def _views(
        self, wanted: MachinesQuery, after: str, last: str = "~"
    ) -> Iterator[tuple[str, MachineView | None]]:
        """Yield the places of a list with their machines; None is not wanted."""
        for entry, state in self._states(wanted, after, last):
            view = self._view(state) if state else None
            yield entry.place, view if view and wanted.state in (None, view.state) else None

    def _states(
        self, wanted: MachinesQuery, after: str, last: str
    ) -> Iterator[tuple[Entry, MachineState | None]]:
        sifted = wanted.state or (wanted.site and wanted.technician)
        entries = self.fleet.entries(
            self.rollups.epoch(),
            _list_of(wanted),
            first=f"{after}\x00" if after else "",
            last=last,
            # Of a list that is sifted, many entries may be read for each machine of the page.
            page_size=_MOST_ENTRIES if sifted else min(wanted.limit + 1, _MOST_ENTRIES),
        )
        last_due = self._last_due()
        while batch := list(islice(entries, min(wanted.limit + 1, _BATCH))):
            chosen = {each.serial for each in batch if _may_be(each, wanted, last_due)}
            states = self.fleet.machines(chosen) if chosen else {}
            for entry in batch:
                state = states.get(entry.serial)
                # Without a place it has left the list meanwhile.
                yield entry, state if state and state.place else None

    def _last_due(self) -> str:
        """Return the place after which no machine is due by now."""
        return f"{causes.NO_CAUSE}#{self.now():%Y-%m-%d}~"

    def _view(self, state: MachineState) -> MachineView:
        report = causes.with_overdue(state.summary, state.zone, self.now())
        place = vars(state.machine) if state.machine else {}
        return MachineView(**{**vars(report), **place})

    def _check(self, wanted: MachinesQuery) -> None:
        if wanted.technician:
            known = self.registry.technician(wanted.technician)
            found(known, f"There is no technician {wanted.technician}.")
        if wanted.site:
            found(self.registry.site(wanted.site), f"There is no site {wanted.site}.")

    def _totals(self, epoch: int, wanted: MachinesQuery) -> tuple[Totals, bool]:
        """Return the sums over the machines that are wanted, and whether they are exact.

        Those of a site or a technician are read. All others are stored, by the state that a machine
        had when it was judged; those that are due by now are read and moved to their state of now.
        At most `MOST_COUNTED` are read. One whose last day of service has ended counts as before
        until that night, when it is judged again.
        """
        if wanted.site or wanted.technician:
            views, exact = _read(self._views(_at_once(wanted), ""))
            return _sum(_figures(view) for _, view in views if view), exact
        stored = self.fleet.totals(epoch)
        if wanted.state is None:
            return _sum(stored.values()), True
        sums = [stored[wanted.state]] if wanted.state in stored else []
        due, exact = _read(self._due(wanted.state))
        for state in due:
            view = self._view(state)
            change = (view.state == wanted.state) - (state.summary.state == wanted.state)
            sums.append(_figures(view, change))
        return _sum(sums), exact

    def _due(self, wanted: State) -> Iterator[MachineState]:
        """Yield the machines that have come into a state, or left it, as they are due by now."""
        if wanted in ("healthy", "needs_attention", "retired"):
            query = MachinesQuery(limit=MOST_COUNTED)
            found = self._states(query, after=f"{causes.NO_CAUSE}#", last=self._last_due())
            yield from (state for _, state in found if state)

    def _up_to_date(self, epoch: int) -> bool:
        """Return whether nothing is queued to be judged, and no rebuild is under way."""
        if self.rollups.notes(1):
            return False
        return not epoch or sum(over for _, over in self.fleet.progress(epoch).values()) == SHARDS

    # --- work ---

    def _work(
        self, wanted: MachinesQuery, after: WorkPosition | None
    ) -> Iterator[tuple[WorkPosition, WorkItem | None]]:
        """Yield the places of the worklist with what is there; None is not wanted."""
        part, place = after or WorkPosition("causes", "")
        if part == "causes":
            yield from self._with_causes(wanted, place)
        yield from self._visited(wanted, place if part == "visits" else "")

    def _with_causes(
        self, wanted: MachinesQuery, after: str
    ) -> Iterator[tuple[WorkPosition, WorkItem | None]]:
        views = self._views(wanted, after, last=self._last_due())
        while batch := list(islice(views, min(wanted.limit + 1, _BATCH))):
            wrong = [view for _, view in batch if view and view.causes]
            visits = self.dispatches.open_of([view.serial for view in wrong])
            names = self._names(wrong)
            items = {view.serial: _item(view, visits.get(view.serial), names) for view in wrong}
            for place, view in batch:
                yield WorkPosition("causes", place), items.get(view.serial) if view else None

    def _visited(
        self, wanted: MachinesQuery, after: str
    ) -> Iterator[tuple[WorkPosition, WorkItem | None]]:
        visits = self.dispatches.under_way(after=after)
        while batch := list(islice(visits, min(wanted.limit + 1, _BATCH))):
            states = self.fleet.machines({visit.machine for visit in batch})
            views = {serial: self._view(state) for serial, state in states.items()}
            names = self._names(views.values())
            for visit in batch:
                view = views.get(visit.machine)
                listed = view and _is(view, wanted) and not view.causes
                item = _item(view, visit, names) if view and listed else None
                yield WorkPosition("visits", visit.machine), item

    def _names(self, views: Iterable[MachineView]) -> "_Names":
        """Return what the sites and the technicians of machines are called."""
        views = list(views)
        sites = self.registry.sites_of({view.site for view in views if view.site})
        people = self.registry.technicians_of(
            {view.technician for view in views if view.technician}
        )
        return _Names(
            {each: site.name for each, site in sites.items()},
            {each: technician.name for each, technician in people.items()},
        )


class _Names(NamedTuple):
    """What sites and technicians are called, by id."""

    sites: Mapping[str, str]
    technicians: Mapping[str, str]


def _first(
    placed: Iterable[tuple[P, T | None]], limit: int, fits: Callable[[T], bool] = lambda _: True
) -> Page[T, P]:
    """Return the first ``limit`` that are wanted and fit on a page, at least one.

    A page reads `MOST_READ` places at most, so it may be short, or empty, and have a next one.
    """
    found: list[T] = []
    last: P | None = None
    for number, (place, each) in enumerate(placed):
        if last is not None and number == paging.MOST_READ:
            return Page(found, last)
        if each is not None:
            is_full = len(found) == limit or not fits(each)
            if found and is_full:
                return Page(found, last)
            found.append(each)
        last = place
    return Page(found)


def _is_wanted(placed: tuple[object, object]) -> bool:
    """Return whether there is anything that is wanted at a place."""
    return placed[1] is not None


def _at_once(wanted: MachinesQuery) -> MachinesQuery:
    """Return what is wanted, as a list that is read to its end."""
    return wanted.model_copy(update={"limit": MOST_COUNTED})


def _list_of(wanted: MachinesQuery) -> Listed:
    """Return the shortest list that holds all that is wanted."""
    if wanted.technician:
        return ("TECHNICIAN", wanted.technician)
    return ("SITE", wanted.site) if wanted.site else ("ALL", None)


def _may_be(entry: Entry, wanted: MachinesQuery, last_due: str) -> bool:
    """Return whether a machine may be wanted; what is overdue by now looks healthy in the list."""
    if wanted.site not in (None, entry.site):
        return False
    return wanted.state in (None, entry.state) or (
        entry.state == "healthy" and entry.place <= last_due
    )


def _is(view: MachineView, wanted: MachinesQuery) -> bool:
    return (
        wanted.site in (None, view.site)
        and wanted.technician in (None, view.technician)
        and wanted.state in (None, view.state)
    )


def _from(gap: FleetGap | PartialSilence) -> datetime:
    return gap.from_


def _read(rows: Iterable[T]) -> tuple[list[T], bool]:
    """Return the first `MOST_COUNTED`, and whether they are all."""
    found = list(islice(rows, MOST_COUNTED + 1))
    return found[:MOST_COUNTED], len(found) <= MOST_COUNTED


def _figures(view: MachineView, times: int = 1) -> Totals:
    figures = {name: getattr(view, name) for name in Totals.model_fields if name != "machines"}
    return Totals(machines=times, **{name: times * each for name, each in figures.items()})


def _sum(totals: Iterable[Totals]) -> Totals:
    sums = dict.fromkeys(Totals.model_fields, 0)
    for each in totals:
        for name in sums:
            sums[name] += getattr(each, name)
    return Totals(**sums)


def _item(view: MachineView, dispatch: Dispatch | None, names: _Names) -> WorkItem:
    parts = dict.fromkeys(part for verdict in view.verdicts for part in verdict.parts)
    known = [cause.since for cause in view.causes if cause.since]
    return WorkItem(
        machine=view.serial,
        site=view.site,
        site_name=names.sites.get(view.site or ""),
        technician=view.technician,
        technician_name=names.technicians.get(view.technician or ""),
        unserved_cents=view.unserved_cents,
        given_away_cents=view.given_away_cents,
        state=view.state,
        causes=view.causes,
        parts=tuple(parts),
        since=min(known, default=None),
        overdue=view.overdue,
        due_at=view.due_at,
        stock=view.stock,
        cash=view.cash,
        dispatch=dispatch,
    )

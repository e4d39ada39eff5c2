"""What a machine did day by day, in the local days of its site: from its rollups."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple, TypeVar

from chalicelib.core.errors import Fault, InvalidInputError
from chalicelib.core.values import dataclass
from chalicelib.vending.local_time import every_day, hours_of, local_day
from chalicelib.vending.models import DaySilence, DayView, Dispatch, ServiceVisit, Visit
from chalicelib.vending.ports import Chunks, DispatchBook, Fleet, MachineState, Rollups, Visits
from chalicelib.vending.rollups import Rollup
from chalicelib.vending.service.days import stored_days
from chalicelib.vending.service.regions import Regions

T = TypeVar("T")

_MOST_DAYS = 366
_MOST_VISITS = 1_000
_NUMBERED = timedelta(hours=1)


@dataclass(frozen=True)
class Calendar:
    """Reads the days of machines."""

    chunks: Chunks
    rollups: Rollups
    fleet: Fleet
    dispatches: DispatchBook
    service_visits: Visits
    regions: Regions
    window_days: int

    def days(self, serial: str, first: date | None, last: date | None) -> list[DayView]:
        """Return a machine's days from ``first`` to ``last``, at most a year of them.

        Without either, the days of its window. Raises InvalidInputError.
        """
        state = self.fleet.machine(serial)
        if state is None:
            return []
        first, last = self._span(state, first, last)
        rollups = stored_days(self.rollups, serial, first, last)
        silences = list(self._silences(state, first, last))
        events = self._events(state, first, last)
        return [
            _view(state.zone, day, rollups.get(day, Rollup()), silences, events)
            for day in every_day(first, last)
        ]

    def _span(
        self, state: MachineState, first: date | None, last: date | None
    ) -> tuple[date, date]:
        if last is None:
            newest = state.summary.last_at or state.summary.last_download_at
            if first is None and newest is None:
                newest = state.machine.registered_at if state.machine else None
            last = local_day(state.zone, int(newest.timestamp())) if newest else first
            last = max(last or date.min, first or date.min)
            last = min(last, first + timedelta(days=_MOST_DAYS - 1)) if first else last
        first = first or last - timedelta(days=min(self.window_days - 1, last.toordinal() - 1))
        if not 0 <= (last - first).days < _MOST_DAYS:
            detail = f"must be from `from` on, {_MOST_DAYS} days at most"
            raise InvalidInputError([Fault(place="query", field="to", detail=detail)])
        return first, last

    def _silences(self, state: MachineState, first: date, last: date) -> Iterator[DaySilence]:
        for verdict in state.summary.verdicts:
            if verdict.kind == "lost_log" and verdict.from_ and verdict.to:
                fields = {"from": verdict.from_, "to": verdict.to, "why": verdict.why}
                yield DaySilence.model_validate({"kind": "lost_log", **fields})
        region = self.regions.around(state.epoch, state.zone, first, last)
        for case in region.cases:
            if state.serial in case.machines:
                fields = {"from": case.from_, "to": case.to, "why": case.why}
                yield DaySilence.model_validate({"kind": "partial_silence", **fields})
        for gap in region.gaps:
            fields = {"from": gap.from_, "to": gap.to, "why": gap.why}
            yield DaySilence.model_validate({"kind": "fleet_gap", **fields})

    def _events(self, state: MachineState, first: date, last: date) -> "_Events":
        """Return what happened from ``first`` to ``last``, and maybe around them, by local day."""
        # A file that was downloaded on one of the days may hold none but older rows.
        since = date.fromordinal(max(first.toordinal() - self.window_days, 1))
        start = datetime.fromtimestamp(hours_of(state.zone, first)[0], UTC)
        sent = takewhile(
            # Numbers are given shortly before the time is taken.
            lambda dispatch: dispatch.opened_at > start - _NUMBERED,
            self.dispatches.of_machine(state.serial),
        )
        end = datetime.fromtimestamp(hours_of(state.zone, last)[-1], UTC)
        reported = self.service_visits.newest_first(state.serial, before=end, limit=_MOST_VISITS)

        def day(at: datetime) -> date:
            return local_day(state.zone, int(at.timestamp()))

        return _Events(
            _by_day(
                (day(visit.at), visit)
                for visit in self.chunks.visits(state.serial, first=since, last=last)
            ),
            _by_day(sorted(((day(each.opened_at), each) for each in sent), key=_number)),
            _by_day((day(each.at), each) for each in reversed(reported)),
        )


class _Events(NamedTuple):
    """Downloads, dispatches and reported visits of a machine by local day, each in order."""

    downloads: Mapping[date, Sequence[Visit]]
    dispatches: Mapping[date, Sequence[Dispatch]]
    service_visits: Mapping[date, Sequence[ServiceVisit]]


def _number(dispatch: tuple[date, Dispatch]) -> int:
    return dispatch[1].id


def _by_day(found: Iterable[tuple[date, T]]) -> dict[date, list[T]]:
    days: dict[date, list[T]] = {}
    for day, each in found:
        days.setdefault(day, []).append(each)
    return days


def _view(
    zone: str, day: date, rollup: Rollup, silences: list[DaySilence], events: _Events
) -> DayView:
    hours = hours_of(zone, day)
    return DayView(
        day=day,
        time_zone=zone,
        sales=sum(rollup.rows),
        sales_by_hour=rollup.rows,
        covered_hours=sum(rollup.covered),
        covered_by_hour=rollup.covered,
        under=rollup.under,
        over=rollup.over,
        refused_lines=rollup.refused,
        beyond=rollup.beyond,
        first_at=_instant(rollup.first),
        last_at=_instant(rollup.last),
        silences=tuple(_clipped(silences, hours[0], hours[-1])),
        visits=tuple(events.downloads.get(day, ())),
        dispatches=tuple(events.dispatches.get(day, ())),
        service_visits=tuple(events.service_visits.get(day, ())),
    )


def _clipped(silences: list[DaySilence], start: int, end: int) -> Iterator[DaySilence]:
    """Yield the parts of the silences that lie between two instants (epoch seconds)."""
    first, last = (datetime.fromtimestamp(second, UTC) for second in (start, end))
    for silence in silences:
        if silence.from_ < last and silence.to > first:
            part = {"from_": max(silence.from_, first), "to": min(silence.to, last)}
            yield silence.model_copy(update=part)


def _instant(second: int) -> datetime | None:
    return datetime.fromtimestamp(second, UTC) if second else None

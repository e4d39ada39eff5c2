"""What the machines of a region (a time zone) have in common: its days and its silences.

Only months in which some machine's rollups have changed are judged, each machine's change
being noted in the transaction that makes it. The ends of a silence are the last row before it and
the first one after it; each machine whose rows change, and each one of the region when a silence
is new, pulls them closer together.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from chalicelib.core import retry
from chalicelib.core.errors import UnavailableError
from chalicelib.core.values import dataclass
from chalicelib.vending import reports
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.history import Region
from chalicelib.vending.models import FleetGap, OwnSilence, PartialSilence
from chalicelib.vending.ports import (
    SHARDS,
    Chunks,
    Queues,
    RegionCases,
    RegionMonth,
    Rollups,
    Round,
    StaleMonthError,
    Stretch,
)
from chalicelib.vending.regions import MONTHS_AFTER, MONTHS_BEFORE, HourGap
from chalicelib.vending.rollups import RegionDay

_MOST_SILENCES = 1_000
_DAY = timedelta(days=1)
_EDGE_S = 2 * 3_600
"""The last row before a silence lies in the local hour before it, which may last two."""
_Ends = tuple[int, int]


@dataclass(frozen=True)
class Regions:
    """Keeps what is concluded of each region and month."""

    chunks: Chunks
    rollups: Rollups
    queues: Queues
    thresholds: Thresholds

    def around(self, epoch: int, zone: str, first: date, last: date) -> Region:
        """Return what is known of a region in the months from ``first`` to ``last``."""
        months = self.rollups.region_months(epoch, zone, _months(first, last))
        days = {day: total for month in months.values() for day, total in month.days.items()}
        stretches = [each for _, month in sorted(months.items()) for each in month.stretches]
        gaps = tuple(shown(each, self.thresholds) for each in stretches)
        return Region(zone=zone, days=days, gaps=gaps, cases=self.rollups.cases(epoch, zone).cases)

    def look_at(self, epoch: int, zone: str, month: str, serials: Iterable[str]) -> None:
        """Judge a month again in which these machines have changed."""
        self._conclude(epoch, zone, month, serials, counted=True)
        for other in _around(month, MONTHS_AFTER, MONTHS_BEFORE):
            if other != month and self.rollups.region_months(epoch, zone, [other]):
                self._conclude(epoch, zone, other, (), counted=False)

    def look_at_cases(self, epoch: int, zone: str) -> None:
        """Find the silences that many machines share again, and note the machines concerned."""
        for _ in retry.tries(budget_s=20):
            over = self.rollups.cases(epoch, zone)
            silences = self.rollups.silences(epoch, zone, _MOST_SILENCES)
            cases = self._shared(epoch, zone, silences)
            if not (silences or over.cases):
                return
            changed = [
                case for case in (*cases, *over.cases) if (case in cases) != (case in over.cases)
            ]
            concerned = {s for s, own in silences for case in changed if _overlap(own, case)}
            concerned.update(serial for case in changed for serial in case.machines)
            try:
                self.rollups.put_cases(
                    epoch, zone, RegionCases(cases), over=over, judge=sorted(concerned)
                )
            except StaleMonthError:
                continue
            return
        raise UnavailableError(f"{zone} is being looked at by others all the time.")

    def _shared(
        self, epoch: int, zone: str, silences: Sequence[tuple[str, OwnSilence]]
    ) -> tuple[PartialSilence, ...]:
        if not silences:
            return ()
        first = min(own.from_ for _, own in silences).date()
        last = max(own.to for _, own in silences).date()
        months = self.rollups.region_months(epoch, zone, _months(first - _DAY, last + _DAY))
        days = {day: total for month in months.values() for day, total in month.days.items()}
        return reports.partial_silences(sorted(silences, key=_by_start), days, zone)

    def pull_together(self, epoch: int, zone: str, month: str, serials: Iterable[str]) -> None:
        """Have these machines' rows bring the ends of a month's silences closer together."""

        def pulled(current: RegionMonth) -> RegionMonth:
            return replace(current, stretches=self._pulled(current.stretches, serials)[0])

        self._change(epoch, zone, month, pulled)

    def _conclude(
        self, epoch: int, zone: str, month: str, serials: Iterable[str], *, counted: bool
    ) -> None:
        moved = False

        def concluded(current: RegionMonth) -> RegionMonth:
            nonlocal moved
            days = self.rollups.counted(epoch, zone, month) if counted else current.days
            found = self._silences(epoch, zone, month, days)
            known = {(each.start, each.end): each for each in current.stretches}
            gaps = [_with_ends(each, known.get((each.start, each.end))) for each in found]
            stretches, loosened = self._pulled(gaps, serials)
            moved = loosened or known.keys() != {(each.start, each.end) for each in stretches}
            return replace(current, days=days, stretches=stretches)

        self._change(epoch, zone, month, concluded, always=counted)
        if moved:
            self.queues.go_round(
                Round(shard=shard, zone=zone, month=month) for shard in range(SHARDS)
            )

    def _change(
        self,
        epoch: int,
        zone: str,
        month: str,
        change: Callable[[RegionMonth], RegionMonth],
        *,
        always: bool = False,
    ) -> None:
        """Store what ``change`` makes of a month; it is read before anything else is.

        With ``always`` the version goes up even where nothing changes: so a writer that has read
        older rows of a machine finds newer ones.
        """
        for _ in retry.tries(budget_s=20):
            over = self.rollups.region_months(epoch, zone, [month]).get(month)
            current = over or RegionMonth()
            changed = change(current)
            if changed == current and over and not always:
                return
            try:
                self.rollups.put_region_month(epoch, zone, month, changed, over=over)
            except StaleMonthError:
                continue
            return
        raise UnavailableError(f"{zone} is being looked at by others all the time.")

    def _silences(
        self, epoch: int, zone: str, month: str, days: Mapping[date, RegionDay]
    ) -> tuple[Stretch, ...]:
        names = _around(month, MONTHS_BEFORE, MONTHS_AFTER)
        known = self.rollups.region_months(epoch, zone, [name for name in names if name != month])
        every = {day: total for each in known.values() for day, total in each.days.items()}
        gaps = reports.fleet_gaps({**every, **days}, zone, _first(month), self.thresholds)
        return tuple(
            Stretch(zone, gap.start, gap.end, gap.e, gap.expected, gap.machines) for gap in gaps
        )

    def _pulled(
        self, stretches: Iterable[Stretch], serials: Iterable[str]
    ) -> tuple[tuple[Stretch, ...], bool]:
        """Return the silences with closer ends, and whether one has lost the row that ended it."""
        found, loosened = [], False
        wanted = list(serials)
        for stretch in stretches:
            pulled = stretch
            for serial in wanted:
                ends = self._ends(serial, stretch)
                freed = _freed(pulled, serial, ends)
                loosened = loosened or freed != pulled
                pulled = _closer(freed, serial, ends)
            found.append(pulled)
        return tuple(found), loosened

    def _ends(self, serial: str, stretch: Stretch) -> _Ends:
        """Return a machine's last row before a silence and its first one after it, or 0."""
        first, last = stretch.start - _EDGE_S, stretch.end + _EDGE_S
        before = after = 0
        for _, keys in self.chunks.days(serial, first=_utc_day(first), last=_utc_day(last)):
            place = bisect_left(keys, stretch.start * 10)
            if place and keys[place - 1] // 10 >= first:
                before = keys[place - 1] // 10
            place = bisect_left(keys, stretch.end * 10)
            if not after and place < len(keys) and keys[place] // 10 <= last:
                after = keys[place] // 10
        return before, after


def _by_start(silence: tuple[str, OwnSilence]) -> tuple[datetime, str]:
    return silence[1].from_, silence[0]


def _overlap(own: OwnSilence, case: PartialSilence) -> bool:
    return own.from_ < case.to and case.from_ < own.to


def shown(stretch: Stretch, thresholds: Thresholds) -> FleetGap:
    """Return a silence as it is shown; ends that are not known yet are those of its full hours."""
    last, following = stretch.last or stretch.start, stretch.next or stretch.end
    gap = HourGap(stretch.start, stretch.end, stretch.e, stretch.expected, stretch.machines)
    return reports.fleet_gap(gap, last, following, thresholds)


def _with_ends(found: Stretch, known: Stretch | None) -> Stretch:
    if known is None:
        return found
    return found._replace(
        last=known.last, last_of=known.last_of, next=known.next, next_of=known.next_of
    )


def _freed(stretch: Stretch, serial: str, ends: _Ends) -> Stretch:
    """Return the silence without the ends that the machine's rows gave and do not give any more."""
    if stretch.last_of == serial and ends[0] != stretch.last:
        stretch = stretch._replace(last=0, last_of="")
    if stretch.next_of == serial and ends[1] != stretch.next:
        stretch = stretch._replace(next=0, next_of="")
    return stretch


def _closer(stretch: Stretch, serial: str, ends: _Ends) -> Stretch:
    last, following = ends
    if last and (last, serial) > (stretch.last, stretch.last_of):
        stretch = stretch._replace(last=last, last_of=serial)
    if following and (not stretch.next or (following, serial) < (stretch.next, stretch.next_of)):
        stretch = stretch._replace(next=following, next_of=serial)
    return stretch


def _months(first: date, last: date) -> list[str]:
    """Return the names of the months from ``first`` to ``last``."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in numbers]


def _around(month: str, before: int, after: int) -> list[str]:
    at = _first(month)
    number = at.year * 12 + at.month - 1
    around = range(max(number - before, 12), number + after + 1)
    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in around]


def _first(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _utc_day(second: int) -> date:
    return datetime.fromtimestamp(second, UTC).date()

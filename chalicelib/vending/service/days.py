"""Keeping rollups: what a machine did on its local days, always as its rows say.

The days that a file touched are worked out anew from all files that count, and what differs from
what is stored is stored. So it is safe to repeat, and files may come and go in any order.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date, timedelta

from chalicelib.core.values import dataclass
from chalicelib.vending.local_time import every_day, hours_of, local_day, local_days
from chalicelib.vending.ports import Chunks, MachineLog, Month, Rollups
from chalicelib.vending.rollups import LONGEST_SILENCE, Rollup, rollups


def month_of(day: date) -> str:
    """Return the name of a day's month."""
    return f"{day:%Y-%m}"


def stored_days(store: Rollups, serial: str, first: date, last: date) -> dict[date, Rollup]:
    """Return the rollups of a machine's local days from ``first`` to ``last``, both included."""
    months = store.months(serial, first=month_of(first), last=month_of(last))
    return {
        day: rollup
        for month in months.values()
        for day, rollup in month.days.items()
        if first <= day <= last
    }


@dataclass(frozen=True)
class Days:
    """Reads machines' logs and keeps their rollups true to them."""

    chunks: Chunks
    rollups: Rollups
    window_days: int

    def log(self, serial: str) -> MachineLog:
        """Return the machine's window."""
        return self.chunks.log(serial, self.window_days)

    def refreshed(
        self, serial: str, zone: str, epoch: int, touched: set[date] | None
    ) -> MachineLog:
        """Store the rollups of the UTC days ``touched``, or of all; return the log they are of.

        Raises StaleMonthError when another run stores them at the same time.
        """
        if touched is None:
            known = self.rollups.months(serial)
            log = self.chunks.log(serial, self.window_days, since=date.min)
            days = _days_of(log, zone) | {day for month in known.values() for day in month.days}
        else:
            days = local_days(zone, touched)
            # Silences reach back no further; what they covered may change with the days.
            reach = _before(min(days), LONGEST_SILENCE + timedelta(days=3))
            known = self.rollups.months(serial, first=month_of(reach))
            if any(month.zone != zone for month in known.values()):
                return self.refreshed(serial, zone, epoch, None)
            log = self.chunks.log(serial, self.window_days, since=min(touched))
            days = _affected(log, zone, days)
        self._store(serial, zone, epoch, known, days, log)
        return log

    def _store(
        self,
        serial: str,
        zone: str,
        epoch: int,
        known: Mapping[str, Month],
        days: set[date],
        log: MachineLog,
    ) -> None:
        new = rollups(log.keys, zone, days, refused=log.refused, beyond=log.beyond)
        moved = {  # those without a day, too: they are still noted where they were
            name for name, month in known.items() if (month.zone, month.epoch) != (zone, epoch)
        }
        for name in sorted(moved.union(map(month_of, days))):
            before = known.get(name)
            counted = {
                day: rollup
                for day, rollup in (before.days if before else {}).items()
                if day not in days
            }
            found = {day: rollup for day, rollup in new.items() if month_of(day) == name}
            month = Month(zone, counted | found, epoch)
            if _differ(month, before):
                self.rollups.put_month(serial, name, month, over=before)


def _differ(month: Month, before: Month | None) -> bool:
    if before is None:
        return bool(month.days)
    return (month.zone, month.epoch, dict(month.days)) != (
        before.zone,
        before.epoch,
        dict(before.days),
    )


def _before(day: date, span: timedelta) -> date:
    return date.fromordinal(max(day.toordinal() - span.days, 1))


def _days_of(log: MachineLog, zone: str) -> set[date]:
    """Return all local days from a log's first row to its last, and other days that it covers."""
    days = {*log.refused, *log.beyond}
    if log.keys:
        first, last = (local_day(zone, log.keys[end] // 10) for end in (0, -1))
        days.update(every_day(first, last))
    return days


def _affected(log: MachineLog, zone: str, days: set[date]) -> set[date]:
    """Return the local days whose rollups may change with ``days``.

    They reach from the row before them, whose silence may have changed, to the newest row.
    """
    first, last = min(days), max(days)
    if not log.keys:
        return set(every_day(first, last))
    last = max(last, local_day(zone, log.keys[-1] // 10))
    rows_before = bisect_left(log.keys, hours_of(zone, first)[0] * 10)
    if rows_before:
        before = local_day(zone, log.keys[rows_before - 1] // 10)
        first = before if before >= _before(first, LONGEST_SILENCE) else first
    return set(every_day(first, last))

"""What is stored of a machine and of its region, as input of the rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from functools import cached_property

from chalicelib.core.values import dataclass
from chalicelib.vending import regions
from chalicelib.vending.anomalies import Keys
from chalicelib.vending.local_time import every_day
from chalicelib.vending.models import FleetGap, PartialSilence, ServiceVisit, Weekday
from chalicelib.vending.rollups import RegionDay, Rollup, rollups


@dataclass(frozen=True)
class History:
    """What is stored of one machine: the sorted union of its files' rows, its visits, its site.

    A closed visit settles the faults up to ``settled_until``: rules A and A2 use later rows
    only. ``registered_at`` is for a machine without a download: it is due from then on.
    """

    serial: str
    keys: Keys
    corrupt_lines: int = 0
    last_download_at: datetime | None = None
    settled_until: datetime | None = None
    registered_at: datetime | None = None
    beyond: Mapping[date, int] = field(default_factory=dict)
    """Rows by UTC day that were counted and not stored, where a day has more than `MOST_ROWS`."""
    read_until: datetime | None = None
    """The earliest instant that the latest download can have been at."""
    file_starts_at: datetime | None = None
    """Where the logs of the other machines in its files usually begin."""
    closed: tuple[date, ...] = ()
    closed_weekly: tuple[Weekday, ...] = ()
    retired: date | None = None
    capacity: int | None = None
    visits: Sequence[ServiceVisit] = ()
    """What was reported of filling the machine and taking its cash out."""
    stored_days: Callable[[date, date], Mapping[date, Rollup]] | None = None
    """Reads the machine's local days between two, both included, where ``keys`` may lack them."""

    def days(self, zone: str, first: date, last: date) -> Mapping[date, Rollup]:
        """Return the machine's local days from ``first`` to ``last`` that say anything."""
        if self.stored_days:
            return self.stored_days(first, last)
        return rollups(self.keys, zone, every_day(first, last))


@dataclass(frozen=True)
class Region:
    """What is known of a time zone's machines together, in the months around a window."""

    zone: str = "UTC"
    days: Mapping[date, RegionDay] = field(default_factory=dict)
    gaps: Sequence[FleetGap] = ()
    cases: Sequence[PartialSilence] = ()

    @cached_property
    def quiet(self) -> Mapping[date, float]:
        """The days on which everybody sold less, and the share that was left."""
        return regions.quiet_days(self.days)

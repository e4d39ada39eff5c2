"""Local days and hours of a time zone, as epoch seconds."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

HOUR_S, DAY_S = 3_600, 86_400
MONTH_S = 365.25 / 12 * DAY_S
DAY_H, WEEK_H = 24, 168
Span = tuple[int, int]
"""Start and end in epoch seconds."""


@lru_cache(maxsize=4_096)
def hours_of(zone: str, day: date) -> tuple[int, ...]:
    """Return the epoch seconds at which the 24 local hours of ``day`` begin, and the last one ends.

    Where clocks go forward an hour has no length; where they go back one lasts two hours.
    """
    here = ZoneInfo(zone)
    midnight, end = (
        int(datetime(at.year, at.month, at.day, tzinfo=here).timestamp())
        for at in (day, day + timedelta(days=1))
    )
    if end - midnight == DAY_S:
        return tuple(range(midnight, end + 1, HOUR_S))
    hours = range(1, DAY_H)
    starts = [datetime(day.year, day.month, day.day, hour, tzinfo=here) for hour in hours]
    return (*accumulate([midnight, *(int(at.timestamp()) for at in starts)], max), end)


def local_day(zone: str, second: int) -> date:
    """Return the local day of an epoch second."""
    return datetime.fromtimestamp(second, ZoneInfo(zone)).date()


def local_days(zone: str, utc_days: Iterable[date]) -> set[date]:
    """Return the local days that rows of these UTC days may be of."""
    found = set()
    for day in utc_days:
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        found |= {local_day(zone, midnight), local_day(zone, midnight + DAY_S - 1)}
    return found


def every_day(first: date, last: date) -> Iterator[date]:
    """Yield the days from ``first`` to ``last``, both of them."""
    for number in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(number)

"""Whether a machine's clock can be believed, by what it wrote and when its log was read.

Terms: a *lone* row is one of at most two that come long after all others, later than the machine's
own pace explains: the clock jumped, and came back or was read at once. Rows that are not lone are
*trusted*; the newest of them ends the machine's window.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

_DAY_S = 86_400
_FEW = 3
_NEAR_S = 7 * _DAY_S
_FAR_S = 90 * _DAY_S
_APART_S = 180 * _DAY_S
_PACE = 10
_FIRST_CLOCKS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())

ClockFault = Literal["lone_rows", "never_set", "behind_download", "behind_file"]


class Doubt(NamedTuple):
    """Why a clock is not believed; ``at`` is the row that shows it (epoch second)."""

    kind: ClockFault
    at: int
    rows: int
    apart_s: int = 0
    """How far it is from where it should be."""


def trusted(times: Sequence[int], read_at: int | None = None) -> int:
    """Return how many of the sorted ``times`` (epoch seconds) are not lone.

    A row that is no later than the reading of its log (``read_at``) is believed when less than 90
    days part it from the others: that is a lost log, not a clock.
    """
    count = len(times)
    for tail in range(1, min(_FEW, count)):
        first = count - tail
        gap = times[first] - times[first - 1]
        if gap > _NEAR_S and _unlike(times[:first], gap):
            known = read_at is not None and times[-1] <= read_at and gap <= _FAR_S
            return count if known else first
    return count


def doubt(
    times: Sequence[int], believed: int, *, read_at: int | None, file_starts_at: int | None
) -> Doubt | None:
    """Return why the clock behind ``times`` is wrong, if it is.

    ``believed`` is how many of them are trusted, ``read_at`` when the log was read, and
    ``file_starts_at`` where the logs of the other machines in its files usually begin.
    """
    if not times:
        return None
    newest = times[believed - 1]
    if newest < _FIRST_CLOCKS:
        return Doubt("never_set", newest, believed)
    if believed < len(times):
        return Doubt("lone_rows", times[believed], len(times) - believed, times[believed] - newest)
    if read_at is not None and read_at - newest > _APART_S:
        return Doubt("behind_download", newest, believed, read_at - newest)
    if file_starts_at is not None and file_starts_at - newest > _APART_S:
        return Doubt("behind_file", newest, believed, file_starts_at - newest)
    return None


def _unlike(times: Sequence[int], gap: int) -> bool:
    """Return whether a gap behind ``times`` is beyond their pace, or too long for any."""
    near = times[bisect_left(times, times[-1] - _FAR_S) :]
    if gap > _FAR_S:
        return True
    span = near[-1] - near[0]
    return span > 0 and gap * (len(near) - 1) >= _PACE * span

"""The silences of one machine that its rhythm does not explain.

Terms: of a silence, *e* is how many silences as surprising (`rhythm`) the machine would have by
itself in its whole log. Everything follows from the machine's own rows and its calendar: other
machines change nothing.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from operator import mul
from typing import NamedTuple

from chalicelib.vending.cells import Calendar, Cells, cells_of
from chalicelib.vending.local_time import HOUR_S, MONTH_S, Span
from chalicelib.vending.rhythm import Rhythm

_MIN_S = 2 * HOUR_S
_MIN_EXPECTED = 10.0
_MIN_KNOWN_H = 36  # of the log beside a silence; less shows no rhythm of days
_MIN_KNOWN_ROWS = 12  # beside it; fewer come in bunches by chance alone
TAIL_FROM, _TAIL_CAP = 3.0, 10.0
_OWN_TAIL = (1.05, 20.0)  # what the mean excess leans on, and its weight in silences
CANDIDATES = 8


class Silence(NamedTuple):
    """A silence that a rhythm does not explain (epoch seconds, from one row to the next)."""

    start: int
    end: int
    expected: float
    e: float


def unexplained(
    times: Sequence[int], calendar: Calendar, *, until: int | None, allowed: float
) -> list[Silence]:
    """Return the silences of one machine that its rhythm does not explain, in time order.

    ``times`` are its rows' sorted epoch seconds, ``until`` is when its log was read, if known.
    ``allowed`` is how many false ones are tolerated in a machine-month, or in a log that is
    shorter. A second round leaves out what the first one found.
    """
    end = max(until or 0, times[-1]) if times else 0
    if len(times) < 3:
        return []
    cells = cells_of(times, calendar, end)
    limit = allowed * max((end - times[0]) / MONTH_S, 1.0)
    ends = [*times, end] if end > times[-1] else list(times)
    found: list[Silence] = []
    for _ in range(2):
        spans = [(silence.start, silence.end) for silence in found]
        more = _found(ends, cells.without(spans), cells, spans, limit)
        if not more:
            break
        found += more
    return sorted(found)


def _found(
    ends: Sequence[int], known: Cells, cells: Cells, spans: Sequence[Span], limit: float
) -> list[Silence]:
    rhythm = Rhythm(known)
    gaps = [gap for gap in _gaps(ends, rhythm) if gap[1] not in spans]
    usual, weight = _OWN_TAIL
    surprises = {span: rhythm.in_place(span, cells, len(ends)) for _, span in gaps}
    count = sum(surprise > TAIL_FROM for surprise in surprises.values())
    gaps.sort(reverse=True)
    found = []
    for _, span in gaps[:CANDIDATES]:
        start, end = span
        anew = Rhythm(known.without([span]))
        due = anew.expected_in(span, cells)
        expected = sum(due.values())
        if end - start < _MIN_S or expected < _MIN_EXPECTED:
            continue
        if sum(anew.cells.hours) < _MIN_KNOWN_H or len(ends) - 2 < _MIN_KNOWN_ROWS:
            continue
        surprise = anew.cautious_surprise(due)
        others = (each for other, each in surprises.items() if other != span)
        tail, _ = tail_of(others, usual=usual, weight=weight)
        e = max(count, 1) * math.exp((TAIL_FROM - surprise) / tail)
        if e < limit:
            found.append(Silence(start, end, expected, e))
    return found


def _gaps(ends: Sequence[int], rhythm: Rhythm) -> list[tuple[float, Span]]:
    """Return the gaps in which the rhythm expects more than `TAIL_FROM` rows, with how many.

    Within a cell it is shared out evenly, which is good enough to choose those to examine closely.
    """
    edges, hours = rhythm.cells.edges, rhythm.cells.hours
    due: list[float] = [*accumulate(map(mul, rhythm.by_cell, hours), initial=0.0)]
    fastest = max(rhythm.by_cell, default=0.0)

    def until(second: int) -> float:
        cell = min(bisect_right(edges, second) - 1, len(hours) - 1)
        part = (second - edges[cell]) / max(edges[cell + 1] - edges[cell], 1)
        return due[cell] + min(part, 1.0) * (due[cell + 1] - due[cell])

    long = (span for span in pairwise(ends) if (span[1] - span[0]) * fastest > TAIL_FROM * HOUR_S)
    expected = ((until(end) - until(start), (start, end)) for start, end in long)
    return [gap for gap in expected if gap[0] > TAIL_FROM]


def tail_of(surprises: Iterable[float], *, usual: float, weight: float) -> tuple[float, int]:
    """Return the mean excess of the surprises above `TAIL_FROM`, and their number.

    The mean leans on what is ``usual``, as if so many silences (``weight``) had shown that.
    """
    beyond = [min(each - TAIL_FROM, _TAIL_CAP) for each in surprises if each > TAIL_FROM]
    mean = (sum(beyond) + weight * usual) / (len(beyond) + weight)
    return max(1.0, mean), len(beyond)

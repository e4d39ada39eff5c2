"""When a machine sells, and which of its silences that does not explain.

Terms: a *cell* is a local hour of a local day; its *hours* are how much of it the log shows (none
on a closing day or in a time that is explained). A *rate* is rows an hour by hour of the week. Of a
silence, *expected* are the rows that the rates let expect in it; *surprise* is ``-ln`` of the
chance that none comes, with what days differ beyond chance and what few rows leave unknown taken
off; *e* is how many silences as surprising the machine would have by itself in its whole log.

The estimate of a silence leaves the silence itself out, or it would explain itself. Everything
follows from the machine's own rows and its calendar: other machines change nothing.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate, chain, pairwise
from operator import mul
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR_S, DAY_S = 3_600, 86_400
MONTH_S = 365.25 / 12 * DAY_S
DAY_H, WEEK_H = 24, 168
Span = tuple[int, int]
"""Start and end in epoch seconds."""

_MIN_S = 2 * HOUR_S
_MIN_EXPECTED = 10.0
_MIN_KNOWN_H = 36  # of the log beside a silence; less shows no rhythm of days
_MIN_KNOWN_ROWS = 12  # beside it; fewer come in bunches by chance alone
_KIND_ROWS, _WEEKDAY_ROWS = 1.0, 10.0  # weights of "as usual" in how busy a day of the week is
_NEARBY_DAYS = 10
_NEARBY_ROWS = 10.0  # weight of "as usual" in the level of the days around
USUAL_SPREAD, _USUAL_SPREAD_ERROR = 0.1, 0.05
_LEAST_SPREAD, _MOST_SPREAD = 0.01, 1.5
_BIN_ROWS, _KIND_HOUR_ROWS = 8.0, 3.0  # weights of what is known more broadly in a rate
_NORMAL = ((0.0, 2 / 3), (math.sqrt(3), 1 / 6), (-math.sqrt(3), 1 / 6))
"""Deviations and weights that stand for a normal distribution (Gauss-Hermite, 3 points)."""
TAIL_FROM, _TAIL_CAP = 3.0, 10.0
_OWN_TAIL = (1.05, 20.0)  # what the mean excess leans on, and its weight in silences
CANDIDATES = 8


class Silence(NamedTuple):
    """A silence that a rhythm does not explain (epoch seconds, from one row to the next)."""

    start: int
    end: int
    expected: float
    e: float


@dataclass(frozen=True)
class Calendar:
    """When a machine can sell: its zone, its closing days, and times that are explained."""

    zone: str = "UTC"
    closed: frozenset[date] = frozenset()
    closed_weekly: frozenset[int] = frozenset()
    """Weekdays, Monday 0."""
    explained: tuple[Span, ...] = ()
    quiet: Mapping[date, float] = field(default_factory=dict)
    """Days on which everybody sells less, and the share that is left."""

    def share(self, day: date) -> float:
        """Return how much of the usual trade a day lets expect."""
        if day in self.closed or day.weekday() in self.closed_weekly:
            return 0.0
        return self.quiet.get(day, 1.0)


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


@dataclass(frozen=True)
class Cells:
    """Rows and hours by cell, from local midnight of ``first`` on, 24 cells a day."""

    first: date
    rows: Sequence[int]
    hours: Sequence[float]
    edges: Sequence[int]
    """Epoch seconds at which the cells begin, and the last one ends."""
    shares: Sequence[float]
    """How much of the usual trade a day lets expect; hours count by it."""

    def overlaps(self, span: Span) -> Iterator[tuple[int, float]]:
        """Yield the cells that ``span`` meets, and for how many hours."""
        start, end = span
        cell = max(bisect_right(self.edges, start) - 1, 0)
        while cell < len(self.rows) and self.edges[cell] < end:
            length = min(end, self.edges[cell + 1]) - max(start, self.edges[cell])
            if length > 0:
                yield cell, length / HOUR_S * self.shares[cell // DAY_H]
            cell += 1

    def without(self, spans: Iterable[Span]) -> "Cells":
        """Return the cells with these spans' hours, which hold no rows, taken out."""
        hours = list(self.hours)
        for span in spans:
            for cell, length in self.overlaps(span):
                hours[cell] = max(hours[cell] - length, 0.0)
        return self.with_hours(hours)

    def with_hours(self, hours: Sequence[float]) -> "Cells":
        """Return the cells with other hours."""
        return replace(self, hours=hours)


def cells_of(times: Sequence[int], calendar: Calendar, until: int) -> Cells:
    """Return the cells of a log from its first row to ``until`` (epoch second)."""
    here = ZoneInfo(calendar.zone)
    first, last = (datetime.fromtimestamp(at, here).date() for at in (times[0], until))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    edges = [*chain.from_iterable(hours_of(calendar.zone, day)[:-1] for day in days)]
    edges.append(hours_of(calendar.zone, last)[-1])
    shares = [calendar.share(day) for day in days]
    hours = [
        (end - start) / HOUR_S * shares[cell // DAY_H]
        for cell, (start, end) in enumerate(pairwise(edges))
    ]
    outside = ((edges[0], times[0]), (until, edges[-1]))
    places = [bisect_left(times, edge) for edge in edges]
    rows = [after - before for before, after in pairwise(places)]
    whole = Cells(first, rows, hours, edges, shares)
    cells = whole.without([*outside, *calendar.explained])
    heard = [count if length else 0 for count, length in zip(rows, cells.hours, strict=True)]
    return replace(cells, rows=heard)


@dataclass(frozen=True)
class Rhythm:
    """The rates that cells show, and how far days stray from them."""

    cells: Cells

    @cached_property
    def rates(self) -> list[float]:
        """Rows an hour by hour of the week, from the weekday of the first cell on.

        Few rows lean on what is known more broadly: an hour of the week on the same hour of other
        days of its kind (Monday to Friday, Saturday, Sunday), that on the hour of any day; and how
        busy a kind of day or a weekday is on the whole goes before both.
        """
        rows = [sum(self.cells.rows[hour::WEEK_H]) for hour in range(WEEK_H)]
        hours = [sum(self.cells.hours[hour::WEEK_H]) for hour in range(WEEK_H)]
        whole = (sum(rows) + 0.5) / max(sum(hours), 1.0)
        by_hour = [
            (sum(rows[hour::DAY_H]) + 1) / (sum(hours[hour::DAY_H]) + 1 / whole)
            for hour in range(DAY_H)
        ]
        usual = list(by_hour) * 7
        for kind in self._kinds_of_day():
            busy = _busy(kind, rows, hours, usual, _KIND_ROWS)
            for hour in range(DAY_H):
                places = [day * DAY_H + hour for day in kind]
                lean = _KIND_HOUR_ROWS
                known = sum(hours[place] for place in places) + lean / (busy * by_hour[hour])
                rate = (sum(rows[place] for place in places) + lean) / known
                for place in places:
                    usual[place] = rate
        rates = []
        for day in range(7):
            busy = _busy([day], rows, hours, usual, _WEEKDAY_ROWS)
            for place in range(day * DAY_H, (day + 1) * DAY_H):
                known = hours[place] + _BIN_ROWS / (busy * usual[place])
                rates.append((rows[place] + _BIN_ROWS) / known)
        return rates

    @cached_property
    def expected(self) -> list[float]:
        """Rows that the rates alone let expect, by day."""
        weeks = len(self.cells.hours) // WEEK_H + 1
        by_cell = list(map(mul, self.cells.hours, self.rates * weeks))
        return [sum(by_cell[cell : cell + DAY_H]) for cell in range(0, len(by_cell), DAY_H)]

    @cached_property
    def levels(self) -> list[float]:
        """How a day's surroundings compare with the rates, by day: 1 is as usual."""
        pairs = zip(self._rows_near, _nearby(self.expected), strict=True)
        return [(came + _NEARBY_ROWS) / (due + _NEARBY_ROWS) for came, due in pairs]

    @cached_property
    def spread(self) -> float:
        """How much days vary beyond chance: the squared coefficient of variation of their level."""
        return self._spread_and_error[0]

    @cached_property
    def _spread_and_error(self) -> tuple[float, float]:
        """The spread, and the standard deviation of what is known of it.

        The days' own spread and the usual one count by how sure each is. How sure the own one is
        depends on the spread: twice is close enough. Quiet days say nothing of it.
        """
        due = [
            (came, usual * level)
            for came, usual, level, share in zip(
                self._rows_by_day, self.expected, self.levels, self.cells.shares, strict=True
            )
            if share == 1.0
        ]
        square = math.fsum(e * e for _, e in due)
        if not square:
            return USUAL_SPREAD, _USUAL_SPREAD_ERROR
        own = math.fsum((came - e) ** 2 - e for came, e in due) / square
        spread, error = USUAL_SPREAD, _USUAL_SPREAD_ERROR
        for _ in range(2):
            noise = math.sqrt(2 * math.fsum((e + spread * e * e) ** 2 for _, e in due)) / square
            trust = _USUAL_SPREAD_ERROR**2 / (_USUAL_SPREAD_ERROR**2 + noise**2)
            estimate = trust * own + (1 - trust) * USUAL_SPREAD
            spread = min(max(estimate, _LEAST_SPREAD), _MOST_SPREAD)
            error = noise * math.sqrt(trust)
        return spread, error

    @cached_property
    def by_cell(self) -> list[float]:
        """Rows an hour by cell, the level of its days included."""
        rates, levels = self.rates, self.levels
        return [
            rates[cell % WEEK_H] * levels[cell // DAY_H] for cell in range(len(self.cells.rows))
        ]

    def expected_in(self, span: Span, cells: Cells) -> dict[int, float]:
        """Return the rows expected in ``span`` by cell; ``cells`` say which of it counts."""
        return {
            cell: self.rates[cell % WEEK_H]
            * self.levels[cell // DAY_H]
            * min(length, cells.hours[cell])
            for cell, length in cells.overlaps(span)
        }

    def surprise(self, due: Mapping[int, float]) -> float:
        """Return the surprise of a silence that this rhythm leaves out; ``due`` is by cell.

        A day's level follows a gamma distribution with the spread as its variance; what the rest of
        the day sold says where in it the day lies.
        """
        rows = sum(self.cells.rows)
        plain = self._silent(_by_day(due), self.spread, 1.0)
        return rows * math.log1p(plain / rows) if rows else 0.0

    def cautious_surprise(self, due: Mapping[int, float]) -> float:
        """Return the same where spread and rates follow from few rows.

        The chance is the mean over what they may be, given those rows.
        """
        total = math.fsum(due.values())
        if not total:
            return 0.0
        rows = 1 / self._doubt(due, total)
        certain = rows * math.log1p(total / rows) / total
        by_day = _by_day(due)
        spread, error = self._spread_and_error
        plain = [
            self._silent(by_day, min(max(each, _LEAST_SPREAD), _MOST_SPREAD), certain)
            for each in (spread + deviation * error for deviation, _ in _NORMAL)
        ]
        least = min(plain)
        return least - math.log(
            math.fsum(
                weight * math.exp(least - each)
                for each, (_, weight) in zip(plain, _NORMAL, strict=True)
            )
        )

    def _silent(self, by_day: Mapping[int, float], spread: float, certain: float) -> float:
        found, prior = 0.0, 1 / spread
        for day, due in by_day.items():
            came, usual = self._rows_by_day[day], self.expected[day] * self.levels[day]
            found += (prior + came) * math.log1p(certain * due / (prior + usual))
        return found

    def _doubt(self, due: Mapping[int, float], total: float) -> float:
        """Return the squared coefficient of variation of ``total``, by the rows it follows from."""
        by_hour: dict[int, float] = {}
        for cell, rows in due.items():
            by_hour[cell % WEEK_H] = by_hour.get(cell % WEEK_H, 0.0) + rows
        hours = math.fsum(
            rows * rows / (self._rows_by_hour[hour] + _BIN_ROWS) for hour, rows in by_hour.items()
        )
        # Few rows around a day leave its level to all rows, as many as `_NEARBY_ROWS` would be.
        all_rows = max(sum(self.cells.rows), 2)
        level = 0.0
        for day, rows in _by_day(due).items():
            near = self._rows_near[day] + _NEARBY_ROWS
            level += rows * (1 / near + (_NEARBY_ROWS / near) ** 2 / all_rows)
        return max(hours / total**2 + level / total, 1 / (all_rows - 1))

    def in_place(self, span: Span, cells: Cells, rows: int) -> float:
        """Return the surprise of a silence that this rhythm includes."""
        plain, prior = 0.0, 1 / self.spread
        for day, due in _by_day(self.expected_in(span, cells)).items():
            usual = max(self.expected[day] * self.levels[day] - due, 0.0)
            plain += (prior + self._rows_by_day[day]) * math.log1p(due / (prior + usual))
        return rows * math.log1p(plain / rows) if rows else 0.0

    def plain_surprise(self, expected: float) -> float:
        """Return the surprise of a silence of one ordinary day."""
        return math.log1p(self.spread * expected) / self.spread

    @cached_property
    def _rows_by_hour(self) -> list[int]:
        return [sum(self.cells.rows[hour::WEEK_H]) for hour in range(WEEK_H)]

    @cached_property
    def _rows_near(self) -> list[float]:
        return _nearby(self._rows_by_day)

    @cached_property
    def _rows_by_day(self) -> list[int]:
        rows = self.cells.rows
        return [sum(rows[cell : cell + DAY_H]) for cell in range(0, len(rows), DAY_H)]

    def _kinds_of_day(self) -> tuple[list[int], ...]:
        first = self.cells.first.weekday()
        place = {weekday: (weekday - first) % 7 for weekday in range(7)}
        return [place[day] for day in range(5)], [place[5]], [place[6]]


def _nearby(by_day: Sequence[float]) -> list[float]:
    """Return the sums over the days around each day, itself included."""
    sums = [*accumulate(by_day, initial=0.0)]
    last = len(by_day)
    return [
        sums[min(day + _NEARBY_DAYS + 1, last)] - sums[max(day - _NEARBY_DAYS, 0)]
        for day in range(last)
    ]


def _by_day(due: Mapping[int, float]) -> dict[int, float]:
    found: dict[int, float] = {}
    for cell, rows in due.items():
        found[cell // DAY_H] = found.get(cell // DAY_H, 0.0) + rows
    return found


def _busy(
    days: Sequence[int],
    rows: Sequence[int],
    hours: Sequence[float],
    usual: Sequence[float],
    weight: float,
) -> float:
    """Return how busy some days of the week are, compared with the ``usual`` rates."""
    places = [place for day in days for place in range(day * DAY_H, (day + 1) * DAY_H)]
    came = sum(rows[place] for place in places)
    due = math.fsum(hours[place] * usual[place] for place in places)
    return (came + weight) / (due + weight)


def own_silences(
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
        more = _unexplained(ends, cells.without(spans), cells, spans, limit)
        if not more:
            break
        found += more
    return sorted(found)


def _unexplained(
    ends: Sequence[int], known: Cells, cells: Cells, spans: Sequence[Span], limit: float
) -> list[Silence]:
    rhythm = Rhythm(known)
    gaps = [gap for gap in _gaps(ends, rhythm) if gap[1] not in spans]
    usual, weight = _OWN_TAIL
    surprises = (rhythm.in_place(span, cells, len(ends)) for _, span in gaps)
    tail, count = tail_of(surprises, usual=usual, weight=weight)
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
        e = max(count, 1) * math.exp((TAIL_FROM - surprise) / tail)
        if e < limit:
            found.append(Silence(start, end, expected, e))
    return found


def _gaps(ends: Sequence[int], rhythm: Rhythm) -> list[tuple[float, Span]]:
    """Return the gaps in which the rhythm expects something to speak of, with how much.

    Within a cell it is shared out evenly, which is good enough to choose those to look at closely.
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

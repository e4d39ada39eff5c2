"""When a machine sells, and how surprising it is that it sells nothing for a while.

Terms: a *rate* is rows an hour by hour of the week. Of a silence, *expected* are the rows that the
rates let expect in it; *surprise* is ``-ln`` of the chance that none comes, with what days differ
beyond chance and what few rows leave unknown taken off.

The estimate of a silence leaves the silence itself out, or it would explain itself.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from operator import mul

from chalicelib.core.values import dataclass
from chalicelib.vending.cells import Cells
from chalicelib.vending.local_time import DAY_H, WEEK_H, Span

_KIND_ROWS, _WEEKDAY_ROWS = 1.0, 10.0  # weights of "as usual" in how busy a day of the week is
_NEARBY_DAYS = 10
_NEARBY_ROWS = 10.0  # weight of "as usual" in the level of the days around
USUAL_SPREAD, _USUAL_SPREAD_ERROR = 0.1, 0.05
_LEAST_SPREAD, _MOST_SPREAD = 0.01, 1.5
_BIN_ROWS, _KIND_HOUR_ROWS = 8.0, 3.0  # weights of what is known more broadly in a rate
_NORMAL = ((0.0, 2 / 3), (math.sqrt(3), 1 / 6), (-math.sqrt(3), 1 / 6))
"""Deviations and weights that stand for a normal distribution (Gauss-Hermite, 3 points)."""


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
        rows = 1 / self.doubt(due)
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

    def doubt(self, due: Mapping[int, float]) -> float:
        """Return the squared coefficient of variation of the sum of ``due``, above 0.

        It follows from few rows, and those from few days, which vary by the spread.
        """
        total = math.fsum(due.values())
        # Few rows around a day leave its level to all rows, as many as `_NEARBY_ROWS` would be.
        all_rows = max(sum(self.cells.rows), 2)
        level = 0.0
        for day, rows in _by_day(due).items():
            near = self._rows_near[day] + _NEARBY_ROWS
            around = self.expected[max(day - _NEARBY_DAYS, 0) : day + _NEARBY_DAYS + 1]
            days = self.spread * _concentration(around, _NEARBY_ROWS)
            level += rows * (1 / near + (_NEARBY_ROWS / near) ** 2 / all_rows + days)
        return max(self._variance(due) / total**2 + level / total, 1 / (all_rows - 1))

    def _variance(self, due: Mapping[int, float]) -> float:
        """Return the variance that the rates leave in the sum of ``due``.

        What leans on something broader counts as known that well, and shares its doubt. A day that
        is alone of its kind leans on very little.
        """
        by_hour: dict[int, float] = {}
        for cell, rows in due.items():
            by_hour[cell % WEEK_H] = by_hour.get(cell % WEEK_H, 0.0) + rows
        return self._variance_of_hours(by_hour) + self._variance_of_weekdays(by_hour)

    def _variance_of_hours(self, due: Mapping[int, float]) -> float:
        """Return what chance leaves in the rows of each hour of the week, and of those like it."""
        variance = 0.0
        for hour, rows in due.items():
            known, own = self._rows_by_hour[hour], self._own_part(hour)
            kind = self._kind_of_day[hour // DAY_H]
            variance += rows * rows / (known + _lean_of_hour(kind))
            if len(kind) > 1:
                alike = sum(self._rows_by_hour[each * DAY_H + hour % DAY_H] for each in kind)
                variance += rows * rows * (1 - own * own) / (alike + _KIND_HOUR_ROWS)
        return variance

    def _variance_of_weekdays(self, due: Mapping[int, float]) -> float:
        """Return what the few days of a weekday leave in doubt: all its hours share it."""
        own, leaning = [0.0] * 7, [0.0] * 7
        for hour, rows in due.items():
            part = self._own_part(hour)
            own[hour // DAY_H] += rows * part
            leaning[hour // DAY_H] += rows * (1 - part)
        variance = 0.0
        for day in range(7):
            known = sum(self._rows_by_day[day::7])
            if known and own[day] + leaning[day]:
                lean = _WEEKDAY_ROWS if len(self._kind_of_day[day]) > 1 else _KIND_ROWS
                follows = own[day] + leaning[day] * known / (known + lean)
                days = 1 / known + self.spread * _concentration(self.expected[day::7])
                # What chance leaves in an hour's own rows is in the variance of hours already.
                variance += follows**2 * days - own[day] ** 2 / known
        return variance

    def _own_part(self, hour: int) -> float:
        """Return how much an hour of the week follows its own rows, from 0 to 1."""
        known = self._rows_by_hour[hour]
        return known / (known + _lean_of_hour(self._kind_of_day[hour // DAY_H]))

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

    @cached_property
    def _kind_of_day(self) -> dict[int, list[int]]:
        return {day: kind for kind in self._kinds_of_day() for day in kind}

    def _kinds_of_day(self) -> tuple[list[int], ...]:
        first = self.cells.first.weekday()
        place = {weekday: (weekday - first) % 7 for weekday in range(7)}
        return [place[day] for day in range(5)], [place[5]], [place[6]]


def _lean_of_hour(kind: Sequence[int]) -> float:
    """Return as how many rows an hour counts what it leans on, on such days."""
    return _BIN_ROWS if len(kind) > 1 else _KIND_HOUR_ROWS


def _nearby(by_day: Sequence[float]) -> list[float]:
    """Return the sums over the days around each day, itself included."""
    sums = [*accumulate(by_day, initial=0.0)]
    last = len(by_day)
    return [
        sums[min(day + _NEARBY_DAYS + 1, last)] - sums[max(day - _NEARBY_DAYS, 0)]
        for day in range(last)
    ]


def _concentration(due: Sequence[float], weight: float = 0.0) -> float:
    """Return the part of each day in a sum, squared and summed: 1 for a single day, and for none.

    ``weight`` is how many rows of the sum are "as usual".
    """
    total = sum(due) + weight
    return math.fsum(each * each for each in due) / total**2 if total else 1.0


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

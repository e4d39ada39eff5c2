"""Own silences, fleet gaps and partial silences, on small simulated fleets (R1 to R12)."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import mean, variance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backroom.vending.rhythms import Place, Rhythm, customers
from chalicelib.vending import clock, regions, rhythm
from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.cells import Calendar, cells_of
from chalicelib.vending.history import History, Region
from chalicelib.vending.local_time import hours_of
from chalicelib.vending.models import FleetReport, MachineSummary
from chalicelib.vending.reports import audit, region_of, summarise
from chalicelib.vending.rollups import RegionDay
from chalicelib.vending.silences import Silence

USUAL = Thresholds()
CHICAGO = "America/Chicago"
END = datetime(2026, 1, 12, tzinfo=UTC)
HOUR, DAY = 3_600, 86_400


def machine(serial: str, times: Sequence[int]) -> History:
    return History(serial, Keys("Q", [second * 10 + 1 for second in times]))


def fleet(
    kind: Rhythm, count: int, days: int, *, seed: int = 1, closed: tuple[date, ...] = ()
) -> list[History]:
    end = END.timestamp()
    place = Place(kind, CHICAGO, closed)
    found = []
    for number in range(count):
        dice = Random(f"{seed} {number}")
        times = customers(dice, place, dice.uniform(10, 24), end - days * DAY, end)
        found.append(machine(f"GM{number:03d}", list(times)))
    return found


def without(own: History, start: datetime, hours: float) -> History:
    first = int(start.timestamp()) * 10
    last = first + int(hours * HOUR) * 10
    return replace(own, keys=Keys("Q", [k for k in own.keys if not first <= k < last]))


def judged(machines: Sequence[History], zone: str = CHICAGO) -> FleetReport:
    return audit(machines, now=END, thresholds=USUAL, zone=zone)


def lost(report: FleetReport) -> list[tuple[str, datetime | None]]:
    return [
        (each.serial, verdict.from_)
        for each in report.machines
        for verdict in each.verdicts
        if verdict.kind == "lost_log"
    ]


# --- false alarms -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mall", "office", "station", "slow", "school"])
def test_r5_a_fleet_that_sleeps_is_not_silent(kind: Rhythm) -> None:
    report = judged(fleet(kind, 8, 30, seed=3))

    real = [gap for gap in report.fleet_gaps if kind != "school" or gap.hours < 100]
    assert (real, lost(report), report.partial_silences) == ([], [], ())


def test_r5_a_day_on_which_all_were_closed_is_one_case_and_no_machine_s() -> None:
    report = judged(fleet("mall", 8, 40, closed=(date(2025, 12, 25),)))

    [gap] = report.fleet_gaps
    assert gap.from_.astimezone(UTC).date() in {date(2025, 12, 24), date(2025, 12, 25)}
    assert lost(report) == []


def test_r5_a_day_that_is_named_as_closed_is_no_case() -> None:
    day = date(2025, 12, 25)
    machines = [replace(each, closed=(day,)) for each in fleet("mall", 2, 40, closed=(day,))]

    assert lost(judged(machines)) == []


def test_r5_what_a_log_of_30_days_lets_expect_is_as_doubtful_as_it_varies() -> None:
    varies, doubts = [], []
    for kind in ("mall", "station"):
        for day in (date(2025, 12, 24), date(2025, 12, 28)):  # a Wednesday, a Sunday
            due = []
            for number in range(40):
                expected, doubt = left_out(fleet(kind, 1, 30, seed=number)[0], day)
                due.append(expected / Random(f"{number} 0").uniform(10, 24))  # what it sells a day
                doubts.append(doubt)
            varies.append(variance(due) / mean(due) ** 2)

    assert mean(doubts) == pytest.approx(mean(varies), rel=0.3)


@pytest.mark.parametrize("seed", range(40))
def test_r5_a_log_of_days_has_a_doubt_whatever_is_taken_out_of_it(seed: int) -> None:
    chance = Random(seed)
    own = fleet(chance.choice(["mall", "station"]), 1, chance.choice([2, 3, 5, 8, 14]), seed=seed)
    times = [key // 10 for key in own[0].keys]
    cells = cells_of(times, Calendar(CHICAGO), int(END.timestamp()))
    start = chance.randrange(times[0], times[-1]) // 3600 * 3600
    span = (start, start + 3600 * chance.randrange(1, 60))
    anew = rhythm.Rhythm(cells.without([span]))
    due = anew.expected_in(span, cells)

    assert not any(due.values()) or anew.doubt(due) > 0


def left_out(own: History, day: date) -> tuple[float, float]:
    """Return what the rest of a log lets expect on a day, and how doubtful that is."""
    span = (hours_of(CHICAGO, day)[0], hours_of(CHICAGO, day)[-1])
    others = without(own, datetime.fromtimestamp(span[0], UTC), 24)
    times = [key // 10 for key in others.keys]
    cells = cells_of(times, Calendar(CHICAGO), int(END.timestamp()))
    anew = rhythm.Rhythm(cells.without([span]))
    due = anew.expected_in(span, cells)
    return sum(due.values()), anew.doubt(due)


# --- what is found ------------------------------------------------------------------------------


def test_r3_a_lost_day_is_found_in_a_mall() -> None:
    start = datetime(2026, 1, 6, 6, tzinfo=UTC)
    machines = fleet("mall", 6, 90)
    busiest = max(range(6), key=lambda number: len(machines[number].keys))
    machines[busiest] = without(machines[busiest], start, 24)

    [(serial, from_)] = lost(judged(machines))

    assert serial == machines[busiest].serial
    assert from_ is not None
    assert start - timedelta(hours=5) < from_ <= start


def test_r6_a_machine_that_is_a_week_old_and_loses_a_day_is_found() -> None:
    start = datetime(2026, 1, 8, 6, tzinfo=UTC)
    young = [without(each, start, 24) for each in fleet("mall", 6, 7, seed=4)]

    found = [bool(summarise(each, Region(CHICAGO), USUAL).silences) for each in young]

    assert sum(found) >= 4


def test_r12_a_verdict_does_not_change_when_others_join() -> None:
    start = datetime(2026, 1, 6, 6, tzinfo=UTC)
    own = without(fleet("mall", 1, 60)[0], start, 24)
    others = fleet("mall", 60, 60, seed=2)

    def among(count: int) -> MachineSummary:
        machines = [own, *(replace(each, serial=f"GM9{n:03d}") for n, each in enumerate(others))]
        keys = {each.serial: each.keys for each in machines[: count + 1]}
        return summarise(own, region_of(keys, USUAL, CHICAGO), USUAL)

    alone = among(0)
    assert [verdict.kind for verdict in alone.verdicts] == ["lost_log"]
    assert among(5) == among(60) == alone


def test_a_fleet_gap_of_some_hours_is_found_to_the_second() -> None:
    start = datetime(2026, 1, 6, 17, tzinfo=UTC)
    machines = [without(each, start, 10) for each in fleet("station", 8, 40)]
    times = sorted(key // 10 for each in machines for key in each.keys)

    [gap] = judged(machines).fleet_gaps

    before = max(second for second in times if second < start.timestamp())
    assert gap.from_.timestamp() == before
    assert gap.machines == 8
    assert lost(judged(machines)) == []


def test_r5_clocks_that_change_leave_no_gap_where_machines_have_no_time_zone() -> None:
    machines = fleet("mall", 25, 90)  # over the end of summer time, by the clock of UTC

    assert region_of({each.serial: each.keys for each in machines}, USUAL, "UTC").gaps == ()


def test_two_machines_are_no_fleet() -> None:
    start = datetime(2026, 1, 6, 6, tzinfo=UTC)
    machines = [without(each, start, 48) for each in fleet("station", 2, 40)]

    report = judged(machines)

    assert report.fleet_gaps == ()
    assert {serial for serial, _ in lost(report)} == {"GM000", "GM001"}


def test_a_quiet_day_excuses_who_sold_nothing() -> None:
    dice, day = Random(5), date(2026, 1, 6)
    start = datetime(2026, 1, 6, 6, tzinfo=UTC)
    end = start + timedelta(days=1)
    machines = [
        replace(
            each,
            keys=Keys(
                "Q",
                [
                    key
                    for key in each.keys
                    if not start.timestamp() <= key // 10 < end.timestamp() or dice.random() < 0.1
                ],
            ),
        )
        for each in fleet("station", 40, 60)
    ]

    report = judged(machines)
    region = region_of({each.serial: each.keys for each in machines}, USUAL, CHICAGO)

    assert region.quiet[day] < 0.3
    assert report.partial_silences == ()
    assert [from_ for _, from_ in lost(report) if from_ and from_.date() >= start.date()] == []


# --- partial silences ---------------------------------------------------------------------------


def days_covered(machines: int) -> dict[date, RegionDay]:
    return {date(2026, 1, 5): RegionDay(covered=(machines,) * 24)}


def silences(*hours: tuple[float, float]) -> list[tuple[str, Silence]]:
    noon = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
    return [
        (f"GM{number:03d}", Silence(noon + int(start * HOUR), noon + int(end * HOUR), 20.0, 0.0))
        for number, (start, end) in enumerate(hours)
    ]


def test_three_of_ten_at_once_are_one_case() -> None:
    [case] = regions.partial_silences(
        silences((2, 20), (3, 21), (1, 22), (30, 60)), days_covered(10), "UTC"
    )

    assert (case.serials, case.of) == (("GM000", "GM001", "GM002"), 10)
    assert case.end - case.start == 17 * HOUR


@pytest.mark.parametrize(
    ("hours", "covering"),
    [
        ([(2, 20), (3, 21)], 4),
        ([(2, 20), (3, 21), (1, 22)], 11),
        ([(2, 20), (12, 40), (22, 60)], 4),
    ],
)
def test_few_or_scattered_silences_are_no_case(
    hours: list[tuple[float, float]], covering: int
) -> None:
    assert regions.partial_silences(silences(*hours), days_covered(covering), "UTC") == []


@given(st.permutations(silences((2, 20), (3, 21), (1, 22), (5, 24), (30, 60), (31, 60))))
def test_the_order_of_silences_never_matters(given_: list[tuple[str, Silence]]) -> None:
    usual = regions.partial_silences(sorted(given_), days_covered(6), "UTC")

    assert regions.partial_silences(given_, days_covered(6), "UTC") == usual


# --- hours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 3, 9), 24), (date(2026, 11, 1), 25)]
)
def test_a_day_has_24_hours_of_which_one_may_be_none_or_two(day: date, hours: int) -> None:
    edges = hours_of(CHICAGO, day)

    assert len(edges) == 25
    assert edges[-1] - edges[0] == hours * HOUR
    assert sorted(edges) == list(edges)


@given(st.lists(st.integers(1_700_000_000, 1_707_000_000), min_size=3, max_size=80, unique=True))
@settings(max_examples=40)
def test_every_row_and_every_hour_is_in_a_cell(given_: list[int]) -> None:
    times = sorted(given_)

    cells = cells_of(times, Calendar(CHICAGO), times[-1])

    # A row at the very end has no hour behind it.
    assert sum(cells.rows) in {len(times), len(times) - 1}
    assert sum(cells.hours) == pytest.approx((times[-1] - times[0]) / HOUR)


# --- clocks -------------------------------------------------------------------------------------


def test_a_lone_row_within_the_time_of_its_download_is_believed() -> None:
    times = array("q", [*range(0, 40 * DAY, HOUR), 60 * DAY])

    assert clock.trusted(times) == len(times) - 1
    assert clock.trusted(times, read_at=61 * DAY) == len(times)
    assert clock.trusted(array("q", [*times[:-1], 140 * DAY]), read_at=141 * DAY) == len(times) - 1


def test_three_rows_after_a_silence_are_a_log_again() -> None:
    times = array("q", [*range(0, 40 * DAY, HOUR), 60 * DAY, 61 * DAY, 62 * DAY])

    assert clock.trusted(times) == len(times)


def test_a_slow_machine_has_no_lone_rows() -> None:
    times = array("q", range(0, 90 * DAY, 9 * DAY))

    assert clock.trusted(times) == len(times)


def test_a_log_that_ends_half_a_year_before_its_download_has_a_wrong_clock() -> None:
    start = 1_700_000_000
    times = array("q", range(start, start + 40 * DAY, HOUR))

    def doubted(read_at: int) -> clock.Doubt | None:
        return clock.doubt(times, len(times), read_at=read_at, file_starts_at=None)

    assert doubted(times[-1] + 179 * DAY) is None
    found = doubted(times[-1] + 365 * DAY)
    assert found is not None
    assert (found.kind, found.apart_s) == ("behind_download", 365 * DAY)


# --- retired ------------------------------------------------------------------------------------


def test_a_retired_machine_is_judged_and_due_no_more() -> None:
    [own] = fleet("station", 1, 60)
    dead = replace(
        own,
        keys=Keys("Q", [key - 1 for key in own.keys]),
        retired=date(2026, 1, 5),
        read_until=END,
        last_download_at=END,
    )

    [report] = audit([dead], now=END, thresholds=USUAL, zone=CHICAGO).machines

    assert report.last_at is not None
    assert report.last_at < datetime(2026, 1, 6, 6, tzinfo=UTC)
    assert (report.state, report.verdicts, report.due_at) == ("retired", (), None)
    later = audit(
        [replace(dead, retired=date(2026, 2, 1))], now=END, thresholds=USUAL, zone=CHICAGO
    )
    assert later.machines[0].state == "out_of_service"

"""The rules against plain formulas, and against the brief's own file."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending.anomalies import (
    Fault,
    FaultKind,
    FaultLevel,
    Keys,
    Thresholds,
    faults,
    fleet_gaps,
    lost_logs,
    rows_to_clear,
    since,
    wilson_low,
    window,
)

REAL_FILE = Path(__file__).parents[2] / "data" / "transactions.txt"
USUAL = Thresholds()
HOUR = 3_600
DAY = 86_400

counts = st.lists(st.integers(0, 9), max_size=80)
# Mostly a steady rhythm, sometimes rows in one second, sometimes a silence.
gap_lengths = st.lists(
    st.integers(0, 199).map(lambda roll: roll % 20 if roll < 190 else 500 * (roll - 189)),
    max_size=60,
)
kinds = st.sampled_from(["under", "over"])


def keys_of(rows: Iterable[tuple[int, int]]) -> Keys:
    return Keys("Q", sorted(second * 10 + gumballs for second, gumballs in rows))


def hourly(gumballs: Iterable[int]) -> Keys:
    return keys_of((hour * HOUR, each) for hour, each in enumerate(gumballs))


def poisson(dice: Random, rows: int, mean_gap_s: float, start: float = 0) -> list[int]:
    gaps = (dice.expovariate(1 / mean_gap_s) for _ in range(rows - 1))
    return [int(at) for at in accumulate(gaps, initial=start)]


def dealt(times: Iterable[int], machines: int = 3) -> dict[str, list[int]]:
    """Deal the fleet's times out to machines, one after the other."""
    whole = list(times)
    return {f"GM{number:03d}": whole[number::machines] for number in range(machines)}


@pytest.fixture(scope="module")
def real() -> dict[str, Keys]:
    rows: dict[str, list[tuple[int, int]]] = {}
    for line in REAL_FILE.read_text().split():
        serial, at, gumballs = line.split("|")
        second = int(datetime.fromisoformat(at).timestamp())
        rows.setdefault(serial, []).append((second, int(gumballs)))
    return {serial: keys_of(own) for serial, own in sorted(rows.items())}


@pytest.fixture(scope="module")
def real_times(real: dict[str, Keys]) -> dict[str, list[int]]:
    return {serial: [key // 10 for key in keys] for serial, keys in real.items()}


# --- the cautious estimate ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "low"),
    [(6, 317, 0.008703), (346, 346, 0.989019), (1, 1, 0.206549), (5, 10, 0.236593)],
)
def test_the_wilson_bound_has_its_published_values(k: int, n: int, low: float) -> None:
    assert wilson_low(k, n) == pytest.approx(low, abs=5e-7)


@given(n=st.integers(1, 10**9), data=st.data())
def test_the_wilson_bound_lies_between_nothing_and_the_rate(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))

    low = wilson_low(k, n)

    assert 0 <= low <= k / n


@given(k=st.integers(1, 1_000), n=st.integers(1, 10_000), times=st.integers(2, 100))
def test_the_same_rate_over_more_rows_is_surer(k: int, n: int, times: int) -> None:
    assert wilson_low(k * times, (n + k) * times) > wilson_low(k, n + k)


def test_without_rows_nothing_is_claimed() -> None:
    assert wilson_low(0, 0) == 0


@given(rate=st.floats(0.001, 1))
def test_clean_rows_clear_a_fault_as_soon_as_chance_explains_them_in_a_twentieth_of_cases(
    rate: float,
) -> None:
    rows = rows_to_clear(rate)

    assert (1 - rate) ** rows <= 0.05 * (1 + 1e-9)
    assert rows == 1 or (1 - rate) ** (rows - 1) > 0.05 * (1 - 1e-9)


# --- rule A: faults -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("serial", "kind", "found"),
    [
        ("GM003", "under", (6, 317, "degraded")),
        ("GM003", "over", (10, 317, "degraded")),
        ("GM004", "over", (8, 322, "degraded")),
        ("GM005", "under", (346, 346, "out_of_service")),
        ("GM006", "over", (19, 324, "degraded")),
    ],
)
def test_v6_the_real_file_has_four_faulty_machines(
    real: dict[str, Keys], serial: str, kind: FaultKind, found: tuple[int, int, FaultLevel]
) -> None:
    fault = faults(real[serial], kind, USUAL)

    assert fault is not None
    assert (fault.faults, fault.rows, fault.level) == found
    assert fault.rate == fault.faults / fault.rows
    assert fault.wilson_low == wilson_low(fault.faults, fault.rows)


def test_v6_nothing_else_is_faulty_in_the_real_file(real: dict[str, Keys]) -> None:
    flagged = [
        (serial, kind)
        for serial, keys in real.items()
        for kind in ("under", "over")
        if faults(keys, kind, USUAL)
    ]

    assert flagged == [
        ("GM003", "under"),
        ("GM003", "over"),
        ("GM004", "over"),
        ("GM005", "under"),
        ("GM006", "over"),
    ]


@given(clean=st.integers(0, 80), at=st.integers(0, 80), fault=st.sampled_from([0, 2, 9]))
def test_v6_a_single_fault_never_flags(clean: int, at: int, fault: int) -> None:
    gumballs = [1] * clean
    gumballs.insert(at, fault)

    assert faults(hourly(gumballs), "under", USUAL) is None
    assert faults(hourly(gumballs), "over", USUAL) is None


@pytest.mark.parametrize(("clean", "flagged"), [(200, True), (400, False)])
def test_three_faults_flag_when_they_are_not_lost_among_good_rows(
    clean: int, flagged: bool
) -> None:
    assert (faults(hourly([0, 0, 0, *[1] * clean]), "under", USUAL) is not None) is flagged


def test_under_and_over_are_not_netted_against_each_other() -> None:
    keys = hourly([0, 2] * 10 + [1] * 100)

    under, over = faults(keys, "under", USUAL), faults(keys, "over", USUAL)

    assert under is not None
    assert over is not None
    assert (under.faults, over.faults) == (10, 10)


def test_only_credits_without_a_gumball_put_a_machine_out_of_service() -> None:
    under, over = faults(hourly([0] * 50), "under", USUAL), faults(hourly([2] * 50), "over", USUAL)

    assert under is not None
    assert under.level == "out_of_service"
    assert over is not None
    assert over.level == "degraded"


@given(counts, kinds)
def test_the_rule_is_known_from_the_first_row_that_fires_it(
    gumballs: list[int], kind: FaultKind
) -> None:
    keys = hourly(gumballs)

    found = faults(keys, kind, USUAL)

    fired = (row for row in range(1, len(keys) + 1) if faults(keys[:row], kind, USUAL))
    if found:
        assert found.first_known_at == keys[next(fired) - 1] // 10


@given(counts.flatmap(lambda gumballs: st.tuples(st.just(gumballs), st.permutations(gumballs))))
def test_the_order_of_rows_never_changes_whether_a_machine_is_faulty(
    orders: tuple[list[int], list[int]],
) -> None:
    def evidence(fault: Fault | None) -> tuple[object, ...] | None:
        if fault is None:
            return None
        return fault.level, fault.faults, fault.rows, fault.rate, fault.wilson_low

    one, other = (faults(hourly(order), "under", USUAL) for order in orders)

    assert evidence(one) == evidence(other)


# --- windows ------------------------------------------------------------------------------------


def test_the_window_ends_at_the_newest_row() -> None:
    keys = keys_of((day * DAY, 1) for day in range(100))

    assert list(window(keys, USUAL)) == list(keys[9:])
    assert window(window(keys, USUAL), USUAL) == window(keys, USUAL)


def test_since_takes_the_rows_of_its_second() -> None:
    keys = keys_of([(7, 9), (8, 0), (8, 1), (9, 0)])

    assert since(keys, 8) == keys[1:]


def test_no_rows_have_no_window_and_no_findings() -> None:
    nothing = Keys("Q")

    assert window(nothing, USUAL) == nothing
    assert faults(nothing, "under", USUAL) is None
    assert fleet_gaps({}, USUAL) == []
    assert lost_logs({"GM001": []}, [], USUAL) == {}


# --- rule B1: fleet gaps ------------------------------------------------------------------------


def naive_fleet_gaps(times: Sequence[int], thresholds: Thresholds) -> dict[int, float]:
    """Return E by start, straight from the rule's words: slices, sums and rates."""
    gaps = [end - start for start, end in pairwise(times)]
    near = thresholds.fleet_gap_neighbours
    found = {}
    for number, gap in enumerate(gaps):
        sides = (gaps[max(0, number - near) : number], gaps[number + 1 : number + 1 + near])
        rates = [len(side) / sum(side) for side in sides if sum(side)]
        e = len(gaps) * math.exp(-min(rates) * gap) if rates else math.inf
        if e < thresholds.fleet_gap_e:
            found[times[number]] = e
    return found


def test_v6_the_real_file_has_one_fleet_gap(real_times: dict[str, list[int]]) -> None:
    [gap] = fleet_gaps(real_times, USUAL)

    assert datetime.fromtimestamp(gap.start, UTC).isoformat() == "2020-02-15T23:29:04+00:00"
    assert gap.hours == pytest.approx(24.589, abs=5e-4)
    assert gap.e == pytest.approx(2.05722e-27, rel=1e-5)
    assert gap.expected == pytest.approx(69, abs=0.5)


@given(gap_lengths, st.integers(1, 10))
def test_fleet_gaps_are_those_that_the_rule_names(lengths: list[int], near: int) -> None:
    times = list(accumulate(lengths, initial=0))
    thresholds = Thresholds(fleet_gap_neighbours=near, fleet_min_machines=1)

    found = fleet_gaps(dealt(times), thresholds)

    assert {gap.start: gap.e for gap in found} == pytest.approx(naive_fleet_gaps(times, thresholds))


@given(gap_lengths, st.randoms(use_true_random=False))
def test_it_does_not_matter_which_machine_reported(lengths: list[int], dice: Random) -> None:
    times = list(accumulate([5, 5, *lengths], initial=0))
    shuffled = dice.sample(times, len(times))

    assert fleet_gaps(dealt(times), USUAL) == fleet_gaps(dealt(shuffled), USUAL)


@given(gap_lengths, st.integers(2, 1_000), st.integers(0, 2 * 10**9))
def test_another_clock_shows_the_same_fleet_gaps(lengths: list[int], tick: int, zero: int) -> None:
    times = list(accumulate([5, 5, *lengths], initial=0))

    longer = replace(USUAL, window_days=USUAL.window_days * tick)

    found = fleet_gaps(dealt(times), USUAL)
    scaled = fleet_gaps(dealt(zero + tick * at for at in times), longer)

    assert [gap.start for gap in scaled] == [zero + tick * gap.start for gap in found]
    assert [gap.e for gap in scaled] == pytest.approx([gap.e for gap in found])


def test_a_silence_longer_than_the_window_parts_two_eras() -> None:
    then = [*range(0, 6_000, 60), *range(90_000, 96_000, 60)]
    now = [400 * DAY + 60 * row for row in range(100)]

    [gap] = fleet_gaps(dealt([*then, *now]), USUAL)

    assert [gap.start] == [each.start for each in fleet_gaps(dealt(then), USUAL)]


def test_two_machines_are_no_fleet() -> None:
    times = [*range(0, 6_000, 60), *range(90_000, 96_000, 60)]

    assert fleet_gaps({**dealt(times, machines=2), "GM009": []}, USUAL) == []
    assert len(fleet_gaps(dealt(times, machines=3), USUAL)) == 1


def test_the_slower_side_decides() -> None:
    # A row a minute, then 20 minutes of nothing, then a row in 10 minutes: nobody is missing.
    times = [*range(0, 18_000, 60), *range(18_000 + 1_200, 138_000, 600)]

    assert fleet_gaps(dealt(times), USUAL) == []


@pytest.mark.parametrize("silence", [0, 298])
def test_a_gap_at_an_end_is_compared_with_the_side_that_exists(silence: int) -> None:
    lengths = [60] * 299
    lengths[silence] = DAY
    times = list(accumulate(lengths, initial=0))

    assert [gap.start for gap in fleet_gaps(dealt(times), USUAL)] == [times[silence]]


def test_rows_of_one_second_have_no_rhythm_to_break() -> None:
    assert fleet_gaps(dealt([7] * 9), USUAL) == []
    assert fleet_gaps(dealt([7] * 9 + [DAY]), USUAL) == []


# --- rule B2: lost logs -------------------------------------------------------------------------


def naive_lost_logs(pieces: Sequence[Sequence[int]], limit: float) -> dict[int, float]:
    """Return E by start, straight from the rule's words; each piece has three seconds or more."""
    gaps_by_piece = [[end - start for start, end in pairwise(piece)] for piece in pieces]
    tests = sum(map(len, gaps_by_piece))
    found = {}
    for piece, gaps in zip(pieces, gaps_by_piece, strict=True):
        for number, gap in enumerate(gaps):
            rate = (len(gaps) - 1) / (sum(gaps) - gap)
            if (e := tests * math.exp(-rate * gap)) < limit:
                found[piece[number]] = e
    return found


def test_v6_the_real_file_has_no_lost_log(real_times: dict[str, list[int]]) -> None:
    gaps = fleet_gaps(real_times, USUAL)

    assert lost_logs(real_times, gaps, USUAL) == {}


def test_a_fleet_gap_is_not_blamed_on_the_machines(real_times: dict[str, list[int]]) -> None:
    assert set(lost_logs(real_times, [], USUAL)) == set(real_times)


def test_v6_a_hole_in_one_machines_log_is_found(real_times: dict[str, list[int]]) -> None:
    times = real_times["GM002"]
    holed = {**real_times, "GM002": [*times[:40], *times[75:]]}
    gaps = fleet_gaps(holed, USUAL)

    found = lost_logs(holed, gaps, USUAL)

    assert {serial: [(gap.start, gap.end) for gap in own] for serial, own in found.items()} == {
        "GM002": [(times[39], times[75])]
    }


@given(st.lists(gap_lengths, min_size=1, max_size=4))
def test_lost_logs_are_those_that_the_rule_names(lengths: list[list[int]]) -> None:
    machines = [list(accumulate([3, 4, *own], initial=DAY * n)) for n, own in enumerate(lengths)]
    tested = [times for times in machines if len(set(times)) > 2]

    found = lost_logs(dict(zip("ABCD", machines, strict=False)), [], USUAL)

    e_by_start = {gap.start: gap.e for own in found.values() for gap in own}
    assert e_by_start == pytest.approx(naive_lost_logs(tested, USUAL.lost_log_e))


@given(gap_lengths, st.integers(2, 1_000))
def test_another_clock_shows_the_same_lost_logs(lengths: list[int], tick: int) -> None:
    times = list(accumulate(lengths, initial=0))

    found = lost_logs({"GM001": times}, [], USUAL).get("GM001", [])
    scaled = lost_logs({"GM001": [tick * at for at in times]}, [], USUAL).get("GM001", [])

    assert [gap.start for gap in scaled] == [tick * gap.start for gap in found]
    assert [gap.e for gap in scaled] == pytest.approx([gap.e for gap in found])


def test_the_more_gaps_a_fleet_has_the_longer_one_must_be_to_stand_out() -> None:
    times = [*range(0, 6_000, 60), *range(6_540, 12_000, 60)]  # one of 10 minutes
    busy = {f"GM{number:03d}": list(range(0, 60_000, 60)) for number in range(2, 4)}

    assert "GM001" in lost_logs({"GM001": times}, [], USUAL)
    assert "GM001" not in lost_logs({"GM001": times, **busy}, [], USUAL)


@pytest.mark.parametrize(
    "times", [[5], [5, DAY], [5, 5, DAY], [5, 5, 5], [5, 5, 5, DAY, DAY]], ids=str
)
def test_without_a_rhythm_there_is_no_test(times: list[int]) -> None:
    assert lost_logs({"GM001": times}, [], USUAL) == {}


def test_a_doubled_row_is_a_gap_of_no_length() -> None:
    times = sorted([*range(0, 60_000, 60), 600])

    assert lost_logs({"GM001": times}, [], USUAL) == {}
    assert fleet_gaps(dealt(times), USUAL) == []


def test_chance_alone_leaves_about_as_many_lost_logs_as_e_allows() -> None:
    dice = Random(2020)
    fleets = [{f"GM{n:03d}": poisson(dice, 350, 5_400) for n in range(6)} for _ in range(100)]

    flagged = sum(bool(lost_logs(fleet, [], USUAL)) for fleet in fleets)

    # E < 0.05 promises 5; twelve or more would come by chance once in 200 such tests.
    assert flagged < 12

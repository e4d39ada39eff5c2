"""The rules against plain formulas, and against the brief's own file."""

import math
from collections.abc import Iterable
from datetime import datetime
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
    binomial_tail,
    bursts,
    faults,
    find_faults,
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
kinds = st.sampled_from(["under", "over"])


def keys_of(rows: Iterable[tuple[int, int]]) -> Keys:
    return Keys("Q", sorted(second * 10 + gumballs for second, gumballs in rows))


def hourly(gumballs: Iterable[int]) -> Keys:
    return keys_of((hour * HOUR, each) for hour, each in enumerate(gumballs))


@pytest.fixture(scope="module")
def real() -> dict[str, Keys]:
    rows: dict[str, list[tuple[int, int]]] = {}
    for line in REAL_FILE.read_text().split():
        serial, at, gumballs = line.split("|")
        second = int(datetime.fromisoformat(at).timestamp())
        rows.setdefault(serial, []).append((second, int(gumballs)))
    return {serial: keys_of(own) for serial, own in sorted(rows.items())}


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
    assert find_faults(nothing, USUAL) == []


# --- rule A2, and repeated looks ----------------------------------------------------------------


def test_r8_a_machine_that_dies_is_out_of_service_within_four_rows() -> None:
    log = hourly([1] * 960 + [0] * 480)

    levels = [[fault.level for fault in find_faults(log[:row], USUAL)] for row in range(959, 966)]

    assert levels[:2] == [[], []]
    assert levels[5:] == [["out_of_service"]] * 2
    [fault] = find_faults(log, USUAL)
    assert (fault.faults, fault.rows, fault.began_at) == (480, 480, 960 * HOUR)


@pytest.mark.parametrize("length", [8, 10])
def test_r9_a_burst_is_seen_in_three_rows_and_clears_by_itself(length: int) -> None:
    log = hourly([1] * 700 + [0] * length + [1] * 700)

    flagged = [row for row in range(690, 1_401) if find_faults(log[:row], USUAL)]
    [burst] = bursts(log, "under", USUAL)

    assert flagged[0] == 703
    assert flagged[-1] < 700 + length + 40
    assert (burst.start, burst.end, burst.faults) == (700 * HOUR, (699 + length) * HOUR, length)
    assert burst.clean_rows == 700


def test_r9_three_faults_at_the_start_are_not_worth_a_note() -> None:
    log = hourly([0] * 3 + [1] * 500)

    assert find_faults(log, USUAL) == []
    assert bursts(log, "under", USUAL) == []


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_r10_a_real_fault_is_found_in_a_quarter(rate: float) -> None:
    dice = Random(11)
    logs = [hourly(int(dice.random() >= rate) for _ in range(1_440)) for _ in range(20)]

    assert sum(bool(find_faults(log, USUAL)) for log in logs) == 20


@given(st.integers(0, 40), st.integers(1, 300), st.floats(0.001, 0.2))
def test_the_binomial_tail_is_the_sum_of_its_terms(k: int, n: int, p: float) -> None:
    k = min(k, n)
    terms = (math.comb(n, each) * p**each * (1 - p) ** (n - each) for each in range(k, n + 1))

    tail = binomial_tail(k, n, p)

    assert tail == pytest.approx(math.fsum(terms), rel=1e-6) or (k <= n * p and tail == 1)

"""The exporter's books: each line counts once, whatever dies when."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitoring.exporter import books as module
from monitoring.exporter import lines
from monitoring.exporter.books import Books, Line

GROUP = "/aws/lambda/backroom-test-api"

Open = Callable[[], Books]


@pytest.fixture(name="opened")
def _opened(tmp_path: Path) -> Iterator[Open]:
    """Open the books, again and again if need be, as a restarted exporter does."""
    found: list[Books] = []

    def open_() -> Books:
        found.append(Books(tmp_path / "state" / "exporter.db", began_ms=1_000))
        return found[-1]

    yield open_
    for each in found:
        each.close()


def request(number: int, at_ms: int = 2_000, ms: float = 3.0, route: str = "/fleet") -> Line:
    told: dict[str, Any] = {
        "_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]},
        "message": "request",
        **{"route": route, "method": "GET", "status": "200", "Latency": [ms]},
    }
    return Line(f"line-{number}", at_ms, json.dumps(told))


def gauge(number: int, at_ms: int, value: float) -> Line:
    metrics = [{"Name": "MachinesOverdue", "Unit": "Count"}]
    told = {"_aws": {"CloudWatchMetrics": [{"Metrics": metrics}]}, "MachinesOverdue": [value]}
    return Line(f"gauge-{number}", at_ms, json.dumps(told))


def samples(books: Books, name: str) -> list[float]:
    return [s.value for family in books.families() for s in family.samples if s.name == name]


def test_a_line_that_is_read_twice_counts_once(opened: Open) -> None:
    books = opened()

    assert books.enter(GROUP, "api", [request(1), request(2)]) == 2
    assert books.enter(GROUP, "api", [request(2), request(3), request(3)]) == 1

    assert samples(books, "backroom_requests_total") == [3]


def test_lines_of_two_logs_may_have_the_same_name(opened: Open) -> None:
    books = opened()
    books.enter(GROUP, "api", [request(1)])
    books.enter("another", "api", [request(1)])

    assert samples(books, "backroom_requests_total") == [2]


def test_who_starts_again_knows_what_was_counted_and_from_which_lines(opened: Open) -> None:
    first = opened()
    first.enter(GROUP, "api", [request(1)])
    first.reach(GROUP, 2_000)
    first.close()

    again = opened()
    again.enter(GROUP, "api", [request(1), request(2)])

    assert samples(again, "backroom_requests_total") == [2]
    assert (again.reached_ms(GROUP), again.began_ms) == (2_000, 1_000)


def test_who_dies_in_the_middle_of_a_page_has_counted_none_of_it(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, really = opened(), lines.figures

    def dies(function: str, message: str, at_s: float) -> object:
        if message == "poison":
            raise KeyboardInterrupt
        return really(function, message, at_s)

    monkeypatch.setattr(lines, "figures", dies)
    with pytest.raises(KeyboardInterrupt):
        books.enter(GROUP, "api", [request(1), Line("x", 2_000, "poison")])
    books.close()
    monkeypatch.setattr(lines, "figures", really)

    again = opened()
    assert samples(again, "backroom_requests_total") == []
    assert again.enter(GROUP, "api", [request(1)]) == 1


def test_a_histogram_has_a_bucket_for_every_limit_and_they_add_up(opened: Open) -> None:
    books = opened()
    books.enter(GROUP, "api", [request(1, ms=1), request(2, ms=30), request(3, ms=999_999)])

    [family] = [f for f in books.families() if f.name == "backroom_request_duration_seconds"]
    by_limit = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert len(by_limit) == len(lines.BUCKETS) + 1
    assert (by_limit["0.001"], by_limit["0.05"], by_limit["300.0"], by_limit["+Inf"]) == (
        1,
        2,
        2,
        3,
    )
    assert samples(books, "backroom_request_duration_seconds_count") == [3]
    assert samples(books, "backroom_request_duration_seconds_sum") == [1000.03]


def test_of_what_stands_the_youngest_line_is_right_in_whatever_order_lines_come(
    opened: Open,
) -> None:
    books = opened()
    books.enter(GROUP, "api", [gauge(2, 5_000, 7), gauge(1, 4_000, 9)])
    books.enter(GROUP, "api", [gauge(0, 3_000, 1)])

    assert samples(books, "backroom_machines_overdue") == [7]


def test_labels_that_are_not_bounded_after_all_end_as_other(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LABEL_SETS", 3)
    opened().enter(GROUP, "api", [request(n, route=f"/{n}") for n in range(5)])
    books = opened()
    books.enter(GROUP, "api", [request(n, route=f"/{n}") for n in range(10)])

    [family] = [f for f in books.families() if f.name == "backroom_requests"]
    counted = {s.labels["route"]: s.value for s in family.samples}
    assert counted == {"/0": 1, "/1": 1, "/2": 1, "other": 7}
    durations = samples(books, "backroom_request_duration_seconds_count")
    assert sum(durations) == 10


def test_names_of_lines_are_forgotten_when_nobody_will_read_them_again(opened: Open) -> None:
    books = opened()
    books.enter(GROUP, "api", [request(1, at_ms=2_000), request(2, at_ms=3_000)])
    books.forget(GROUP, 2_500)

    assert books.enter(GROUP, "api", [request(2, at_ms=3_000)]) == 0
    assert books.enter(GROUP, "api", [request(1, at_ms=2_000)]) == 1


def test_a_log_s_place_never_goes_back(opened: Open) -> None:
    books = opened()
    assert books.reached_ms(GROUP) == 1_000
    books.reach(GROUP, 3_000)
    books.reach(GROUP, 2_000)

    assert books.reached_ms(GROUP) == 3_000

"""What the exporter makes of a line of a log."""

import json
from typing import Any

import pytest

from monitoring.exporter.lines import LAST_COUNTED, Figure, figures, silent

AT_S = 1_795_244_893.0
REPORT = (
    "REPORT RequestId: 8cf0c6c2\tDuration: 102.5 ms\tBilled Duration: 103 ms\t"
    "Memory Size: 1024 MB\tMax Memory Used: 96 MB\tInit Duration: 310.25 ms\t"
)


def record(message: str | None = None, **told: Any) -> str:
    """Return a line as `chalicelib.core.log` writes it."""
    units = {"Latency": "Milliseconds", "CpuTime": "Milliseconds", "PeakMemory": "Bytes"}
    metrics = [
        {"Name": name, "Unit": units.get(name, "Count")}
        for name, value in told.items()
        if isinstance(value, list)
    ]
    directive = {"Namespace": "Backroom", "Dimensions": [[]], "Metrics": metrics}
    said = {"message": message} if message else {}
    return json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, **said, **told})


def read(line: str, function: str = "api") -> list[tuple[str, dict[str, str], float]]:
    return [
        (figure.name, dict(figure.labels), figure.value)
        for figure in figures(function, line, AT_S)
        if figure.name != LAST_COUNTED
    ]


def test_l10_a_request_is_counted_by_route_method_and_status_and_timed_by_route_and_method() -> (
    None
):
    line = record("request", route="/fleet", method="GET", status="200", Latency=[12.5])

    assert read(line) == [
        ("backroom_requests_total", {"route": "/fleet", "method": "GET", "status": "200"}, 1),
        ("backroom_request_duration_seconds", {"route": "/fleet", "method": "GET"}, 0.0125),
    ]


def test_an_event_is_counted_by_handler_and_outcome() -> None:
    line = record("event", handler="vending_daily_sweep", outcome="failed", Latency=[1500])

    labels = {"handler": "vending_daily_sweep"}
    assert read(line, "vending-daily-sweep") == [
        ("backroom_events_total", {**labels, "outcome": "failed"}, 1),
        ("backroom_event_duration_seconds", labels, 1.5),
    ]


def test_what_an_invocation_counted_belongs_to_its_function_alone() -> None:
    """By route as well it would be many series that nobody asks for."""
    line = record("request", route="/packages", method="POST", status="201", PackagesDelivered=[1])

    assert ("backroom_packages_delivered_total", {"function": "api"}, 1) in read(line)


def test_a_metric_of_many_values_counts_each_of_them() -> None:
    line = record("event", handler="h", outcome="done", FilesLookedAt=[2, 1])

    assert [value for name, _, value in read(line) if "looked" in name] == [2, 1]


def test_a_figure_by_itself_has_the_labels_that_it_was_told_with() -> None:
    line = record(None, Effects=[3], kind="jira", outcome="done")

    told = {"kind": "jira", "outcome": "done"}
    assert read(line, "outbox-jira") == [("backroom_effects_total", told, 3)]


def test_how_things_stand_is_a_gauge_and_does_not_add_up() -> None:
    line = record(None, MachinesOverdue=[2])

    [figure] = figures("vending-daily-sweep", line, AT_S)
    assert figure == Figure("gauge", "backroom_machines_overdue", (), 2)


def test_what_a_function_took_is_in_base_units() -> None:
    line = record("request", route="/", method="GET", status="200", CpuTime=[250], PeakMemory=[7])

    assert ("backroom_cpu_seconds_total", {"function": "api"}, 0.25) in read(line)
    assert ("backroom_peak_memory_bytes", {"function": "api"}, 7) in read(line)


def test_nobody_is_named_in_a_label() -> None:
    line = record(
        "request", route="/packages", method="GET", status="200", request_id="8cf0", X=[1]
    )

    assert not any("8cf0" in labels.values() for _, labels, _ in read(line))
    assert {label for _, labels, _ in read(line) for label in labels} <= {
        *("route", "method", "status", "function")
    }


def test_it_is_told_when_something_was_counted_last_but_not_for_each_request() -> None:
    line = record("event", handler="bakery_daily_batch", outcome="done", BatchesSealed=[1])
    request = record("request", route="/", method="GET", status="200", Latency=[1], CpuTime=[1])

    last = [f for f in figures("b", line, AT_S) if f.name == LAST_COUNTED]
    assert {dict(f.labels)["metric"]: f.value for f in last} == {
        "events": AT_S,
        "batches_sealed": AT_S,
    }
    assert not [f for f in figures("api", request, AT_S) if f.name == LAST_COUNTED]


def test_lambda_s_report_counts_what_the_code_could_not_say() -> None:
    said = {name: value for name, _, value in read(REPORT)}

    assert said == {
        "backroom_function_invocations_total": 1,
        "backroom_function_duration_seconds": 0.1025,
        "backroom_function_init_seconds_total": 0.31025,
        "backroom_function_memory_used_bytes": 96 * 1024**2,
        "backroom_function_memory_limit_bytes": 1024**3,
    }


def test_a_report_of_a_timeout_is_a_failure() -> None:
    assert ("backroom_function_failures_total", {"function": "api", "status": "timeout"}, 1) in (
        read(f"{REPORT}Status: timeout")
    )


def test_errors_in_the_log_are_counted() -> None:
    line = json.dumps({"level": "ERROR", "message": "file failed"})

    assert read(line) == [("backroom_logged_errors_total", {"function": "api"}, 1)]


@pytest.mark.parametrize(
    "line",
    ["", "plain words", "{", "[]", "{}", "null", '{"level": "INFO"}', '{"_aws": {}}', "REPORT"],
)
def test_a_line_that_says_nothing_is_no_trouble(line: str) -> None:
    assert read(line) == []


def test_only_the_lines_around_an_invocation_need_not_be_read() -> None:
    assert silent("START RequestId: 1 Version: $LATEST")
    assert silent("END RequestId: 1")
    assert not silent(REPORT)
    assert not silent(record("request"))

"""One line per invocation, log and metrics in one, whatever happens in it."""

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core import log
from chalicelib.core.log import observed
from tests.support.stage import Killed

EVENT = SimpleNamespace(context=SimpleNamespace(aws_request_id="8cf0c6c2"))

Line = dict[str, Any]
Written = Callable[[], tuple[list[Line], list[Line]]]


@pytest.fixture(name="written")
def _written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return a function that reads the log lines and the metric records written so far."""
    told = io.StringIO()
    monkeypatch.setattr(log, "_counts", Counter())
    for handler in log.logger.handlers:
        monkeypatch.setattr(handler, "stream", told)  # it keeps the output of its birth

    def read() -> tuple[list[Line], list[Line]]:
        logged, emitted = told.getvalue(), capsys.readouterr().out
        return [json.loads(line) for line in logged.splitlines()], [
            json.loads(line) for line in emitted.splitlines()
        ]

    return read


def watch(ms: float) -> Any:
    return SimpleNamespace(ms=ms, cpu_ms=ms)


def test_a_handler_s_work_is_told_in_one_line(written: Written) -> None:
    @observed("vending_test")
    def handler(event: object) -> str:
        return "result"

    assert handler(EVENT) == "result"

    logged, [line] = written()
    assert logged == []
    assert (line["level"], line["message"]) == ("INFO", "event")
    assert (line["handler"], line["outcome"]) == ("vending_test", "done")
    assert line["function_request_id"] == "8cf0c6c2"
    assert line["Latency"][0] >= 0


def test_an_error_is_logged_once_with_its_trace_and_raised_again(written: Written) -> None:
    @observed("vending_test")
    def handler(event: object) -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError):
        handler(EVENT)

    [line], [record] = written()
    assert (line["level"], line["message"], line["handler"]) == (
        "ERROR",
        "event failed",
        "vending_test",
    )
    assert line["exception_name"] == "LookupError"
    assert "nothing there" in line["exception"]
    assert record["outcome"] == "failed"


def test_a_process_that_is_killed_still_leaves_a_line(written: Written) -> None:
    @observed("vending_test")
    def handler(event: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        handler(EVENT)

    [record] = written()[1]
    assert record["outcome"] == "failed"


def test_a_handler_keeps_its_name_because_chalice_deploys_by_it() -> None:
    @observed("vending_test")
    def file_arrived(event: object) -> None:
        """Look at it."""

    assert (file_arrived.__name__, file_arrived.__doc__) == ("file_arrived", "Look at it.")


def test_a_handler_without_an_event_of_lambda_s_is_observed_too(written: Written) -> None:
    @observed("vending_test")
    def handler() -> None:
        pass

    handler()

    _, [line] = written()
    assert line.get("function_request_id") is None


def test_a_metric_record_is_in_the_embedded_metric_format(written: Written) -> None:
    log.count("FilesLookedAt", 2)
    log.count("FilesLookedAt")
    log.emit("event", watch(12.5), {"files": 3}, handler="vending_test", outcome="done")

    _, [record] = written()
    [directive] = record["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Backroom"
    assert {"Name": "Latency", "Unit": "Milliseconds"} in directive["Metrics"]
    assert (record["FilesLookedAt"], record["Latency"]) == ([3], [12.5])
    assert (record["message"], record["files"]) == ("event", 3)


def test_a_line_counts_by_itself_and_into_the_sum_over_all_lines(written: Written) -> None:
    """A CloudWatch alarm names one set of dimensions; it cannot add them up."""
    log.emit("request", watch(1.0), {}, route="/fleet", method="GET", status="200")

    _, [record] = written()
    [directive] = record["_aws"]["CloudWatchMetrics"]
    own, all_lines = directive["Dimensions"]
    assert {*own} == {"route", "method", "status", "service"}
    assert all_lines == ["service"]


def test_a_line_tells_what_the_invocation_took_of_the_machine(written: Written) -> None:
    started = log.Stopwatch()
    sum(range(200_000))
    log.emit("request", started, {}, route="/fleet")

    _, [record] = written()
    assert record["CpuTime"][0] > 0
    assert record["PeakMemory"][0] > 1_000_000  # bytes


def test_only_the_first_line_of_a_process_is_a_cold_start() -> None:
    twice = "log.emit('event', log.Stopwatch(), {}, handler='test');" * 2
    done = subprocess.run(
        [sys.executable, "-c", f"from chalicelib.core import log; {twice}"],
        check=True,
        capture_output=True,
        text=True,
    )

    first, second = map(json.loads, done.stdout.splitlines())
    assert first["ColdStarts"] == [1]
    assert "ColdStarts" not in second


def test_a_figure_can_be_distinguished_from_any_invocation(written: Written) -> None:
    log.count("FilesLookedAt")
    log.measure("OldestEffectSeconds", 61.5, log.SECONDS, kind="jira")
    log.measure("MachinesOverdue", 2)

    _, [first, second] = written()
    [directive] = first["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["kind"]]
    assert directive["Metrics"] == [{"Name": "OldestEffectSeconds", "Unit": "Seconds"}]
    assert (first["OldestEffectSeconds"], first["kind"]) == ([61.5], "jira")
    [directive] = second["_aws"]["CloudWatchMetrics"]
    assert (directive["Dimensions"], second["MachinesOverdue"]) == ([[]], [2])


def test_what_one_invocation_counted_is_not_in_the_record_of_the_next(written: Written) -> None:
    log.count("FilesLookedAt")
    log.emit("event", watch(1.0), {"files": 3}, handler="first")
    log.emit("request", watch(1.0), {}, route="/fleet")

    _, [_, second] = written()
    assert "FilesLookedAt" not in second
    assert "handler" not in second
    assert "files" not in second


def test_a_stopwatch_tells_tenths_of_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 10.01234])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))

    assert log.Stopwatch().ms == 12.3

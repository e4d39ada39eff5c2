"""What a line of a function's log says, as figures for Prometheus. Pure functions.

Two kinds of lines say something: records of the embedded metric format, which the app writes, and
Lambda's own REPORT lines. Labels are few and their values bounded: route templates, methods,
statuses, names of functions and handlers, kinds and outcomes. Nothing that identifies anybody.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["counter", "gauge", "histogram"]

# Seconds. Quick reads take milliseconds here, a large file minutes.
BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
# Metrics that tell how things stand, and do not add up.
GAUGES = frozenset({"KindsDenied", "MachinesOverdue", "OldestEffectSeconds", "PeakMemory"})
LAST_COUNTED = "backroom_last_counted_timestamp_seconds"
# What every invocation counts.
_ALWAYS = frozenset({"cpu_seconds", "requests"})
_SILENT = ("START ", "END ", "INIT_START ")
_REPORT = re.compile(r"\t?([A-Z][A-Za-z ]+): ([0-9.]+) (ms|MB)")
_STATUS = re.compile(r"\tStatus: (\w+)")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")
_MB = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """One sample: to be added (counter, histogram), or how things stand now (gauge)."""

    kind: Kind
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


def silent(message: str) -> bool:
    """Return whether a line can be left out unread: those around each invocation say nothing."""
    return message.startswith(_SILENT)


def figures(function: str, message: str, at_s: float) -> Iterator[Figure]:
    """Yield what a line of ``function``'s log says, written ``at_s`` (seconds of the epoch).

    Of what happens seldom it matters when it happened last: rates cannot tell that.
    """
    if message.startswith("REPORT "):
        yield from _reported(function, message)
    elif message.startswith("{"):
        for figure in _recorded(function, message):
            yield figure
            if figure.kind == "counter":
                what = figure.name.removeprefix("backroom_").removesuffix("_total")
                labels = {**dict(figure.labels), "metric": what}
                if what not in _ALWAYS:
                    yield Figure("gauge", LAST_COUNTED, _labels(**labels), at_s)


def _recorded(function: str, message: str) -> Iterator[Figure]:
    try:
        record = json.loads(message)
    except ValueError:  # text that only looks like a record
        return
    if not isinstance(record, dict):
        return
    if "_aws" not in record:
        if record.get("level") in {"ERROR", "CRITICAL"}:
            yield Figure("counter", "backroom_logged_errors_total", _labels(function=function), 1)
        return
    # The line of an invocation counts for its function; a figure by itself for what it names.
    told = {"function": function}
    if record.get("message") == "request":
        yield from _request(record)
    elif record.get("message") == "event":
        yield from _event(record)
    else:
        told = {name: str(record[name]) for name in ("kind", "outcome") if name in record}
    for name, unit, value in _metrics(record):
        yield from _metric(name, unit, value, _labels(**told))


def _request(record: dict[str, Any]) -> Iterator[Figure]:
    told = {name: str(record.get(name, "")) for name in ("route", "method")}
    status = str(record.get("status", ""))
    yield Figure("counter", "backroom_requests_total", _labels(**told, status=status), 1)
    for value in _values(record, "Latency"):
        name = "backroom_request_duration_seconds"
        yield Figure("histogram", name, _labels(**told), value / 1000)


def _event(record: dict[str, Any]) -> Iterator[Figure]:
    handler, outcome = str(record.get("handler", "")), str(record.get("outcome", ""))
    labels = _labels(handler=handler, outcome=outcome)
    yield Figure("counter", "backroom_events_total", labels, 1)
    for value in _values(record, "Latency"):
        name = "backroom_event_duration_seconds"
        yield Figure("histogram", name, _labels(handler=handler), value / 1000)


def _metric(
    name: str, unit: str, value: float, labels: tuple[tuple[str, str], ...]
) -> Iterator[Figure]:
    if name in {"Latency", "Requests"}:
        return  # told by route, method and status
    if name == "CpuTime":
        yield Figure("counter", "backroom_cpu_seconds_total", labels, value / 1000)
    elif name in GAUGES:
        unit_name = "_bytes" if unit == "Bytes" else ""
        yield Figure("gauge", f"backroom_{_snake(name)}{unit_name}", labels, value)
    elif unit == "Count":
        yield Figure("counter", f"backroom_{_snake(name)}_total", labels, value)


def _metrics(record: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Yield name, unit and value of every metric of a record."""
    for directive in record["_aws"].get("CloudWatchMetrics", ()):
        for metric in directive.get("Metrics", ()):
            for value in _values(record, metric["Name"]):
                yield metric["Name"], metric.get("Unit", "Count"), value


def _values(record: dict[str, Any], name: str) -> list[float]:
    found = record.get(name, [])
    return found if isinstance(found, list) else [found]


def _reported(function: str, message: str) -> Iterator[Figure]:
    """Read what Lambda says of an invocation, whether its code could say something or not."""
    labels = _labels(function=function)
    said = {name: float(number) for name, number, _ in _REPORT.findall(message)}
    yield Figure("counter", "backroom_function_invocations_total", labels, 1)
    if "Duration" in said:
        name = "backroom_function_duration_seconds"
        yield Figure("histogram", name, labels, said["Duration"] / 1000)
    if "Init Duration" in said:
        name = "backroom_function_init_seconds_total"
        yield Figure("counter", name, labels, said["Init Duration"] / 1000)
    if "Max Memory Used" in said:
        name = "backroom_function_memory_used_bytes"
        yield Figure("gauge", name, labels, said["Max Memory Used"] * _MB)
    if "Memory Size" in said:
        name = "backroom_function_memory_limit_bytes"
        yield Figure("gauge", name, labels, said["Memory Size"] * _MB)
    if status := _STATUS.search(message):
        failed = _labels(function=function, status=status[1])
        yield Figure("counter", "backroom_function_failures_total", failed, 1)


def _snake(name: str) -> str:
    return "_".join(word.lower() for word in _WORD.findall(name))


def _labels(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))

"""One JSON line per invocation, for requests and for events: its log line and its metrics in one.

CloudWatch's embedded metric format (EMF) is the only metric interface of the app, and a record of
it may say more than metrics: so the access log is in it, and is written and paid for once. Other
lines are the logger's. docs/monitoring.md lists the metrics.
"""

import functools
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from chalicelib import loaded

P = ParamSpec("P")
R = TypeVar("R")

SERVICE = "backroom"

# Chalice logs unexpected errors to the logger named after its app, which is this one too.
# The level is set: Powertools would take LOG_LEVEL, which may be meant for another program.
logger = Logger(service=SERVICE, level=os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))

_NAMESPACE = "Backroom"
# Powertools gives the record its form. What it checks of each metric and dimension that is added
# one by one is code of ours here, and would cost more than the rest of the line.
_emf = AmazonCloudWatchEMFProvider(namespace=_NAMESPACE)
# Each line also counts into the sum over all routes, or all handlers: alarms need one.
_emf.add_dimensions(service=SERVICE)
_alone = AmazonCloudWatchEMFProvider(namespace=_NAMESPACE)

# Made once: json.dumps makes an encoder for each line that is not in its own style.
_encoded = json.JSONEncoder(separators=(",", ":")).encode

COUNT = MetricUnit.Count
SECONDS = MetricUnit.Seconds

# The first line of a process is that of a cold start.
_counts: Counter[str] = Counter({"ColdStarts": 1})
_added: dict[str, object] = {}
# Kilobytes, on macOS bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Stopwatch:
    """What an invocation takes from the moment it is made: wall time and CPU time."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._cpu = time.process_time()

    @property
    def ms(self) -> float:
        """Return the milliseconds that have passed, to a tenth."""
        return round((time.perf_counter() - self._started) * 1000, 1)

    @property
    def cpu_ms(self) -> float:
        """Return the milliseconds of CPU that this process has used since, to a tenth."""
        return round((time.process_time() - self._cpu) * 1000, 1)


def count(name: str, value: int = 1) -> None:
    """Add ``value`` to the counter ``name`` of this invocation."""
    _counts[name] += value


def add(**facts: object) -> None:
    """Add ``facts`` to the line of this invocation. No secret may be among them."""
    _added.update(facts)


def measure(name: str, value: float, unit: MetricUnit = COUNT, **dimensions: str) -> None:
    """Write one figure as a record of its own, under ``dimensions``, whatever is observed."""
    figure = {name: {"Unit": unit.value, "Value": [value]}}
    _write(_alone.serialize_metric_set(figure, dimensions, {}))


def emit(message: str, watch: Stopwatch, facts: Mapping[str, object], **dimensions: str) -> None:
    """Write the invocation's line: what it counted and took under ``dimensions``, and facts."""
    metrics = {name: {"Unit": "Count", "Value": [value]} for name, value in _counts.items()}
    _counts.clear()
    metrics |= {
        "Latency": {"Unit": "Milliseconds", "Value": [watch.ms]},
        "CpuTime": {"Unit": "Milliseconds", "Value": [watch.cpu_ms]},
        "PeakMemory": {"Unit": "Bytes", "Value": [_peak_memory_bytes()]},
    }
    fields = {"level": "INFO", "message": message, **facts, **_added}
    _added.clear()
    _write(_emf.serialize_metric_set(metrics, {**dimensions, "service": SERVICE}, fields))


def _write(record: Mapping[str, Any]) -> None:
    print(_encoded(record))  # noqa: T201 - this is the log


def _peak_memory_bytes() -> int:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def observed(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Wrap the handler of an event: it leaves a line, whatever happens in it.

    Chalice middleware never runs in an event's Lambda (aws/chalice #1566), so each handler
    carries this. Errors are logged once and raised again, so that the retry or the dead-letter
    queue works.
    """

    def decorate(handler: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(handler)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            watch = Stopwatch()
            loaded()
            request_id = _request_id(args[0] if args else None)
            logger.append_keys(function_request_id=request_id)
            outcome = "failed"
            try:
                result = handler(*args, **kwargs)
                outcome = "done"
            except Exception:
                logger.exception("event failed", extra={"handler": name, "ms": watch.ms})
                raise
            else:
                return result
            finally:
                fields = {"function_request_id": request_id}
                emit("event", watch, fields, handler=name, outcome=outcome)

        return wrapper

    return decorate


def _request_id(event: object) -> str | None:
    return getattr(getattr(event, "context", None), "aws_request_id", None)

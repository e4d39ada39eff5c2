"""One JSON line per invocation, for requests and for events: its log line and its metrics in one.

CloudWatch's embedded metric format (EMF) is the only metric interface of the app, and a record of
it may say more than metrics: so the access log is in it, and is written and paid for once. Other
lines are the logger's. Powertools writes both to standard output.
"""

import functools
import os
import time
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

P = ParamSpec("P")
R = TypeVar("R")

SERVICE = "backroom"
_NAMESPACE = "Backroom"
SECONDS = MetricUnit.Seconds

# Chalice logs unexpected errors to the logger named after its app, which is this one too.
# The level is told: Powertools would take LOG_LEVEL, which may be meant for another program.
logger = Logger(service=SERVICE, level=os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
metrics = Metrics(namespace=_NAMESPACE, service=SERVICE)


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def ms(self) -> float:
        """Return the milliseconds that have passed, to a tenth."""
        return round((time.perf_counter() - self._started) * 1000, 1)


def count(name: str, value: float = 1) -> None:
    """Add ``value`` to the counter ``name`` of this invocation."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def measure(
    name: str, value: float, unit: MetricUnit = MetricUnit.Count, **dimensions: str
) -> None:
    """Write one figure as a record of its own, under ``dimensions``, whatever is observed."""
    with single_metric(name=name, unit=unit, value=value, namespace=_NAMESPACE) as record:
        for dimension, word in dimensions.items():
            record.add_dimension(name=dimension, value=word)


def emit(message: str, latency_ms: float, facts: Mapping[str, object], **dimensions: str) -> None:
    """Write the invocation's line: its counters and its latency under ``dimensions``, and facts."""
    metrics.add_metadata(key="level", value="INFO")
    metrics.add_metadata(key="message", value=message)
    for name, value in facts.items():
        metrics.add_metadata(key=name, value=value)
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    metrics.add_metric(name="Latency", unit=MetricUnit.Milliseconds, value=latency_ms)
    metrics.flush_metrics()


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
                told = {"function_request_id": request_id}
                emit("event", watch.ms, told, handler=name, outcome=outcome)

        return wrapper

    return decorate


def _request_id(event: object) -> str | None:
    return getattr(getattr(event, "context", None), "aws_request_id", None)

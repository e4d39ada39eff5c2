"""One JSON log line and one metric record per invocation, for requests and for events.

Powertools writes both to standard output: the log line for people, the metric in CloudWatch's
embedded metric format (EMF), the only metric interface of the app.
"""

import functools
import os
import time
from collections.abc import Callable
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


def emit(latency_ms: float, **dimensions: str) -> None:
    """Write the invocation's metric record: its counters, its latency, under ``dimensions``."""
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    metrics.add_metric(name="Latency", unit=MetricUnit.Milliseconds, value=latency_ms)
    metrics.flush_metrics()


def observed(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Wrap the handler of an event: a log line and a metric record, whatever happens in it.

    Chalice middleware never runs in an event's Lambda (aws/chalice #1566), so each handler
    carries this. Errors are logged once and raised again, so that the retry or the dead-letter
    queue works.
    """

    def decorate(handler: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(handler)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            watch = Stopwatch()
            logger.append_keys(function_request_id=_request_id(args[0] if args else None))
            outcome = "failed"
            try:
                result = handler(*args, **kwargs)
                outcome = "done"
            except Exception:
                logger.exception("event failed", extra={"handler": name, "ms": watch.ms})
                raise
            else:
                logger.info("event", extra={"handler": name, "ms": watch.ms})
                return result
            finally:
                emit(watch.ms, handler=name, outcome=outcome)

        return wrapper

    return decorate


def _request_id(event: object) -> str | None:
    return getattr(getattr(event, "context", None), "aws_request_id", None)

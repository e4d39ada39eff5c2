"""Serve the metrics of a stack at ``/metrics``: ``python -m monitoring.exporter``.

Everything is told by the environment (docs/monitoring.md). Ends cleanly on SIGTERM.
"""

import logging
import signal
import sys
import threading
import time
from pathlib import Path

import boto3
from botocore.config import Config
from prometheus_client import CollectorRegistry, start_http_server
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from chalicelib.core.settings import SettingsError, from_env
from monitoring.exporter.books import Books
from monitoring.exporter.exporter import Exporter
from monitoring.exporter.queues import Ages, CloudWatchAges, EmulatorAges
from monitoring.exporter.tail import Reach, Tail

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=30)


class ExporterSettings(BaseModel):
    """What the exporter reads from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    exporter_stack: str = "backroom-local"
    exporter_state: Path = Path(".monitoring/exporter.db")
    exporter_bind: str = "127.0.0.1"
    exporter_port: PositiveInt = 9464
    exporter_poll_s: PositiveFloat = 5
    exporter_late_s: PositiveFloat = 300
    exporter_back_s: float = 3600
    aws_endpoint_url: str | None = None
    aws_default_region: str | None = None


def exporter(settings: ExporterSettings) -> Exporter:
    """Return the exporter of the stack that the settings name."""
    # A local target takes any credentials; AWS takes those of the environment.
    session = (
        boto3.Session("test", "test", region_name=settings.aws_default_region or "us-east-1")
        if settings.aws_endpoint_url
        else boto3.Session()
    )
    ages: Ages = (
        EmulatorAges(settings.aws_endpoint_url)
        if settings.aws_endpoint_url
        else CloudWatchAges(session.client("cloudwatch", config=_CONFIG))
    )
    began_ms = int((time.time() - settings.exporter_back_s) * 1000)
    books = Books(settings.exporter_state, began_ms=began_ms)
    reach = Reach(far_ms=int(settings.exporter_late_s * 1000))
    return Exporter(
        stack=settings.exporter_stack,
        cloudformation=session.client("cloudformation", config=_CONFIG),
        sqs=session.client("sqs", config=_CONFIG),
        ages=ages,
        tail=Tail(session.client("logs", config=_CONFIG), books, reach=reach),
        books=books,
    )


def main() -> int:
    """Poll and serve until SIGTERM or SIGINT; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = from_env(ExporterSettings)
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    work = exporter(settings)
    registry = CollectorRegistry()
    work.poll()  # the first scrape finds what is known
    registry.register(work)
    server, _ = start_http_server(settings.exporter_port, settings.exporter_bind, registry)
    logging.info("metrics of %s on port %d", settings.exporter_stack, settings.exporter_port)
    while not stop.wait(settings.exporter_poll_s):
        work.poll()
    server.shutdown()
    server.server_close()
    work.books.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

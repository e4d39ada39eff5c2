"""``make logs``: follow what the functions of the local stack log, one line each.

python -m infra.logs [--stage local] [--since MINUTES] [--once]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from backroom.core.show import plain
from infra.deploy import session
from infra.local.up import local_aws

_POLL_S = 1.0
_HIDDEN = frozenset(
    {"_aws", "level", "message", "timestamp", "service", "location", "exception", "stack_trace"}
)


def lines(logs: Any, prefix: str, since_ms: int) -> Iterator[tuple[int, str, str]]:
    """Yield time (epoch ms), function and text of each line since then, in order."""
    found = []
    groups = logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], startTime=since_ms
        )
        for page in pages:
            for event in page["events"]:
                name = group["logGroupName"].removeprefix(prefix)
                found.append((event["timestamp"], name, event["message"].rstrip()))
    yield from sorted(found, key=lambda line: line[0])  # lines of one millisecond stay in order


def readable(text: str) -> str | None:
    """Return a line as a person reads it; None for the platform's own."""
    if text.startswith(("START ", "END ", "REPORT ", "INIT_START")):
        return None
    try:
        record = json.loads(text)
    except ValueError:
        return _indented(text)
    if not isinstance(record, dict):
        return _indented(text)
    facts = " ".join(
        f"{_plain(name)}={_plain(value)}" for name, value in record.items() if name not in _HIDDEN
    )
    trace = f"\n{record['exception']}" if "exception" in record else ""
    line = f"{_plain(record.get('level', ''))} {_plain(record.get('message', ''))} {facts}"
    return line + _indented(trace)


def _plain(value: object) -> str:
    """Return a value on one line; the values of a metric as one, as it mostly is.

    What callers send, such as the subject of a token, may contain line breaks.
    """
    if isinstance(value, list) and all(isinstance(each, int | float) for each in value):
        return " + ".join(f"{each:g}" for each in value)
    return plain(str(value))


def _indented(text: str) -> str:
    """Return several lines of which none but the first begins where a line of the log does."""
    return "\n    ".join(map(plain, text.splitlines()))


def main() -> int:
    """Follow the logs until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m infra.logs")
    parser.add_argument("--stage", default="local")
    parser.add_argument("--since", type=float, default=10, metavar="MINUTES")
    parser.add_argument("--once", action="store_true", help="print what is there and stop")
    options = parser.parse_args()
    os.environ.setdefault("AWS_ENDPOINT_URL", local_aws().running_at().endpoint)
    logs = session("local").client("logs")
    since_ms = int((time.time() - options.since * 60) * 1000)
    while True:
        for at, function, text in lines(logs, f"/aws/lambda/backroom-{options.stage}-", since_ms):
            since_ms = max(since_ms, at + 1)
            if line := readable(text):
                clock = time.strftime("%H:%M:%S", time.localtime(at / 1000))
                print(f"{clock} {function}: {line}", flush=True)
        if options.once:
            return 0
        time.sleep(_POLL_S)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)

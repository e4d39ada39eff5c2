"""Read the counters of packages, spread and as one item: ``python -m bench.counters``.

The app's own code in this process, on an embedded AWS that is started for it; needs `make install`
to have been run once. Both kinds of table hold the same counts and are read in turn.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import boto3

from bench.calls import free_port
from bench.handlers import nothing_told, request
from infra.local.aws import CREDENTIALS, REGION, LocalAws
from infra.package import ROOT
from tests.support.deliveries.table import make_table

SPREAD, ONE = "spread", "one"
_SHARDS = 256
_NEVER = "9999999999"
_TIMES = 20


def main() -> int:
    """Print a Markdown table."""
    found = per_second(rounds=7)
    print("| GET /statistics | a second |\n|---|---|")
    print(f"| {_SHARDS} items | {found[SPREAD]:.0f} |\n| one item | {found[ONE]:.0f} |")
    return 0


def per_second(rounds: int) -> dict[str, float]:
    """Return how many reads a second there are of each kind, the median of the rounds."""
    taken: dict[str, list[float]] = {SPREAD: [], ONE: []}
    with embedded_aws() as client:
        for kind in taken:
            _fill(client, kind)
        for _ in range(rounds):
            for kind in random.sample(list(taken), len(taken)):
                taken[kind].append(_rate(kind))
    return {kind: median(rates) for kind, rates in taken.items()}


@contextmanager
def embedded_aws() -> Iterator[Any]:
    """Yield a client of DynamoDB of an embedded AWS that lives as long as it is needed."""
    python = ROOT / ".ministack" / "venv" / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder), free_port(), free_port(), python)
        aws.start()
        told = {
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AUTH": "open",
        }
        try:
            with patch.dict(os.environ, told):
                yield boto3.session.Session().client("dynamodb")
        finally:
            aws.stop()


def _fill(client: Any, kind: str) -> None:
    """Make a table whose counters are all in shards, or all in the total."""
    make_table(client, kind)
    counts = {f"{status}_{each}": {"N": "1000"} for status, each in _COUNTED}
    total = {"pk": {"S": "COUNTERS"}, "sk": {"S": "TOTAL"}, "epoch": {"N": "1"}}
    total |= {"hold_s": {"N": "60"}, "fold_after": {"N": _NEVER}}
    if kind == ONE:
        client.put_item(TableName=kind, Item={**total, "folded": {"M": counts}})
        return
    client.put_item(TableName=kind, Item={**total, "spread": {"N": str(_SHARDS)}})
    for shard in range(_SHARDS):
        place = {"pk": {"S": "STATISTICS"}, "sk": {"S": f"COUNTED#{shard:04}"}}
        client.put_item(TableName=kind, Item={**place, **counts})


_COUNTED = [
    (status, kind) for status in ("delivered", "dropped") for kind in ("personal", "marketing")
]


def _rate(kind: str) -> float:
    from app import app

    event = request("GET", "/statistics")
    with _forgotten(), patch.dict(os.environ, {"DELIVERIES_TABLE": kind}), nothing_told():
        app(event, None)
        begun = time.perf_counter()
        for _ in range(_TIMES):
            assert app(event, None)["statusCode"] == 200
        return _TIMES / (time.perf_counter() - begun)


@contextmanager
def _forgotten() -> Iterator[None]:
    """Have the app make its clients anew, now and afterwards: this AWS and its tables go."""
    from chalicelib.core import aws
    from chalicelib.core.settings import from_env
    from chalicelib.deliveries.wiring import deliveries

    kept = (from_env, aws.dynamodb, deliveries)
    for each in kept:
        each.cache_clear()
    try:
        yield
    finally:
        for each in kept:
            each.cache_clear()


if __name__ == "__main__":
    sys.exit(main())

"""The goals of docs/performance.md, measured: ``python -m bench.goals``, or ``make bench``.

Under ten minutes on two cores. What falls short comes first. Every figure is a ratio, a size or a
number of calls, but for one rate, whose goal is far from what it is on a busy machine.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, cast

from bench import coldstart, counters, local_stack, parsing, warm
from bench.logs import write_log
from chalicelib.core.instants import now, sortable
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.table import Table
from infra import package

_VERSIONS = ("botocore", "boto3", "pydantic", "chalice", "aws-lambda-powertools")
_ROWS, _DAYS = 1_000_000, 62
_ROUNDS = 5
_WORSE = "warm CPU got worse than bench/warm.json has it"
_SERVED = """
import json, sys, time
sys.path[:0] = sys.argv[1:]
import app
def event(path):
    return {"resource": path, "path": path, "httpMethod": "GET", "headers": {},
            "multiValueHeaders": {}, "queryStringParameters": None,
            "multiValueQueryStringParameters": None, "pathParameters": None, "stageVariables": None,
            "requestContext": {"resourcePath": path, "httpMethod": "GET", "path": path,
                               "requestId": "1"}, "body": None, "isBase64Encoded": False}
took = {}
for _ in range(5):
    for path in ("/ping", "/openapi.json"):
        app.app(event(path), None)
        begun = time.process_time()
        for _ in range(100):
            app.app(event(path), None)
        took.setdefault(path, []).append(time.process_time() - begun)
sys.stderr.write("\\n" + json.dumps({path: min(times) for path, times in took.items()}))
"""


class Figure(NamedTuple):
    """Something measured, and its goal: at most that much, or with ``at_least`` no less."""

    what: str
    found: float
    goal: float
    at_least: bool = False

    @property
    def shortfall(self) -> float:
        """Return how many times the goal is missed; 1 and less is reached."""
        if self.at_least:
            return self.goal / self.found
        return self.found / self.goal if self.goal else 1 + self.found / 100

    def row(self) -> str:
        """Return the figure as a row of the table."""
        sign = ">=" if self.at_least else "<="
        stands = "yes" if self.shortfall <= 1 else f"**no**, by {self.shortfall - 1:.0%}"
        return f"| {self.what} | {self.found:.3g} | {sign} {self.goal:g} | {stands} |"


def main() -> int:
    """Print the machine, the versions, and a table in which the largest shortfall comes first.

    Return 1 when a route got worse: that is held, what else falls short is only told.
    """
    found: list[Figure] = []
    for figure in _figures():
        print(f"  measured: {figure.what}: {figure.found:.3g}", file=sys.stderr, flush=True)
        found.append(figure)
    print(f"{platform.platform()}, {os.cpu_count()} cores, CPython {platform.python_version()}; ")
    print(", ".join(f"{name} {version(name)}" for name in _VERSIONS), end=".\n\n")
    print("| measured | found | goal | reached |\n|---|---|---|---|")
    for figure in sorted(found, key=lambda each: -each.shortfall):
        print(figure.row())
    return int(any(figure.what.startswith(_WORSE) for figure in found))


def _figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _packaged(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield from _parser(Path(folder))
    yield from _outbox()
    yield from _counters()
    yield from _local_stack()
    yield from _warm()


def _packaged(folder: Path) -> Iterator[Figure]:
    zips = coldstart.unpacked(folder)
    out = folder / "build" / "out"
    for name, goal in ((package.API_ZIP, 8.0), (package.EVENTS_ZIP, 6.0)):
        yield Figure(f"{name}, MB", (out / name).stat().st_size / 1e6, goal)
    yield Figure("GET /openapi.json, CPU beside GET /ping", _served(zips[package.API_ZIP]), 1.25)
    taken = coldstart.race(coldstart.contenders_of(zips), _ROUNDS)
    for name in (coldstart.API, *coldstart.EVENTS):
        goal = 1.15 if name == coldstart.API else 1.05
        wall, cpu = coldstart.ratios(taken, name)
        yield Figure(f"cold start, {name}: CPU beside a plain handler with boto3", cpu, goal)
        yield Figure(f"cold start, {name}: wall beside a plain handler with boto3", wall, goal)


def _served(folder: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", _SERVED, str(folder)],
        env={"AUTH": "open", "AWS_LAMBDA_FUNCTION_NAME": "x", "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    took: Mapping[str, float] = json.loads(done.stderr.splitlines()[-1])
    return took["/openapi.json"] / took["/ping"]


def _parser(folder: Path) -> Iterator[Figure]:
    log = folder / "log.zip"
    write_log(log, rows=_ROWS, days=_DAYS)
    runs = [
        {name: parsing.run(name, log) for name in ("bare_inflate", "our_parser", "strptime_loop")}
        for _ in range(3)
    ]

    def ratio(one: str, other: str) -> float:
        ratios: list[float] = [run[one]["seconds"] / run[other]["seconds"] for run in runs]
        return median(ratios)

    what = f"parser, {_ROWS:,} rows of 1,000 machines on {_DAYS} days"
    yield Figure(f"{what}: times the bare inflate", ratio("our_parser", "bare_inflate"), 8)
    yield Figure(
        f"{what}: times as fast as strptime", ratio("strptime_loop", "our_parser"), 16, True
    )
    yield Figure(f"{what}: peak MB", max(run["our_parser"]["peak_mb"] for run in runs), 64)


def _warm() -> Iterator[Figure]:
    """Yield how many routes miss the goal, and each that got worse than the ratchet has it."""
    found = {cost.route: cost.ratio for cost in warm.costs(rounds=8) if cost.calls}
    what = f"warm CPU beside the bare calls, of {len(found)} routes"
    above = sum(ratio > warm.GOAL for ratio in found.values())
    yield Figure(f"{what}: the median", median(found.values()), warm.GOAL)
    yield Figure(f"{what}: so many are above {warm.GOAL}", above, 0)
    for route, limit in warm.worse(found).items():
        yield Figure(f"{_WORSE}: {route}", found[route], limit)


class _Asked:
    """A table without rows, an hour after its deployment, that counts its queries."""

    def __init__(self) -> None:
        self.queries = 0

    def indexed(self, *_: object, **__: object) -> Iterator[dict[str, Any]]:
        self.queries += 1
        return iter(())

    def get(self, *_: object) -> dict[str, Any]:
        return {"whole": {"BOOL": True}, "seen": {"S": sortable(now())}}

    def get_many(self, _: Iterable[object]) -> Iterator[dict[str, Any]]:
        return iter(())


def _outbox() -> Iterator[Figure]:
    for what, state in (("GET /outbox", None), ("GET /outbox?state=dead", "dead")):
        asked = _Asked()
        index = EffectIndex(cast("Table", asked))
        index.page(state=cast("Any", state), kind=None, before=None, limit=50, now=now())
        yield Figure(f"{what}: queries, eight at a time", asked.queries, 8)


def _counters() -> Iterator[Figure]:
    found = counters.per_second(rounds=5)
    one, spread = found[counters.ONE], found[counters.SPREAD]
    yield Figure("GET /statistics: a second, from the embedded AWS", one, 90, True)
    yield Figure("GET /statistics: one item beside 256, times as many", one / spread, 3.75, True)


def _local_stack() -> Iterator[Figure]:
    for what, (ours, bare) in local_stack.per_second(rounds=4).items():
        name = f"the local stack, 8 clients, {what}: a second beside a bare function"
        yield Figure(name, ours / bare, local_stack.GOAL, True)


if __name__ == "__main__":
    sys.exit(main())

"""What every route costs when it is warm, beside the calls of AWS that it makes.

``python -m bench.warm`` prints a table; ``--record`` also lowers the ratchet, `bench/warm.json`,
which whoever wants to pay more for a route has to raise by hand.

The routes and their requests are those of the story that makes the examples of the OpenAPI document
(`tests.support.examples`), whose test fails for a route that it leaves out. The story is told once,
on an AWS in this process, and what AWS answers is noted (`bench.replay`). Then each request is made
again and again, with log and metrics, on a network that gives the noted answers, in turn with the
same calls, made with the same arguments by clients as botocore gives them. What counts is CPU,
the least of the rounds on either side: what else a machine does only ever adds to it.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.handlers import Act, cpu_us, put, stdout_nowhere
from bench.replay import Exchange, Replay, told

RATCHET = Path(__file__).with_suffix(".json")
GOAL = 1.15
TOLERANCE = 1.15
"""A route got worse when its ratio is so many times that of the ratchet: a busy machine's noise."""
_AGAIN = 2
_IN_A_ROW = 5
"""Requests before the other side has its turn."""


class Cost(NamedTuple):
    """What a route costs, and which calls it makes; without any, ``ratio`` is to a plain put."""

    route: str
    calls: int
    us: float
    ratio: float


def costs(*, rounds: int) -> Iterator[Cost]:
    """Yield what each route costs; one that seems worse than the ratchet is measured again."""
    limits = _limits()
    with told() as replay:
        plain = put()
        for exchange in replay.exchanges:
            cost = _cost(replay, exchange, plain, rounds)
            for _ in range(_AGAIN):
                if not cost.calls or cost.ratio <= limits.get(exchange.route, GOAL):
                    break
                cost = min(cost, _cost(replay, exchange, plain, rounds), key=lambda it: it.ratio)
            yield cost


def _cost(replay: Replay, exchange: Exchange, plain: Act, rounds: int) -> Cost:
    ours = replay.handling(exchange)
    with stdout_nowhere():
        ours()  # whatever is loaded and remembered once
        calls = replay.calls_of(ours)
        theirs = replay.bare(exchange, calls) if calls else plain
        theirs()
        taken = [(cpu_us(ours, _IN_A_ROW), cpu_us(theirs, _IN_A_ROW)) for _ in range(rounds)]
    us, bare_us = (min(column) for column in zip(*taken, strict=True))
    return Cost(exchange.route, len(calls), us, us / bare_us)


def worse(found: Mapping[str, float]) -> dict[str, float]:
    """Return the routes of ``found`` whose ratio is above what the ratchet allows, and how much.

    A route may always reach the goal, and a route that the ratchet does not know has to.
    """
    limits = _limits()
    return {
        route: limits.get(route, GOAL)
        for route, ratio in found.items()
        if ratio > limits.get(route, GOAL)
    }


def _limits() -> dict[str, float]:
    return {route: max(ratio * TOLERANCE, GOAL) for route, ratio in _recorded().items()}


def _recorded() -> dict[str, float]:
    found: dict[str, float] = json.loads(RATCHET.read_text())
    return found


def main() -> int:
    """Print a Markdown table; return 1 when a route got worse."""
    parser = argparse.ArgumentParser(prog="python -m bench.warm")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--record", action="store_true", help="lower the ratchet")
    asked = parser.parse_args()
    found = list(costs(rounds=asked.rounds))
    print("| route | calls | CPU, us | / its bare calls |\n|---|---|---|---|")
    for cost in sorted(found, key=lambda each: (not each.calls, -each.ratio)):
        beside = f"{cost.ratio:.2f}" + ("" if cost.calls else " of a bare put")
        print(f"| {cost.route} | {cost.calls or ''} | {cost.us:.0f} | {beside} |")
    ratios = {cost.route: round(cost.ratio, 2) for cost in found if cost.calls}
    if asked.record:
        before = _recorded()
        least = {route: min(ratio, before.get(route, ratio)) for route, ratio in ratios.items()}
        RATCHET.write_text(json.dumps(least, indent=1, sort_keys=True) + "\n")
        return 0
    grown = worse(ratios)
    for route, limit in grown.items():
        print(f"worse: {route}: {ratios[route]:.2f}, and at most {limit:.2f} is allowed")
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())

"""Generated inputs for all routes and parsers: ``python -m bench.fuzz --inputs 1000000``.

Each slice is a process of its own, with stores of its own and a seed made of ``--seed`` and its
number, so what it finds comes again with ``--slice``. Ends with 1 when anything was found: a 5xx,
an error that is no refusal, more than 5 s, or something stored by a request that was refused.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

_ROUTES, _HANDLERS, _PARSERS, _BYTES = "routes", "handlers", "parsers", "bytes"
# How many of all inputs each sort gets: a request costs as much as a hundred lines of text.
SHARES = {_ROUTES: 0.025, _HANDLERS: 0.004, _PARSERS: 0.62, _BYTES: 0.351}
_SLICES = {_ROUTES: 12_500, _HANDLERS: 5_000, _PARSERS: 100_000, _BYTES: 60_000}
_SHOWN = 600


class Slice(NamedTuple):
    """A part of the run, of ``size`` inputs, which needs nothing of the others."""

    sort: str
    number: int
    size: int


def slices(inputs: int, sorts: Sequence[str] = tuple(SHARES)) -> list[Slice]:
    """Return what ``inputs`` of some sorts are done in, the sorts by turns."""
    found, whole = [], sum(SHARES[sort] for sort in sorts)
    for sort in sorts:
        left, number = round(inputs * SHARES[sort] / whole), 0
        while left > 0:
            found.append(Slice(sort, number, min(left, _SLICES[sort])))
            left, number = left - _SLICES[sort], number + 1
    parts = Counter(each.sort for each in found)
    return sorted(found, key=lambda each: (each.number + 1) / parts[each.sort])


def main() -> int:
    """Run it as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sorts", nargs="+", choices=SHARES, default=list(SHARES))
    parser.add_argument("--at-once", type=int, default=1, help="processes")
    parser.add_argument("--slice", help="one slice alone, such as routes:3:5000")
    asked = parser.parse_args()
    if asked.slice:
        sort, number, count = asked.slice.split(":")
        return work(Slice(sort, int(number), int(count)), asked.seed)
    print(f"{platform.platform()}, {os.cpu_count()} cores, CPython {platform.python_version()}")
    began, total = time.monotonic(), Totals()
    with ThreadPoolExecutor(asked.at_once) as pool:
        running = [
            pool.submit(done, each, asked.seed) for each in slices(asked.inputs, asked.sorts)
        ]
        for ended in as_completed(running):
            total.add(ended.result())
            took = time.monotonic() - began
            print(
                f"{datetime.now(UTC):%H:%M:%S} {total.inputs:,} of {asked.inputs:,} inputs "
                f"in {took:.0f} s, {len(total.faults)} findings",
                file=sys.stderr,
                flush=True,
            )
    print(total.table())
    print(f"{total.inputs:,} inputs, {len(total.faults)} findings")
    for (_, target, fault), (count, example) in sorted(total.faults.items()):
        print(f"WRONG {target}: {fault} ({count} times), such as {example}")
    return 1 if total.faults else 0


class Totals:
    """What all slices have found."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Counter[str]] = {}
        self.faults: dict[tuple[str, str, str], tuple[int, str]] = {}

    @property
    def inputs(self) -> int:
        """Return how many there were."""
        return sum(sum(counts.values()) for counts in self.answers.values())

    def add(self, found: dict[str, Any]) -> None:
        """Add what a slice has found."""
        sort = found["sort"]
        for target, counts in found["answers"].items():
            self.answers.setdefault((sort, target), Counter()).update(counts)
        for target, fault, count, example in found["faults"]:
            known = self.faults.get((sort, target, fault), (0, example))
            self.faults[sort, target, fault] = known[0] + count, known[1]

    def table(self) -> str:
        """Return the inputs of each target, and what became of them."""
        rows = ["| sort | target | inputs | of which |", "|---|---|---|---|"]
        for (sort, target), counts in sorted(self.answers.items()):
            ends = ", ".join(f"{end} {count:,}" for end, count in sorted(counts.items()))
            rows.append(f"| {sort} | {target} | {sum(counts.values()):,} | {ends} |")
        return "\n".join(rows)


def done(part: Slice, seed: int) -> dict[str, Any]:
    """Return what a slice has found, in a process of its own."""
    name = f"{part.sort}:{part.number}:{part.size}"
    command = [sys.executable, "-W", "ignore", "-m", "bench.fuzz", "--seed", str(seed)]
    ended = subprocess.run([*command, "--slice", name], capture_output=True, check=False)
    lines = ended.stdout.decode().splitlines()
    with suppress(ValueError, IndexError):
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    why = ended.stderr.decode(errors="replace")[-_SHOWN:]
    return {
        "sort": part.sort,
        "answers": {},
        "faults": [[name, f"the slice ended with {ended.returncode}", 1, why]],
    }


def work(part: Slice, seed: int) -> int:
    """Do a slice in this process; print what it has found as one line of JSON."""
    answered = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for what the app logs until the end
    answers: dict[str, Counter[str]] = {}
    faults: dict[tuple[str, str], list[Any]] = {}
    for target, end, fault, given in _run(part, Random(f"{seed} {part.sort} {part.number}")):
        answers.setdefault(target, Counter())[end] += 1
        if fault:
            known = faults.setdefault((target, fault[:200]), [0, repr(given)[:_SHOWN]])
            known[0] += 1
    found = {
        "sort": part.sort,
        "answers": answers,
        "faults": [[*key, *value] for key, value in faults.items()],
    }
    print(json.dumps(found), file=answered, flush=True)
    return 1 if faults else 0


Run = Iterator[tuple[str, str, str | None, object]]


def _run(part: Slice, chance: Random) -> Run:
    """Return the inputs of a slice and what became of them; only what they need is loaded."""
    import tests.conftest  # noqa: F401 - the settings that everything stands on
    from bench.fuzz.hostile import Mutator

    mutator = Mutator(chance)
    if part.sort == _ROUTES:
        from bench.fuzz import routes

        return routes.run(mutator, part.size)
    if part.sort == _HANDLERS:
        from bench.fuzz import handlers

        return handlers.run(mutator, part.size)
    if part.sort == _PARSERS:
        from bench.fuzz import parsers

        return parsers.run(mutator, part.size)
    from bench.fuzz import covered

    return covered.run(mutator, part.size, covered.TARGETS[part.number % len(covered.TARGETS)])


if __name__ == "__main__":
    sys.exit(main())

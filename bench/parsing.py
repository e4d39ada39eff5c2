"""Measure the parser: ``python -m bench.parsing [--rows 1000000]``.

All contenders read the same zip, each time in a fresh process, in random order within a round; what
counts is the ratio of their median CPU seconds, as the machine may have other things to do.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench import contenders
from bench.logs import LOG_DENSITY, MACHINES, write_log

_DAYS = 21
_RACERS = ("bare_inflate", "our_parser", "split_fromisoformat", "strptime_loop")
_VM_HWM = "VmHWM:"


def main() -> None:
    """Run all measurements and print them as Markdown; or one, as a child of the former."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--child", help=argparse.SUPPRESS)
    arguments.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.child:
        print(json.dumps(_measure(asked.child, asked.log)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            for line in _report(Path(folder), asked.rows, asked.rounds):
                print(line, flush=True)


def _measure(contender: str, log: Path) -> dict[str, Any]:
    """Run one contender and say what it took: CPU seconds, peak MB and, of an answer, its MD5."""
    begun = time.process_time()
    answer = getattr(contenders, contender)(log)
    taken = {"seconds": time.process_time() - begun, "peak_mb": _peak_mb()}
    if answer is not None:
        taken |= {"digest": answer.digest(), "refused": len(answer.refused)}
    return taken


def _peak_mb() -> float:
    """Return the most memory that this process had at a time."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss also has the memory of the parent, from between fork and exec.
        [peak] = [line for line in status.read_text().splitlines() if line.startswith(_VM_HWM)]
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(contender: str, log: Path) -> dict[str, Any]:
    """Return what a contender took in a fresh process."""
    command = [sys.executable, "-m", "bench.parsing", "--child", contender, "--log", str(log)]
    taken: dict[str, Any] = json.loads(subprocess.check_output(command))
    return taken


def _report(folder: Path, rows: int, rounds: int) -> Iterator[str]:
    yield "| measured | result | goal | stands |\n|---|---|---|---|"
    for days in (_DAYS, max(1, rows // MACHINES // LOG_DENSITY)):
        log = folder / f"{days}.zip"
        write_log(log, rows=rows, days=days)
        yield _line(f"**{rows:,} rows of {MACHINES:,} machines on {days} days**")
        yield from _race(log, rounds)
        yield from _check(log)
        yield _peak(log)
    log = folder / "long.zip"
    write_log(log, rows=5 * rows, days=_DAYS)
    yield _line(f"**{5 * rows:,} rows of {MACHINES:,} machines on {_DAYS} days**")
    yield _peak(log)


def _race(log: Path, rounds: int) -> Iterator[str]:
    seconds: dict[str, list[float]] = {racer: [] for racer in _RACERS}
    for _ in range(rounds):
        for racer in random.sample(_RACERS, len(_RACERS)):
            seconds[racer].append(run(racer, log)["seconds"])
    inflate, ours, fromisoformat, strptime = (median(seconds[racer]) for racer in _RACERS)
    yield _line("our parser, from a zip", f"{ours:.2f} s CPU")
    for name, ratio, goal in (
        ("times as fast as the strptime loop", strptime / ours, 12),
        ("times as fast as split + fromisoformat", fromisoformat / ours, 3),
    ):
        yield _line(name, f"{ratio:.1f}", f">= {goal}", ratio >= goal)
    ratio = ours / inflate
    yield _line("times the bare inflate", f"{ratio:.1f}", "<= 10", ratio <= 10)


def _check(log: Path) -> Iterator[str]:
    expected = run("reference_answer", log)
    for name in ("our_answer", "split_fromisoformat", "strptime_loop"):
        answer = run(name, log)
        same = answer["digest"] == expected["digest"]
        yield _line(f"rows and refused lines of {name}", _told(answer), _told(expected), same)


def _told(answer: dict[str, Any]) -> str:
    return f"{answer['refused']} refused, MD5 {answer['digest'][:12]}"


def _peak(log: Path) -> str:
    peak_mb = run("our_parser", log)["peak_mb"]
    return _line("peak memory of our parser", f"{peak_mb:.0f} MB", "< 64 MB", peak_mb < 64)


def _line(measured: str, result: str = "", goal: str = "", stands: bool | None = None) -> str:
    verdict = {None: "", True: "yes", False: "**no**"}[stands]
    return f"| {measured} | {result} | {goal} | {verdict} |"


if __name__ == "__main__":
    main()

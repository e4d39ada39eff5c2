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

_DENSE_DAYS = 21
_RACERS = ("bare_inflate", "our_parser", "split_fromisoformat", "strptime_loop")
_MAX_PEAK_MB = 64
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


def _run(contender: str, log: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.parsing", "--child", contender, "--log", str(log)]
    taken: dict[str, Any] = json.loads(subprocess.check_output(command))
    return taken


def _report(folder: Path, rows: int, rounds: int) -> Iterator[str]:
    sparse_days = rows // MACHINES // LOG_DENSITY
    yield "| measured | result | goal | stands |\n|---|---|---|---|"
    for name, days in (("", _DENSE_DAYS), (f", {LOG_DENSITY} rows a day", sparse_days)):
        log = folder / f"{days}.zip"
        write_log(log, rows=rows, days=days)
        yield from _race(log, f"{rows:,} rows of {MACHINES * days:,} machine-days", rounds)
        yield from _check(log)
        yield from _peak(log, f"{rows:,} rows{name}")
    log = folder / "long.zip"
    write_log(log, rows=5 * rows, days=_DENSE_DAYS)
    yield from _peak(log, f"{5 * rows:,} rows")


def _race(log: Path, name: str, rounds: int) -> Iterator[str]:
    seconds: dict[str, list[float]] = {racer: [] for racer in _RACERS}
    for _ in range(rounds):
        for racer in random.sample(_RACERS, len(_RACERS)):
            seconds[racer].append(_run(racer, log)["seconds"])
    inflate, ours, fromisoformat, strptime = (median(seconds[racer]) for racer in _RACERS)
    yield _line(f"{name}: our parser", f"{ours:.2f} s CPU", "", None)
    yield _line(
        "faster than the strptime loop",
        f"{strptime / ours:.1f} x",
        ">= 12 x",
        strptime >= 12 * ours,
    )
    yield _line(
        "faster than split + fromisoformat",
        f"{fromisoformat / ours:.1f} x",
        ">= 3 x",
        fromisoformat >= 3 * ours,
    )
    yield _line(
        "slower than the bare inflate", f"{ours / inflate:.1f} x", "<= 10 x", ours <= 10 * inflate
    )


def _check(log: Path) -> Iterator[str]:
    expected = _run("reference_answer", log)
    for name in ("our_answer", "split_fromisoformat", "strptime_loop"):
        answer = _run(name, log)
        same = answer["digest"] == expected["digest"]
        yield _line(
            f"rows and refused lines of {name}",
            f"{answer['refused']} refused, MD5 {answer['digest'][:8]}",
            f"{expected['refused']}, {expected['digest'][:8]}",
            same,
        )


def _peak(log: Path, name: str) -> Iterator[str]:
    peak_mb = _run("our_parser", log)["peak_mb"]
    yield _line(
        f"peak memory, {name}", f"{peak_mb:.0f} MB", f"< {_MAX_PEAK_MB} MB", peak_mb < _MAX_PEAK_MB
    )


def _line(measured: str, result: str, goal: str, stands: bool | None) -> str:
    verdict = "" if stands is None else "yes" if stands else "**no**"
    return f"| {measured} | {result} | {goal} | {verdict} |"


if __name__ == "__main__":
    main()

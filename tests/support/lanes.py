"""Runs pytest in several processes side by side, each with some of the tests, as one run.

While a lane runs, its progress is shown line by line after its name. What pytest reports at the end
(failures in full, what was skipped and why, the slowest tests) follows lane by lane, then one line
with the counts of all of them.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

PACKAGE_FOLDER = "TEST_PACKAGE_FOLDER"
"""The variable with the folder in which lanes share the package; without it each packages."""
OPTIONS = ("-q", "--color=no", "--durations=20", "--durations-min=1")
_SECTION = re.compile(r"=+ .* =+")
_COUNTS = re.compile(r"(?:\d+ [a-z]+(?:, )?)+ in [\d.]+s.*")
_COUNT = re.compile(r"(\d+) (passed|failed|error|skipped|xfailed|xpassed|deselected|warning)s?\b")
_NOTHING_COLLECTED = 5


@dataclass
class Lane:
    """One pytest process: its name, its arguments, and once it has ended what it reported.

    ``program`` is the module that runs, and what comes before pytest's own arguments.
    """

    name: str
    arguments: Sequence[str]
    program: Sequence[str] = ("pytest",)
    report: list[str] = field(default_factory=list)
    code: int = 0
    seconds: float = 0
    cpu_seconds: float = 0
    """Its own and that of all processes it waited for."""

    @property
    def counts(self) -> Counter[str]:
        """Return how many tests passed, failed and so on; empty when pytest did not say."""
        last = next((line for line in reversed(self.report) if _COUNTS.fullmatch(line)), "")
        return Counter({name: int(number) for number, name in _COUNT.findall(last)})

    @property
    def broke(self) -> bool:
        """Return whether it ended otherwise than by passing, failing or collecting nothing."""
        return self.code not in (0, 1, _NOTHING_COLLECTED) or (self.code == 0 and not self.counts)


def share_out(folders: Mapping[str, Sequence[str]], arguments: Sequence[str]) -> list[Lane]:
    """Return the lanes to run, given pytest's arguments.

    ``folders`` are those of each lane; a folder below another lane's belongs to its own lane alone.
    Paths among the arguments go to the lane they belong to, all others to every lane; without paths
    each lane runs all of its folders.
    """
    paths = [each for each in arguments if Path(each.partition("::")[0]).exists()]
    others = [each for each in arguments if each not in paths]
    lanes = []
    for name, mine in folders.items():
        apart = [
            each
            for lane, theirs in folders.items()
            for each in theirs
            if lane != name and any(_is_below(each, folder) for folder in mine)
        ]
        below = [
            path
            for path in paths
            if any(_is_below(path, folder) for folder in mine)
            and not any(_is_below(path, folder) for folder in apart)
        ]
        above = [folder for folder in mine if any(_is_below(folder, path) for path in paths)]
        if chosen := list(dict.fromkeys([*below, *above])) if paths else list(mine):
            ignored = [f"--ignore={each}" for each in apart]
            lanes.append(Lane(name, [*others, *ignored, *chosen]))
    return lanes


def run(lanes: Sequence[Lane], out: TextIO = sys.stdout) -> int:
    """Run the lanes side by side, report, and return 0 if all that ran has passed."""
    began, width = time.monotonic(), max((len(lane.name) for lane in lanes), default=0)
    with _ended_together() as processes, ThreadPoolExecutor(max(1, len(lanes))) as pool:
        running = []
        for lane in lanes:
            processes.append(_started(lane))
            running.append(pool.submit(_watch, lane, processes[-1], f"{lane.name:{width}} | ", out))
        for each in running:
            each.result()
    for lane in lanes:
        title = f" {lane.name}: {lane.seconds:.0f} s, {lane.cpu_seconds:.0f} s of CPU "
        print(f"\n{title:=^100}", *lane.report, sep="\n", file=out)
    return _conclude(lanes, time.monotonic() - began, out)


def _conclude(lanes: Sequence[Lane], seconds: float, out: TextIO) -> int:
    total = sum((lane.counts for lane in lanes), Counter[str]())
    failed, skipped = total["failed"] + total["error"], total["skipped"]
    for lane in lanes:
        if lane.broke:
            print(f"{lane.name} did not finish: pytest exited with {lane.code}", file=out)
    counts = f"{total['passed']} passed, {failed} failed, {skipped} skipped"
    cpu_seconds = sum(lane.cpu_seconds for lane in lanes)
    print(f"\n{counts} in {seconds:.0f}s, {cpu_seconds:.0f} s of CPU", file=out)
    passed = total["passed"] and not failed and not any(lane.broke for lane in lanes)
    return 0 if passed and all(lane.code in (0, _NOTHING_COLLECTED) for lane in lanes) else 1


def _started(lane: Lane) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *lane.program, *OPTIONS, *lane.arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _watch(lane: Lane, process: "subprocess.Popen[str]", prefix: str, out: TextIO) -> None:
    """Show a lane's progress as it comes, keep its report, wait for its end."""
    began = time.monotonic()
    assert process.stdout
    with process:
        for line in map(str.rstrip, process.stdout):
            if lane.report or _SECTION.fullmatch(line) or _COUNTS.fullmatch(line):
                lane.report.append(line)
            elif line:
                print(f"{prefix}{line}", file=out, flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    lane.code, lane.cpu_seconds = process.returncode, usage.ru_utime + usage.ru_stime
    lane.seconds = time.monotonic() - began
    print(f"{prefix}ended after {lane.seconds:.0f} s", file=out, flush=True)


@contextmanager
def _ended_together() -> Iterator[list["subprocess.Popen[str]"]]:
    """End the processes when this one gets a signal, so that they stop what they started.

    An interrupt from the keyboard reaches them by itself.
    """
    processes: list[subprocess.Popen[str]] = []

    def terminate(*_: object) -> None:
        for process in processes:
            process.terminate()

    before = signal.signal(signal.SIGTERM, terminate)
    interrupted = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield processes
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupted)


def _is_below(path: str, folder: str) -> bool:
    return Path(path.partition("::")[0]).resolve().is_relative_to(Path(folder).resolve())

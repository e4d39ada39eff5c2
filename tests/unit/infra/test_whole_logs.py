"""What a function on the laptop logs is there when its answer is, however busy the machine."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.whole_logs import read_whole_logs

# As MiniStack's own: it gets the handler of a module, and answers a line with a line.
SCRIPT = """
import importlib, json, sys
answers, sys.stdout = sys.stdout, sys.stderr
sys.path.insert(0, sys.argv[1])
mod, handler_name = importlib.import_module("functions"), "handle"
handler_fn = getattr(mod, handler_name)
for line in sys.stdin:
    try:
        answer = {"status": "ok", "result": handler_fn(json.loads(line), None)}
    except Exception as error:
        answer = {"status": "error", "error": str(error)}
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
"""
FUNCTIONS = """
def handle(event, context):
    for number in range(event["lines"]):
        print(f"{event['name']} {number}")
    if event.get("fails"):
        raise ValueError("no")
    return event["name"]
"""


class Worker:
    """A worker, whose log is read late, as by a thread that waits for a processor."""

    _drain_stderr: Any
    _drain_stderr_bounded: Any

    def __init__(self, script: str, folder: Path, late_s: float) -> None:
        (folder / "functions.py").write_text(FUNCTIONS)
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._late_s = late_s
        self._stderr_queue: queue.Queue[str] = queue.Queue()
        self._stderr_thread = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_thread.start()

    def _read_stderr(self) -> None:
        for line in self.process.stderr or ():
            time.sleep(self._late_s)
            self._stderr_queue.put(line.rstrip("\n"))

    def invoke(self, **event: Any) -> tuple[dict[str, Any], list[str]]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(event) + "\n")
        answer = json.loads(self.process.stdout.readline())
        return answer, self._drain_stderr_bounded().splitlines()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    class Patched(Worker):
        pass

    runtime = SimpleNamespace(_PYTHON_WORKER_SCRIPT=SCRIPT, Worker=Patched)
    read_whole_logs(runtime)
    found = Patched(runtime._PYTHON_WORKER_SCRIPT, tmp_path, late_s=0.1)
    yield found
    found.process.kill()
    found.process.communicate()


def test_every_line_comes_with_the_invocation_that_wrote_it(worker: Worker) -> None:
    first = worker.invoke(name="first", lines=5)
    failed = worker.invoke(name="failed", lines=2, fails=True)
    silent = worker.invoke(name="silent", lines=0)
    last = worker.invoke(name="last", lines=1)

    assert first == ({"status": "ok", "result": "first"}, [f"first {n}" for n in range(5)])
    assert failed == ({"status": "error", "error": "no"}, ["failed 0", "failed 1"])
    assert silent[1] == []
    assert last[1] == ["last 0"]


def test_of_a_worker_that_was_killed_all_lines_come(worker: Worker) -> None:
    assert worker.process.stdin
    worker.process.stdin.write(json.dumps({"name": "killed", "lines": 3}) + "\n")
    assert worker.process.stdout
    worker.process.stdout.readline()
    worker.process.kill()

    assert worker._drain_stderr().splitlines() == [f"killed {number}" for number in range(3)]
    assert worker._drain_stderr() == ""


def test_a_script_that_gets_its_handler_in_another_way_is_refused_at_the_start() -> None:
    runtime = SimpleNamespace(_PYTHON_WORKER_SCRIPT="handler_fn = other(mod)", Worker=Worker)

    with pytest.raises(ValueError, match="another way"):
        read_whole_logs(runtime)

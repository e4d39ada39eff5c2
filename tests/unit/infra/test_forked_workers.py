"""Workers of functions on the laptop are forks of a process that has imported their code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infra.local.forked_workers import ForkedWorker, Forks
from tests.support.patience import eventually
from tests.support.processes import has_ended, kill, processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
HANDLERS = "import os\nIMPORTED_BY = os.getpid()\n"
# What MiniStack's own does: a line in, a line out, until there are no more; prints go to the log.
SCRIPT = """
import json, os, sys
from chalicelib.deliveries import events
sys.stderr.write("started\\n")
for line in sys.stdin:
    said = {"asked": json.loads(line), "imported_by": events.IMPORTED_BY, "pid": os.getpid(),
            "table": os.environ["TABLE"], "folder": os.getcwd(), "secret": os.environ.get("SECRET")}
    sys.stdout.write(json.dumps(said) + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Unpacked code with one module of handlers."""
    module = tmp_path / "code" / "chalicelib" / "deliveries"
    module.mkdir(parents=True)
    (module / "events.py").write_text(HANDLERS)
    return tmp_path / "code"


@pytest.fixture
def forks(code: Path) -> Iterator[Forks]:
    """What starts workers; afterwards all ends."""
    found = Remembering()
    yield found
    found.end()
    for worker in found.started:
        for pipe in (worker.stdin, worker.stdout, worker.stderr):
            pipe.close()
        worker.wait(timeout=10)
    eventually(lambda: not processes(str(code.parent)))


class Remembering(Forks):
    """Knows which workers it has started."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Any] = []

    def __call__(self, command: Sequence[str], **options: Any) -> Any:
        worker = super().__call__(command, **options)
        if isinstance(worker, ForkedWorker):
            self.started.append(worker)
        return worker


def started(forks: Forks, code: Path, name: str = "api", **environment: str) -> Any:
    """Start a worker as MiniStack does."""
    home = code.parent / f"worker-{name}"
    home.mkdir(exist_ok=True)
    (home / "_worker.py").write_text(SCRIPT)
    if not (home / "code").exists():
        (home / "code").symlink_to(code, target_is_directory=True)
    return forks(
        [sys.executable, str(home / "_worker.py")],
        cwd=str(home / "code"),
        env={"TABLE": name, "PATH": os.environ["PATH"], **environment},
        **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
        text=True,
        bufsize=1,
    )


def said(worker: Any, question: object = None) -> dict[str, Any]:
    worker.stdin.write(json.dumps(question) + "\n")
    answer: dict[str, Any] = json.loads(worker.stdout.readline())
    return answer


def test_workers_of_one_code_share_its_imports_and_nothing_else(forks: Forks, code: Path) -> None:
    first, second = (
        started(forks, code, "api", SECRET="of api's"),
        started(forks, code, "relay"),
    )

    one, other = said(first, {"number": 1}), said(second, "ü")

    assert one["imported_by"] == other["imported_by"] not in {one["pid"], other["pid"]}
    assert (one["pid"], other["pid"]) == (first.pid, second.pid)
    assert (one["asked"], other["asked"]) == ({"number": 1}, "ü")
    assert (one["table"], other["table"]) == ("api", "relay")
    assert (one["secret"], other["secret"]) == ("of api's", None)
    assert first.stderr.readline() == "started\n"


def test_workers_have_no_library_that_aws_s_runtime_lacks(forks: Forks, code: Path) -> None:
    looks = "IMPORTED_BY = []\n"
    for name in ("cffi", "cryptography"):
        looks += f"try:\n    import {name}\n    IMPORTED_BY.append('{name}')\n"
        looks += "except ModuleNotFoundError:\n    pass\n"
    (code / "chalicelib/deliveries/events.py").write_text(looks)

    assert said(started(forks, code))["imported_by"] == []


def test_a_worker_is_found_by_its_script_as_others_are(forks: Forks, code: Path) -> None:
    worker = started(forks, code, "api")
    said(worker)

    assert processes(f"{code.parent}/worker-api/") == [worker.pid]


def test_a_worker_that_is_killed_has_ended_and_the_others_go_on(forks: Forks, code: Path) -> None:
    killed, other = started(forks, code, "api"), started(forks, code, "relay")
    assert killed.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(timeout=0.01)

    killed.kill()

    assert killed.wait(timeout=10) == killed.poll() == 0
    eventually(lambda: has_ended(killed.pid))
    killed.terminate()  # of no consequence: the number may be another process's by now
    assert said(other)["table"] == "relay"


def test_a_worker_ends_when_the_server_does_not_listen_any_more(forks: Forks, code: Path) -> None:
    worker = started(forks, code)

    worker.stdin.close()

    assert worker.wait(timeout=10) == 0


def test_what_fails_when_it_is_imported_fails_in_the_worker(forks: Forks, code: Path) -> None:
    (code / "chalicelib/deliveries/events.py").write_text("raise ImportError('no such part')\n")

    worker = started(forks, code)

    assert "no such part" in worker.stderr.read()
    assert worker.wait(timeout=10) == 0


def test_a_parent_that_is_killed_is_replaced(forks: Forks, code: Path) -> None:
    before = said(started(forks, code))["imported_by"]
    kill(before)

    assert said(started(forks, code))["imported_by"] != before


def test_replaced_code_ends_its_parent_and_not_its_workers(forks: Forks, code: Path) -> None:
    old = started(forks, code, "old")
    parent = said(old)["imported_by"]
    new = code.parent / "new"
    code.rename(new)

    worker = started(forks, new, "new")

    assert said(worker)["imported_by"] != parent
    eventually(lambda: has_ended(parent))
    assert said(old)["table"] == "old"


def test_settings_that_are_read_by_imports_have_a_parent_of_their_own(
    forks: Forks, code: Path
) -> None:
    loud, quiet = (
        started(forks, code, level.lower(), POWERTOOLS_LOG_LEVEL=level)
        for level in ("DEBUG", "INFO")
    )

    assert said(loud)["imported_by"] != said(quiet)["imported_by"]


def test_forty_workers_at_once_have_forty_pipes(forks: Forks, code: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        workers = list(pool.map(lambda name: started(forks, code, name), map(str, range(40))))

    assert [said(worker)["table"] for worker in workers] == list(map(str, range(40)))
    for worker in workers:
        worker.stdin.close()  # and no other worker holds its end
    assert [worker.wait(timeout=10) for worker in workers] == [0] * 40


def test_all_else_is_started_as_ever(forks: Forks, tmp_path: Path) -> None:
    with forks(
        [sys.executable, "-c", "print(1)"], cwd=tmp_path, env={}, stdout=subprocess.PIPE
    ) as process:
        assert not isinstance(process, ForkedWorker)
        assert process.stdout.read() == b"1\n"


def test_workers_end_when_the_server_is_killed(code: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(code)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    assert server.stdout.readline() == "ready\n"
    assert len(processes(f"{code}")) >= 2

    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()

    eventually(lambda: not processes(str(code.parent)))


SERVER = """
import sys, time
from pathlib import Path
from infra.local.forked_workers import Forks
from tests.unit.infra.test_forked_workers import said, started
forks = Forks()
said(started(forks, Path(sys.argv[1])))
print("ready", flush=True)
time.sleep(600)
"""

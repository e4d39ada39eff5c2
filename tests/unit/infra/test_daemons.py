"""The servers of this machine: whether one runs is known while it ends, too."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.daemon import Daemon
from tests.support.patience import eventually
from tests.support.processes import has_ended, kill

# As when a large process is killed: its first thread has ended, another one has not.
_HALF_ENDED = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")


@pytest.fixture
def half_ended() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", _HALF_ENDED, "marker"]) as process:
        yield process
        process.kill()


def test_a_server_that_is_being_killed_runs_until_its_last_thread_has_ended(
    half_ended: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    server = Daemon(tmp_path, "server", "marker", "The server")
    (tmp_path / "server.pid").write_text(str(half_ended.pid))
    eventually(lambda: not Path(f"/proc/{half_ended.pid}/cmdline").read_bytes())

    assert server.pid() == half_ended.pid
    assert not has_ended(half_ended.pid)

    assert kill(half_ended.pid)
    assert server.pid() is None

"""A server of ours that outlives the command which starts it: its process, its ports, its log.

Standard library only: it runs before any install.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local.ports import alternative, taken


class DaemonError(Exception):
    """A server can't be had; the message says why and what to do."""


@dataclass(frozen=True)
class Daemon:
    """A server whose files lie in ``home``, called ``name``: its process id, ports and log.

    ``marker`` is a word of its command line, by which it is known from what got its id later;
    ``title`` is what people call it.
    """

    home: Path
    name: str
    marker: str
    title: str

    @property
    def log(self) -> Path:
        """Return the server's log file."""
        return self.home / f"{self.name}.log"

    def pid(self) -> int | None:
        """Return the process id of our running server."""
        try:
            pid = int((self.home / f"{self.name}.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def ports(self) -> tuple[int, ...] | None:
        """Return the ports that it was started with, None when it does not run."""
        if self.pid() is None:
            return None
        try:
            return tuple(map(int, (self.home / f"{self.name}.ports").read_text().split()))
        except (OSError, ValueError):
            return None

    def spawn(
        self, command: Sequence[str], ports: Mapping[str, int], environment: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        """Start it; ``ports`` are by the settings that choose them. Raises DaemonError."""
        for setting, port in ports.items():
            if taken(port):
                raise DaemonError(
                    f"Port {port} is taken by another program. Stop that program, or choose "
                    f"another port: make up {setting}={alternative(port)}"
                )
        make_private(self.home)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,  # what it writes is for its owner alone: the state holds secrets
            )
        (self.home / f"{self.name}.pid").write_text(str(process.pid))
        (self.home / f"{self.name}.ports").write_text(" ".join(map(str, ports.values())))
        return process

    def stop(self, *, patience_s: float = 30) -> bool:
        """Ask it to end and wait until it has; return False when it did not run."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while _alive(pid):
            if time.monotonic() > deadline:
                raise DaemonError(f"{self.title} (process {pid}) does not stop.")
            time.sleep(0.05)
        (self.home / f"{self.name}.pid").unlink(missing_ok=True)
        return True

    def _is_ours(self, pid: int) -> bool:
        """Return whether ``pid`` was not given to another program since (where that shows)."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            ended = has_ended(pid)
        except OSError:
            return not Path("/proc/self").exists()
        if not command:  # it is just being started, or is being killed
            return not ended
        return self.marker in command.replace("\0", " ")


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, even if its parent has not looked yet; Linux only.

    One that is killed keeps its ports until the last of its threads has ended. Raises OSError when
    there is no such process.
    """
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z" and len([*Path(f"/proc/{pid}/task").iterdir()]) == 1


def make_private(folder: Path) -> None:
    """Make a folder that its owner alone may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def discard(folder: Path) -> None:
    """Have a folder gone at once; its thousands of files are deleted in the background."""
    with suppress(FileNotFoundError):
        folder.rename(folder.with_name(f"{folder.name}-{time.time_ns()}"))
    if old := [str(path) for path in folder.parent.glob(f"{folder.name}-*")]:
        os.spawnlp(os.P_NOWAIT, "rm", "rm", "-rf", *old)


def _alive(pid: int) -> bool:
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:  # our own child, if this run started it
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True

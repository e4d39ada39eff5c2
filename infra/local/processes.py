"""Programs that run in the background of a checkout. Standard library only."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NEEDED = ("HOME", "LANG", "PATH", "TMPDIR")


@dataclass(frozen=True)
class Background:
    """A program whose process id and log lie in ``home`` under ``name``.

    ``mark`` is a word of its command line that no other program's has. Of the environment it sees
    ``environment`` and what any program needs.
    """

    home: Path
    name: str
    command: Sequence[str]
    mark: str
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Return the program's log file."""
        return self.home / f"{self.name}.log"

    def pid(self) -> int | None:
        """Return the id of the running process; None when it is gone, or its id another's."""
        try:
            pid = int(self._pid_file.read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        """Return whether ``pid`` was not given to another program since (where that shows)."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return not Path("/proc/self").exists()
        if not command:  # it is just being started, or has ended and nobody has asked how
            return state != "Z"
        return self.mark in command.replace("\0", " ")

    def start(self) -> bool:
        """Start it unless it runs; return True when it was started."""
        if self.pid():
            return False
        self.home.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                list(self.command),
                env={**kept, **self.environment},
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))
        return True

    def stop(self, *, patience_s: float = 15) -> bool:
        """Stop it, hard when it does not listen; return False when it did not run."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)
        return True

    @property
    def _pid_file(self) -> Path:
        return self.home / f"{self.name}.pid"


def alive(pid: int) -> bool:
    """Return whether a process runs; one of our own that has ended is laid to rest."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True

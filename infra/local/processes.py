"""Programs that run beside the local stack, as servers in the background. Standard library only."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.daemon import Daemon

_NEEDED = ("HOME", "LANG", "PATH", "TMPDIR")


@dataclass(frozen=True)
class Background:
    """A program with its command line; ``mark`` is a word of it that no other program's has.

    Of the environment it sees ``environment`` and what any program needs. ``ports`` are those that
    it listens on, by the settings that choose them.
    """

    home: Path
    name: str
    command: Sequence[str]
    mark: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Return the program's log file."""
        return self._daemon.log

    def pid(self) -> int | None:
        """Return the id of the running process."""
        return self._daemon.pid()

    def start(self) -> bool:
        """Start it unless it runs; return True when it was started. Raises DaemonError."""
        if self.pid():
            return False
        inherited = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        self._daemon.spawn(self.command, self.ports, {**inherited, **self.environment})
        return True

    def stop(self) -> bool:
        """Stop it; return False when it did not run. Raises DaemonError."""
        return self._daemon.stop()

    @property
    def _daemon(self) -> Daemon:
        return Daemon(self.home, self.name, self.mark, self.name)

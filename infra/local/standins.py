"""Start, find and stop the vendors' stand-ins, and know the settings that lead to the vendors.

Standard library only: it runs before any install.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from infra.local.aws import get
from infra.local.daemon import Daemon, DaemonError
from infra.standins import credentials

ROOT = Path(__file__).parent.parent.parent
_VENDORS = ("JIRA_", "SLACK_", "GOOGLE_", "GITHUB_", "MAIL_")


@dataclass(frozen=True)
class LocalStandins:
    """The stand-ins whose files live in ``home``; ``python`` has what they need.

    Jira's events go to the address ``webhook``, if there is one.
    """

    home: Path
    http_port: int
    smtp_port: int
    python: Path
    webhook: str = ""

    @property
    def page(self) -> str:
        """Return where what arrived can be seen."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def _daemon(self) -> Daemon:
        return Daemon(self.home, "standins", "infra.standins", "The vendors' stand-ins")

    def pid(self) -> int | None:
        """Return the process id of the running stand-ins."""
        return self._daemon.pid()

    def running_at(self) -> "LocalStandins":
        """Return the stand-ins as they run: on the ports that they were started with."""
        ports = self._daemon.ports()
        if ports is None or len(ports) != 2:
            return self
        return replace(self, http_port=ports[0], smtp_port=ports[1])

    def healthy(self) -> bool:
        """Return whether they answer."""
        return get(self.http_port, "/") == HTTPStatus.OK

    def start(self, *, patience_s: float = 30) -> bool:
        """Start them unless they run; return True when they were started. Raises DaemonError.

        Those that were started from other sources, or for another API, are started again.
        """
        sources = self.home / "standins.sources"
        if self.pid():
            if sources.exists() and sources.read_text() == self._digest():
                return False
            self.stop()
        ports = {"STANDINS_PORT": self.http_port, "SMTP_PORT": self.smtp_port}
        command = [str(self.python), "-m", "infra.standins", *map(str, ports.values())]
        process = self._daemon.spawn(
            [*command, str(self.home), self.webhook], ports, _environment()
        )
        deadline = time.monotonic() + patience_s
        while not self.healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                raise DaemonError(
                    f"The vendors' stand-ins did not start; their log is {self._daemon.log}"
                )
            time.sleep(0.05)
        sources.write_text(self._digest())
        return True

    def stop(self) -> bool:
        """Stop them, and forget what arrived; return False when they did not run."""
        return self._daemon.stop()

    def _digest(self) -> str:
        """Return a name for what they are started from: their sources, and where events go."""
        digest = hashlib.sha256(self.webhook.encode())
        for path in sorted((ROOT / "infra" / "standins").glob("*.py")):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, str]:
        """Return the settings that lead the functions here."""
        certificate = (self.home / credentials.CERTIFICATE).read_text()
        return credentials.settings(self.http_port, self.smtp_port, certificate)

    def identity(self) -> dict[str, str]:
        """Return the stack's parameters for callers whom the stand-in knows."""
        return credentials.identity(self.http_port)


def with_own(defaults: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the ``defaults`` with a developer's ``own`` settings over them.

    A vendor of which they name anything is theirs whole: no real address gets a stand-in's token.
    """
    theirs = [prefix for prefix in _VENDORS if any(name.startswith(prefix) for name in own)]
    remaining = {
        name: value for name, value in defaults.items() if not name.startswith(tuple(theirs))
    }
    return remaining | {name: value for name, value in own.items() if name.startswith(_VENDORS)}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the ``NAME=value`` lines of a file, quotes taken off; none if it is not there."""
    if not path.exists():
        return {}
    found = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = _unquoted(value.strip())
    return found


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings where only their owner may read them."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(settings, sort_keys=True))


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _environment() -> dict[str, str]:
    environment = {
        name: os.environ[name]
        for name in ("HOME", "LANG", "PATH", "TMPDIR", "VENDOR_CONTRACTS")
        if name in os.environ
    }
    return {**environment, "PYTHONPATH": str(ROOT)}

"""Start, find and stop the embedded AWS. Standard library only: it runs before any install."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from infra.local.processes import alive

GATEWAY = Path(__file__).with_name("gateway.py")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = "us-east-1"


class LocalAwsError(Exception):
    """The embedded AWS can't be had; the message says why and what to do."""


@dataclass(frozen=True)
class LocalAws:
    """An embedded AWS whose files live in ``home``: ``venv``, ``state``, log and process id."""

    home: Path
    aws_port: int = 4566
    api_port: int = 8000
    python: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Return where AWS's APIs answer."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def api(self) -> str:
        """Return where the deployed API answers."""
        return f"http://localhost:{self.api_port}"

    @property
    def log(self) -> Path:
        """Return the server's log file."""
        return self.home / "server.log"

    @property
    def state(self) -> Path:
        """Return where everything that is stored is kept between starts."""
        return self.home / "state"

    def pid(self) -> int | None:
        """Return the process id of our running server."""
        try:
            pid = int((self.home / "server.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        """Return whether ``pid`` was not given to another program since (where that shows)."""
        command = Path(f"/proc/{pid}/cmdline")
        return not command.exists() or GATEWAY.name in command.read_text()

    def running_at(self) -> "LocalAws":
        """Return the server as it runs: on the ports that it was started with."""
        if self.pid() is None:
            return self
        try:
            aws_port, api_port = map(int, (self.home / "server.ports").read_text().split())
        except (OSError, ValueError):
            return self
        return replace(self, aws_port=aws_port, api_port=api_port)

    def healthy(self) -> bool:
        """Return whether AWS's APIs answer."""
        return get(self.aws_port, "/_ministack/health") == HTTPStatus.OK

    def start(self, *, patience_s: float = 30) -> bool:
        """Start the server unless it runs; return True when it was started.

        Raises LocalAwsError when a port is taken or the server does not come up.
        """
        if self.pid():
            self._wait(patience_s)
            return False
        for port, setting in ((self.aws_port, "AWS_PORT"), (self.api_port, "PORT")):
            if taken(port):
                raise LocalAwsError(
                    f"Port {port} is taken by another program. Stop that program, or choose "
                    f"another port: make up {setting}={port + 1}"
                )
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(self.python), str(GATEWAY), str(self.aws_port), str(self.api_port)],
                env=self._clean_environment(),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.home / "server.pid").write_text(str(process.pid))
        (self.home / "server.ports").write_text(f"{self.aws_port} {self.api_port}")
        self._wait(patience_s, process)
        return True

    def stop(self, *, patience_s: float = 30) -> bool:
        """Stop the server, its state saved; return False when it did not run."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while alive(pid):
            if time.monotonic() > deadline:
                raise LocalAwsError(f"The embedded AWS (process {pid}) does not stop.")
            time.sleep(0.05)
        (self.home / "server.pid").unlink(missing_ok=True)
        return True

    def _wait(self, patience_s: float, process: "subprocess.Popen[bytes] | None" = None) -> None:
        deadline = time.monotonic() + patience_s
        while not self.healthy():
            if (process and process.poll() is not None) or time.monotonic() > deadline:
                raise LocalAwsError(f"The embedded AWS did not start; its log is {self.log}")
            time.sleep(0.05)

    def _clean_environment(self) -> dict[str, str]:
        """Return what the server, and so every function in it, may see of this machine.

        Functions inherit the server's environment, so nothing of the developer's gets in.
        """
        kept = {
            name: os.environ[name]
            for name in ("HOME", "LANG", "PATH", "TMPDIR")
            if name in os.environ
        }
        state = self.state
        return {
            **kept,
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "GATEWAY_PORT": str(self.aws_port),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "POWERTOOLS_LOG_LEVEL": "INFO",  # the functions' own; they see the server's, too
            "PERSIST_STATE": "1",
            "S3_DATA_DIR": str(state / "s3"),
            "S3_PERSIST": "1",
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(state / "services"),
            **self.environment,
        }


def taken(port: int) -> bool:
    """Return whether some program listens on this port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get(port: int, path: str) -> int | None:
    """Return the status that a server on this machine answers, None when it does not."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()

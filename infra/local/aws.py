"""Start, find and stop the embedded AWS. Standard library only: it runs before any install."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from infra.local.daemon import Daemon, DaemonError, discard, make_private

GATEWAY = Path(__file__).with_name("gateway.py")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION = "us-east-1"
_LONGEST_SAVE_S = 600
"""Much data on a busy machine; a process that stands still is ended by the server."""


class StateLostError(DaemonError):
    """The server was stopped and its state could not be written; the message says what is lost."""


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
    def presign_endpoint(self) -> str:
        """Return where presigned URLs lead: for the page, to its own site."""
        return f"http://localhost:{self.aws_port}"

    @property
    def state(self) -> Path:
        """Return the folder of the state between starts."""
        return self.home / "state"

    @property
    def temporary(self) -> Path:
        """Return where functions unpack their code and write; it goes with the server."""
        return self.home / "tmp"

    @property
    def log(self) -> Path:
        """Return the server's log file."""
        return self._daemon.log

    @property
    def _daemon(self) -> Daemon:
        return Daemon(self.home, "server", GATEWAY.name, "The embedded AWS")

    def pid(self) -> int | None:
        """Return the process id of our running server."""
        return self._daemon.pid()

    def running_at(self) -> "LocalAws":
        """Return the server as it runs: on the ports that it was started with."""
        ports = self._daemon.ports()
        if ports is None or len(ports) != 2:
            return self
        return replace(self, aws_port=ports[0], api_port=ports[1])

    def healthy(self) -> bool:
        """Return whether AWS's APIs answer."""
        return get(self.aws_port, "/_ministack/health") == HTTPStatus.OK

    def start(self, *, patience_s: float = 30) -> bool:
        """Start the server unless it runs; return True when it was started.

        Raises DaemonError when a port is taken or the server does not come up.
        """
        if self.pid():
            self._wait(patience_s)
            return False
        self.tidy()
        make_private(self.home)
        make_private(self.temporary)
        ports = str(self.aws_port), str(self.api_port)
        process = self._daemon.spawn(
            [str(self.python), str(GATEWAY), *ports, str(self.state)],
            {"AWS_PORT": self.aws_port, "PORT": self.api_port},
            self._clean_environment(),
        )
        self._wait(patience_s, process)
        return True

    def stop(self, *, patience_s: float = 90) -> bool:
        """Stop the server; return False when it did not run. Raises StateLostError, DaemonError."""
        running = self.pid() is not None
        saving = self.save() if running else None
        self._daemon.stop(patience_s=patience_s)
        self.tidy()
        if running and not (self.state / "clean").exists():
            raise StateLostError(saving or f"Its log says why: {self.log}")
        return running

    def save(self) -> str | None:
        """Have the running server save its state; return why it could not, None when it did."""
        status, body = request(self.aws_port, "POST", "/_backroom/save", patience_s=_LONGEST_SAVE_S)
        if status == HTTPStatus.NO_CONTENT:
            return None
        if status != HTTPStatus.INSUFFICIENT_STORAGE:
            return f"The server answered {status} to the request to save."
        problem = json.loads(body)
        return f"{problem['detail']}. It was last saved at {problem['saved_at']}"

    def tidy(self) -> None:
        """Delete what functions left in their temporary folder, unless the server runs."""
        if self.pid() is None:
            discard(self.temporary)

    def _wait(self, patience_s: float, process: "subprocess.Popen[bytes] | None" = None) -> None:
        deadline = time.monotonic() + patience_s
        while not self.healthy():
            if (process and process.poll() is not None) or time.monotonic() > deadline:
                raise DaemonError(f"The embedded AWS did not start; its log is {self.log}")
            time.sleep(0.05)

    def _clean_environment(self) -> dict[str, str]:
        """Return what the server, and so every function in it, may see of this machine.

        Functions inherit the server's environment, so nothing of the developer's gets in.
        """
        inherited = {
            name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ
        }
        state = self.state
        return {
            **inherited,
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
            "TMPDIR": str(self.temporary),
            **self.environment,
        }


def get(port: int, path: str) -> int | None:
    """Return the status that a server on this machine answers, None when it does not."""
    return request(port, "GET", path)[0]


def request(
    port: int, method: str, path: str, *, patience_s: float = 5
) -> tuple[int | None, bytes]:
    """Return status and body that a server on this machine answers, None when it does not."""
    connection = HTTPConnection("127.0.0.1", port, timeout=patience_s)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return None, b""
    finally:
        connection.close()

"""``make up TARGET=localstack``: the stack on LocalStack, without Docker.

Standard library only, as `infra.local.up`, whose stand-ins and environments it uses.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from infra.local import ports, up
from infra.local.aws import CREDENTIALS, REGION, get
from infra.local.daemon import Daemon, DaemonError, discard, make_private
from infra.local.setup import ROOT, SetupError, VirtualEnvironment, bold, done, progress, run
from infra.local.standins import read_env_file, with_own, write_settings

HOME = ROOT / ".localstack"
SERVER = Path(__file__).with_name("server.py")
WARM = 4
_PYTHON = (3, 13)
_KINESIS_MOCK = "0.5.2"  # LocalStack's, at the path that it uses
_NO_PYTHON = """LocalStack takes Python 3.13, and none is here. One of these gets it:
    apt install python3.13 python3.13-venv      (Debian 13, Ubuntu 25.04 and later)
    pyenv install 3.13
    uv python install 3.13
  Then again, or with its path: make up TARGET=localstack PYTHON313=/path/to/python3.13"""
_NO_NPM = """LocalStack's table streams take Node.js 18 or later with npm (for Kinesis Mock):
    apt install nodejs npm      (or https://nodejs.org)"""


@dataclass(frozen=True)
class LocalStack:
    """LocalStack on this machine; its files live in ``home`` and go when it stops.

    ``installed`` is the folder with its environments.
    """

    home: Path
    aws_port: int
    api_port: int
    installed: Path = HOME

    @property
    def api(self) -> str:
        """Return where the deployed API answers."""
        return f"http://localhost:{self.api_port}"

    @property
    def endpoint(self) -> str:
        """Return where AWS's APIs answer."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def presign_endpoint(self) -> str:
        """Return where presigned URLs lead."""
        return f"http://localhost:{self.aws_port}"

    @property
    def python(self) -> Path:
        """Return LocalStack's own Python."""
        return self.installed / "venv" / "bin" / "python"

    @property
    def temporary(self) -> Path:
        """Return where LocalStack and the functions write; it goes with the server."""
        return self.home / "tmp"

    @property
    def _daemon(self) -> Daemon:
        return Daemon(self.home, "localstack", str(SERVER), "LocalStack")

    def pid(self) -> int | None:
        """Return the process id of the running server."""
        return self._daemon.pid()

    def running_at(self) -> "LocalStack":
        """Return the server as it runs: on the ports that it was started with."""
        found = self._daemon.ports()
        if found is None or len(found) != 2:
            return self
        return replace(self, aws_port=found[0], api_port=found[1])

    def start(self, *, patience_s: float = 120) -> bool:
        """Start it unless it runs; return True when it was started. Raises DaemonError."""
        if self.pid():
            return False
        self.tidy()
        make_private(self.temporary)
        process = self._daemon.spawn(
            [str(self.python), str(SERVER)],
            {"AWS_PORT": self.aws_port, "PORT": self.api_port},
            self._environment(),
        )
        deadline = time.monotonic() + patience_s
        while get(self.aws_port, "/_localstack/health") != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise DaemonError(f"LocalStack did not start; its log is {self._daemon.log}")
            time.sleep(0.2)
        return True

    def stop(self) -> bool:
        """Stop it, its data forgotten; return False when it did not run. Raises DaemonError."""
        pid = self.pid()
        if pid is None:
            self.tidy()
            return False
        started = _descendants(pid)
        with suppress(DaemonError):  # it has nothing to save, so it need not be waited for
            self._daemon.stop(patience_s=10)
        for each in (pid, *started):  # tables and streams have process groups of their own
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._daemon.stop()
        self.tidy()
        return True

    def tidy(self) -> None:
        """Delete what a stopped or killed server left behind."""
        if self.pid() is None:
            discard(self.temporary)

    def _environment(self) -> dict[str, str]:
        listen = ",".join(f"127.0.0.1:{port}" for port in (self.aws_port, self.api_port))
        return {
            **{name: os.environ[name] for name in ("LANG", "PATH") if name in os.environ},
            "HOME": str(self.temporary),
            "TMPDIR": str(self.temporary),
            # Dashboards; nothing else needs them.
            "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "1",
            "BACKROOM_RUNTIME_PYTHON": str(self.installed / "runtime" / "bin" / "python"),
            "BACKROOM_TABLES_PYTHON": str(up.HOME / "venv" / "bin" / "python"),
            "DISABLE_EVENTS": "1",
            "DNS_ADDRESS": "0",
            "FILESYSTEM_ROOT": str(self.installed / "files"),
            "GATEWAY_LISTEN": listen,
            "GATEWAY_SERVER": "hypercorn",
            # Two processors start functions slowly when many are started at once.
            "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "120",
            "LOCALSTACK_HOST": f"localhost:{self.aws_port}",
            "LS_LOG": "warning",
            "OVERRIDE_IN_DOCKER": "0",  # also where this machine is a container
            "S3_SKIP_SIGNATURE_VALIDATION": "0",  # a presigned URL takes what it was signed for
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "SQS_ENDPOINT_STRATEGY": "path",  # queues at the host that the guard knows
        }


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = [pid]
    for each in found:
        found += [child for child, parent in pairs if parent == each]
    return found[1:]


def localstack() -> LocalStack:
    """Return LocalStack of this checkout, on the ports that the environment names."""
    return LocalStack(HOME, aws_port=ports.port("AWS_PORT"), api_port=ports.port("PORT"))


def start_up() -> None:
    """Bring everything up and say where it is. Raises SetupError, DaemonError."""
    started = time.monotonic()
    python = find_python()
    if up.local_aws().pid():
        raise SetupError("The embedded AWS runs here; first: make down")
    stack = localstack().running_at()
    standins = replace(up.local_standins().running_at(), webhook=f"{stack.api}/webhooks/jira")
    install(python)
    if stack.start():
        done("Started LocalStack 4.14.0, its table and container engines exchanged", started)
    else:
        done("LocalStack is running")
    standins.start()
    write_settings(up.VENDORS, with_own(standins.settings(), read_env_file(ROOT / ".env")))
    deploy(stack)
    warm(stack)
    print(f"""
{bold("Backroom is up on LocalStack")} after {time.monotonic() - started:.0f} s

  page, API  {stack.api}
  AWS        {stack.endpoint}          LocalStack; credentials test / test
  vendors    {standins.page}

  Real: LocalStack's CloudFormation, API Gateway, Lambda service, SQS, S3, EventBridge and the rest.
  Exchanged: table items are in MiniStack, functions run as processes (docs/localstack.md).
  LocalStack keeps nothing: make down TARGET=localstack forgets all data.
""")


def find_python() -> str:
    """Return a Python that LocalStack runs on. Raises SetupError."""
    for candidate in _candidates():
        code = f"import sys, venv; sys.exit(sys.version_info[:2] != {_PYTHON})"
        try:
            fits = subprocess.run([candidate, "-c", code], capture_output=True, check=False)
        except OSError:
            continue
        if not fits.returncode:
            return candidate
    raise SetupError(_NO_PYTHON)


def _candidates() -> Iterator[str]:
    if chosen := os.environ.get("PYTHON313"):
        yield chosen
        return
    yield from ("python3.13", sys.executable)
    yield from map(str, sorted(Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13")))
    if uv := shutil.which("uv"):
        search = [uv, "python", "find", "3.13"]
        found = subprocess.run(search, capture_output=True, text=True, check=False)
        yield found.stdout.strip() or uv


def install(python: str) -> None:
    """Make the environments that LocalStack needs, beside those of the local target."""
    if not shutil.which("npm"):
        raise SetupError(_NO_NPM)
    make_private(HOME)
    up.install_runtime()
    folder = Path(__file__).parent
    server, runtime = folder / "requirements.txt", folder / "runtime-requirements.txt"
    jobs: list[Callable[[], None]] = [
        lambda: VirtualEnvironment(HOME / "venv", "LocalStack", python).install(
            ["-r", str(server)], [server]
        ),
        lambda: VirtualEnvironment(HOME / "runtime", "the functions' runtime").install(
            ["-r", str(runtime)], [runtime]
        ),
    ]
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()
    kinesis = HOME / "files/var/lib/localstack/lib/kinesis-local" / _KINESIS_MOCK
    if not (kinesis / "node_modules/kinesis-local/main.js").exists():
        progress("Installing Kinesis Mock, which LocalStack's table streams take ...")
        run(
            ["npm", "install", "--silent", "--prefix", str(kinesis)]
            + [f"kinesis-local@{_KINESIS_MOCK}"],
            why="Kinesis Mock could not be installed from npm; its output is above",
        )


def install_dev() -> None:
    """Add what tests and checks need. Raises SetupError."""
    up.install_dev()
    install(find_python())


def deploy(stack: LocalStack, *more: str) -> None:
    """Deploy what has changed. Raises SetupError."""
    environment = {**os.environ, **CREDENTIALS, "AWS_DEFAULT_REGION": REGION}
    ended = subprocess.run(
        [str(up.VENV / "bin" / "python"), "-m", "infra.deploy", "--target", "localstack"]
        + ["--here", "--vendors", str(up.VENDORS), "--parameter", "VendingFleetDelaySeconds=1"]
        + ["--parameter", f"BakeryHome={stack.api}"]
        + ["--parameter", f"PresignEndpoint={stack.presign_endpoint}", *more],
        cwd=ROOT,
        env={**environment, "AWS_ENDPOINT_URL": stack.endpoint, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    if ended.returncode:
        raise SetupError("The stack could not be deployed; the reason is above")


def warm(stack: LocalStack, count: int = WARM) -> None:
    """Have environments of the API started, so that the first requests need not wait for them."""
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: get(stack.api_port, "/health"), range(count)))
    if 200 not in answers:
        raise SetupError(f"The API does not answer at {stack.api}: {answers}")


def down() -> None:
    """Stop LocalStack and the stand-ins; LocalStack forgets everything."""
    up.local_standins().stop()
    stopped = localstack().stop()
    done("Stopped; LocalStack keeps no data" if stopped else "It was not running")


def status() -> int:
    """Say what runs; return 0 when the API answers."""
    stack = localstack().running_at()
    healthy = stack.pid() is not None and get(stack.api_port, "/health") == 200
    print(f"  LocalStack  {f'running (process {stack.pid()})' if stack.pid() else 'not running'}")
    print(f"  API         {f'healthy at {stack.api}' if healthy else 'does not answer'}")
    return 0 if healthy else 1


def main() -> int:
    """Run the command line; return the exit code."""
    commands: dict[str, Callable[[], int | None]] = {
        "up": start_up,
        "install": install_dev,
        "down": down,
        "reset": down,
        "status": status,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=commands)
    try:
        return commands[parser.parse_args().command]() or 0
    except (SetupError, DaemonError) as failed:
        print(f"\n  {failed}\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

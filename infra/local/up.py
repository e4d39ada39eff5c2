"""``make up``, ``down``, ``reset``, ``status``: the whole stack on a laptop, without Docker.

Standard library only: this runs on the system's Python, before anything is installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from infra.local import ports  # noqa: E402 - the path comes first
from infra.local.aws import LocalAws, StateLostError, get  # noqa: E402
from infra.local.daemon import DaemonError, make_private  # noqa: E402
from infra.local.monitoring import HOW_TO_GET, Monitoring, Ports  # noqa: E402
from infra.local.setup import (  # noqa: E402
    SetupError,
    VirtualEnvironment,
    bold,
    done,
    progress,
)
from infra.local.standins import (  # noqa: E402
    LocalStandins,
    read_env_file,
    with_own,
    write_settings,
)

HOME = ROOT / ".ministack"
VENV = ROOT / ".venv"
VENDORS = HOME / "vendors.json"


def local_aws() -> LocalAws:
    """Return the embedded AWS of this checkout, on the ports that the environment names."""
    return LocalAws(
        HOME,
        aws_port=ports.port("AWS_PORT"),
        api_port=ports.port("PORT"),
        python=HOME / "venv" / "bin" / "python",
    )


def local_standins() -> LocalStandins:
    """Return the vendors' stand-ins of this checkout, on the ports that the environment names."""
    return LocalStandins(
        HOME,
        http_port=ports.port("STANDINS_PORT"),
        smtp_port=ports.port("SMTP_PORT"),
        python=HOME / "venv" / "bin" / "python",
    )


def up() -> None:
    """Bring everything up and say where it is. Raises SetupError, DaemonError."""
    started = time.monotonic()
    aws, standins = _where_it_may_run(), _where_vendors_may_stand()
    who_may_call(standins)
    make_private(HOME)
    install_runtime()
    since = time.monotonic()
    if aws.start():
        done("Started the embedded AWS", since)
    else:
        done("The embedded AWS is running")
    since = time.monotonic()
    standins = replace(standins, webhook=f"{aws.api}/webhooks/jira")
    if standins.start():
        done("Started the stand-ins for Jira, Slack, Google, GitHub, mail and sign-in", since)
    else:
        done("The vendors' stand-ins are running")
    own = read_env_file(ROOT / ".env")
    write_settings(VENDORS, with_own(standins.settings(), own))
    deploy(aws)
    wait_until_healthy(aws)
    if lost := aws.save():
        raise SetupError(f"The state could not be saved: {lost}")
    if os.environ.get("MONITORING", "0") not in ("", "0"):
        _watch(aws)
    _welcome(aws, standins, time.monotonic() - started)


def _where_it_may_run() -> LocalAws:
    """Return the embedded AWS on the requested ports, or on those that it has already."""
    requested = local_aws()
    running = requested.running_at()
    named = any(os.environ.get(name) for name in ("PORT", "AWS_PORT"))
    if running != requested and named:
        raise SetupError(f"It runs already, with its API at {running.api}; first: make down")
    return running


def _where_vendors_may_stand() -> LocalStandins:
    """Return the stand-ins on the requested ports, or on those that they have already."""
    requested = local_standins()
    running = requested.running_at()
    named = any(os.environ.get(name) for name in ("STANDINS_PORT", "SMTP_PORT"))
    if running != requested and named:
        raise SetupError(f"The stand-ins run already, at {running.page}; first: make down")
    return running


def install_runtime() -> None:
    """Make the two environments that `up` needs, side by side. Raises SetupError."""
    local = ROOT / "infra" / "local" / "requirements.txt"
    pins = ROOT / "requirements-dev.txt"
    jobs: list[Callable[[], None]] = [
        lambda: VirtualEnvironment(HOME / "venv", "the embedded AWS").install(
            ["-r", str(local)], [local]
        ),
        lambda: VirtualEnvironment(VENV, "the client and the deployer").install(
            ["-c", str(pins), "-e", f"{ROOT}[deploy,monitoring]"],
            [pins, ROOT / "pyproject.toml"],
        ),
    ]
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()


def install_dev() -> None:
    """Add what tests and checks need to the project's environment. Raises SetupError."""
    install_runtime()
    pins = ROOT / "requirements-dev.txt"
    tools = VirtualEnvironment(VENV, "the tools for tests")
    tools.install(["-r", str(pins)], [pins], stamp="dev")


def down() -> None:
    """Stop the embedded AWS, the stand-ins and what watches; what the first stores stays."""
    _stop_monitoring()
    local_standins().stop()
    try:
        stopped = local_aws().running_at().stop()
    except StateLostError as lost:
        raise SetupError(
            f"Stopped, and the state could not be saved: {lost}. What changed since then is lost; "
            "the next make up goes on from what was saved"
        ) from lost
    if stopped:
        done("Stopped; stored data stays for the next make up")
    else:
        done("It was not running")


def _stop_monitoring() -> None:
    if stopped := local_monitoring(local_aws()).stop():
        done(f"Stopped {', '.join(stopped)}")


def reset() -> None:
    """Stop the embedded AWS and forget everything that is stored."""
    aws = local_aws().running_at()
    _stop_monitoring()
    local_standins().stop()
    with suppress(StateLostError):
        aws.stop()
    shutil.rmtree(aws.state, ignore_errors=True)
    for name in ("exporter.db", "exporter.db-wal", "exporter.db-shm"):
        (ROOT / ".monitoring" / name).unlink(missing_ok=True)
    shutil.rmtree(ROOT / ".monitoring" / "prometheus-data", ignore_errors=True)
    done("Stopped, and all local data is forgotten; make up starts afresh")


def status() -> int:
    """Say what runs; return 0 when the API answers."""
    aws = local_aws().running_at()
    pid = aws.pid()
    running = f"running (process {pid}), AWS at {aws.endpoint}" if pid else "not running"
    healthy = pid is not None and get(aws.api_port, "/health") == 200
    standins = local_standins().running_at()
    vendors = f"running, see {standins.page}" if standins.pid() else "not running"
    print(f"  embedded AWS  {running}")
    print(f"  stand-ins     {vendors}")
    print(f"  API           {f'healthy at {aws.api}' if healthy else 'does not answer'}")
    if not healthy:
        print("  next          make up")
    return 0 if healthy else 1


def who_may_call(standins: LocalStandins) -> dict[str, str]:
    """Return the parameters for callers: everybody, or who signs in. Raises SetupError."""
    wanted = os.environ.get("AUTH") or "open"
    if wanted == "open":
        return {"Auth": "open"}
    if wanted == "jwt":
        return standins.identity()
    raise SetupError(f"AUTH={wanted} is not known; it is open (the default) or jwt")


def deploy(aws: LocalAws) -> None:
    """Deploy to the embedded AWS what has changed. Raises SetupError."""
    origins = os.environ.get("CORS_ORIGINS", "")
    (HOME / "origins").write_text(origins)  # the gateway lets them in, and the API answers them
    callers = {**who_may_call(local_standins().running_at()), "CorsOrigins": origins}
    given = [f"--parameter={name}={value}" for name, value in callers.items()]
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "PYTHONWARNINGS": "ignore",
    }
    ended = subprocess.run(
        [str(VENV / "bin" / "python"), "-m", "infra.deploy", "--target", "local"]
        + ["--parameter", "VendingFleetDelaySeconds=1", "--parameter", f"BakeryHome={aws.api}"]
        + ["--parameter", "BakeryUndoSeconds=10"]
        + ["--parameter", f"PresignEndpoint={aws.presign_endpoint}"]
        + ["--vendors", str(VENDORS), *given],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    if ended.returncode:
        raise SetupError("The stack could not be deployed; the reason is above")


def wait_until_healthy(aws: LocalAws, patience_s: float = 30) -> None:
    """Wait until the API says that it is well. Raises SetupError."""
    started = time.monotonic()
    while get(aws.api_port, "/health") != 200:
        if time.monotonic() - started > patience_s:
            raise SetupError(f"The API does not answer at {aws.api}; see: make logs")
        time.sleep(0.1)
    done("The API is healthy", started)


def local_monitoring(aws: LocalAws) -> Monitoring:
    """Return what watches the stack of this checkout, on the ports that the environment names."""
    python = VENV / "bin" / "python"
    return Monitoring(ROOT / ".monitoring", python, aws.endpoint, ports=Ports.from_environment())


def _watch(aws: LocalAws) -> None:
    """Start what shows the stack running, as far as it is here."""
    monitoring = local_monitoring(aws)
    running = monitoring.start()
    done(f"Metrics at http://localhost:{monitoring.ports.exporter}/metrics")
    if "prometheus" in running:
        done(f"Prometheus at http://localhost:{monitoring.ports.prometheus}")
    else:
        progress(f"Prometheus is not here. To get it (Debian, Ubuntu): {HOW_TO_GET}")


def _welcome(aws: LocalAws, standins: LocalStandins, took_s: float) -> None:
    backroom = os.path.relpath(VENV / "bin" / "backroom")
    if aws.api_port != ports.DEFAULTS["PORT"]:
        backroom = f"{backroom} --api {aws.api}"
    callers = "everybody on this machine"
    if who_may_call(standins)["Auth"] == "jwt":
        callers = f"who signs in at a stand-in: {backroom} login"
    print(
        f"""
{bold("Backroom is up")} after {took_s:.0f} s

  page      {aws.api}          in a browser
  API       {aws.api}          try: curl {aws.api}/fleet
  callers   {callers}
  AWS       {aws.endpoint}          the embedded one; credentials test / test
  vendors   {standins.page}          what Jira, Slack, Google, GitHub and mail got
  client    {backroom}          (or: source .venv/bin/activate, then: backroom)

{bold("Try next")}
  make demo                     the whole story in two minutes
  {backroom} import tests/data/transactions.txt
  {backroom} fleet
  make status | make logs | make down | make reset
"""
    )


def main() -> int:
    """Run the command line; return the exit code."""
    commands: dict[str, Callable[[], int | None]] = {
        "up": up,
        "install": install_dev,
        "down": down,
        "reset": reset,
        "status": status,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=commands)
    try:
        return commands[parser.parse_args().command]() or 0
    except (SetupError, DaemonError) as failed:
        print(f"\n  {failed}.\n".replace("..", "."), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

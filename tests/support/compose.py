"""docker-compose.yml as projects of the tests, on a Docker engine of this machine."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from infra.localstack.up import LocalStack
from infra.package import ROOT
from tests.support.patience import CLIENT_S, eventually
from tests.support.processes import free_port

PROJECT = "backroom-test"
STAGE = "local"
"""What its deployer deploys."""
APPLICATION = ("cleaner", "localstack", "standins", "deployer", "gateway")
MONITORING = ("exporter", "node-exporter", "prometheus")
_OTHER_PORTS = ("STANDINS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
_FIRST_START_S = 900  # it builds images


def commands() -> list[list[str]]:
    """Return the Compose commands of this machine: version 2, version 1, or both."""
    found = []
    if shutil.which("docker"):
        version = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        found += [["docker", "compose"]] if version.returncode == 0 else []
    return found + ([["docker-compose"]] if shutil.which("docker-compose") else [])


def engine_answers() -> bool:
    """Return whether there is a Docker engine."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def docker(*arguments: str) -> str:
    """Return what a docker command says."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@dataclass(frozen=True)
class Compose(LocalStack):
    """A project: LocalStack in a container, with what is beside it.

    Its stack has ``parameters`` beside the usual ones.
    """

    command: Sequence[str] = ()
    services: Sequence[str] = APPLICATION
    parameters: Mapping[str, str] = field(default_factory=dict)
    other_ports: Mapping[str, int] = field(
        default_factory=lambda: {name: free_port() for name in _OTHER_PORTS}
    )

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run a Compose command; return what it says."""
        ports = {"PORT": self.api_port, "AWS_PORT": self.aws_port, **self.other_ports}
        settings = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        done = subprocess.run(
            [*self.command, "-p", PROJECT, *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                **{name: str(port) for name, port in ports.items()},
                "STACK_PARAMETERS": settings,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    @property
    def client(self) -> httpx.Client:
        """Return a client of the API."""
        return httpx.Client(base_url=self.api, timeout=CLIENT_S)

    def healthy(self) -> bool:
        """Return whether all services are; raises AssertionError with the first that is not."""
        for service in self.services:
            container = self("ps", "-q", service).strip()
            assert container, f"{service} has no container"
            state = docker("inspect", "-f", "{{json .State}}", container)
            assert json.loads(state)["Health"]["Status"] == "healthy", f"{service}: {state}"
        return True

    def start(self, *, patience_s: float = _FIRST_START_S) -> bool:
        """Build, start, and wait until all services are healthy."""
        self("up", "-d", "--build", *self.services)
        eventually(self.healthy, within_s=patience_s, every_s=2)
        return True

    def stop(self) -> bool:
        """Remove everything."""
        self("down", "--volumes", "--remove-orphans", check=False)
        return True

    def pid(self) -> None:
        """Return None: it has no process of its own."""

    def environments(self, function: str) -> list[str]:
        """Return the ids of the containers that a function runs in."""
        return docker("ps", "-q", "--filter", f"name=lambda-{function}-").split()

    def kill(self, container: str) -> bool:
        """Kill a function's container; return whether it ran."""
        done = subprocess.run(["docker", "kill", container], capture_output=True, check=False)
        return done.returncode == 0

    def report(self) -> str:
        """Return what runs, and what the services have logged last."""
        shown = (("ps",), ("logs", "--no-color", "--tail=60"))
        return "".join(self(*each, check=False) for each in shown)

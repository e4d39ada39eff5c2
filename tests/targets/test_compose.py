"""docker-compose.yml on a Docker engine: `make test TARGET=compose`.

Everything is brought up once under a project name and ports of its own, looked at through the
gateway, restarted service by service, and taken down without a trace.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from infra.package import ROOT
from tests.support.deployed import TARGET
from tests.support.patience import CLIENT_S, eventually
from tests.support.processes import free_port

pytestmark = [
    pytest.mark.skipif(TARGET != "compose", reason="for make test TARGET=compose"),
    pytest.mark.timeout(3600),
]
PROJECT = "backroom-test"
SERVICES = (
    "localstack",
    "standins",
    "deployer",
    "gateway",
    "exporter",
    "node-exporter",
    "prometheus",
)
MINUTES = 60.0


def commands() -> list[list[str]]:
    """Return the Compose commands of this machine: version 2, version 1, or both."""
    found = []
    if shutil.which("docker"):
        version = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        found += [["docker", "compose"]] if version.returncode == 0 else []
    return found + ([["docker-compose"]] if shutil.which("docker-compose") else [])


@dataclass(frozen=True)
class Compose:
    """A running project."""

    command: Sequence[str]
    environment: dict[str, str]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self.command, "-p", PROJECT, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    @property
    def api(self) -> httpx.Client:
        address = f"http://localhost:{self.environment['PORT']}"
        return httpx.Client(base_url=address, timeout=CLIENT_S)

    def healthy(self, *services: str) -> bool:
        """Return whether every one of the services is healthy."""
        for service in services:
            container = self("ps", "-q", service).strip()
            assert container, f"{service} has no container"
            state = docker("inspect", "-f", "{{json .State}}", container)
            assert json.loads(state)["Health"]["Status"] == "healthy", f"{service}: {state}"
        return True


def docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module", params=commands(), ids=" ".join)
def compose(request: pytest.FixtureRequest) -> Iterator[Compose]:
    engine = subprocess.run(["docker", "info"], capture_output=True, check=False)
    if engine.returncode:
        pytest.skip("no Docker engine answers; see: docker info")
    ports = ("PORT", "AWS_PORT", "STANDINS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")
    project = Compose(request.param, {name: str(free_port()) for name in ports})
    try:
        with said_when_it_fails(request, project):
            project("up", "-d", "--build", *SERVICES)
            eventually(lambda: project.healthy(*SERVICES), within_s=15 * MINUTES, every_s=2)
        yield project
    finally:
        project("down", "--volumes", "--remove-orphans", check=False)


@contextmanager
def said_when_it_fails(request: pytest.FixtureRequest, project: Compose) -> Iterator[None]:
    """Print what the services have logged last if what is done meanwhile fails."""
    before, broke = request.session.testsfailed, True
    try:
        yield
        broke = request.session.testsfailed > before
    finally:
        if broke:
            for shown in (("ps",), ("logs", "--no-color", "--tail=60")):
                sys.stdout.write(project(*shown, check=False))


@pytest.fixture(autouse=True)
def _said(request: pytest.FixtureRequest, compose: Compose) -> Iterator[None]:
    with said_when_it_fails(request, compose):
        yield


def test_the_api_answers_through_the_gateway_with_every_context(compose: Compose) -> None:
    with compose.api as api:
        assert api.get("/health").status_code == 200
        body = {"account_id": "123e4567-e89b-12d3-a456-426614174000", "amount": 4}
        assert api.post("/transactions", json=body).status_code == 201
        assert api.get("/fleet").status_code == 200
        cake = {"name": "Carrot Cake", "ingredients": {"carrots": 60, "eggs": 2}}
        assert api.post("/cakes", json=cake).status_code == 201
        # 503 while the container of the function that asks the vendors starts.
        eventually(lambda: api.get("/integrations").status_code == 200, within_s=3 * MINUTES)
        states = {vendor["state"] for vendor in api.get("/integrations").json()}
        assert states == {"ok"}


def test_an_order_s_ticket_reaches_the_stand_in_for_jira(compose: Compose) -> None:
    with compose.api as api:
        order = {"customer": "Ann", "recipe": "carrot_cake", "persons": 4, "quantity": 1}
        placed = api.post("/orders", json={**order, "urgent": True})
        assert placed.status_code == 201, placed.text
        at = f"/orders/{placed.json()['id']}"
        eventually(lambda: api.get(at).json()["ticket"]["state"] == "created", within_s=3 * MINUTES)


def test_a_presigned_url_leads_to_where_the_caller_reaches_it(compose: Compose) -> None:
    with compose.api as api:
        asked = api.post("/imports/presigned", json={"filename": "log.txt"}).json()["upload"]
        assert asked["url"].startswith(f"http://localhost:{compose.environment['AWS_PORT']}/")
        sent = httpx.put(asked["url"], headers=asked["headers"], content=b"x\n", timeout=CLIENT_S)
        assert sent.status_code == 200


def test_monitoring_reaches_nothing_of_the_application_but_the_exporter(compose: Compose) -> None:
    def reached(address: str) -> bool:
        tried = ("wget", "-t", "1", "-T", "5", "-q", "-O", "/dev/null", address)
        container = compose("ps", "-q", "prometheus").strip()
        done = subprocess.run(
            ["docker", "exec", container, *tried], capture_output=True, check=False
        )
        return done.returncode == 0

    assert reached("http://exporter:9464/metrics")
    addresses = [
        json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container))
        for container in compose("ps", "-q", "localstack", "gateway", "standins").split()
    ]
    numbers = [network["IPAddress"] for each in addresses for network in each.values()]
    for host in ("localstack", "gateway", "standins", *numbers):
        assert not reached(f"http://{host}:4566/_localstack/health")
        assert not reached(f"http://{host}:{compose.environment['PORT']}/ping")


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "localstack"])
def test_a_service_that_is_restarted_comes_back(compose: Compose, service: str) -> None:
    compose("restart", service)
    eventually(lambda: compose.healthy(*SERVICES), within_s=5 * MINUTES, every_s=2)
    with compose.api as api:
        assert api.get("/health").status_code == 200


def test_localstack_comes_back_empty_and_is_deployed_to_at_the_same_address(
    compose: Compose,
) -> None:
    compose("restart", "localstack")
    with compose.api as api:
        eventually(lambda: api.get("/ping").status_code == 200, within_s=10 * MINUTES, every_s=2)
        assert api.get("/cakes").json() == []


def test_it_is_taken_down_without_a_trace(compose: Compose) -> None:
    compose("down", "--volumes", "--remove-orphans")
    label = f"label=com.docker.compose.project={PROJECT}"
    for kind in ("container", "network", "volume"):
        everything = ("-a",) if kind == "container" else ()
        assert docker(kind, "ls", *everything, "-q", "--filter", label) == "", kind
    names = docker("ps", "-a", "--format", "{{.Names}}").split()
    assert not [name for name in names if "backroom-local" in name]  # functions' containers

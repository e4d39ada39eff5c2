"""docker-compose.yml on a Docker engine: `make test TARGET=compose`.

Everything is brought up once under a project name and ports of its own, looked at through the
gateway, restarted service by service, and taken down without a trace.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.compose import (
    APPLICATION,
    MONITORING,
    PROJECT,
    STAGE,
    Compose,
    commands,
    docker,
    engine_answers,
)
from tests.support.deployed import TARGET
from tests.support.patience import CLIENT_S, eventually
from tests.support.processes import free_port

pytestmark = [
    pytest.mark.skipif(TARGET != "compose", reason="for make test TARGET=compose"),
    pytest.mark.timeout(3600),
]
SERVICES = (*APPLICATION, *MONITORING)
MINUTES = 60.0


@pytest.fixture(scope="module", params=commands(), ids=" ".join)
def compose(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compose]:
    if not engine_answers():
        pytest.skip("no Docker engine answers; see: docker info")
    home = tmp_path_factory.mktemp("compose")
    project = Compose(home, free_port(), free_port(), command=request.param, services=SERVICES)
    try:
        with said_when_it_fails(request, project):
            project.start()
        yield project
    finally:
        project.stop()


@contextmanager
def said_when_it_fails(request: pytest.FixtureRequest, project: Compose) -> Iterator[None]:
    """Print what the services have logged last if what is done meanwhile fails."""
    before, broke = request.session.testsfailed, True
    try:
        yield
        broke = request.session.testsfailed > before
    finally:
        if broke:
            sys.stdout.write(project.report())


@pytest.fixture(autouse=True)
def _said(request: pytest.FixtureRequest, compose: Compose) -> Iterator[None]:
    with said_when_it_fails(request, compose):
        yield


def test_the_api_answers_through_the_gateway_with_every_context(compose: Compose) -> None:
    with compose.client as api:
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
    with compose.client as api:
        cake = api.post("/cakes", json={"name": "Plum Cake", "ingredients": {"plums": 90}})
        assert cake.status_code == 201, cake.text
        order = {"customer": "Ann", "recipe": "plum_cake", "persons": 4, "quantity": 1}
        placed = api.post("/orders", json={**order, "urgent": True})
        assert placed.status_code == 201, placed.text
        at = f"/orders/{placed.json()['id']}"
        eventually(lambda: api.get(at).json()["ticket"]["state"] == "created", within_s=3 * MINUTES)


def test_a_presigned_url_leads_to_where_the_caller_reaches_it(compose: Compose) -> None:
    with compose.client as api:
        asked = api.post("/imports/presigned", json={"filename": "log.txt"}).json()["upload"]
        assert asked["url"].startswith(f"{compose.presign_endpoint}/")
        sent = httpx.put(asked["url"], headers=asked["headers"], content=b"x\n", timeout=CLIENT_S)
        assert sent.status_code == 200


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/packages/%00", "", 400),
        (f"/packages/{'a' * 9_000}", "", 414),
        ("/ping", "rebound.test", 403),
        ("/_problem/bad-request%0a", "rebound.test", 403),
    ],
)
def test_what_the_gateway_refuses_is_a_problem_document(
    compose: Compose, path: str, host: str, status: int
) -> None:
    with compose.client as api:
        answer = api.get(path, headers={"Host": host} if host else {})

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"


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
        assert not reached(f"http://{host}:{compose.api_port}/ping")


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "localstack"])
def test_a_service_that_is_restarted_comes_back(compose: Compose, service: str) -> None:
    compose("restart", service)
    eventually(compose.healthy, within_s=5 * MINUTES, every_s=2)
    with compose.client as api:
        assert api.get("/health").status_code == 200


def test_localstack_comes_back_empty_and_is_deployed_to_at_the_same_address(
    compose: Compose,
) -> None:
    compose("restart", "localstack")
    with compose.client as api:
        eventually(lambda: api.get("/ping").status_code == 200, within_s=10 * MINUTES, every_s=2)
        assert api.get("/cakes").json() == []


def test_a_killed_localstack_leaves_no_container_of_a_function(compose: Compose) -> None:
    api = f"backroom-{STAGE}-api"
    eventually(lambda: compose.environments(api), within_s=MINUTES)

    docker("kill", compose("ps", "-q", "localstack").strip())

    eventually(lambda: not compose.environments(api), within_s=MINUTES)


def test_it_is_taken_down_without_a_trace(compose: Compose) -> None:
    compose("down", "--volumes", "--remove-orphans")
    label = f"label=com.docker.compose.project={PROJECT}"
    for kind in ("container", "network", "volume"):
        everything = ("-a",) if kind == "container" else ()
        assert docker(kind, "ls", *everything, "-q", "--filter", label) == "", kind
    names = docker("ps", "-a", "--format", "{{.Names}}").split()
    assert not [name for name in names if f"lambda-backroom-{STAGE}" in name]

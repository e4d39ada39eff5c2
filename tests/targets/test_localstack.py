"""LocalStack, deployed to a second time and started again: `make test TARGET=localstack`."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.deployed import (
    TARGET,
    Deployed,
    deploy_first,
    deploy_over,
    deployed,
    packaged,
)
from tests.support.patience import eventually

pytestmark = [
    pytest.mark.skipif(TARGET != "localstack", reason="for make test TARGET=localstack"),
    pytest.mark.timeout(1800),
]
ACCOUNT = "123e4567-e89b-12d3-a456-426614174000"


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Deployed:
    """LocalStack of these tests' own, which they deploy to again."""
    return deployed(request, "again")


def with_another_route(built: Path, folder: Path) -> Path:
    """Return a package whose API answers at ``/ping/again``, too."""
    shutil.copytree(built, folder)
    template = json.loads((folder / "sam.json").read_text())
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    paths["/ping/again"] = paths["/ping"]
    (folder / "sam.json").write_text(json.dumps(template))
    return folder


def test_a_changed_route_makes_the_stack_anew_and_keeps_what_it_can(
    stack: Deployed,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    posted = stack.api.post("/transactions", json={"account_id": ACCOUNT, "amount": 5})
    assert posted.status_code == 201
    changed = with_another_route(packaged(request), tmp_path / "out")

    deploy_over(stack, changed)

    assert "deleted and created again" in capsys.readouterr().out
    eventually(stack.healthy, within_s=60)
    assert stack.api.get(f"/accounts/{ACCOUNT}").json()["balance"] == 5
    assert stack.api.get("/ping/again").status_code != 404


def test_a_restart_comes_back_at_the_same_address(
    stack: Deployed, request: pytest.FixtureRequest
) -> None:
    address = stack.outputs["RestAPIId"]
    stack.stop()
    stack.start()

    deploy_first(stack, packaged(request))  # LocalStack keeps nothing

    assert stack.outputs["RestAPIId"] == address == "backroom"
    eventually(stack.healthy, within_s=60)

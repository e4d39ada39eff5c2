"""A Lambda loads what a request needs and no more, and finds all that there is."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import ROUTES
from chalicelib.core.routing import Route

ROOT = Path(__file__).parents[2]

_ASKED = """
import json, sys
from app import app
path = sys.argv[1]
context = {"resourcePath": path, "httpMethod": "GET", "path": path, "requestId": "1"}
event = dict.fromkeys(["queryStringParameters", "multiValueQueryStringParameters",
                       "pathParameters", "stageVariables", "body"])
event |= {"resource": path, "path": path, "httpMethod": "GET", "requestContext": context,
          "headers": {}, "multiValueHeaders": {}, "isBase64Encoded": False}
status = app(event, None)["statusCode"]
loaded = {name.split(".")[1] for name in sys.modules if name.startswith("chalicelib.")}
print(json.dumps({"status": status, "loaded": sorted(loaded), "modules": list(sys.modules)}))
"""

_NOT_OF_THE_REGISTRY = (
    *("anomalies", "archives", "findings", "lines", "parsing", "regions", "routes", "wiring"),
    *("service.arrivals", "service.fleet", "service.verdicts", "store.chunks", "store.fleet"),
)


@pytest.mark.parametrize("module", ROUTES)
def test_a_context_serves_the_paths_that_are_named_for_it(module: str) -> None:
    contracts: list[Route] = importlib.import_module(module).bp.contracts

    assert {contract.path.split("/")[1] for contract in contracts} == set(ROUTES[module])


def test_no_two_contexts_serve_the_same_paths() -> None:
    parts = [part for parts in ROUTES.values() for part in parts]

    assert len(parts) == len(set(parts))


def test_a_request_loads_no_context_but_its_own() -> None:
    assert contexts("/ping") == (200, ["core", "operations"])


def test_the_index_tells_of_all_contexts() -> None:
    assert {"deliveries", "ledger", "vending"} <= set(contexts("/")[1])


def test_an_unknown_path_loads_no_context() -> None:
    assert contexts("/{proxy+}") == (404, ["core", "operations"])


def test_a_request_for_sites_loads_neither_the_parser_nor_the_rules() -> None:
    loaded = asked("/sites")["modules"]

    assert "chalicelib.vending.service.registry" in loaded
    assert not {*loaded} & {f"chalicelib.vending.{name}" for name in _NOT_OF_THE_REGISTRY}


def test_what_compiles_expressions_is_loaded_while_few_frames_are_below_it() -> None:
    modules = asked("/ping")["modules"]

    assert modules.index("urllib3.util.url") < modules.index("chalicelib.core")


def contexts(path: str) -> tuple[int, list[str]]:
    """Return the status that a fresh Lambda answers, and the contexts that it has loaded then."""
    answer = asked(path)
    return answer["status"], answer["loaded"]


def asked(path: str) -> dict[str, Any]:
    """Return what a fresh Lambda answers, and the contexts and modules that it has loaded then."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "AUTH": "open"}
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", _ASKED, path],
        env={**environment, "AWS_LAMBDA_FUNCTION_NAME": "backroom-test-api"},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer

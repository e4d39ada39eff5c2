"""The laptop's stack under load, beside a bare function: ``python -m bench.local_stack``.

Deploys Backroom to an embedded AWS of its own, and beside it a function that makes the same calls
and logs one line (`bench.bare_function`), behind an API of its own. Eight clients ask both in
turns, from the first request on: cold workers are included. Needs `make install` to have been run.
"""

import io
import json
import random
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.calls import free_port
from infra import deploy
from infra.local.aws import LocalAws
from tests.support.deployed import PYTHON, Deployed, aimed_at
from tests.support.patience import eventually

GOAL = 0.9
REQUESTS = ("GET /ping", "POST /packages")
_CLIENTS, _EACH, _ROUNDS = 8, 25, 8
_STAGE = "bare"
_JSON = {"Content-Type": "application/json"}
_OURS, _BARE = "ours", "bare"


class Api(NamedTuple):
    """Where requests go: a host with its port, and what comes before a path."""

    host: str
    base: str


def main() -> int:
    """Print a Markdown table."""
    print("| 8 clients | a second | bare | ratio |\n|---|---|---|---|")
    for what, (ours, bare) in per_second(_ROUNDS).items():
        print(f"| `{what}` | {ours:.0f} | {bare:.0f} | {ours / bare:.2f} |")
    return 0


def per_second(rounds: int) -> dict[str, tuple[float, float]]:
    """Return of each request how many a second Backroom answers, and the bare function."""
    found: dict[str, tuple[float, float]] = {}
    with _stack() as stack:
        apis = {_OURS: Api(*_parts(stack.aws.api)), _BARE: _beside(stack)}
        for what in REQUESTS:
            took = dict.fromkeys(apis, 0.0)
            for _ in range(rounds):
                for name in random.sample(list(apis), len(apis)):
                    took[name] += _round(apis[name], what)
            made = rounds * _CLIENTS * _EACH
            found[what] = made / took[_OURS], made / took[_BARE]
    return found


@contextmanager
def _stack() -> Iterator[Deployed]:
    """Yield Backroom as it is deployed to an embedded AWS that lives as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="backroom-bench-") as home:
        aws = LocalAws(Path(home), free_port(), free_port(), PYTHON)
        stack = Deployed(aws, "bench")
        try:
            stack.start()
            progress = redirect_stdout(sys.stderr)
            with aimed_at(aws), tempfile.TemporaryDirectory() as build, progress:
                stack.outputs = deploy.deploy("local", "bench", stack.parameters, build=Path(build))
            eventually(stack.healthy, within_s=60)
            yield stack
        finally:
            stack.close()


def _beside(stack: Deployed) -> Api:
    """Deploy the bare function to the same AWS; return its API."""
    functions, apis = stack.client("lambda"), stack.client("apigateway")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.write(Path(__file__).with_name("bare_function.py"), "bare_function.py")
    function = functions.create_function(
        FunctionName="bare",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/bare",
        Handler="bare_function.handle",
        Code={"ZipFile": code.getvalue()},
        MemorySize=1024,
        Timeout=29,
        Environment={"Variables": _environment(stack)},
    )
    api = apis.create_rest_api(name="bare")["id"]
    [root] = apis.get_resources(restApiId=api)["items"]
    proxy = apis.create_resource(restApiId=api, parentId=root["id"], pathPart="{proxy+}")["id"]
    method = {"restApiId": api, "resourceId": proxy, "httpMethod": "ANY"}
    apis.put_method(**method, authorizationType="NONE")
    path = f"path/2015-03-31/functions/{function['FunctionArn']}/invocations"
    apis.put_integration(
        **method,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:us-east-1:lambda:{path}",
    )
    apis.create_deployment(restApiId=api, stageName=_STAGE)
    return Api(*_parts(f"{stack.aws.endpoint}/_aws/execute-api/{api}/{_STAGE}"))


def _environment(stack: Deployed) -> Mapping[str, str]:
    """Return the name of the table that Backroom's function has, for the bare one."""
    of = stack.client("lambda").get_function_configuration(FunctionName=stack.function("api"))
    return {"DELIVERIES_TABLE": of["Environment"]["Variables"]["DELIVERIES_TABLE"]}


def _round(api: Api, what: str) -> float:
    """Return how many seconds all clients take for their requests."""
    with ThreadPoolExecutor(_CLIENTS) as clients:
        begun = time.perf_counter()
        list(clients.map(_ask, [api] * _CLIENTS, [what] * _CLIENTS))
        return time.perf_counter() - begun


def _ask(api: Api, what: str) -> None:
    """Make one client's requests, one after the other, on one connection."""
    method, path = what.split()
    connection = HTTPConnection(api.host)
    for _ in range(_EACH):
        body = json.dumps(_package()) if method == "POST" else None
        connection.request(method, f"{api.base}{path}", body, _JSON)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 300, (answer.status, content)
    connection.close()


def _package() -> dict[str, Any]:
    """Return a package that nobody has sent, to somebody who gets few."""
    return {
        "package_id": str(uuid.uuid4()),
        "sender_id": f"shop-{random.randrange(100)}",
        "recipient_id": f"recipient-{random.randrange(10_000)}",
        "package_type": "personal",
        "timestamp": "2026-11-01T12:00:00Z",
    }


def _parts(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.netloc, parts.path


if __name__ == "__main__":
    sys.exit(main())

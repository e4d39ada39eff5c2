"""Clients that public generators make of the OpenAPI document compile, and call the API.

What they take is installed by `make test` (generators) and `make lint` (scripts).
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra import openapi
from infra.package import ROOT
from tests.support.deployed import Deployed

GENERATORS = ROOT / ".generators" / "bin"
SCRIPTS = ROOT / ".scripts" / "node_modules" / ".bin"
IN_PYTHON = """
import sys

from backroom_api import Client
from backroom_api.api.bakery import list_orders
from backroom_api.api.ledger import create_transaction
from backroom_api.api.operations import get_health
from backroom_api.api.vending import list_sites, put_site
from backroom_api.models import SiteBody, TransactionBody

client = Client(base_url=sys.argv[1], timeout=60, raise_on_unexpected_status=True)
site = SiteBody(name="Generated", time_zone="America/Chicago")
account = "00000000-0000-4000-8000-00000000cafe"

assert get_health.sync(client=client).status == "ok"
assert put_site.sync("generated-py", client=client, body=site).site_id == "generated-py"
assert "generated-py" in {each.site_id for each in list_sites.sync(client=client)}
posted = create_transaction.sync(
    client=client, body=TransactionBody(account_id=account, amount=5), idempotency_key="py-1"
)
assert (str(posted.account_id), posted.amount) == (account, 5)
assert isinstance(list_orders.sync(client=client, limit=1), list)
"""
IN_TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const api = createClient<paths>({ baseUrl: process.argv[2] ?? "" });
const account_id = "00000000-0000-4000-8000-00000000beef";

function holds(told: boolean, what: string): void {
  if (!told) throw new Error(what);
}

const health = await api.GET("/health");
holds(health.data?.status === "ok", "health");
const site = await api.PUT("/sites/{site_id}", {
  params: { path: { site_id: "generated-ts" } },
  body: { name: "Generated", time_zone: "America/Chicago" },
});
holds(site.data?.site_id === "generated-ts", "site");
const sites = await api.GET("/sites", { params: { query: { limit: 1000 } } });
holds(Boolean(sites.data?.some((each) => each.site_id === "generated-ts")), "sites");
const posted = await api.POST("/transactions", {
  params: { header: { "Idempotency-Key": "ts-1" } },
  body: { account_id, amount: 5 },
});
holds(posted.data?.amount === 5, "transaction");
const orders = await api.GET("/orders", { params: { query: { limit: 1 } } });
holds(Array.isArray(orders.data), "orders");
"""
TSC = (
    *("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"),
    *("--types", "node", "--typeRoots", str(SCRIPTS.parent / "@types")),
)


def test_a_python_client_has_every_operation_and_calls_the_api(
    stack: Deployed, tmp_path: Path
) -> None:
    generator = GENERATORS / "openapi-python-client"
    if not generator.exists():
        pytest.skip("openapi-python-client is not installed here: make generators")
    document = ["--path", str(openapi.TARGET), "--meta", "none"]
    run([generator, "generate", *document, "--output-path", "backroom_api"], tmp_path)

    made = {path.stem for path in tmp_path.glob("backroom_api/api/*/*.py")} - {"__init__"}
    assert len(made) == len(_operations())
    (tmp_path / "calls.py").write_text(IN_PYTHON)
    run([GENERATORS / "python", "calls.py", stack.aws.api], tmp_path)


def test_typescript_types_compile_and_call_the_api(stack: Deployed, tmp_path: Path) -> None:
    if not (SCRIPTS / "openapi-typescript").exists():
        pytest.skip("openapi-typescript is not installed here: make lint, where there is npm")
    (tmp_path / "node_modules").symlink_to(SCRIPTS.parent)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text(IN_TYPESCRIPT)

    made = ["--default-non-nullable", "false", "-o", "schema.ts"]  # defaults may be left out
    run([SCRIPTS / "openapi-typescript", openapi.TARGET, *made], tmp_path)
    run([SCRIPTS / "tsc", *TSC, "calls.ts"], tmp_path)
    run(["node", "calls.js", stack.aws.api], tmp_path)

    assert all(
        f'operations["{each}"]' in (tmp_path / "schema.ts").read_text() for each in _operations()
    )


def _operations() -> list[str]:
    verbs = json.loads(openapi.TARGET.read_text())["paths"].values()
    return [operation["operationId"] for each in verbs for operation in each.values()]


def run(command: Sequence[str | Path], folder: Path) -> None:
    path = f"{GENERATORS}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""The client of a fresh clone: it starts with its own dependencies, and without the functions'."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import backroom
from app import app
from backroom.cli import COMMANDS

# What the functions bring along, and `make up` does not install for the client.
FUNCTIONS_OWN = ("Crypto", "aws_lambda_powertools", "email_validator", "jwt")
_IMPORT_ALL = f"""
import importlib, pkgutil, sys
for name in {FUNCTIONS_OWN}:
    sys.modules[name] = None
import backroom
for module in pkgutil.walk_packages(backroom.__path__, "backroom."):
    importlib.import_module(module.name)
"""


def test_s9_the_client_starts_without_what_only_functions_have() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2_000:]


_LOADED = """
import sys

from backroom.cli import COMMANDS
from backroom.cli import main
sys.argv[1:] = {arguments}
try:
    main()
except SystemExit:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def _loaded_by(*arguments: str) -> set[str]:
    """Return the modules that a run of the command imports."""
    code = _LOADED.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_version_is_printed_without_loading_what_commands_need() -> None:
    loaded = _loaded_by("--version")

    assert not loaded & {"httpx", "pydantic", "rich", "backroom.core.session", "backroom.demo"}


def test_a_command_loads_its_own_context_alone() -> None:
    contexts = {entry.source.partition(".")[0] for entry in COMMANDS} - {"core"}

    loaded = _loaded_by("stats", "--help")

    assert {each for each in contexts if f"backroom.{each}" in loaded} == {"deliveries"}
    assert "backroom.demo" not in loaded


# For browsers, load balancers, code generators and Jira; and other addresses of what is called.
NOT_CALLED = {
    "/openapi.json",
    "/packages/{}",
    "/ping",
    "/recipients/{}/preferences",
    "/web/{}",
    "/web/{}/{}",
    "/webhooks/jira",
}


def test_s9_every_route_can_be_called_by_the_client() -> None:
    routes = {re.sub(r"{[^}]*}", "{}", each.path) for each in app.contracts()}
    written = set(_paths())
    ends = tuple(each[2:] for each in written if each.startswith("{}/"))  # of a path made elsewhere

    missing = {path for path in routes - written if not path.endswith(ends)}

    assert missing == NOT_CALLED


def _paths() -> Iterator[str]:
    """Yield the texts of the client's source, with {} for what is filled in."""
    for file in Path(backroom.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (
                    each.value if isinstance(each, ast.Constant) else "{}" for each in node.values
                )
                yield "".join(map(str, parts))

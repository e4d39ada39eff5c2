"""The client of a fresh clone: it starts with its own dependencies, and without the functions'."""

import subprocess
import sys

# What the functions bring along, and `make up` does not install for the client.
FUNCTIONS_OWN = ("aws_lambda_powertools", "cryptography", "jwt")
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

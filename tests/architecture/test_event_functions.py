"""Every event function starts alone, as Lambda starts it: its context's module, and never ``app``.

Chalice names a blueprint's handler by its own module (aws/chalice #1566), so ``app.py`` and its
middleware do not run there, and what is missing then is noticed nowhere else.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app import app
from chalicelib.core.log import observed
from chalicelib.core.outbox.rules import Rules
from infra import templates

ROOT = Path(__file__).parents[2]
FUNCTIONS = {source.name: source.handler_string for source in app.event_sources} | {
    function.name: function.handler_string for function in app.pure_lambda_functions
}
MODULES = sorted({handler.rpartition(".")[0] for handler in FUNCTIONS.values()})

_ALONE = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
assert all(callable(getattr(module, name)) for name in sys.argv[2:])
assert "app" not in sys.modules, "app.py was imported"
"""


def test_there_are_event_functions() -> None:
    assert "vending_file_arrived" in FUNCTIONS


@pytest.mark.parametrize("module", MODULES)
def test_a_function_s_module_is_imported_without_the_app_and_without_settings(
    module: str,
) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
    handlers = [each.rpartition(".") for each in FUNCTIONS.values()]
    names = [name for theirs, _, name in handlers if theirs == module]

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _ALONE, module, *names],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "handler"), FUNCTIONS.items())
def test_a_function_s_name_starts_with_its_context(name: str, handler: str) -> None:
    context = handler.split(".")[1]

    assert name.startswith(f"{context}_")


@pytest.mark.parametrize("handler", FUNCTIONS.values())
def test_a_function_is_observed(handler: str) -> None:
    """Nothing else writes its log line and its metrics."""
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name).func
    function = getattr(function, "_original_func", function)  # of one that is invoked

    assert function.__code__ is observed("")(lambda: None).__code__
    assert function.__name__ == name


def test_a_worker_of_the_outbox_ends_before_its_lease_is_over() -> None:
    """Or two might call a vendor at once; half the lease is for clocks that differ."""
    late = {
        name: function.timeout_s
        for name, function in templates.merged().declared.functions.items()
        if function.performs and function.timeout_s > Rules().lease_s / 2
    }

    assert late == {}


def test_chalice_is_told_every_function_s_policy_memory_and_time(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".chalice" / "config.json", tmp_path)

    templates.write(tmp_path / "overlay.json", tmp_path, local=False)

    [stage] = json.loads((tmp_path / "config.json").read_text())["stages"].values()
    functions = stage["lambda_functions"]
    assert functions.keys() == {"api_handler", *FUNCTIONS}
    for name, wanted in functions.items():
        assert {"iam_policy_file", "lambda_memory_size", "lambda_timeout"} <= wanted.keys(), name
        assert json.loads((tmp_path / wanted["iam_policy_file"]).read_text())["Statement"], name

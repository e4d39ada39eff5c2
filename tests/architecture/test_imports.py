"""The import contracts cover every context there is, and break where one imports another."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def _packages(name: str, *, but: Iterable[str]) -> list[str]:
    """Return the folders of a package, those in ``but`` aside."""
    found = (each.parent.name for each in (ROOT / name).glob("*/__init__.py"))
    return sorted(set(found) - set(but))


CONTEXTS = {
    # What is below the contexts, and what composes them, is no context.
    "chalicelib": _packages("chalicelib", but=("core", "integrations")),
    "backroom": _packages("backroom", but=("core", "demo")),
}


@pytest.mark.parametrize("package", CONTEXTS)
def test_every_folder_of_a_context_is_one_in_the_contracts(package: str) -> None:
    [beside] = [each for each in LINTER["contracts"] if each.get("containers") == [package]]
    [inside] = [
        each
        for each in LINTER["contracts"]
        if set(each.get("containers", ())) == {f"{package}.{name}" for name in CONTEXTS[package]}
    ]
    layers = [set(layer.split(" | ")) for layer in beside["layers"]]

    assert set(CONTEXTS[package]) in layers
    assert inside["type"] == "layers"


def test_no_context_can_import_another_one(tmp_path: Path) -> None:
    """Planted in a copy: each context imports the one that comes next in the alphabet."""
    for package in LINTER["root_packages"]:
        kept = shutil.ignore_patterns("__pycache__", "*.json", "*.js", "*.css")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=kept)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = [
        (f"{package}.{one}", f"{package}.{other}")
        for package, names in CONTEXTS.items()
        for one, other in pairwise([*names, names[0]])
    ]
    for importer, imported in planted:
        init = tmp_path / importer.replace(".", "/") / "__init__.py"
        init.write_text(f"{init.read_text()}\nimport {imported}\n")

    report = _lint(tmp_path)

    missed = [
        f"{one} > {other}"
        for one, other in planted
        if f"{one} is not allowed to import {other}" not in report
    ]
    assert missed == []


def _lint(folder: Path) -> str:
    """Return what the linter says of a copy of the tree, with its lines joined."""
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    done: Any = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "COLUMNS": "500", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join(done.stdout.split())

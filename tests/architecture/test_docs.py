"""Whatever callers and operators can use is told in README.md or docs/: routes and settings."""

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

import chalicelib
from app import app
from infra import cli_reference

ROOT = Path(__file__).parents[2]


def test_the_reference_of_the_commands_is_fresh() -> None:
    """After a change of a command: python -m infra.cli_reference."""
    assert cli_reference.TARGET.read_text() == cli_reference.text()


def _lines() -> Iterator[str]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if path.exists():
            yield from path.read_text().splitlines()


def test_every_route_is_documented() -> None:
    lines = list(_lines())
    missing = [
        f"{contract.method} {contract.path}"
        for contract in app.contracts()
        if not any(_tells(line, contract.method, contract.path) for line in lines)
    ]

    assert not missing, "\n".join(missing)


def test_every_setting_is_documented() -> None:
    text = "\n".join(_lines())
    missing = [name for name in _settings() if not re.search(rf"\b{name}\b", text)]

    assert not missing, "\n".join(missing)


def _tells(line: str, method: str, path: str) -> bool:
    """Return whether a line names a path, whole, and one of its verbs."""
    whole = re.search(rf"(?<![\w/{{}}-]){re.escape(path)}(?![\w/{{}}-])", line)
    return bool(whole and re.search(rf"\b{method}\b", line))


def _settings() -> Iterator[str]:
    """Yield every variable that a context or the outbox reads from its environment."""
    packages = pkgutil.iter_modules(chalicelib.__path__, "chalicelib.")
    wirings = [f"{each.name}.wiring" for each in packages if each.ispkg]
    for module in [*filter(importlib.util.find_spec, wirings), "chalicelib.core.outbox.wiring"]:
        wiring = importlib.import_module(module)
        for name, value in vars(wiring).items():
            if name.endswith("Settings") and issubclass(value, BaseModel):
                yield from (field.upper() for field in value.model_fields)

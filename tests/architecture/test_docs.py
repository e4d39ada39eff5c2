"""Routes, commands and settings are documented, and documents say no more than they need."""

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

import chalicelib
from app import app
from infra import cli_reference, parameter_reference, route_reference

ROOT = Path(__file__).parents[2]
GENERATED = {cli_reference.TARGET, parameter_reference.TARGET, route_reference.TARGET}
MOST_WORDS = 18_743
"""Words of docs/*.md, as ``wc -w`` counts them, without what is generated; it only ever falls."""


def test_the_reference_of_the_commands_is_fresh() -> None:
    """After a change of a command: python -m infra.cli_reference."""
    assert cli_reference.TARGET.read_text() == cli_reference.text()


def test_the_reference_of_the_parameters_is_fresh() -> None:
    """After a change of a parameter: python -m infra.cli_reference."""
    assert parameter_reference.TARGET.read_text() == parameter_reference.text()


def test_the_reference_of_the_routes_is_fresh() -> None:
    """After a change of a route: python -m infra.openapi."""
    assert route_reference.TARGET.read_text() == route_reference.text(app.contracts())


def test_the_documents_have_no_more_words_than_their_budget() -> None:
    written = set((ROOT / "docs").glob("*.md")) - GENERATED
    words = {path.name: len(path.read_text().split()) for path in written}
    longest = sorted(words.items(), key=lambda each: -each[1])[:5]

    assert sum(words.values()) <= MOST_WORDS, (
        "docs/*.md has grown. Cut as many words as you add: link to what the OpenAPI document, "
        f"--help, an ADR or another document says. The longest are {longest}."
    )


def _lines() -> Iterator[str]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if path.exists():
            yield from path.read_text().splitlines()


def test_every_setting_is_documented() -> None:
    text = "\n".join(_lines())
    missing = [name for name in _settings() if not re.search(rf"\b{name}\b", text)]

    assert not missing, "\n".join(missing)


def _settings() -> Iterator[str]:
    """Yield every variable that a context or the outbox reads from its environment."""
    packages = pkgutil.iter_modules(chalicelib.__path__, "chalicelib.")
    wirings = [f"{each.name}.wiring" for each in packages if each.ispkg]
    for module in [*filter(importlib.util.find_spec, wirings), "chalicelib.core.outbox.wiring"]:
        wiring = importlib.import_module(module)
        for name, value in vars(wiring).items():
            if name.endswith("Settings") and issubclass(value, BaseModel):
                yield from (field.upper() for field in value.model_fields)

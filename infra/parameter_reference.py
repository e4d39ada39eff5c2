"""The text of ``docs/parameters.md``; `infra.cli_reference` writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import templates

TARGET = Path(__file__).parent.parent / "docs" / "parameters.md"
_HEAD = """# Stack parameters

Made by `python -m infra.cli_reference` from the templates; a test checks that it is fresh. Set one
with `.venv/bin/python -m infra.deploy --target aws --stage STAGE --parameter NAME=VALUE`.
Parameters you omit keep their current value.

| parameter | default | meaning | variable |
|---|---|---|---|
"""


def text() -> str:
    """Return the document: the parameters of a stack on AWS, in the order of the templates."""
    overlay: Any = templates.merged().overlay
    variables = dict(_variables(overlay["Resources"]))
    rows = (
        _row(name, about, variables.get(name))
        for name, about in overlay["Parameters"].items()
        if name != "Stage" and not name.endswith(("TableName", "TableStream"))
    )
    return _HEAD + "".join(rows)


def _row(name: str, about: dict[str, Any], variable: str | None) -> str:
    default = f"`{about['Default']}`" if about["Default"] != "" else ""
    read_as = f"`{variable}`" if variable else ""
    meaning = about["Description"].replace("<", "&lt;")
    return f"| `{name}` | {default} | {meaning}{_bounds(about)} | {read_as} |\n"


def _bounds(about: dict[str, Any]) -> str:
    least, most = about.get("MinValue"), about.get("MaxValue")
    if about.get("AllowedValues"):
        return f" ({' or '.join(f'`{each}`' for each in about['AllowedValues'])})"
    if most is not None:
        return f" ({least} to {most})"
    return f" (at least {least})" if least and least > 1 else ""


def _variables(resources: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each parameter that functions read as it is, and by which variable."""
    for resource in resources.values():
        environment = resource.get("Properties", {}).get("Environment", {})
        for variable, value in environment.get("Variables", {}).items():
            if isinstance(value, dict):
                read = value.get("Ref") or value.get("Fn::Sub")
                yield str(read).removeprefix("${").removesuffix("}"), variable

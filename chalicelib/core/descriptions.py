"""What is written below the fields of models, for the OpenAPI document.

A field is described by the docstring below it, as pydantic's ``use_attribute_docstrings`` has it;
but the sources are read when the document is rendered and not when a model is made, so that it
costs a cold start nothing. A field without one of its own reads as its namesakes in its context
do, or in the core, if they all say the same: it is written once.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def description(model: type, field: str) -> str | None:
    """Return what ``field`` of ``model`` means, None where nothing or no one thing is written."""
    for each in model.__mro__:
        if each.__module__.startswith("chalicelib.") and (
            own := _written(each.__module__.split(".")[1]).get((each.__name__, field))
        ):
            return own
    return _of_namesakes(model.__module__.split(".")[1], field) or _of_namesakes("core", field)


def _of_namesakes(context: str, field: str) -> str | None:
    found = {text for (_, name), text in _written(context).items() if name == field}
    return found.pop() if len(found) == 1 else None


@cache
def _written(context: str) -> dict[tuple[str, str], str]:
    """Return what is written in a context, by class and field."""
    folder = _ROOT / context
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    return {
        place: text
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for place, text in _below_fields(node)
    }


def _below_fields(model: ast.ClassDef) -> Iterator[tuple[tuple[str, str], str]]:
    for field, below in zip(model.body, model.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            text = " ".join(inspect.cleandoc(below.value.value).split())
            yield (model.name, field.target.id), text

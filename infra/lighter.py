"""Making pydantic import faster: that was a third of what an event function's cold start executes.

A third of it compiled what is left out here: the fields of its TypedDicts, which only type checkers
read, and the methods of its own dataclasses, which become those of `chalicelib.core.values`.
"""

import ast
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from chalicelib.core import values

SOURCES = (Path(__file__), Path(values.__file__))
"""The files that decide what the dependencies become."""

_MODULE = "light_dataclasses"
_IMPORT = f"from {_MODULE} import light as _light"
# What a light dataclass lacks; None is that of `**slots_true`, as pydantic spells slots.
_LACKING = {"frozen", "slots", None}
_TYPED_DICTS = ("pydantic_core/core_schema.py",)
_DATACLASSES = ("annotated_types/*.py", "pydantic/*.py", "pydantic/_internal/*.py")
# Where the most is gained.
_EXPECTED = {*_TYPED_DICTS, "annotated_types/__init__.py", "pydantic/_internal/_decorators.py"}


class UnexpectedSourceError(Exception):
    """A dependency is not written as it was when it was made lighter; the message says where."""


def lighten(vendor: Path) -> None:
    """Change the sources below ``vendor``. Raises UnexpectedSourceError."""
    shutil.copy(values.__file__, vendor / f"{_MODULE}.py")
    changed = {
        *_rewritten(vendor, _TYPED_DICTS, _empty_typed_dicts),
        *_rewritten(vendor, _DATACLASSES, _lighten_dataclasses),
    }
    if missing := _EXPECTED - changed:
        raise UnexpectedSourceError(f"Nothing was found to make lighter in {sorted(missing)}.")


def _rewritten(
    vendor: Path, patterns: tuple[str, ...], change: Callable[[ast.Module], bool]
) -> Iterator[str]:
    """Rewrite modules; yield the paths of those in which ``change`` found something."""
    for path in [path for pattern in patterns for path in vendor.glob(pattern)]:
        module = ast.parse(path.read_bytes())
        if change(module):
            path.write_text(ast.unparse(module), encoding="utf-8")
            yield path.relative_to(vendor).as_posix()


def _empty_typed_dicts(module: ast.Module) -> bool:
    """Leave out the fields of all TypedDicts; return whether there are any."""
    typed = [node for node in module.body if isinstance(node, ast.ClassDef) and _is_typed(node)]
    for node in typed:
        node.body = [ast.Pass()]
    return bool(typed)


def _is_typed(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base) == "TypedDict" for base in node.bases)


def _lighten_dataclasses(module: ast.Module) -> bool:
    """Decorate all dataclasses that may be light; return whether there are any."""
    found = False
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(map(_may_be_light, node.decorator_list)):
            node.decorator_list = [
                ast.Name("_light") if _may_be_light(each) else each for each in node.decorator_list
            ]
            found = True
    if found:
        first = sum(1 for _ in itertools.takewhile(_comes_first, module.body))
        module.body[first:first] = ast.parse(_IMPORT).body
    return found


def _may_be_light(decorator: ast.expr) -> bool:
    """Return whether it is ``dataclass`` and asks for nothing but what light ones lack."""
    call = decorator if isinstance(decorator, ast.Call) else ast.Call(decorator, [], [])
    name = ast.unparse(call.func).rpartition(".")[2]
    return name == "dataclass" and {each.arg for each in call.keywords} <= _LACKING


def _comes_first(node: ast.stmt) -> bool:
    """Return whether nothing may come before it: a docstring, an import of ``__future__``."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")

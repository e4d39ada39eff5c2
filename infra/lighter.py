"""Making pydantic and botocore start faster: most of what a function's cold start executes.

A third of pydantic's import compiled what is left out here: the fields of its TypedDicts, which
only type checkers read, the methods of its own dataclasses, which become those of
`chalicelib.core.values`, and the source of thirty functions that differ in one value.

A session of botocore registers handlers of all services, each under a name that is looked for in
the other names of sixty: those of services that are not shipped are left out.
"""

import ast
import itertools
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeVar

from chalicelib.core import values

SOURCES = (Path(__file__), Path(values.__file__))
"""The files that decide what the dependencies become."""

N = TypeVar("N", bound=ast.expr)

_MODULE = "light_dataclasses"
_IMPORT = f"from {_MODULE} import light as _light"
# What a light dataclass lacks; None is that of `**slots_true`, as pydantic spells slots.
_LACKING = {"frozen", "slots", None}
_TYPED_DICTS = ("pydantic_core/core_schema.py",)
_DATACLASSES = ("annotated_types/*.py", "pydantic/*.py", "pydantic/_internal/*.py")
_CHECKS = ("typing_inspection/typing_objects.py",)
_ALIASES, _HANDLERS = ("botocore/utils.py",), ("botocore/handlers.py",)
# Where the most is gained.
_EXPECTED = {
    *(*_TYPED_DICTS, *_CHECKS, *_ALIASES, *_HANDLERS),
    "annotated_types/__init__.py",
    "pydantic/_internal/_decorators.py",
}
# The function that makes a check compiles its source; here it is a closure. What `typing` lacks is
# in `typing_extensions` alone, and the other way round.
_CHECK = """
def {name}(member, function_name):
    one = getattr(typing, member, {nothing})
    other = getattr(typing_extensions, member, one)
    return lambda obj, /: {check}
"""
_MADE = {
    "_compile_identity_check_function": ("object()", "obj is one or obj is other"),
    "_compile_isinstance_check_function": ("()", "isinstance(obj, (one, other))"),
}


class UnexpectedSourceError(Exception):
    """A dependency is not written as it was when it was made lighter; the message says where."""


def lighten(vendor: Path, services: Collection[str]) -> None:
    """Change the sources below ``vendor``, which has the ``services`` of botocore alone.

    A service is named as events name it, by its id. Raises UnexpectedSourceError.
    """
    shutil.copy(values.__file__, vendor / f"{_MODULE}.py")
    changed = {
        *_rewritten(vendor, _TYPED_DICTS, _empty_typed_dicts),
        *_rewritten(vendor, _DATACLASSES, _lighten_dataclasses),
        *_rewritten(vendor, _CHECKS, _make_checks),
        *_rewritten(vendor, _ALIASES, lambda module: _prune_aliases(module, services)),
        *_rewritten(vendor, _HANDLERS, lambda module: _prune_handlers(module, services)),
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


def _values_of(module: ast.Module, name: str, kind: type[N]) -> list[N]:
    """Return what is assigned to a name of the module."""
    return [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, kind)
        and [ast.unparse(target) for target in node.targets] == [name]
    ]


def _make_checks(module: ast.Module) -> bool:
    """Have checks of types made without compiling them; return whether both kinds are there."""
    found = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    makers = [node for node in found if node.name in _MADE]
    for node in makers:
        nothing, check = _MADE[node.name]
        text = _CHECK.format(name=node.name, nothing=nothing, check=check)
        module.body[module.body.index(node)] = ast.parse(text).body[0]
    return len(makers) == len(_MADE)


def _prune_aliases(module: ast.Module, services: Collection[str]) -> bool:
    """Leave out other names of services that are not shipped; return whether names are there."""
    found = _values_of(module, "EVENT_ALIASES", ast.Dict)
    for names in found:
        pairs = [
            (key, value)
            for key, value in zip(names.keys, names.values, strict=True)
            if isinstance(value, ast.Constant) and value.value in services
        ]
        names.keys, names.values = [key for key, _ in pairs], [value for _, value in pairs]
    return bool(found)


def _prune_handlers(module: ast.Module, services: Collection[str]) -> bool:
    """Leave out handlers for services that are not shipped, and for docstrings; as above."""
    found = _values_of(module, "BUILTIN_HANDLERS", ast.List)
    for handlers in found:
        handlers.elts = [each for each in handlers.elts if _may_run(each, services)]
    return bool(found)


def _may_run(handler: ast.expr, services: Collection[str]) -> bool:
    """Return whether the event of a handler may happen: ``kind.service.operation``, or less."""
    event = ast.literal_eval(handler.elts[0]) if isinstance(handler, ast.Tuple) else ""
    kind, _, rest = event.partition(".")
    return kind != "docs" and rest.partition(".")[0] in {"", "*", *services}

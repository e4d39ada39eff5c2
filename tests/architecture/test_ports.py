"""Ports are signatures: what a method promises is said once, where it is implemented."""

import ast
from collections.abc import Iterator
from pathlib import Path

CHALICELIB = Path(__file__).parents[2] / "chalicelib"


def test_no_port_repeats_what_its_implementation_says() -> None:
    ports = [*CHALICELIB.glob("*/ports.py"), *CHALICELIB.glob("operators/service/*.py")]
    told = [
        f"{path.parent.name}: {port.name}.{method.name}"
        for path in ports
        for port in _protocols(path)
        for method in port.body
        if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
    ]

    assert len(ports) >= 7
    assert told == []


def _protocols(path: Path) -> Iterator[ast.ClassDef]:
    for node in ast.parse(path.read_text()).body:
        bases = [getattr(base, "id", "") for base in getattr(node, "bases", [])]
        if isinstance(node, ast.ClassDef) and "Protocol" in bases:
            yield node

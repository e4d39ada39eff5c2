"""The scripts of the page: what they import is there, and nothing imports itself in a circle."""

import re
from graphlib import TopologicalSorter

import pytest

from chalicelib.web import files

SCRIPTS = sorted(name for name in files.names() if name.endswith(".js"))
_IMPORT = re.compile(r"""(?:^import\b[^;]*?from|\bimport\()\s*["']\./([^"']+)["']""", re.MULTILINE)


def imported(script: str) -> set[str]:
    return set(_IMPORT.findall(files.read(script).text))


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_imports_is_there(script: str) -> None:
    assert imported(script) <= set(SCRIPTS)


def test_no_script_imports_itself_in_a_circle() -> None:
    """A script that runs before the one that it imports has names without a value."""
    order = list(TopologicalSorter({name: imported(name) for name in SCRIPTS}).static_order())

    assert imported("fleet.js") >= {"machine.js", "visits.js"}
    assert set(order) == set(SCRIPTS)

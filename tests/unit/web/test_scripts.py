"""The scripts of the page: what they import is there, and nothing imports itself in a circle."""

import re
from graphlib import TopologicalSorter

import pytest

from chalicelib.web import files

SCRIPTS = sorted(name for name in files.names() if name.endswith(".js"))
_IMPORT = re.compile(r"""(?:^import\b[^;]*?from|\bimport\()\s*["']\./([^"']+)["']""", re.MULTILINE)

_NAMES = re.compile(r"""^import \{([^}]*)\} from ["']\./([^"']+)["']""", re.MULTILINE)


def imported(script: str) -> set[str]:
    return set(_IMPORT.findall(files.read(script).text))


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_imports_is_there(script: str) -> None:
    assert imported(script) <= set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_name_that_a_script_imports_is_exported_there(script: str) -> None:
    missing = [
        f"{name} of {other}"
        for names, other in _NAMES.findall(files.read(script).text)
        for name in re.findall(r"\w+", re.sub(r"\bas \w+", "", names))
        if not re.search(rf"export (?:async )?(?:function|const|class|let) {name}\b", _text(other))
    ]

    assert missing == []


def _text(script: str) -> str:
    return files.read(script).text


def test_no_script_imports_itself_in_a_circle() -> None:
    """A script that runs before the one that it imports has names without a value."""
    order = list(TopologicalSorter({name: imported(name) for name in SCRIPTS}).static_order())

    assert imported("fleet.js") >= {"machine.js", "visits.js"}
    assert set(order) == set(SCRIPTS)

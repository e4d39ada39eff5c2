"""What is shipped is what was looked at: pinned by hashes, tested, under licences that allow it."""

import re
from typing import Any

import pytest

from infra import supply
from infra.package import ROOT

PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """The versions that a file of requirements pins, by the names that PyPI knows them by."""
    found = PINNED.findall((ROOT / name).read_text())
    return {re.sub("[-_.]+", "-", each).lower(): version for each, version in found}


def bill(*licences: dict[str, Any]) -> dict[str, Any]:
    return {"components": [{"name": "box", "version": "1", "licenses": list(licences)}]}


def test_each_requirement_of_the_functions_has_a_version_and_hashes() -> None:
    text = re.sub(r"^#.*\n", "", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    each = text.replace("\\\n", " ").splitlines()

    assert each
    assert [
        line for line in each if not re.match(r"^[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_what_is_shipped_is_what_the_tests_run_with() -> None:
    shipped, tested = pins("requirements.txt"), pins("requirements-dev.txt")

    assert {name: tested.get(name) for name in shipped} == shipped


@pytest.mark.parametrize(
    "licence",
    [
        {"license": {"id": "MIT"}},
        {"expression": "Apache-2.0 OR BSD-3-Clause"},
        {"expression": "(MIT AND PSF-2.0)"},
        {"license": {"name": "License :: OSI Approved :: BSD License"}},
    ],
)
def test_a_licence_that_was_checked_is_taken(licence: dict[str, Any]) -> None:
    assert supply.refused(bill(licence)) == []


@pytest.mark.parametrize(
    ("licences", "told"),
    [
        ([], "box: no licence"),
        ([{"license": {"id": "GPL-3.0-only"}}], "box: GPL-3.0-only"),
        ([{"expression": "MIT AND AGPL-3.0-only"}], "box: AGPL-3.0-only, MIT"),
        ([{"license": {"id": "MIT"}}, {"license": {"name": "Own"}}], "box: MIT, Own"),
    ],
)
def test_any_other_is_named(licences: list[dict[str, Any]], told: str) -> None:
    assert supply.refused(bill(*licences)) == [told]

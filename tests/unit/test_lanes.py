"""The runner of the tests: lanes side by side, one report, one verdict."""

import io
from pathlib import Path

from tests.__main__ import FOLDERS as ALL
from tests.support.lanes import Lane, run, share_out

FOLDERS = {"deployed": ("tests/e2e", "tests/browser"), "in process": ("tests/unit",)}


def shared(*arguments: str) -> dict[str, list[str]]:
    return {lane.name: list(lane.arguments) for lane in share_out(FOLDERS, arguments)}


def test_without_paths_each_lane_runs_all_its_folders_with_the_same_options() -> None:
    assert shared("-k", "sells") == {
        "deployed": ["-k", "sells", "tests/e2e", "tests/browser"],
        "in process": ["-k", "sells", "tests/unit"],
    }


def test_a_path_goes_to_the_lane_that_it_belongs_to() -> None:
    here = "tests/unit/test_lanes.py::test_that"

    assert shared("-x", here) == {"in process": ["-x", here]}
    assert shared("tests/e2e", here) == {"deployed": ["tests/e2e"], "in process": [here]}


def test_a_folder_below_another_lane_s_belongs_to_its_own_alone() -> None:
    folders = {"deployed": ("tests/e2e",), "own": ("tests/e2e/own_stacks",)}
    inside = "tests/e2e/own_stacks/test_poison.py"

    def arguments(*asked: str) -> dict[str, list[str]]:
        return {lane.name: list(lane.arguments) for lane in share_out(folders, asked)}

    apart = ["--ignore=tests/e2e/own_stacks", "tests/e2e"]
    assert arguments() == {"deployed": apart, "own": ["tests/e2e/own_stacks"]}
    assert arguments("tests/e2e") == {"deployed": apart, "own": ["tests/e2e/own_stacks"]}
    assert arguments(inside) == {"own": [inside]}


def test_a_folder_above_the_lanes_is_all_of_them() -> None:
    assert shared("tests") == {
        "deployed": ["tests/e2e", "tests/browser"],
        "in process": ["tests/unit"],
    }


def test_every_folder_with_tests_is_in_a_lane() -> None:
    root = Path(__file__).parents[1]
    there = {f"tests/{path.relative_to(root).parts[0]}" for path in root.rglob("test_*.py")}
    lanes = {folder for folders in ALL.values() for folder in folders}

    assert there == {folder for folder in lanes if folder.count("/") == 1}
    assert all(Path(folder).is_dir() for folder in lanes)


def lane(folder: Path, tests: str) -> Lane:
    """Return a lane whose only module has these tests."""
    folder.mkdir()
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra -p no:cacheprovider\n")
    only_pytest = ("-c", str(folder / "pytest.ini"), "--disable-plugin-autoload")
    return Lane(folder.name, [*only_pytest, str(folder)])


GOOD = "def test_good(): pass\n"
MIXED = f"""
import pytest
{GOOD}
def test_bad(): assert 1 == 2
def test_not_here(): pytest.skip("no such tool here")
"""


def test_the_report_has_failures_reasons_to_skip_and_the_counts_of_all(tmp_path: Path) -> None:
    out = io.StringIO()
    lanes = [lane(tmp_path / "mixed", MIXED), lane(tmp_path / "dies", "import os; os._exit(0)")]

    code = run([*lanes, lane(tmp_path / "good", GOOD)], out)

    text = out.getvalue()
    assert code == 1
    assert "assert 1 == 2" in text
    assert "no such tool here" in text
    assert "dies did not finish" in text
    assert text.splitlines()[-1].startswith("2 passed, 1 failed, 1 skipped in ")
    assert text.splitlines()[-1].endswith(" s of CPU")


def test_a_lane_that_collects_nothing_is_no_failure_unless_all_do(tmp_path: Path) -> None:
    nothing, good = lane(tmp_path / "nothing", ""), lane(tmp_path / "good", GOOD)

    assert run([nothing, good], io.StringIO()) == 0
    nothing.report.clear()
    assert run([nothing], io.StringIO()) == 1

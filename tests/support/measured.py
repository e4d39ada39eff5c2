"""Which branches the functions of deployed stacks take, when `make coverage` asks."""

import os
from collections.abc import Mapping
from pathlib import Path

import coverage

_SETTINGS = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")  # of the tests' own processes
_AT_START = "import coverage\n\ncoverage.process_startup()\n"


def measuring(folder: Path, settings: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which functions are measured; empty when the tests are not.

    ``folder`` gets what a Python runs when it starts, and nothing of the tests' libraries but the
    one that measures, so that functions find the same modules as ever.
    """
    if not all(name in settings for name in _SETTINGS):
        return {}
    (folder / "sitecustomize.py").write_text(_AT_START)
    (folder / "coverage").symlink_to(Path(coverage.__file__).parent, target_is_directory=True)
    return {**{name: settings[name] for name in _SETTINGS}, "PYTHONPATH": str(folder)}

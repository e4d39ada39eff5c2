"""All tests, or those that pytest's arguments choose: ``python -m tests [argument ...]``.

``--coverage`` as the first argument measures which branches they take, in process and in the
functions of deployed stacks.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.lanes import PACKAGE_FOLDER, run, share_out

# Side by side: what waits for deployed stacks most of the time (for the one that most tests share,
# or for those whose settings or faults are for a few), and what computes, in two halves.
_LOCAL = {
    "deployed": ("tests/e2e", "tests/targets"),
    "own stacks": ("tests/e2e/own_stacks",),
    "page": ("tests/features", "tests/browser", "tests/integration/vendors"),
    "units": ("tests/unit", "tests/architecture"),
    "integration": ("tests/integration", "tests/state"),
}
# What is about the application and not about the embedded AWS: what needs the API and AWS alone,
# and what needs the vendors' stand-ins in the tests' own process, too.
_FROM_OUTSIDE = (
    "tests/e2e/test_deliveries.py",
    "tests/e2e/test_events.py",
    "tests/e2e/test_files.py",
)
# Bursts of dozens of requests, for each of which LocalStack's image starts a container.
_BURSTS = ("tests/e2e/test_ledger.py", "tests/e2e/test_races.py", "tests/e2e/test_warranties.py")
_WITH_STACKS_OF_THEIR_OWN = ("tests/features", "tests/targets/test_localstack.py")
_WITH_VENDORS = ("tests/e2e/own_stacks/test_bakery.py", "tests/e2e/test_new_settings.py")
_ELSEWHERE: dict[str, dict[str, tuple[str, ...]]] = {
    "localstack": {
        "localstack": (
            *_FROM_OUTSIDE,
            *_BURSTS,
            *_WITH_VENDORS,
            *_WITH_STACKS_OF_THEIR_OWN,
        )
    },
    "compose": {"compose": ("tests/targets/test_compose.py", *_FROM_OUTSIDE)},
}
FOLDERS = _ELSEWHERE.get(os.environ.get("TEST_TARGET") or "local", _LOCAL)
COVERED = ("coverage", "run", "-m", "pytest")


def main(arguments: Sequence[str]) -> int:
    """Run the tests and return 0 if they passed."""
    covered = arguments[:1] == ["--coverage"]
    lanes = share_out(FOLDERS, arguments[covered:])
    if covered:
        os.environ["COVERAGE_FILE"] = str(Path(".coverage").absolute())  # functions run elsewhere
        for lane in lanes:
            lane.program = COVERED
    with TemporaryDirectory(prefix="backroom-build-") as folder:
        os.environ[PACKAGE_FOLDER] = folder
        code = run(lanes)
    for step in ("combine", "report") if covered else ():
        subprocess.run([sys.executable, "-m", "coverage", step], check=False)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

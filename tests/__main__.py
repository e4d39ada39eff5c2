"""All tests, or those that pytest's arguments choose: ``python -m tests [argument ...]``.

``--coverage`` as the first argument measures which branches the tests that run in process take.
"""

import subprocess
import sys
from collections.abc import Sequence

from tests.support.lanes import run, share_out

# Side by side: what waits for a deployed stack most of the time, and what computes.
DEPLOYED, IN_PROCESS = "deployed", "in process"
FOLDERS = {
    DEPLOYED: ("tests/e2e", "tests/features", "tests/browser"),
    IN_PROCESS: ("tests/unit", "tests/integration", "tests/architecture", "tests/state"),
}
COVERED = ("coverage", "run", "-m", "pytest")


def main(arguments: Sequence[str]) -> int:
    """Run the tests and return 0 if they passed."""
    if arguments[:1] != ["--coverage"]:
        return run(share_out(FOLDERS, arguments))
    lanes = [lane for lane in share_out(FOLDERS, arguments[1:]) if lane.name == IN_PROCESS]
    for lane in lanes:
        lane.program = COVERED
    code = run(lanes)
    for step in ("combine", "report"):
        subprocess.run([sys.executable, "-m", "coverage", step], check=False)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

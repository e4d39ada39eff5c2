"""All tests, or those that pytest's arguments choose: ``python -m tests [argument ...]``."""

import sys

from tests.support.lanes import run, share_out

# Side by side: what waits for a deployed stack most of the time, and what computes.
FOLDERS = {
    "deployed": ("tests/e2e", "tests/browser", "tests/features"),
    "in process": ("tests/unit", "tests/integration", "tests/architecture", "tests/state"),
}

if __name__ == "__main__":
    sys.exit(run(share_out(FOLDERS, sys.argv[1:])))

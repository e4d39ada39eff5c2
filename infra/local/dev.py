"""``make dev``: deploy again whenever a source changes, and say what happened and how long it took.

python -m infra.local.dev
"""

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from watchfiles import DefaultFilter, watch

from infra.local.aws import LocalAws
from infra.local.setup import ROOT, SetupError
from infra.local.up import deploy, local_aws, wait_until_healthy

SOURCES = ("app.py", "chalicelib", ".chalice", "infra", "requirements.txt", "docs/operations.md")


def main() -> int:
    """Watch until interrupted; return the exit code."""
    aws = local_aws().running_at()
    if aws.pid() is None:
        print("  Nothing runs here; first: make up", file=sys.stderr)
        return 1
    sources = [ROOT / name for name in SOURCES]
    print("  · Watching the sources; Ctrl-C ends it", flush=True)
    for changes in watch(*sources, watch_filter=DefaultFilter(), raise_interrupt=False):
        redeploy(aws, {Path(path) for _, path in changes})
    return 0


def redeploy(aws: LocalAws, changed: Iterable[Path]) -> bool:
    """Deploy what has ``changed`` and say how it went; return whether it went well."""
    names = sorted(str(path.relative_to(ROOT)) for path in changed)
    print(f"\n  · Changed: {', '.join(names)}", flush=True)
    started = time.monotonic()
    try:
        deploy(aws)
        wait_until_healthy(aws)
    except SetupError as failed:
        print(f"  ✗ {failed}; what ran before still runs", file=sys.stderr, flush=True)
        return False
    print(f"  ✓ Live at {aws.api} after {time.monotonic() - started:.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())

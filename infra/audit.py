"""``make audit``: checkov over the packaged template; every check passes or has a reason.

    python -m infra.audit [TEMPLATE]

Packages for AWS first, unless a packaged ``TEMPLATE`` is named. The reasons are in ``audit.yaml``.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra import package
from infra.package import ROOT

CHECKOV = ROOT / ".audit" / "bin" / "checkov"
REASONS = Path(__file__).with_suffix(".yaml")


def reasons() -> dict[str, str]:
    """Return why checks may fail, by their ids."""
    found: dict[str, str] = yaml_parse(REASONS.read_text())
    return found


def failed(template: Path) -> dict[str, list[str]]:
    """Return the checks that fail, ``id name``, each with the resources that do not pass."""
    done = subprocess.run(
        [str(CHECKOV), "--file", str(template), "--framework", "cloudformation", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        results: dict[str, Any] = json.loads(done.stdout)["results"]
    except (ValueError, KeyError, TypeError):
        raise SystemExit(f"checkov did not answer:\n{done.stdout}{done.stderr}") from None
    if not results["passed_checks"]:
        raise SystemExit("checkov found nothing to check in the template")
    found: dict[str, list[str]] = defaultdict(list)
    for check in results["failed_checks"]:
        found[f"{check['check_id']} {check['check_name']}"].append(check["resource"])
    return found


def verdict(found: Mapping[str, list[str]], reasons: Mapping[str, str]) -> list[str]:
    """Return what is wrong: checks that fail without a reason, reasons that nothing needs."""
    failing = {check.partition(" ")[0] for check in found}
    faults = [
        f"{check}: {', '.join(sorted(resources))}"
        for check, resources in sorted(found.items())
        if check.partition(" ")[0] not in reasons
    ]
    return [
        *faults,
        *(f"{check} passes; take it from {REASONS.name}" for check in reasons.keys() - failing),
    ]


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.audit")
    parser.add_argument("template", type=Path, nargs="?")
    template = parser.parse_args().template
    if template is None:
        folder = package.build(local=False, platform=package.LAMBDA_PLATFORM)
        package.lint(folder / "sam.json")
        template = folder / "sam.json"
    wrong = verdict(failed(template), reasons())
    for each in wrong:
        print(f"  \u2717 {each}")
    if not wrong:
        print(f"  \u2713 checkov: all checks pass but {len(reasons())}, whose reasons are written")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

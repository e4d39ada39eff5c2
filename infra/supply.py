"""``make supply``: what the functions are made of, under which licences, with which known holes.

    python -m infra.supply [--offline]

Writes ``build/sbom.json`` (CycloneDX 1.6) of what ``requirements.txt`` and Chalice put into the
zips, refuses licences that are not listed, and asks PyPI for known vulnerabilities of all that is
installed, the tools of developers included; ``--offline`` leaves that out.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from infra.package import BUILD, ROOT

TOOLS = ROOT / ".supply" / "bin"
SBOM = BUILD / "sbom.json"
# Permissive all of them: what is shipped may stay as it is, with its notices (in the zips).
LICENCES = frozenset(
    (
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
        *("Unlicense", "Apache Software License", "BSD License", "MIT License"),
    )
)


def write_sbom() -> dict[str, Any]:
    """Write the bill of materials of the functions, and return it; the same for the same inputs."""
    home = BUILD / "supply"
    python = home / "bin" / "python"
    _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(home)])
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-deps", "--no-compile"]
    _run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.txt")])
    _run([*pip, f"chalice=={metadata.version('chalice')}"])
    _run(
        [str(TOOLS / "cyclonedx-py"), "environment", "--output-reproducible"]
        + ["--pyproject", str(ROOT / "pyproject.toml"), "-o", str(SBOM), str(python)]
    )
    found: dict[str, Any] = json.loads(SBOM.read_text())
    return found


def licences(component: Mapping[str, Any]) -> Iterator[str]:
    """Yield the licences of a component, each by its name or its id."""
    for choice in component.get("licenses", []):
        licence = choice.get("license", {})
        text = choice.get("expression") or licence.get("id") or licence.get("name") or ""
        plain = text.removeprefix("License :: OSI Approved :: ")
        yield from filter(None, re.split(r" OR | AND |[()]", plain))


def refused(bill: Mapping[str, Any]) -> list[str]:
    """Return the components that have no licence, or one that is not listed."""
    found = {each["name"]: sorted(set(licences(each))) for each in bill["components"]}
    return [
        f"{name}: {', '.join(licences) or 'no licence'}"
        for name, licences in sorted(found.items())
        if not licences or not LICENCES.issuperset(licences)
    ]


def _known_holes() -> int:
    """Ask for known vulnerabilities; return 0 when there is none."""
    files = [ROOT / "requirements-dev.txt", ROOT / "infra" / "local" / "requirements.txt"]
    audit = [str(TOOLS / "pip-audit"), "--disable-pip", "--progress-spinner", "off"]
    commands = (
        [*audit, "--require-hashes", "-r", str(ROOT / "requirements.txt")],
        *([*audit, "--no-deps", "-r", str(file)] for file in files),
    )
    return max(subprocess.run(each, check=False).returncode for each in commands)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path.cwd())
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Write the bill, check licences and vulnerabilities; return 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m infra.supply")
    parser.add_argument("--offline", action="store_true", help="do not query known vulnerabilities")
    options = parser.parse_args()
    bill = write_sbom()
    for each in bill["components"]:
        print(f"  {each['name']:24} {each['version']:14} {', '.join(licences(each))}")
    print(f"  \u2713 {len(bill['components'])} components in {SBOM.relative_to(ROOT)}")
    faults = refused(bill)
    for fault in faults:
        print(f"  \u2717 licence not listed: {fault}", file=sys.stderr)
    holes = 0 if options.offline else _known_holes()
    return 1 if faults or holes else 0


if __name__ == "__main__":
    sys.exit(main())

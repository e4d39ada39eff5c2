"""Write ``docs/openapi.json`` (``python -m infra.openapi``), or ``--check`` that it is fresh."""

import argparse
import json
import sys

from app import app
from chalicelib import __version__
from chalicelib.core.openapi import document
from infra.package import ROOT

TARGET = ROOT / "docs" / "openapi.json"


def text() -> str:
    """Return the document as it is kept."""
    return json.dumps(document(app.contracts(), version=__version__), indent=1) + "\n"


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.openapi")
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        fresh = TARGET.exists() and TARGET.read_text() == text()
        print("docs/openapi.json is fresh" if fresh else "stale: python -m infra.openapi")
        return 0 if fresh else 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

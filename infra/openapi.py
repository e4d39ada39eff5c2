"""Write ``docs/openapi.json`` (``python -m infra.openapi``), or ``--check`` that it is fresh.

``--package FOLDER`` writes the documents that the deployed API serves without rendering them.
"""

import argparse
import json
import sys
from pathlib import Path

from app import app
from chalicelib import __version__, operations
from chalicelib.bakery import facts as bakery
from chalicelib.core import openapi
from chalicelib.deliveries import facts as deliveries
from chalicelib.ledger import facts as ledger
from chalicelib.vending import facts as vending
from chalicelib.warranties import facts as warranties

EVENTS: openapi.Events = {
    kind: model
    for context in (bakery, deliveries, ledger, vending, warranties)
    for kind, model in context.PAYLOADS.items()
}
"""What events tell, by kind."""
_HERE = Path(__file__).parent
TARGET, EXAMPLES = _HERE.parent / "docs" / "openapi.json", _HERE / "examples.json"
"""The document as it is kept, and its examples (``python -m tests.support.examples``)."""


def text() -> str:
    """Return the document as it is kept."""
    rendered = openapi.document(
        app.contracts(), version=__version__, examples=_examples(), events=EVENTS
    )
    return json.dumps(rendered, indent=1) + "\n"


def packaged(*, takes_tokens: bool) -> str:
    """Return the document as a kind of stage serves it."""
    return openapi.text(
        app.contracts(),
        version=__version__,
        takes_tokens=takes_tokens,
        examples=_examples(),
        events=EVENTS,
    )


def _examples() -> openapi.Examples:
    found: openapi.Examples = json.loads(EXAMPLES.read_text())
    return found


def write_packaged(folder: Path) -> None:
    """Write the document of each kind of stage, as `operations.openapi` answers it."""
    for takes_tokens, path in operations.DOCUMENTS.items():
        (folder / path.name).write_text(packaged(takes_tokens=takes_tokens))


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.openapi")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--package", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.package:
        write_packaged(arguments.package)
        return 0
    if arguments.check:
        fresh = TARGET.exists() and TARGET.read_text() == text()
        print("docs/openapi.json is fresh" if fresh else "stale: python -m infra.openapi")
        return 0 if fresh else 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

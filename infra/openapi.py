"""Write ``docs/openapi.json`` and ``docs/routes.md``, or ``--check`` that they are fresh.

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
from infra import route_reference

EVENTS: openapi.Events = {
    kind: model
    for context in (bakery, deliveries, ledger, vending, warranties)
    for kind, model in context.PAYLOADS.items()
}
"""The models of events' data, by kind."""
_HERE = Path(__file__).parent
TARGET, EXAMPLES = _HERE.parent / "docs" / "openapi.json", _HERE / "examples.json"
"""The stored document, and its examples (``python -m tests.support.examples``)."""


def text() -> str:
    """Return the stored document."""
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
    written = {TARGET: text(), route_reference.TARGET: route_reference.text(app.contracts())}
    if arguments.check:
        stale = [path for path, now in written.items() if not _is(path, now)]
        for path in stale:
            print(f"docs/{path.name} is stale: python -m infra.openapi")
        return 1 if stale else 0
    for path, now in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(now)
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())

"""What all contexts share is in the core, and no context has one of its own."""

import re
from pathlib import Path

import pytest

CHALICELIB = Path(__file__).parents[2] / "chalicelib"
SHARED = {
    "a wire form": (r"def json_text\b", {"core/http.py", "core/models.py"}),
    "an instant as text": (r"isoformat\(\)\.replace|timespec=", {"core/instants.py"}),
    "the time": (r"datetime\.now\(|time\.time\(", {"core/instants.py"}),
    "a cursor": (r"urlsafe_b64|exclude_none=True\) \| \{\"cursor\"", {"core/cursors.py"}),
    "a link to the next page": (r"rel=\"next\"", {"core/openapi.py", "core/paging.py"}),
    "a table for a spreadsheet": (r"^import csv|csv\.writer|text/csv;", {"core/spreadsheets.py"}),
    "a key that was used before": (r"idempotency-key-reused", {"core/idempotency.py"}),
    "the form of a key": (r"Idempotency-Key\"", {"core/models.py"}),
}


@pytest.mark.parametrize("what", SHARED)
def test_it_is_said_in_the_core_alone(what: str) -> None:
    pattern, home = SHARED[what]
    found = {
        str(path.relative_to(CHALICELIB))
        for path in CHALICELIB.rglob("*.py")
        if re.search(pattern, path.read_text(), re.MULTILINE)
    }

    assert found - home == set()

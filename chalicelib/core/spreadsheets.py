"""CSV as spreadsheets open it: RFC 4180 in UTF-8 behind a byte order mark, and no cell a formula.

A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
Injection"). Numbers stay numbers.
"""

import csv
import io
from collections.abc import Iterable

# The last four are the full-width forms, which Excel reads as the first ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BYTE_ORDER_MARK = "\ufeff"  # without it, Excel takes UTF-8 for the encoding of the machine
MEDIA_TYPE = "text/csv; charset=utf-8"


def as_csv(names: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV under a line of names."""
    out = io.StringIO()
    out.write(_BYTE_ORDER_MARK)
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows(map(cell, row) for row in rows)
    return out.getvalue()


def cell(value: object) -> object:
    """Return a value as a cell holds it: a text is never a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value

"""How the list of packages is laid out as a table."""

from collections.abc import Iterable

from chalicelib.core.spreadsheets import as_csv
from chalicelib.deliveries.answers import ListedPackage

_COLUMNS = [name for name in ListedPackage.model_fields if name != "preference"]


def packages_csv(rows: Iterable[ListedPackage]) -> str:
    """Return packages as CSV; ids that a spreadsheet would evaluate are texts."""
    cells = (row.model_dump(mode="json", include=set(_COLUMNS)) for row in rows)
    return as_csv(_COLUMNS, ([row[name] for name in _COLUMNS] for row in cells))

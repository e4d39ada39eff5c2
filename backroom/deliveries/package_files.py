"""Packages in a CSV file, whose first line names the fields of ``POST /packages``."""

import csv
import io
from pathlib import Path

from backroom.core.errors import ClientError
from chalicelib.deliveries.models import Package

_NAMES = tuple(Package.model_fields)
_NEEDED = tuple(name for name in _NAMES if name != "timestamp")


class UnreadableCsvError(ClientError):
    """A file cannot be read as packages; nothing of it was sent."""


def read(path: Path, *, timestamp: str) -> list[dict[str, str]]:
    """Return the packages of a file; those without a ``timestamp`` get this one.

    Whether they are packages says the API, package by package. Raises UnreadableCsvError.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as wrong:
        raise UnreadableCsvError(f"{path} cannot be read: {wrong.strerror}.") from wrong
    except UnicodeDecodeError as wrong:
        raise UnreadableCsvError(f"{path} is not UTF-8.") from wrong
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        if not {*_NEEDED} <= {*names} <= {*_NAMES} or len({*names}) < len(names):
            wanted = f"{', '.join(_NEEDED)}, and timestamp if you like"
            raise UnreadableCsvError(
                f"{path} has the columns {', '.join(names) or 'none'}. They have to be {wanted}."
            )
        reader.fieldnames = names
        return [_package(path, reader.line_num, cells, timestamp) for cells in reader]
    except csv.Error as broken:
        raise UnreadableCsvError(f"{path}, line {reader.line_num + 1}: {broken}.") from broken


def _package(path: Path, line: int, cells: dict[str, str], timestamp: str) -> dict[str, str]:
    if None in cells or None in cells.values():
        raise UnreadableCsvError(
            f"{path}, line {line} has more or fewer cells than the first line."
        )
    return {**cells, "timestamp": cells.get("timestamp") or timestamp}

"""Transactions in a CSV file: read as a whole, each with an id that the same file gives it again.

A row is known by its ``transaction_id``, or by its ``reference``: any text that no other
transaction of its account has, such as a bank's. A file with neither is known by its content, so
that the same file again posts nothing, but a changed one is another file.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from backroom.core.errors import ClientError
from chalicelib.ledger.models import LARGEST_AMOUNT, Uuid

NEEDED = ("account_id", "amount")
COLUMNS = (*NEEDED, "transaction_id", "reference")
_HOUSE = UUID("5ec1e2f8-6e0b-4a57-9c1c-2f5d0a3c9b11")
_INTEGER = re.compile("[+-]?[0-9]{1,16}", re.ASCII)
_UUID: TypeAdapter[str] = TypeAdapter(Uuid)
_MOST_FAULTS = 10


class UnreadableCsvError(ClientError):
    """A file cannot be read as transactions; nothing of it was posted."""


@dataclass(frozen=True)
class Row:
    """A transaction of a file, and its line."""

    line: int
    account_id: str
    amount: int
    transaction_id: str

    def body(self) -> dict[str, object]:
        """Return the transaction as it is posted."""
        return {
            "account_id": self.account_id,
            "amount": self.amount,
            "transaction_id": self.transaction_id,
        }


def read(path: Path) -> list[Row]:
    """Return the transactions of a file. Raises UnreadableCsvError with every fault."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as wrong:
        raise UnreadableCsvError(f"{path} cannot be read: {wrong.strerror}.") from wrong
    except UnicodeDecodeError as wrong:
        raise UnreadableCsvError(f"{path} is not UTF-8.") from wrong
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
    except csv.Error as broken:
        raise UnreadableCsvError(f"{path}, line 1: {broken}.") from broken
    _check_names(path, names)
    reader.fieldnames = names
    digest = hashlib.sha256(content).hexdigest()
    faults: list[str] = []
    rows = list(_rows(reader, digest, faults))
    ids = Counter(row.transaction_id for row in rows)
    faults += [
        f"line {row.line}: its transaction is in the file twice"
        for row in rows
        if ids[row.transaction_id] > 1
    ]
    if faults:
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        listed = "; ".join(faults[:_MOST_FAULTS])
        raise UnreadableCsvError(f"Nothing of {path} was posted. {listed}{more}")
    return rows


def knows_its_rows(path: Path) -> bool:
    """Return whether a readable file names its rows, so that a changed copy of it is no other."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = {name.strip().lower() for name in next(csv.reader(file), [])}
    return bool(names & {"transaction_id", "reference"})


def _check_names(path: Path, names: list[str]) -> None:
    wanted = f"The first line has to name {' and '.join(NEEDED)}; also {' or '.join(COLUMNS[2:])}."
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if missing or unknown or twice:
        raise UnreadableCsvError(f"{path} has the columns {', '.join(names) or 'none'}. {wanted}")


def _rows(reader: "csv.DictReader[str]", digest: str, faults: list[str]) -> Iterator[Row]:
    number = 0
    try:
        for cells in reader:
            number += 1
            try:
                yield _row(reader.line_num, number, cells, digest)
            except ValueError as wrong:
                faults.append(f"line {reader.line_num}: {wrong}")
    except csv.Error as broken:
        faults.append(f"line {reader.line_num + 1}: {broken}")


def _row(line: int, number: int, cells: dict[str, str], digest: str) -> Row:
    if None in cells or None in cells.values():
        raise ValueError("has more or fewer cells than the first line")
    amount = cells["amount"].strip()
    if not _INTEGER.fullmatch(amount) or abs(int(amount)) > LARGEST_AMOUNT:
        raise ValueError(f"amount {amount!r} is no whole number up to {LARGEST_AMOUNT}")
    account_id = _uuid("account_id", cells["account_id"])
    return Row(line, account_id, int(amount), _transaction_id(account_id, number, cells, digest))


def _transaction_id(account_id: str, number: int, cells: dict[str, str], digest: str) -> str:
    if named := cells.get("transaction_id", "").strip():
        return _uuid("transaction_id", named)
    if reference := cells.get("reference", "").strip():
        return str(uuid5(_HOUSE, f"reference {account_id} {reference}"))
    if "transaction_id" in cells or "reference" in cells:
        raise ValueError("has neither a transaction_id nor a reference")
    return str(uuid5(_HOUSE, f"file {digest} row {number}"))


def _uuid(name: str, text: str) -> str:
    try:
        return _UUID.validate_python(text.strip())
    except ValidationError as wrong:
        example = "123e4567-e89b-12d3-a456-426614174000"
        raise ValueError(f"{name} {text.strip()!r} is no UUID such as {example}") from wrong

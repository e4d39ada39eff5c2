"""A context's table as lines of JSON, for moves and backups.

    python -m infra.tables export CONTEXT [--stage NAME] [--target aws] > context.ndjson
    python -m infra.tables import CONTEXT FILE [--stage NAME] [--target aws] [--over]

The first line says what the file is; each other line is an item as DynamoDB writes it. A file is
checked whole before anything of it is stored. It goes into a stage that is held (`infra.restore
--hold`) and an empty table; ``--over`` puts it over what is there, which may be repeated.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, get_args

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core import strict_json
from chalicelib.core.audit.recording import enter_after, enter_ahead
from chalicelib.core.instants import iso, now
from chalicelib.core.table import Item, Table
from infra.deploy import RefusedError, Target, session
from infra.kept_data import decoded, encoded
from infra.restorable import HELD
from infra.stack import Stack, StackError
from infra.templates import merged
from infra.trail import OperatorTrail, began, done, table_name

_FORMAT = 1
_PAGE = 1_000
_MOST_FAULTS = 20
_SETS = {"SS", "NS", "BS"}
_MOST_DIGITS, _MOST = 38, 125  # of DynamoDB's numbers: significant digits, the exponent
_TABLE = "Table"


class StageTables:
    """The tables of a stage by context: ``bakery`` is BakeryTable, in use or restored."""

    def __init__(self, aws: boto3.session.Session, stage: str) -> None:
        self._stack = Stack(aws, f"backroom-{stage}")
        self._dynamodb = aws.client("dynamodb")
        self.trail = OperatorTrail(aws, self._stack)

    def table(self, context: str) -> Table:
        """Return the table of a context. Raises RefusedError without such a stack."""
        outputs = self._stack.outputs()
        if not outputs:
            raise RefusedError(f"There is no stack {self._stack.name} here.")
        return Table(self._dynamodb, outputs[f"{context.title()}{_TABLE}"])

    def check_held(self) -> None:
        """Raise RefusedError while the stage works."""
        if self._stack.parameters().get(HELD) != "true":
            raise RefusedError(
                f"{self._stack.name} works, and would act on half of the file. "
                "Hold it first: python -m infra.restore --hold"
            )


def contexts() -> list[str]:
    """Return the contexts that have a table."""
    return [table.removesuffix(_TABLE).lower() for table in sorted(merged().declared.tables)]


def lines(context: str, table: Table) -> Iterator[str]:
    """Yield a table's lines."""
    yield json.dumps({"backroom": context, "format": _FORMAT, "at": iso(now())})
    after: tuple[str, str] | None = None
    while True:
        items, after = table.scan(after=after, limit=_PAGE)
        yield from (json.dumps(item, default=encoded, sort_keys=True) for item in items)
        if after is None:
            return


def read(context: str, file: Iterable[str]) -> Iterator[Item]:
    """Yield the items of lines that were found good."""
    for number, line in enumerate(file, start=1):
        if number > 1:
            yield json.loads(line, object_hook=decoded)


def faults(context: str, file: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with lines, each with its number."""
    number, seen = 0, set[int]()
    for number, line in enumerate(file, start=1):
        try:
            value = strict_json.loads(line.rstrip("\n").encode())
            if number == 1:
                _check_head(context, value)
                continue
            place = _place(json.loads(line, object_hook=decoded))
        except ValueError as wrong:
            yield f"line {number}: {wrong}"
            continue
        if hash(place) in seen:
            yield f"line {number}: its key was there before: {' / '.join(place)}"
        seen.add(hash(place))
    if number == 0:
        yield "line 1: the file is empty"


def _check_head(context: str, head: Any) -> None:
    if not isinstance(head, dict) or "backroom" not in head:
        raise ValueError("this is no export of a table")
    if head.get("format") != _FORMAT:
        raise ValueError(f"format {head.get('format')} is not known here; {_FORMAT} is")
    if head["backroom"] != context:
        raise ValueError(f"this is an export of {head['backroom']}, not of {context}")


def _place(item: Any) -> tuple[str, str]:
    """Return the keys of an item. Raises ValueError for what is none."""
    if not isinstance(item, dict):
        raise ValueError("an item is an object")
    for name, value in item.items():
        if not _is_value(value):
            raise ValueError(f"{name} is no value of DynamoDB's")
    pk, sk = (item.get(name, {}).get("S") for name in ("pk", "sk"))
    if not pk or not sk:
        raise ValueError("an item has the keys pk and sk")
    return pk, sk


def _is_value(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    match value:
        case {"S": str()} | {"B": bytes()} | {"BOOL": bool()} | {"NULL": True}:
            return True
        case {"N": str(number)}:
            return _is_number(number)
        case {"L": list(parts)}:
            return all(map(_is_value, parts))
        case {"M": dict(parts)}:
            return all(map(_is_value, parts.values()))
    [(kind, parts)] = value.items()
    return kind in _SETS and isinstance(parts, list) and all(_is_value({kind[0]: p}) for p in parts)


def _is_number(text: str) -> bool:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return False
    digits = number.normalize().as_tuple().digits
    return number.is_finite() and len(digits) <= _MOST_DIGITS and abs(number.adjusted()) <= _MOST


def put_all(context: str, table: Table, path: Path, *, over: bool) -> int:
    """Store the items of a file; return how many. Raises RefusedError, with nothing stored.

    The audit trail has an entry before the first item and one after the last.
    """
    with path.open(encoding="utf-8") as file:
        wrong = faults(context, file)
        found = [fault for fault, _ in zip(wrong, range(_MOST_FAULTS), strict=False)]
    if found:
        raise RefusedError("\n  ".join([f"{path} was not stored:", *found]))
    if not over and table.scan(limit=1)[0]:
        raise RefusedError(
            f"{table.name} is not empty. --over puts the items of the file over those that it has; "
            "others stay."
        )
    what = table_name(context)
    enter_ahead([began(what)])
    with path.open(encoding="utf-8") as file:
        count = _put(table, read(context, file))
    enter_after([done(what, count)])
    return count


def _put(table: Table, items: Iterable[Item]) -> int:
    count = 0

    def counted() -> Iterator[Item]:
        nonlocal count
        for item in items:
            count += 1
            yield item

    table.put_many(counted())
    return count


def _write(texts: Iterable[str], to: IO[str]) -> None:
    for line in texts:
        to.write(f"{line}\n")


def main() -> int:
    """Run the command line; return the exit code."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("context", choices=contexts())
    common.add_argument("--target", choices=get_args(Target), default="local")
    common.add_argument("--stage", default="local")
    parser = argparse.ArgumentParser(prog="python -m infra.tables")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("export", parents=[common])
    importing = commands.add_parser("import", parents=[common])
    importing.add_argument("file", type=Path)
    importing.add_argument("--over", action="store_true", help="into a table that is not empty")
    options = parser.parse_args()
    try:
        stage = StageTables(session(options.target), options.stage)
        table = stage.table(options.context)
        if options.command == "export":
            _write(lines(options.context, table), sys.stdout)
            return 0
        stage.check_held()
        with stage.trail.recording("import"):
            count = put_all(options.context, table, options.file, over=options.over)
        print(f"  \u2713 Stored {count} items in {table.name}")
    except (
        RefusedError,
        StackError,
        OSError,
        UnicodeDecodeError,
        BotoCoreError,
        ClientError,
    ) as refused:
        print(f"  \u2717 {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

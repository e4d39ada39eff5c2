"""Measure the way into DynamoDB: ``python -m bench.storing [--rows 50000]``.

The rows of a log, 16 a machine and day, are written as chunks, one item for each machine and day,
and as one item for each row; both through client.batch_write_item, 25 items a call, with all of
botocore but the network. What counts is the ratio of their median CPU seconds a row.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import boto3
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

from bench.contenders import batches
from bench.logs import LOG_DENSITY, MACHINES, write_log
from bench.stub import answer_all
from chalicelib.vending import rows

Item = dict[str, Any]
Days = dict[tuple[str, date], bytes]

_PER_CALL = 25
_WRITE_UNIT_BYTES = 1024
_WRITTEN = b'{"UnprocessedItems": {}}'
_FILE = "0000000012#1a2b3c4d"
_MILLION = 1_000_000


def main() -> None:
    """Print the measurements as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=50_000)
    arguments.add_argument("--rounds", type=int, default=5)
    asked = arguments.parse_args()
    print("| measured | result | goal | stands |\n|---|---|---|---|")
    for line in (*_cpu(asked.rows, asked.rounds), *_write_units()):
        print(line, flush=True)


def _cpu(count: int, rounds: int) -> Iterator[str]:
    days = _machine_days(count)
    client = _client()
    ways: dict[Callable[[Days], Iterator[Item]], list[float]] = {_chunks: [], _single_rows: []}
    for _ in range(rounds):
        for way in random.sample(list(ways), len(ways)):
            begun = time.process_time()
            _write(client, way(days))
            ways[way].append((time.process_time() - begun) / count * _MILLION)
    chunks, single_rows = map(median, ways.values())
    yield f"| one item a row | {single_rows:.1f} us CPU a row | | |"
    yield f"| chunks of {LOG_DENSITY} rows | {chunks:.1f} us CPU a row | | |"
    ratio = chunks / single_rows
    yield f"| chunks in relation | {ratio:.3f} x | <= 0.10 x | {_verdict(ratio <= 0.10)} |"


def _write_units() -> Iterator[str]:
    """Count for a million rows, through the parser and its limits."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.zip"
        write_log(log, rows=_MILLION, days=_MILLION // MACHINES // LOG_DENSITY)
        chunks = single_rows = 0
        for batch in batches(log):
            days: Days = {day: bytes(packed) for day, packed in batch.rows.items()}
            chunks += sum(map(_units, _chunks(days)))
            single_rows += sum(map(_units, _single_rows(days)))
    yield f"| one item a row | {single_rows:,} write units for a million rows | | |"
    told = f"{chunks:,} write units for a million rows"
    yield f"| chunks | {told} | <= 70,000 | {_verdict(chunks <= 70_000)} |"


def _verdict(stands: bool) -> str:
    return "yes" if stands else "**no**"


def _machine_days(count: int) -> Days:
    """Return ``count`` rows of machines and days with exactly 16 rows each."""
    chance = random.Random(count)
    first = date(2020, 2, 18).toordinal()
    return {
        (f"GM{number % MACHINES:03}", date.fromordinal(first + number // MACHINES)): b"".join(
            rows.pack(chance.randrange(86_400), 1) for _ in range(LOG_DENSITY)
        )
        for number in range(count // LOG_DENSITY)
    }


def _chunks(days: Days) -> Iterator[Item]:
    for (serial, day), packed in days.items():
        yield {
            "pk": {"S": f"MACHINE#{serial}"},
            "sk": {"S": f"{day}#rows#{_FILE}#000"},
            "owner": {"S": "T0001"},
            "rows": {"B": packed},
        }


def _single_rows(days: Days) -> Iterator[Item]:
    for (serial, day), packed in days.items():
        for key in rows.keys(day, packed):
            yield {
                "pk": {"S": f"MACHINE#{serial}"},
                "sk": {"S": f"{rows.instant(key):%Y-%m-%dT%H:%M:%SZ}#12"},
                "gumballs": {"N": str(rows.gumballs(key))},
            }


def _units(item: Item) -> int:
    """Return the write units of an item: one for each begun KiB of names and values."""
    size_bytes = sum(len(name) + len(*value.values()) for name, value in item.items())
    return -(-size_bytes // _WRITE_UNIT_BYTES)


def _client() -> DynamoDBClient:
    client = boto3.client(
        "dynamodb", "us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    answer_all(client, _WRITTEN)
    return client


def _write(client: DynamoDBClient, items: Iterable[Item]) -> None:
    puts: Iterator[WriteRequestTypeDef] = ({"PutRequest": {"Item": item}} for item in items)
    while some := list(islice(puts, _PER_CALL)):
        client.batch_write_item(RequestItems={"vending": some})


if __name__ == "__main__":
    main()

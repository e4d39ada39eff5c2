"""What routes cost on AWS, and which partition is full first: ``python -m bench.capacity``.

Of each route of the story (`bench.replay`) the calls, the units of DynamoDB by its documented
rules, and the price of a million requests. Then many requests of a kind, each of another store,
sender, account or customer: which partition takes which share of their write units, and so how many
a second go before DynamoDB has to split it.

Prices are the list prices of us-east-1 on demand, without free tiers; what is assumed says so.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from botocore.compat import HTTPHeaders

from bench.handlers import cpu_us, request, stdout_nowhere
from bench.replay import Call, Exchange, Noted, Replay, told
from bench.stored import Stored
from tests.support.dynamodb_in_memory import size_of

# USD a million, but for those of bytes and seconds.
READ_UNIT, WRITE_UNIT = 0.125, 0.625
GATEWAY, INVOCATION = 3.50, 0.20
SQS_CALL, S3_WRITE = 0.40, 5.00
GB_SECOND = 0.0000166667
LOG_GB, OUT_GB = 0.50, 0.09
MEMORY_GB, VCPU = 1.0, 1_024 / 1_769
CALL_MS = 5
"""Assumed: what a call of AWS takes from a function in its region."""
PARTITION_WRITES = 1_000
"""Units a second that a partition takes, by AWS's documentation."""
NEW_TABLE_WRITES, TABLE_WRITES = 4_000, 40_000
CONCURRENCY, GATEWAY_RATE = 1_000, 10_000
"""Of an account and region, before anybody asks for more."""
RATES = (100, 1_000, 10_000)
MONTH_S = 30 * 86_400
_LINE_BYTES = 600
"""Of the one line that a request logs."""
_LAST = re.compile(rb'"last": \{"N": "\d+"\}')


class Cost(NamedTuple):
    """What a request takes: calls, units, bytes that are answered, and CPU without sockets."""

    route: str
    calls: Mapping[str, int]
    read_units: float
    write_units: float
    answered: int
    cpu_us: float

    def row(self) -> str:
        """Return the cost as a row of the table."""
        others = self.calls.get("s3", 0) + self.calls.get("sqs", 0)
        return (
            f"| {self.route} | {self.calls.get('dynamodb', '')} | {others or ''} | "
            f"{self.read_units:g} | {self.write_units:g} | {self.answered} | {self.cpu_us:.0f} | "
            f"{self.usd:.2f} |"
        )

    @property
    def seconds(self) -> float:
        """Return how long a function is taken, if its calls follow each other."""
        return sum(self.calls.values()) * CALL_MS / 1e3 + self.cpu_us / 1e6 / VCPU

    @property
    def usd(self) -> float:
        """Return the price of a million."""
        return (
            GATEWAY
            + INVOCATION
            + max(self.seconds, 0.001) * MEMORY_GB * GB_SECOND * 1e6
            + self.read_units * READ_UNIT
            + self.write_units * WRITE_UNIT
            + self.calls.get("sqs", 0) * SQS_CALL
            + self.calls.get("s3", 0) * S3_WRITE
            + _LINE_BYTES / 1e3 * LOG_GB
            + self.answered / 1e3 * OUT_GB
        )


class Limit(NamedTuple):
    """A limit of AWS: the rate of a load that meets it, what it is, and what to turn."""

    ceiling: float
    what: str
    turn: str


def limits(cost: Cost, found: "Spread") -> list[Limit]:
    """Return what a load meets, the lowest rate first."""
    seconds = cost.seconds
    return sorted(
        (
            Limit(found.ceiling, f"partition `{found.partition}`", found.turn),
            Limit(
                NEW_TABLE_WRITES / found.of_one_table, "writes of a new table", "warm throughput"
            ),
            Limit(TABLE_WRITES / found.of_one_table, "quota of writes", "ask AWS for more"),
            Limit(CONCURRENCY / seconds, "functions at once", "ask AWS for more"),
            Limit(GATEWAY_RATE, "requests of API Gateway", "ask AWS for more"),
        )
    )


# --- units ----------------------------------------------------------------------------------------


def writes(call: Call) -> Iterator[tuple[str, str, int]]:
    """Yield the table, the partition and the write units of each item that a call writes.

    A KiB of an item is a unit, and two in a transaction. Of an update only what it sets is known.
    """
    asked = call.arguments
    match call.method:
        case "put_item" | "update_item" | "delete_item":
            yield _written(asked, 1)
        case "batch_write_item":
            for name, requests in asked["RequestItems"].items():
                for each in requests:
                    yield _written({"TableName": name, **next(iter(each.values()))}, 1)
        case "transact_write_items":
            for action in asked["TransactItems"]:
                yield _written(next(iter(action.values())), 2)


def _written(told: Mapping[str, Any], times: int) -> tuple[str, str, int]:
    item = told.get("Item") or {**told["Key"], **told.get("ExpressionAttributeValues", {})}
    return told["TableName"], item["pk"]["S"], times * max(ceil(size_of(item) / 1_024), 1)


def reads(exchange: Exchange) -> float:
    """Return the read units of what AWS answered: consistent ones, 4 KiB each."""
    units = 0.0
    for operation, answers in exchange.answers.items():
        for noted in answers:
            if not operation.startswith("dynamodb.") or noted.status != 200:
                continue
            found = json.loads(noted.body)
            match operation.partition(".")[2]:
                case "GetItem":
                    units += _read([found["Item"]] if "Item" in found else [])
                case "BatchGetItem":
                    items = [item for some in found["Responses"].values() for item in some]
                    units += sum(_read([item]) for item in items) or 1
                case "Query" | "Scan":
                    units += _read(found["Items"])
    return units


def _read(items: Sequence[Mapping[str, Any]]) -> int:
    return max(ceil(sum(size_of(dict(item)) for item in items) / 4_096), 1)


def costs(replay: Replay) -> Iterator[Cost]:
    """Yield what the request of each route takes."""
    for exchange in replay.exchanges:
        act = replay.handling(exchange)
        with stdout_nowhere():
            calls = replay.calls_of(act)
        units = sum(units for call in calls for _, _, units in writes(call))
        services = Counter(call.service for call in calls)
        answered = exchange.answer_bytes
        with stdout_nowhere():
            spent = min(cpu_us(act, 5) for _ in range(3))
        yield Cost(exchange.route, services, reads(exchange), units, answered, spent)


# --- partitions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Requests of many: each of ``count`` is made for a thing of its own."""

    name: str
    route: str
    turn: str
    body: Callable[[int], Mapping[str, object]]


_SALE = {"item_type": "furniture", "item_cost": 150.0, "item_title": "A sofa"}
LOADS = (
    Load(
        "sales of 10,000 stores, 1,000 items",
        "POST /warranties",
        "`LIST_SHARDS` of warranties",
        lambda n: {
            **_SALE,
            "store_uuid": f"store{n * 7_919 % 10_000:010}",
            "item_sku": f"sofa{n * 104_729 % 1_000}",
        },
    ),
    Load(
        "packages of 100,000 recipients",
        "POST /packages",
        "the tally's partitions",
        lambda n: {
            "timestamp": "2026-11-21T09:30:00Z",
            "sender_id": f"shop-{n % 1_000}",
            "recipient_id": f"person-{n * 7_919 % 100_000}",
            "package_id": f"box-{uuid4()}",
            "package_type": "personal",
        },
    ),
    Load(
        "posts to 10,000 accounts",
        "POST /transactions",
        "`LIST_SHARDS` of the ledger",
        lambda n: {"account_id": str(uuid4()), "amount": n + 1},
    ),
    Load(
        "orders of 10,000 customers",
        "POST /orders",
        "give out ids in blocks",
        lambda n: {
            "customer": f"Customer {n * 7_919 % 10_000}",
            "recipe": "carrot_cake",
            "persons": 4,
            "quantity": 1,
            "email": "c@example.com",
        },
    ),
)


class Spread(NamedTuple):
    """How the write units of a load spread: the fullest partition, and its units a request."""

    load: str
    turn: str
    units: float
    of_one_table: float
    table: str
    partition: str
    hottest: float

    def row(self) -> str:
        """Return the spread as a row of the table."""
        place = f"`{self.partition}` of {self.table.removesuffix('Table').lower()}"
        return (
            f"| {self.load} | {self.units:.1f} | {place} | {self.hottest:.2f} | "
            f"{self.ceiling:,.0f} |"
        )

    @property
    def ceiling(self) -> float:
        """Return the requests a second that fill the partition."""
        return PARTITION_WRITES / self.hottest


def spread(replay: Replay, load: Load, *, count: int) -> Spread:
    """Return how the writes of ``count`` requests spread over partitions."""
    noted = replay.latest[load.route]  # whatever a stage's first request makes is there
    method, path = load.route.split(" ")
    units: Counter[tuple[str, str]] = Counter()
    for number in range(count):
        event = request(method, path, body=load.body(number))
        exchange = Exchange(load.name, noted.at, event, _counted(noted, number))
        with stdout_nowhere():
            calls = replay.calls_of(replay.handling(exchange))
        for call in calls:
            for table, pk, written in writes(call):
                units[table, pk] += written
    ((table, pk), most), *_ = units.most_common(1)
    tables: Counter[str] = Counter()
    for (name, _), some in units.items():
        tables[name] += some
    return Spread(
        load.name,
        load.turn,
        units.total() / count,
        max(tables.values()) / count,
        table,
        pk,
        most / count,
    )


def _counted(noted: Exchange, number: int) -> dict[str, list[Noted]]:
    """Return what AWS answered, but for the id that it gives out: the place of an order."""
    last = b'"last": {"N": "%d"}' % (number + 1)
    return {
        operation: [Noted(each.status, HTTPHeaders(), _LAST.sub(last, each.body)) for each in some]
        for operation, some in noted.answers.items()
    }


def main() -> int:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity")
    parser.add_argument("--requests", type=int, default=1_000, help="of each load")
    parser.add_argument("--record", action="store_true", help="write the ceilings, for plots")
    asked = parser.parse_args()
    with told() as replay:
        print("| route | DynamoDB | S3, SQS | read units | write units | bytes | CPU, us | USD |")
        print("|---|---|---|---|---|---|---|---|")
        by_route = {cost.route: cost for cost in costs(replay)}
        for cost in sorted(by_route.values(), key=lambda each: -each.usd):
            print(cost.row())
        print("\n| load | write units | fullest partition | its units | a second |")
        print("|---|---|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            replay.tables = Stored(Path(folder) / "stage.sqlite")
            replay.tables.put_all(replay.stored)
            spreads = [spread(replay, load, count=asked.requests) for load in LOADS]
    for found in spreads:
        print(found.row())
    print("\n| load | USD a month at 100, 1,000, 10,000 a second | first to break, and then |")
    print("|---|---|---|")
    for load, found in zip(LOADS, spreads, strict=True):
        cost = by_route[load.route]
        usd = ", ".join(f"{cost.usd * rate * MONTH_S / 1e6:,.0f}" for rate in RATES)
        broken = (
            f"{each.ceiling:,.0f}/s: {each.what} ({each.turn})"
            for each in limits(cost, found)
            if each.ceiling < RATES[-1]
        )
        print(f"| {load.name} | {usd} | {'; '.join(broken)} |")
    ceilings = {found.load: round(found.ceiling) for found in spreads}
    if asked.record:
        Path(__file__).with_suffix(".json").write_text(json.dumps(ceilings, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

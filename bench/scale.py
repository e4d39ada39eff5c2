"""What lists and look-ups cost with a million things stored: ``python -m bench.scale [--quick]``.

Two stages are filled by the stores' own code (`bench.stored`): one with a page or more of each
thing, one with 1 M packages, 1 M ledger entries in 10,000 accounts, 2 M rows of 2,000 machines and
100,000 orders; ``--quick`` stores a hundredth. On top of both lies the story of the OpenAPI
document's examples. Then every GET route that reads a table is asked in turn on both. Calls, items
and bytes that are read carry over to DynamoDB; CPU, of which p50 and p99 are told, is that of this
process, tables included.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple, cast

from bench.counters import embedded_aws
from bench.handlers import request, stdout_nowhere
from bench.replay import Replay, told
from bench.stored import Reads, Stored
from chalicelib.bakery.records import Change, Order, OrderStatus
from chalicelib.bakery.store.items import read
from chalicelib.bakery.store.orders import ORDERS, OrderStore
from chalicelib.core import shards
from chalicelib.core.instants import now
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Table, key
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.records import decided
from chalicelib.deliveries.store import packages
from chalicelib.deliveries.store.packages import PackageStore
from chalicelib.ledger import store as ledger
from chalicelib.ledger.chain import following
from chalicelib.ledger.store import LedgerStore
from chalicelib.vending.models import ImportQuery, Machine, Site, Technician
from tests.support.clock import Clock
from tests.support.deliveries.table import make_table
from tests.support.dynamodb_in_memory import MemoryDynamoDB
from tests.support.vending.wiring import fake_ports, fake_vending

GOAL = 1.5
_TECHNICIAN = "T9000"


@dataclass(frozen=True)
class Size:
    """How many things there are of each kind."""

    packages: int
    accounts: int
    machines: int
    orders: int
    days: int = 62

    @property
    def told(self) -> str:
        """Return the size in words."""
        entries, rows = self.accounts * ENTRIES, self.machines * self.days * ROWS_A_DAY
        return (
            f"{self.packages:,} packages, {entries:,} entries in {self.accounts:,} accounts, "
            f"{rows:,} rows of {self.machines:,} machines, {self.orders:,} orders"
        )


FEW = Size(packages=1_000, accounts=200, machines=1_000, orders=500)
MANY = Size(packages=1_000_000, accounts=10_000, machines=2_000, orders=100_000)
QUICK = (
    Size(packages=1_000, accounts=150, machines=2, orders=500, days=20),
    Size(packages=4_000, accounts=400, machines=4, orders=1_000, days=20),
)
PACKAGES_AT_ONCE, PEOPLE_AT_ONCE = 1_000, 10
"""Packages that are stored by the store's code, before they are copied, and who gets them."""
ENTRIES, ORDERS_EACH, ROWS_A_DAY = 100, 60, 16
"""Of an account, of a customer, of a machine."""


# --- filling a stage ------------------------------------------------------------------------------


class Stage:
    """What is stored, until ``at``."""

    def __init__(self, folder: Path, size: Size, replay: Replay, at: datetime) -> None:
        self.size, self._at, self._told = size, at, replay.stored
        whole = folder / f"{size.packages}.sqlite"
        if not whole.exists():
            part = whole.with_suffix(".part")
            part.unlink(missing_ok=True)
            self.stored = Stored(part)
            for fill in (self._packages, self._ledger, self._orders, self._vending):
                fill()
            self.stored.close()
            part.rename(whole)
        self.stored = Stored(whole)
        self.stored.put_all(self._told)

    def _table(self, context: str) -> Table:
        return Table(cast("Any", self.stored), os.environ[f"{context}_TABLE"])

    def _packages(self) -> None:
        """Store the first packages, and their copies under other names."""
        table = self._table("DELIVERIES")
        store = PackageStore(table, cast("Any", _Uncounted(table)))
        for number in range(PACKAGES_AT_ONCE):
            at = self._at - timedelta(minutes=number + 1)
            package = Package.model_construct(
                package_id=f"box-0-{number}",
                package_type=("personal", "marketing")[number % 2],
                sender_id=f"shop-0-{number % PEOPLE_AT_ONCE}",
                recipient_id=f"person-0-{number // 2 % PEOPLE_AT_ONCE}",
                timestamp=at,
            )
            store.add(decided(package, None, at=at))

        def reshard(pk: str, sk: str) -> str:
            if not pk.startswith("DECIDED#"):
                return pk
            shard = shards.of(sk.partition("#")[2], packages.LIST_SHARDS)
            return f"{pk.rpartition('#')[0]}#{shard}"

        self.stored.repeat(
            self.size.packages // PACKAGES_AT_ONCE,
            lambda text, copy: _renamed(text, copy, "box-", "shop-", "person-"),
            reshard,
        )

    def _ledger(self) -> None:
        """Store the first account and its copies, each a microsecond later, with its hashes."""
        entries, last = [], None
        for number in range(ENTRIES):
            last = following(
                last,
                account_id=account_id(0),
                amount=number + 1,
                transaction_id=transaction_id(0, number),
                now=self._at - timedelta(minutes=ENTRIES - number),
            )
            entries.append(last)
        LedgerStore(self._table("LEDGER")).append(*entries)

        def reshard(pk: str, sk: str) -> str:
            if pk.startswith("ACCOUNTS#"):
                return f"ACCOUNTS#{shards.of(sk, ledger.ACCOUNT_SHARDS)}"
            if pk.startswith("LIST#"):
                return f"LIST#{shards.of(sk.partition('#')[2], ledger.LIST_SHARDS)}"
            return pk

        # The ids of an account and of its transactions begin alike.
        self.stored.repeat(
            self.size.accounts,
            lambda text, copy: text.replace(_begins(0), _begins(copy)).replace(
                ".000000+00:00", f".{copy:06}+00:00"
            ),
            reshard,
        )

    def _orders(self) -> None:
        table = self._table("BAKERY")
        store = OrderStore(table, Outbox(table, now=now))
        name = os.environ["BAKERY_TABLE"]
        is_order = (item for item in self._told[name] if item["pk"]["S"].startswith(ORDERS))
        first = read(Order, next(is_order))
        for number in range(self.size.orders):
            at = self._at - timedelta(seconds=self.size.orders - number)
            life: list[OrderStatus] = ["open", "ticketed", "ready"]
            if number >= self.size.orders - 100:
                life = ["open"]
            changes = {
                "id": number + 1_000,
                "customer": f"Customer {number // ORDERS_EACH}",
                "created_at": at,
                "due_at": at + timedelta(days=1),
                "history": tuple(Change(status=each, at=at, by="", reason="") for each in life),
                "batch": None,
                "spread": True,
                "erasure": None,
            }
            store.add(first.model_copy(update=changes))

    def _vending(self) -> None:
        """Have the services take in the rows, on a table in memory, and store what they stored."""
        client = MemoryDynamoDB()
        ports = fake_ports(client)
        vending = fake_vending(ports, now=Clock(self._at))
        registry, queues = ports.registry, cast("Any", ports.queues)
        registry.put_site(Site(site_id="mall", name="Mall", time_zone="America/Chicago"))
        registry.put_technician(Technician(technician_id=_TECHNICIAN, name="Ann"))
        registered = self._at - timedelta(days=self.size.days + 10)
        for number in range(self.size.machines):
            registry.put_machine(
                Machine(
                    serial=serial(number),
                    site="mall",
                    technician=_TECHNICIAN,
                    registered_at=registered,
                )
            )
            text = "".join(self._rows(number)).encode()
            vending.uploads.take_import(ImportQuery(filename=f"{number}.txt"), text)
        while queues.arrivals or queues.fleet:
            while queues.arrivals:
                vending.arrivals.look_at(queues.arrivals.pop(0))
            queues.fleet.clear()
            vending.verdicts.look_at_notes()
        name = os.environ["VENDING_TABLE"]
        for partition in client.partitions.values():
            for item in partition.values():
                self.stored.put_item(TableName=name, Item=item)

    def _rows(self, machine: int) -> Iterator[str]:
        """Yield the sales of a machine up to yesterday, in order."""
        start = self._at.replace(hour=0, minute=0, second=0, microsecond=0)
        for day in range(self.size.days, 0, -1):
            dice = random.Random(f"{machine} {day}")
            for second in sorted(dice.sample(range(86_400), ROWS_A_DAY)):
                at = start - timedelta(days=day) + timedelta(seconds=second)
                yield f"{serial(machine)}|{at:%Y-%m-%dT%H:%M:%SZ}|1\n"


class _Uncounted:
    """Stores packages without counting them: the counters are one item at any size."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def transact(self, _: object, *actions: dict[str, Any]) -> None:
        """Do the actions."""
        self._table.transact(*actions)


def _renamed(text: str, copy: int, *prefixes: str) -> str:
    for prefix in prefixes:
        text = text.replace(f"{prefix}0-", f"{prefix}{copy}-")
    return text


def _begins(account: int) -> str:
    """Return how the ids of an account begin; those of neighbours are far apart."""
    return f"{account * 0x9E3779B1 % (1 << 32):08x}-5ca1-4e00-8000-"


def account_id(number: int) -> str:
    """Return the id of an account."""
    return f"{_begins(number)}ffffffffffff"


def transaction_id(account: int, number: int) -> str:
    """Return the id of an account's transaction."""
    return f"{_begins(account)}{number:012x}"


def serial(number: int) -> str:
    """Return the serial of a machine that no other data have."""
    return f"GM{900_000 + number}"


# --- asking ---------------------------------------------------------------------------------------


class Ask(NamedTuple):
    """A request with something to fill in, of a random thing of a stage."""

    name: str
    event: Callable[[Size, random.Random], Mapping[str, Any]]


def _get(path: str, query: str = "", **values: Callable[[Size, random.Random], str]) -> Ask:
    """Return a request whose values, of the path or the query, are made for each stage."""

    def event(size: Size, dice: random.Random) -> Mapping[str, Any]:
        made = {name: value(size, dice) for name, value in values.items()}
        in_path = {name: value for name, value in made.items() if f"{{{name}}}" in path}
        pairs = (pair.split("=") for pair in query.split("&") if pair)
        asked = {name: value.format(**made) for name, value in pairs}
        return request("GET", path, query=asked or None, headers=None, body=None, **in_path)

    return Ask(f"GET {path}{'?' + query if query else ''}", event)


def _any_of(kind: Callable[[int], str], count: str) -> Callable[[Size, random.Random], str]:
    return lambda size, dice: kind(dice.randrange(getattr(size, count)))


_BOX = _any_of(lambda n: f"box-{n // PACKAGES_AT_ONCE}-{n % PACKAGES_AT_ONCE}", "packages")
_PERSON = _any_of(lambda n: f"person-{n // PACKAGES_AT_ONCE}-{n % PEOPLE_AT_ONCE}", "packages")
_SHOP = _any_of(lambda n: f"shop-{n // PACKAGES_AT_ONCE}-{n % PEOPLE_AT_ONCE}", "packages")
_CUSTOMER = _any_of(lambda n: f"Customer {n // ORDERS_EACH}", "orders")
_ACCOUNT = _any_of(account_id, "accounts")
_ORDER = _any_of(lambda number: str(number + 1_000), "orders")
_SERIAL = _any_of(serial, "machines")


def _transaction(size: Size, dice: random.Random) -> str:
    return transaction_id(dice.randrange(size.accounts), dice.randrange(ENTRIES))


LOADED = (
    _get("/packages"),
    _get("/packages", "outcome=delivered&type=personal"),
    _get("/packages", "recipient={person}", person=_PERSON),
    _get("/packages", "sender={shop}", shop=_SHOP),
    _get("/packages/{package_id}", package_id=_BOX),
    _get("/transactions", "limit=100"),
    _get("/transactions", "limit=100&account_id={account}", account=_ACCOUNT),
    _get("/transactions/{transaction_id}", transaction_id=_transaction),
    _get("/accounts", "limit=100"),
    _get("/accounts/{account_id}", account_id=_ACCOUNT),
    _get("/accounts/{account_id}/entries", "limit=50", account_id=_ACCOUNT),
    _get("/accounts/{account_id}/statement", account_id=_ACCOUNT),
    _get("/orders"),
    _get("/orders", "status=open"),
    _get("/orders", "status=ticketed"),
    _get("/orders", "status=ready"),
    _get("/orders", "status=cancelled"),
    _get("/orders", "customer={customer}", customer=_CUSTOMER),
    _get("/orders/{order_id}", order_id=_ORDER),
    _get("/batches/next"),
    _get("/machines"),
    _get("/machines", "site=mall"),
    _get("/machines/{serial}", serial=_SERIAL),
    _get("/machines/{serial}/transactions", serial=_SERIAL),
    _get("/machines/{serial}/visits", serial=_SERIAL),
    _get("/fleet"),
    _get("/worklist"),
    _get("/worklist", f"technician={_TECHNICIAN}"),
    _get("/imports"),
    _get("/technicians"),
    _get("/sites"),
)


def asks(replay: Replay) -> Iterator[Ask]:
    """Yield what is asked: what was loaded, and as in the story every route that reads."""
    yield from LOADED
    for exchange in replay.exchanges:
        event = exchange.event
        tables = any(call.startswith("dynamodb") for call in exchange.answers)
        others = any(not call.startswith("dynamodb") for call in exchange.answers)
        if event["requestContext"]["httpMethod"] == "GET" and tables and not others:
            yield Ask(f"{exchange.route}, as in the examples", lambda *_, event=event: event)


class Found(NamedTuple):
    """What a request took on a stage: CPU in microseconds (p50, p99), and what it read."""

    p50: float
    p99: float
    reads: Reads


def compared(
    replay: Replay, stages: tuple[Stage, Stage], ask: Ask, *, rounds: int
) -> tuple[Found, Found]:
    """Return what a request takes on each stage, asked in turn; the first of each warms up."""
    took: tuple[list[float], list[float]] = ([], [])
    most = [Reads(0, 0, 0), Reads(0, 0, 0)]
    dice = random.Random(ask.name)
    for each in range(rounds + 2):
        for place, stage in enumerate(stages):
            event = ask.event(stage.size, dice)
            replay.tables = stage.stored
            begun = time.process_time()
            reads = stage.stored.counted(replay.asking(ask.name, event))
            spent = time.process_time() - begun
            most[place] = Reads(*map(max, most[place], reads))
            if each > 1:
                took[place].append(spent * 1e6)
    few, many = (
        Found(cuts[49], cuts[98], reads)
        for cuts, reads in zip((quantiles(each, n=100) for each in took), most, strict=True)
    )
    return few, many


def measured(
    sizes: tuple[Size, Size], folder: Path, *, rounds: int
) -> Iterator[tuple[str, Found, Found]]:
    """Yield what each request takes on a stage of either size."""
    with told() as replay:
        at = replay.exchanges[0].at.replace(microsecond=0)
        few, many = (Stage(folder, size, replay, at) for size in sizes)
        for stage in (few, many):
            print(f"{stage.stored.count():,} items: {stage.size.told}", file=sys.stderr, flush=True)
        for ask in asks(replay):
            with stdout_nowhere():
                try:
                    found = compared(replay, (few, many), ask, rounds=rounds)
                except AssertionError:  # what the story has deleted since
                    print(f"left out: {ask.name}", file=sys.stderr)
                    continue
            yield ask.name, *found


def embedded() -> Iterator[str]:
    """Yield a table of what 50 rows cost on the embedded AWS, by the size of their partition."""
    yield "| items in the partition | a query of the newest 50, embedded AWS, ms |\n|---|---|"
    with embedded_aws() as client:
        make_table(client, "rows")
        table, written = Table(client, "rows"), 0
        for size in (50, 500, 5_000):
            items = (
                {**key("p", f"{n:09}"), "body": {"S": "x" * 300}} for n in range(written, size)
            )
            table.put_many(items)
            written, took = size, []
            for _ in range(9):
                begun = time.perf_counter()
                assert (
                    len(list(islice(table.query("p", newest_first=True, page_size=50), 50))) == 50
                )
                took.append(time.perf_counter() - begun)
            yield f"| {size:,} | {min(took) * 1e3:.1f} |"


def main() -> int:
    """Print a Markdown table, the largest ratio first; return 1 when one is above the goal."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--quick", action="store_true", help="a hundredth, in under a minute")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--embedded", action="store_true", help="the embedded AWS's part alone")
    parser.add_argument("--keep", type=Path, help="a folder where the stages stay, or are")
    parser.add_argument("--record", action="store_true", help="write the ratios, for plots")
    asked = parser.parse_args()
    if asked.embedded:
        print(*embedded(), sep="\n")
        return 0
    sizes = QUICK if asked.quick else (FEW, MANY)
    rounds = asked.rounds or (5 if asked.quick else 100)
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measured(sizes, asked.keep or Path(folder), rounds=rounds))
    rows.sort(key=lambda row: -row[2].p50 / row[1].p50)
    print(f"{datetime.now(UTC):%Y-%m-%d}: {sizes[1].told}; beside {sizes[0].told}.\n")
    print("| request | CPU p50, us | p50 | p99 | calls | items read | kB read |")
    print("|---|---|---|---|---|---|---|")
    for name, few, many in rows:
        pairs = (
            f"{one} / {other}" if one != other else f"{one}"
            for one, other in (
                *zip(few.reads[:2], many.reads[:2], strict=True),
                (round(few.reads.size / 1e3), round(many.reads.size / 1e3)),
            )
        )
        print(
            f"| {name} | {many.p50:.0f} | {many.p50 / few.p50:.2f} | {many.p99 / few.p99:.2f} | "
            f"{' | '.join(pairs)} |"
        )
    if asked.record:
        ratios = {
            name: [round(many.p50 / few.p50, 3), round(many.p99 / few.p99, 3)]
            for name, few, many in rows
        }
        Path(__file__).with_suffix(".json").write_text(json.dumps(ratios, indent=1) + "\n")
    return int(any(many.p50 / few.p50 > GOAL for _, few, many in rows))


if __name__ == "__main__":
    sys.exit(main())

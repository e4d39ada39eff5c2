"""How many posts one account takes: measured on the embedded AWS, and modelled for DynamoDB.

In the model a transaction holds its account for some milliseconds (an assumption: no real
DynamoDB was measured), and another one that comes meanwhile is refused. Reads take 4 ms. Who
loses waits with full jitter and begins again with the read, as `chalicelib.ledger.service` does.
"""

import heapq
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

from chalicelib.ledger.models import TransactionBody

READ_MS = 4.0
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 20.0, 250.0
PATIENCE_MS = 8_000.0
LENGTH_MS = 60_000.0


def body(account_id: str) -> TransactionBody:
    """Return a transaction of 1."""
    return TransactionBody(account_id=account_id, amount=1)


def client(endpoint: str) -> Any:
    """Return a client of an embedded AWS, for many threads."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session("test", "test", region_name="us-east-1").client(
        "dynamodb", endpoint_url=endpoint, config=Config(max_pool_connections=64)
    )


def make_table(client: Any, name: str) -> None:
    """Make the table that the template defines."""
    from infra import templates

    defined = templates.merged().resources["LedgerTable"]["Properties"]
    kept = ("BillingMode", "KeySchema", "AttributeDefinitions")
    client.create_table(TableName=name, **{part: defined[part] for part in kept})


def ledger(client: Any, table: str) -> Any:
    """Return the ledger on a table, as patient as a function."""
    from chalicelib.core import retry
    from chalicelib.core.table import Table
    from chalicelib.ledger.service.posting import Ledger
    from chalicelib.ledger.store import LedgerStore

    return Ledger(
        LedgerStore(Table(client, table)),
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
        tries=partial(
            retry.tries, budget_s=PATIENCE_MS / 1_000, longest_s=LONGEST_PAUSE_MS / 1_000
        ),
    )


def measured(ledger: Any, posts: int = 200) -> Iterator[str]:
    """Yield a Markdown table of what the embedded AWS and this machine make of a hot account."""
    yield "| writers at once, embedded AWS | one account, posts/s | an account each, posts/s |"
    yield "|---|---|---|"
    for writers in (1, 8, 32):
        hot = str(uuid4())
        together = _posts_per_s(ledger, writers, [hot] * posts)
        apart = _posts_per_s(ledger, writers, [str(uuid4()) for _ in range(posts)])
        yield f"| {writers} | {together:.0f} | {apart:.0f} |"


def _posts_per_s(ledger: Any, writers: int, accounts: list[str]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda account: ledger.post(body(account)), accounts))
    return len(accounts) / (time.perf_counter() - started)


# --- the model ------------------------------------------------------------------------------------


@dataclass(order=True)
class _Step:
    """What happens at a time: a read, a transaction, or its end."""

    at: float
    number: int
    what: str = field(compare=False)
    born: float = field(compare=False)
    sequence: int = field(compare=False, default=0)
    ceiling: float = field(compare=False, default=FIRST_PAUSE_MS)


@dataclass
class Account:
    """One account and all who post to it."""

    hold_ms: float
    dice: Random
    steps: list[_Step] = field(default_factory=list)
    held_until: float = -1.0
    sequence: int = 0
    waited: list[float] = field(default_factory=list)
    attempts: int = 0
    given_up: int = 0
    _numbers: int = 0

    def plan(self, at: float, what: str, born: float, **more: Any) -> None:
        """Let something happen at a time."""
        self._numbers += 1
        heapq.heappush(self.steps, _Step(at, self._numbers, what, born, **more))

    def run(self) -> None:
        """Let everything happen, in order of time."""
        while self.steps:
            step = heapq.heappop(self.steps)
            if step.what == "read":
                self.plan(
                    step.at + READ_MS / 2,
                    "write",
                    step.born,
                    sequence=self.sequence,
                    ceiling=step.ceiling,
                )
            elif step.what == "write":
                self._write(step)
            else:
                self.sequence += 1
                self.waited.append(step.at - step.born)

    def _write(self, step: _Step) -> None:
        self.attempts += 1
        if step.at >= self.held_until and step.sequence == self.sequence:
            self.held_until = step.at + self.hold_ms
            self.plan(self.held_until, "done", step.born)
            return
        pause = self.hold_ms / 2 + self.dice.uniform(0, step.ceiling)
        if step.at + pause - step.born > PATIENCE_MS:
            self.given_up += 1
            return
        ceiling = min(2 * step.ceiling, LONGEST_PAUSE_MS)
        self.plan(step.at + pause + READ_MS / 2, "read", step.born, ceiling=ceiling)


def modelled() -> Iterator[str]:
    """Yield a Markdown table of what one account takes."""
    yield "| posts/s to one account | a transaction holds it | 503 | tries a post | p50, p99 |"
    yield "|---|---|---|---|---|"
    for hold_ms in (10.0, 20.0):
        for rate in (10, 25, 40, 50, 60, 80):
            account = Account(hold_ms, Random(1))
            at = 0.0
            while (at := at + account.dice.expovariate(rate / 1_000)) < LENGTH_MS:
                account.plan(at + READ_MS / 2, "read", at)
            account.run()
            yield _line(account, rate)


def _line(account: Account, rate: int) -> str:
    waited = sorted(account.waited)
    posts = len(waited) + account.given_up
    p50, p99 = waited[len(waited) // 2], waited[int(len(waited) * 0.99)]
    refused = f"{100 * account.given_up / posts:.1f} %"
    tries = f"{account.attempts / posts:.1f}"
    return f"| {rate} | {account.hold_ms:.0f} ms | {refused} | {tries} | {p50:.0f}, {p99:.0f} ms |"

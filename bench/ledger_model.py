"""How many posts one account takes: measured on the embedded AWS, and modelled for DynamoDB.

In the model a transaction holds its account for some milliseconds (an assumption: no real
DynamoDB was measured), and another one that comes meanwhile is refused. Other calls take 4 ms. Who
loses waits with full jitter and begins again with the read, and after three lost races waits beside
the account, as `chalicelib.ledger.service` does. What one partition takes is not in it, nor that a
process that knows of a crowd saves the read, and learns how many it has from its own posts only.
"""

import heapq
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING, cast
from unittest.mock import patch
from uuid import uuid4

from chalicelib.core.errors import UnavailableError
from chalicelib.ledger.models import TransactionBody
from chalicelib.ledger.service.crowds import CROWDED, RACES, SEVERAL
from chalicelib.ledger.service.posting import Ledger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CALL_MS = 4.0
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 20.0, 250.0
PATIENCE_MS = 8_000.0
LENGTH_MS = 20_000.0
TOGETHER = 24
"""Posts without keys that one transaction holds."""
ONLY_RACES = 1 << 30
WRITERS = (1, 2, 4, 8, 16, 32)
CURVES = {
    "one account, in groups": (RACES, True),
    "one account, racing alone": (ONLY_RACES, True),
    "an account each": (RACES, False),
}
"""How many races each post may lose before it waits, and whether all have one account."""


def body(account_id: str) -> TransactionBody:
    """Return a transaction of 1."""
    return TransactionBody(account_id=account_id, amount=1)


def make_table(name: str) -> None:
    """Make the table that the template defines."""
    from chalicelib.core.aws import new_session
    from infra import templates

    defined = templates.merged().resources["LedgerTable"]["Properties"]
    kept = ("BillingMode", "KeySchema", "AttributeDefinitions")
    client = cast("DynamoDBClient", new_session().create_client("dynamodb"))
    client.create_table(TableName=name, **{part: defined[part] for part in kept})


def new_ledger() -> Ledger:
    """Return the ledger of a function's new process, which has no connection yet."""
    from chalicelib.core import aws
    from chalicelib.ledger import wiring

    aws.dynamodb.cache_clear()
    wiring.ledger.cache_clear()
    return wiring.ledger()


def measured(writers: int, seconds: float = 6.0) -> dict[str, float]:
    """Return how many posts a second the embedded AWS and this machine make of so many writers.

    Each writer is a process, as on AWS, where a function's process has one request at a time.
    """
    return {
        name: _posts_per_s(partial(_writer, races, shared), writers, seconds)
        for name, (races, shared) in CURVES.items()
    }


def _posts_per_s(
    writer: Callable[[str, Barrier, float], int], writers: int, seconds: float
) -> float:
    """Return how many posts a second are answered 201; the rest had no turn in time."""
    fork = get_context("fork")
    with fork.Manager() as shared, ProcessPoolExecutor(writers, fork) as pool:
        ready = shared.Barrier(writers)
        account = str(uuid4())
        ended = [pool.submit(writer, account, ready, seconds) for _ in range(writers)]
        return sum(each.result() for each in ended) / seconds


def _writer(races: int, shared: bool, account: str, ready: Barrier, seconds: float) -> int:
    """Post to an account for some ``seconds``; return how many posts were answered in time.

    What is answered in the first second, in which all begin at once, is not counted.
    """
    if races == ONLY_RACES:
        patch("chalicelib.ledger.service.posting.crowded", return_value=False).start()
    posting = replace(new_ledger(), races=races)
    for each in (0, races):  # every kind of call has been made once
        replace(posting, races=each).post(body(str(uuid4())))
    posted = 0
    ready.wait()
    begin = time.perf_counter() + 1
    while (now := time.perf_counter()) < begin + seconds:
        with suppress(UnavailableError):
            posting.post(body(account if shared else str(uuid4())))
            posted += begin <= now
    return posted


# --- the model ------------------------------------------------------------------------------------


@dataclass
class _Post:
    """A post on its way: when it was sent, what it lost, whether it is stored."""

    born: float
    lost: int = 0
    ceiling: float = FIRST_PAUSE_MS
    stored: bool = False


_Act = Callable[[float], None]


@dataclass
class Account:
    """One account and all who post to it."""

    hold_ms: float
    dice: Random
    races: int = RACES
    waited: list[float] = field(default_factory=list)
    transactions: int = 0
    given_up: int = 0
    _acts: list[tuple[float, int, _Act]] = field(default_factory=list)
    _sequence: int = 0
    _held_until: float = -1.0
    _waiting: list[_Post] = field(default_factory=list)
    _led: tuple[int, float] = (-1, -1.0)
    _crowded_until: float = -1.0
    _together: int = SEVERAL
    _planned: int = 0

    def send(self, at: float) -> None:
        """Let somebody post at a time."""
        post = _Post(at)
        self._plan(at + CALL_MS / 2, lambda now: self._read(now, post))

    def run(self) -> None:
        """Let everything happen, in order of time."""
        while self._acts:
            now, _, act = heapq.heappop(self._acts)
            act(now)

    def _plan(self, at: float, act: _Act) -> None:
        self._planned += 1
        heapq.heappush(self._acts, (at, self._planned, act))

    def _read(self, now: float, post: _Post) -> None:
        sequence = self._sequence
        if post.lost >= self.races or now < self._crowded_until:
            self._plan(now + CALL_MS, lambda then: self._leave(then, post))
        else:
            self._plan(now + CALL_MS / 2, lambda then: self._race(then, post, sequence))

    def _race(self, now: float, post: _Post, sequence: int) -> None:
        if self._holds(now, sequence):
            if post.lost >= RACES - 1 and self.races == RACES:
                self._note(now + (now - post.born), 0)
            self._plan(self._held_until, lambda then: self._done(then, [post], post))
        else:
            post.lost += 1
            self._pause(now + self.hold_ms / 2, post, self._read)
            post.ceiling = min(2 * post.ceiling, LONGEST_PAUSE_MS)

    def _leave(self, now: float, post: _Post) -> None:
        self._waiting.append(post)
        contending = self._together if now < self._crowded_until else 0
        post.ceiling = max(contending, SEVERAL) * CALL_MS
        self._pause(now, post, self._look)

    def _look(self, now: float, post: _Post) -> None:
        if post.stored:
            self.waited.append(now + CALL_MS / 2 - post.born)
        elif self._led[0] == self._sequence and now < self._led[1]:
            self._pause(now, post, self._look)
        else:
            self._plan(now + CALL_MS, lambda then: self._lead(then, post))

    def _lead(self, now: float, post: _Post) -> None:
        if self._led[0] >= self._sequence and now < self._led[1]:
            self._pause(now, post, self._look)
            return
        self._led = (self._sequence, now + 3_000)
        self._plan(now + CALL_MS, lambda then: self._gather(then, post))

    def _gather(self, now: float, post: _Post) -> None:
        others = [each for each in self._waiting if each is not post]
        posts = [post, *others][:TOGETHER]
        self._plan(now + CALL_MS, lambda then: self._settle(then, post, posts, self._sequence))

    def _settle(self, now: float, post: _Post, posts: list[_Post], sequence: int) -> None:
        if post.stored or not self._holds(now + CALL_MS / 2, sequence):
            self._pause(now, post, self._look)
            return
        if len(posts) >= SEVERAL:
            self._note(now + _ms(CROWDED), len(posts))
        self._plan(self._held_until, lambda then: self._done(then, posts, post))

    def _note(self, until: float, posts: int) -> None:
        self._crowded_until, self._together = until, posts

    def _holds(self, now: float, sequence: int) -> bool:
        self.transactions += 1
        if now < self._held_until or sequence != self._sequence:
            return False
        self._held_until = now + self.hold_ms
        return True

    def _done(self, now: float, posts: list[_Post], first: _Post) -> None:
        self._sequence += 1
        for post in posts:
            post.stored = True
        self._waiting = [each for each in self._waiting if not each.stored]
        self.waited.append(now - first.born)

    def _pause(self, now: float, post: _Post, act: Callable[[float, _Post], None]) -> None:
        at = now + self.dice.uniform(0, post.ceiling) + CALL_MS / 2
        if at - post.born > PATIENCE_MS and not post.stored:
            self.given_up += 1
            self._waiting = [each for each in self._waiting if each is not post]
            return
        self._plan(at, lambda then: act(then, post))


def _ms(time: timedelta) -> float:
    return 1_000 * time.total_seconds()


def modelled() -> Iterator[str]:
    """Yield a Markdown table of what one account takes."""
    yield "| posts/s, held | only racing: 503, p50, p99 | now: 503, p50, p99 | posts at once |"
    yield "|---|---|---|---|"
    for hold_ms in (10.0, 20.0):
        for rate in (10, 40, 80, 300, 600):
            raced, waited = (
                modelled_run(hold_ms, rate, ONLY_RACES),
                modelled_run(hold_ms, rate, RACES),
            )
            posts = len(waited.waited) / waited.transactions
            case = f"{rate}, {hold_ms:.0f} ms"
            yield f"| {case} | {_told(raced)} | {_told(waited)} | {posts:.1f} |"


def modelled_run(hold_ms: float, rate: int, races: int) -> Account:
    """Return an account to which so many a second have posted for `LENGTH_MS`."""
    account = Account(hold_ms, Random(1), races)
    at = 0.0
    while (at := at + account.dice.expovariate(rate / 1_000)) < LENGTH_MS:
        account.send(at)
    account.run()
    return account


def _told(account: Account) -> str:
    waited = sorted(account.waited)
    posts = len(waited) + account.given_up
    p50, p99 = waited[len(waited) // 2], waited[int(len(waited) * 0.99)]
    return f"{100 * account.given_up / posts:.1f} %, {p50:.0f} ms, {p99:.0f} ms"

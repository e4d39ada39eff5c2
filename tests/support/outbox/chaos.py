"""A day in which everything fails: the real outbox on real tables, streams and queues.

Time runs 60 times as fast as it does: the outbox's clock does. Processes are threads;
they are killed by an exception that nothing catches, and when their time is over, as Lambda does.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from chalice.app import SQSEvent

from chalicelib.core.outbox.effects import Effect, Ending, NotExecutedError, OutcomeUnknownError
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.messages import handle
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.queues import Queues
from chalicelib.core.outbox.relay import Relay
from chalicelib.core.outbox.rules import Rules
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.outbox.sweeper import Bounds, Sweeper
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.table import Table
from tests.support.dice import Dice
from tests.support.outbox.fakes import KIND
from tests.support.stage import Killed

PACE = 60
FUNCTION_S = 30
SETTLE_S, LONGEST_LAG_S = 150, 120


class FastClock:
    """An hour in a minute."""

    def __init__(self) -> None:
        self._began, self._then = time.monotonic(), datetime.now(UTC)

    def __call__(self) -> datetime:
        return self._then + timedelta(seconds=(time.monotonic() - self._began) * PACE)


@dataclass
class Vendor:
    """Does things and does not always say so; its own search shows them late."""

    now: Callable[[], datetime]
    dice: Dice
    search_lag_s: float = SETTLE_S
    made: dict[str, list[datetime]] = field(default_factory=dict)
    endings: dict[str, set[str]] = field(default_factory=dict)
    shown_at: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until: threading.local = field(default_factory=threading.local)

    CALLS = {  # noqa: RUF012 - never changed
        "dropped before": 0.10,
        "dropped after": 0.12,
        "429": 0.10,
        "500 before": 0.04,
        "500 after": 0.04,
        "killed before the call": 0.03,
        "killed after the call": 0.08,
    }

    @contextmanager
    def function(self) -> Iterator[None]:
        """Run as a function does: it is killed when its time is over."""
        self._until.at = self.now() + timedelta(seconds=FUNCTION_S)
        yield

    def handle(self, effect: Effect, /) -> str:
        what = self.dice.happens(self.CALLS)
        if what == "killed before the call":
            raise Killed
        if what == "429":
            raise NotExecutedError("429", retry_after_s=self.dice.between(0, 30))
        if what in ("dropped before", "500 before"):
            raise OutcomeUnknownError(what)
        with self._lock:
            now = self.now()
            if now >= self._until.at:
                self.dice.happened["out of time"] += 1
                raise Killed
            self.made.setdefault(effect.id, []).append(now)
            lag = timedelta(seconds=self.dice.between(0, LONGEST_LAG_S))
            self.shown_at.setdefault(effect.id, now + lag)
        if what == "killed after the call":
            raise Killed
        if what:
            raise OutcomeUnknownError(what)
        return f"ref-{effect.id}"

    def find(self, effect: Effect, /) -> str | None:
        if self.dice.happens({"search down": 0.10}):
            raise OutcomeUnknownError("the search is down")
        shown_at = self.shown_at.get(effect.id)
        return f"ref-{effect.id}" if shown_at and shown_at <= self.now() else None

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        what = self.dice.happens(
            {"killed before telling": 0.02, "context away": 0.03, "killed after telling": 0.02}
        )
        if what == "killed before telling":
            raise Killed
        if what == "context away":
            raise ConnectionError(what)
        with self._lock:
            self.endings.setdefault(effect.id, set()).add(conclusion.state)
        if what:
            raise Killed


class Hurried(Queues):
    """Queues whose delays are as much shorter as the clock is faster."""

    def send(self, kind: str, effect_ids: Sequence[str], *, delay_s: int = 0) -> list[str]:
        return super().send(kind, effect_ids, delay_s=-(-delay_s // PACE))


class Chaos:
    """The outbox on one table and one queue, all of its parts at work at once."""

    def __init__(self, clients: Callable[[str], Any], table: str, stream: str, queue: str) -> None:
        self._sqs, self._streams = clients("sqs"), clients("dynamodbstreams")
        self._stream, self._queue = stream, queue
        # Threads that ask a client for its first exception at once may get two classes of one name.
        self._deleted_before = self._sqs.exceptions.ReceiptHandleIsInvalid
        self.dice, self.clock = Dice(2142), FastClock()
        self.vendor = Vendor(self.clock, self.dice)
        self.table = Table(clients("dynamodb"), table)
        self.outbox = Outbox(self.table, now=self.clock)
        self.store, self.index = EffectStore(self.table), EffectIndex(self.table)
        self._queues = Hurried(lambda: self._sqs, {KIND: queue})
        self._over = threading.Event()
        self.broken: list[BaseException] = []

    @contextmanager
    def at_work(self, workers: int = 6) -> Iterator[None]:
        """Have relay, workers and sweeper at work meanwhile."""
        jobs = [self._relay, self._sweeper, *[self._worker] * workers]
        threads = [threading.Thread(target=self._loop, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _loop(self, job: Callable[[], Callable[[], None]]) -> None:
        step = job()
        while not self._over.is_set():
            try:
                with suppress(Killed):
                    step()
            except Exception as error:  # noqa: BLE001 - the test fails of it
                self.broken.append(error)
                return

    # --- the parts ---

    def _relay(self) -> Callable[[], None]:
        """Read the stream as Lambda does, now and then a batch twice, or die of it."""
        relay, where, batches = Relay(self._queues, now=self.clock), self._shards(), count(1)

        def step() -> None:
            for shard, iterator in where.items():
                if iterator is None:
                    continue
                answer = self._streams.get_records(ShardIterator=iterator, Limit=25)
                where[shard] = answer.get("NextShardIterator")
                records = answer["Records"]
                for _ in range(self._times(next(batches)) if records else 0):
                    relay.forward(records)
            time.sleep(0.05)

        return step

    def _times(self, batch: int) -> int:
        """Return how often a batch is forwarded: the third twice, the fifth not at all."""
        what = {3: "batch twice", 0: "relay killed"}.get(batch % 5)
        if what is None:
            return 1
        self.dice.happened[what] += 1
        return 2 if what == "batch twice" else 0

    def _shards(self) -> dict[str, str | None]:
        found = self._streams.describe_stream(StreamArn=self._stream)["StreamDescription"]
        return {
            shard["ShardId"]: self._streams.get_shard_iterator(
                StreamArn=self._stream,
                ShardId=shard["ShardId"],
                ShardIteratorType="TRIM_HORIZON",
            )["ShardIterator"]
            for shard in found["Shards"]
        }

    def _sweeper(self) -> Callable[[], None]:
        sweeper = Sweeper(
            self.store,
            self.index,
            self._queues,
            now=self.clock,
            bounds=Bounds(time=timedelta(hours=1), again_after=timedelta(minutes=4)),
        )

        def step() -> None:
            sweeper.sweep()
            self._over.wait(1)

        return step

    def _worker(self) -> Callable[[], None]:
        worker = Worker(
            KIND,
            self.vendor,
            self.store,
            self._queues,
            now=self.clock,
            new_id=lambda: str(uuid4()),
            rules=Rules(longest_backoff_s=60),
        )

        def step() -> None:
            messages = self._receive()
            if not messages:
                time.sleep(0.05)
            with self.vendor.function():
                failures = handle(_event(messages), worker)["batchItemFailures"]
            again = {failure["itemIdentifier"] for failure in failures}
            for message in messages:
                if message["MessageId"] not in again and not self.dice.happens(
                    {"redelivered": 0.1}
                ):
                    self._delete(message)

        return step

    def _delete(self, message: Any) -> None:
        with suppress(self._deleted_before):  # somebody else was faster
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])

    def _receive(self) -> list[Any]:
        """Take a message or two, a third of them so that somebody else gets the same at once."""
        hidden_s = 0 if self.dice.happens({"delivered to two": 0.33}) else 3
        answer = self._sqs.receive_message(
            QueueUrl=self._queue,
            MaxNumberOfMessages=2,
            VisibilityTimeout=hidden_s,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return list(answer.get("Messages", []))


def _event(messages: Sequence[Any]) -> SQSEvent:
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
        for message in messages
    ]
    return SQSEvent({"Records": records}, None)

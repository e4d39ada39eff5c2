"""The exporter's work: poll, enter, show."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from urllib3.exceptions import HTTPError

from monitoring.exporter import queues, stack
from monitoring.exporter.books import Books
from monitoring.exporter.queues import Ages, Depth
from monitoring.exporter.stack import Members
from monitoring.exporter.tail import Tail

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

_MEMBERS_KEPT_S = 60.0
_logger = logging.getLogger("exporter")


@dataclass(eq=False)
class Exporter(Collector):
    """Reads a stack's logs and queues; what it knows can be collected from any thread."""

    stack: str
    cloudformation: "CloudFormationClient"
    sqs: "SQSClient"
    ages: Ages
    tail: Tail
    books: Books
    members: Members = field(default_factory=Members)
    depths: tuple[Depth, ...] = ()
    failures: Counter[str] = field(default_factory=Counter)
    polled_at: float = 0.0
    _members_at: float = 0.0

    def poll(self) -> bool:
        """Look at everything once; what fails is counted, and the rest goes on."""
        now = time.time()
        well = self._tries("members", self._find_members)
        well &= self._tries("logs", lambda: self._read_logs(now))
        well &= self._tries("queues", self._look_at_queues)
        if well:
            self.polled_at = now
        return well

    def collect(self) -> Iterator[Metric]:
        """Yield what the logs have told, how the queues stand, and how this program is."""
        yield from self.books.families()
        yield from self._standing()
        yield _info(self.members)
        polled = "When the exporter last read everything that it was to read"
        name = "backroom_exporter_last_success_timestamp_seconds"
        yield GaugeMetricFamily(name, polled, value=self.polled_at)
        failures = CounterMetricFamily(
            "backroom_exporter_failures", "Polls that failed", labels=["part"]
        )
        for part in ("members", "logs", "queues"):
            failures.add_metric([part], self.failures[part])
        yield failures

    def _tries(self, part: str, work: Callable[[], object]) -> bool:
        try:
            work()
        except (BotoCoreError, ClientError, HTTPError) as failed:
            self.failures[part] += 1
            _logger.warning("%s: %s", part, failed)
            return False
        return True

    def _find_members(self) -> None:
        if time.monotonic() - self._members_at > _MEMBERS_KEPT_S or not self.members.functions:
            self.members = stack.members(self.cloudformation, self.stack)
            self._members_at = time.monotonic()

    def _read_logs(self, now: float) -> None:
        self.tail.read(self.members.functions, int(now * 1000))

    def _look_at_queues(self) -> None:
        self.depths = tuple(queues.depths(self.sqs, self.ages, self.members.queues))

    def _standing(self) -> Iterator[Metric]:
        messages = GaugeMetricFamily(
            "backroom_queue_messages", "Messages in a queue", labels=["queue", "state"]
        )
        oldest = GaugeMetricFamily(
            "backroom_queue_oldest_message_seconds", "Age of a queue's oldest", labels=["queue"]
        )
        dead = GaugeMetricFamily("backroom_dead_letters", "Messages given up", labels=["queue"])
        for depth in self.depths:
            for state, count in depth.messages.items():
                messages.add_metric([depth.queue.short, state], count)
            oldest.add_metric([depth.queue.short], depth.oldest_s)
            if depth.queue.holds_dead_letters:
                dead.add_metric([depth.queue.short], sum(depth.messages.values()))
        yield from (messages, oldest, dead)


def _info(members: Members) -> Metric:
    info = GaugeMetricFamily("backroom_function_info", "Functions there are", labels=["function"])
    for short, _ in members.functions:
        info.add_metric([short], 1)
    return info

"""How full the queues are, and how long their oldest message has been waiting.

SQS tells the depth of a queue; the age of its oldest message it tells to CloudWatch alone. The
emulators of AWS have no such metric, but let anybody look into a queue without taking.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import urllib3

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_DEPTHS: dict[str, "QueueAttributeNameType"] = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
DEAD_LETTERS = "-dlq"


@dataclass(frozen=True)
class Queue:
    """A queue of the stack: its name without the stack's, its full name, its URL."""

    short: str
    name: str
    url: str

    @property
    def holds_dead_letters(self) -> bool:
        """Return whether it is there for what has failed; all such names end alike."""
        return self.short.endswith(DEAD_LETTERS)


@dataclass(frozen=True)
class Depth:
    """How a queue stands: messages by state, and the age of the oldest in seconds."""

    queue: Queue
    messages: Mapping[str, int]
    oldest_s: float


class Ages(Protocol):
    """Knows how long the oldest message of each queue has been there."""

    def oldest_s(self, queues: Iterable[Queue], /) -> Mapping[str, float]:
        """Return seconds by the queue's full name; a queue that holds nothing may be left out."""


def depths(sqs: "SQSClient", ages: Ages, queues: Iterable[Queue]) -> Iterator[Depth]:
    """Yield how each queue stands."""
    filled: list[tuple[Queue, dict[str, int]]] = []
    for queue in queues:
        told = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=list(_DEPTHS.values()))[
            "Attributes"
        ]
        filled.append((queue, {state: int(told[name]) for state, name in _DEPTHS.items()}))
    oldest_s = ages.oldest_s([queue for queue, messages in filled if any(messages.values())])
    for queue, messages in filled:
        yield Depth(queue, messages, oldest_s.get(queue.name, 0.0))


class CloudWatchAges:
    """What SQS tells CloudWatch, a minute or two late."""

    def __init__(self, cloudwatch: "CloudWatchClient") -> None:
        self._cloudwatch = cloudwatch

    def oldest_s(self, queues: Iterable[Queue], /) -> dict[str, float]:
        """Return the newest value of ``ApproximateAgeOfOldestMessage`` of each queue."""
        named = {f"q{number}": queue for number, queue in enumerate(queues)}
        if not named:
            return {}
        now = datetime.now(UTC)
        answer = self._cloudwatch.get_metric_data(
            MetricDataQueries=[_age_query(id_, queue) for id_, queue in named.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now,
            ScanBy="TimestampDescending",
        )
        return {
            named[result["Id"]].name: result["Values"][0]
            for result in answer["MetricDataResults"]
            if result["Values"]
        }


def _age_query(id_: str, queue: Queue) -> "MetricDataQueryTypeDef":
    metric: MetricTypeDef = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}


class EmulatorAges:
    """What the embedded AWS or LocalStack shows of a queue to whoever looks."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._http = urllib3.PoolManager(timeout=5.0, retries=False)

    def oldest_s(self, queues: Iterable[Queue], /) -> dict[str, float]:
        """Return the age of the message that was sent first, of each queue."""
        now = time.time()
        found = {queue.name: list(self._sent(queue.url)) for queue in queues}
        return {name: max(0.0, now - min(sent)) for name, sent in found.items() if sent}

    def _sent(self, url: str) -> Iterator[float]:
        """Yield when each message of a queue was sent, in seconds of the epoch."""
        for path in ("_ministack/sqs/messages", "_aws/sqs/messages"):
            answer = self._http.request(
                "GET",
                f"{self._endpoint}/{path}?QueueUrl={quote(url, safe='')}",
                headers={"Accept": "application/json"},
            )
            if answer.status == 200:
                yield from _sent_times(json.loads(answer.data))
                return


def _sent_times(node: object) -> Iterator[float]:
    """Yield when each message was sent, wherever in its answer an emulator tells it."""
    if isinstance(node, list):
        for each in node:
            yield from _sent_times(each)
    elif isinstance(node, dict):
        if node.get("Name") == "SentTimestamp":  # LocalStack: a list of names and values
            yield int(node["Value"]) / 1000
        for name, value in node.items():
            if name == "Attributes" and isinstance(value, dict):  # the embedded AWS
                yield int(value["SentTimestamp"]) / 1000
            elif name != "MessageAttributes":  # those are the sender's
                yield from _sent_times(value)

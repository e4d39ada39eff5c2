"""The dead-letter queues of the stack, on SQS."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.core.audit import recording
from chalicelib.core.audit.entries import Change, thing
from chalicelib.core.outbox import queues
from chalicelib.core.values import dataclass
from chalicelib.operators.models.dead_letters import DeadLetter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_PREFIX = "DLQ_"
_DEAD = "-dlq"
_HEAD = 300
# Longer than sending back a batch can take, so that no other run receives it meanwhile.
_HIDDEN_S = 120
# With less than a second SQS asks only some of its servers, and may find none.
_LOOK_S = 1


@dataclass(frozen=True)
class Source:
    """A queue of dead letters, and the one that they come from, if it can take them back."""

    url: str
    back_to: str | None


class DeadLetterQueues:
    """Looks into dead-letter queues, and sends their messages back."""

    def __init__(self, client: "Callable[[], SQSClient]", sources: Mapping[str, Source]) -> None:
        self._connect = client
        self.sources = sources

    def depth(self, queue: str) -> int:
        """Return about how many dead letters a queue has, those that are hidden included."""
        return sum(self._messages(self.sources[queue].url))

    def load(self, queue: str) -> tuple[int, int] | None:
        """Return about how many messages of the queue itself wait, and are being processed."""
        back_to = self.sources[queue].back_to
        return self._messages(back_to) if back_to else None

    def letters(self, queue: str) -> tuple[DeadLetter, ...]:
        """Return some dead letters, ten at most, and leave them where they are."""
        return tuple(_letter(message) for message in self._receive(queue, hidden_s=0))

    def send_back(self, queue: str) -> int | None:
        """Send some dead letters back, ten at most; return how many, None when none were there.

        Each is deleted only after it was sent: one may come twice, and none gets lost.
        """
        source, messages = self.sources[queue], self._receive(queue, hidden_s=_HIDDEN_S)
        assert source.back_to  # noqa: S101 - the service asks before
        if messages:
            recording.enter_ahead([Change(what=thing("queues", queue), change="changed")])
        for message in messages:
            options: dict[str, Any] = {}
            if attributes := message.get("MessageAttributes"):
                options["MessageAttributes"] = attributes
            self._connect().send_message(
                QueueUrl=source.back_to, MessageBody=message["Body"], **options
            )
            self._connect().delete_message(
                QueueUrl=source.url, ReceiptHandle=message["ReceiptHandle"]
            )
        return len(messages) or None

    def _messages(self, url: str) -> tuple[int, int]:
        """Return about how many messages can be received, and how many somebody has."""
        attributes: Any = self._connect().get_queue_attributes(
            QueueUrl=url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        waiting, taken = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
        return int(attributes[waiting]), int(attributes[taken])

    def _receive(self, queue: str, *, hidden_s: int) -> list[Any]:
        answer = self._connect().receive_message(
            QueueUrl=self.sources[queue].url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=_LOOK_S,
            VisibilityTimeout=hidden_s,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))


def sources(environment: Mapping[str, str]) -> dict[str, Source]:
    """Return the dead-letter queues that the environment names, by the names of their queues.

    ``DLQ_VENDING_UPLOADS`` holds the URL of that queue, whose dead letters are in the queue of the
    same name and ``-dlq``; or of dead letters themselves, where no queue takes them back. The
    queues of effects are named already (``OUTBOX_<KIND>_QUEUE``), and Lambda takes 4 kB of
    environment.
    """
    named = {f"outbox_{kind}": url for kind, url in queues.urls(environment).items()}
    named |= {
        name.removeprefix(_PREFIX).lower(): url
        for name, url in environment.items()
        if name.startswith(_PREFIX)
    }
    return {name.replace("_", "-"): _source(url) for name, url in named.items()}


def _source(url: str) -> Source:
    return Source(url, None) if url.endswith(_DEAD) else Source(f"{url}{_DEAD}", url)


def _letter(message: Any) -> DeadLetter:  # noqa: ANN401 - as SQS gives it
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    return DeadLetter(
        message_id=message["MessageId"], sent_at=sent_at, body=message["Body"][:_HEAD]
    )

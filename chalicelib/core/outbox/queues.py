"""The queues of effects, one for each kind: a message has the id of an effect and nothing else."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.core import retry

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

LONGEST_DELAY_S = 900
"""SQS holds a message back for a quarter of an hour at most."""
_BATCH = 10
_PREFIX, _SUFFIX = "OUTBOX_", "_QUEUE"


class Queues:
    """Sends the ids of effects to the queues at ``urls``, by kind.

    ``client`` gives the SQS client when it is first needed.
    """

    def __init__(self, client: "Callable[[], SQSClient]", urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    def __contains__(self, kind: str) -> bool:
        return kind in self._urls

    @property
    def kinds(self) -> Iterable[str]:
        """Return the kinds that have a queue."""
        return self._urls.keys()

    def send(self, kind: str, effect_ids: Sequence[str], *, delay_s: int = 0) -> list[str]:
        """Send effects to the worker of their kind; return those that could not be sent."""
        unsent: list[str] = []
        for start in range(0, len(effect_ids), _BATCH):
            unsent += self._send(self._urls[kind], effect_ids[start : start + _BATCH], delay_s)
        return unsent

    def waiting(self, kind: str) -> int:
        """Return about how many messages of a kind wait for its worker."""
        found = self._client().get_queue_attributes(
            QueueUrl=self._urls[kind], AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def _send(self, url: str, effect_ids: Sequence[str], delay_s: int) -> list[str]:
        todo: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body(effect_id), "DelaySeconds": delay_s}
            for number, effect_id in enumerate(effect_ids)
        ]
        for _ in retry.tries(budget_s=2):
            answer = self._client().send_message_batch(QueueUrl=url, Entries=todo)
            failed = {entry["Id"] for entry in answer.get("Failed", [])}
            todo = [entry for entry in todo if entry["Id"] in failed]
            if not todo:
                return []
        return [effect_ids[int(entry["Id"])] for entry in todo]


def body(effect_id: str) -> str:
    """Return the message that names an effect."""
    return json.dumps({"effect_id": effect_id})


def effect_id(text: str) -> str:
    """Return the effect that a message names. Raises ValueError when it names none."""
    message = json.loads(text)
    named = message.get("effect_id") if isinstance(message, dict) else None
    if not isinstance(named, str) or not named:
        raise ValueError("the message names no effect")
    return named


def urls(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the queues that the environment names, ``OUTBOX_<KIND>_QUEUE``, by kind.

    Of the kinds in ``OUTBOX_KINDS`` one has such a variable, and the others' queues are called
    alike: Lambda takes 4 kB of environment.
    """
    found = {
        name.removeprefix(_PREFIX).removesuffix(_SUFFIX).lower(): url
        for name, url in environment.items()
        if name.startswith(_PREFIX)
        and name.endswith(_SUFFIX)
        and len(name) > len(_PREFIX + _SUFFIX)
    }
    kinds = environment.get("OUTBOX_KINDS", "").split(",")
    named = [kind for kind in kinds if kind in found]
    for kind in kinds if named else ():
        like = found[named[0]].removesuffix(_dashed(named[0]))
        found.setdefault(kind, f"{like}{_dashed(kind)}")
    return found


def _dashed(kind: str) -> str:
    return kind.replace("_", "-")

"""Work for later, on SQS."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from chalicelib.core import retry
from chalicelib.core.audit import recording
from chalicelib.core.audit.entries import Change, thing
from chalicelib.core.errors import UnavailableError
from chalicelib.vending.ports import Clearing, Enrolment, Round

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_BATCH = 10


class SqsQueues:
    """Sends to the queue of arrivals and to the queue of the fleet.

    ``client`` gives the SQS client when it is first needed: most requests do without.
    """

    def __init__(
        self,
        client: "Callable[[], SQSClient]",
        *,
        arrivals_url: str,
        fleet_url: str,
        fleet_delay_s: int,
    ) -> None:
        self._connect = client
        self._arrivals_url = arrivals_url
        self._fleet_url = fleet_url
        self._fleet_delay_s = fleet_delay_s

    @property
    def _client(self) -> "SQSClient":
        return self._connect()

    def look_at(self, keys: Iterable[str]) -> None:
        """Queue the files at these keys of the share, as if they had just arrived."""
        wanted = list(keys)
        for start in range(0, len(wanted), _BATCH):
            self._send(
                [
                    {"Id": str(number), "MessageBody": json.dumps({"keys": [key]})}
                    for number, key in enumerate(wanted[start : start + _BATCH])
                ]
            )

    def look_at_notes(self) -> None:
        """Queue the regions whose machines have changed.

        Every message waits; the first one that is worked on looks at all changes so far, and the
        others of the burst find nothing left to do.
        """
        self._client.send_message(
            QueueUrl=self._fleet_url, MessageBody="{}", DelaySeconds=self._fleet_delay_s
        )

    def go_round(self, rounds: Iterable[Round]) -> None:
        """Have machines judged again, page by page."""
        for part in rounds:
            self._client.send_message(
                QueueUrl=self._fleet_url, MessageBody=f'{{"round": {part.json_text()}}}'
            )

    def enrol(self, part: Enrolment) -> None:
        """Enrol machines to be judged again."""
        recording.enter_ahead([Change(what=thing("fleet", "conclusions"), change="changed")])
        self._client.send_message(
            QueueUrl=self._fleet_url, MessageBody=f'{{"enrolment": {part.json_text()}}}'
        )

    def clear(self, part: Clearing) -> None:
        """Delete conclusions of older epochs."""
        self._client.send_message(
            QueueUrl=self._fleet_url, MessageBody=f'{{"clearing": {part.json_text()}}}'
        )

    def put_off(self, receipt_handle: str, after_s: int) -> None:
        """Have a message of the queue of arrivals come back ``after_s`` seconds from now."""
        self._client.change_message_visibility(
            QueueUrl=self._arrivals_url, ReceiptHandle=receipt_handle, VisibilityTimeout=after_s
        )

    def _send(self, entries: "list[SendMessageBatchRequestEntryTypeDef]") -> None:
        todo = entries
        for _ in retry.tries():
            answer = self._client.send_message_batch(QueueUrl=self._arrivals_url, Entries=todo)
            failed = {entry["Id"] for entry in answer.get("Failed", [])}
            todo = [entry for entry in todo if entry["Id"] in failed]
            if not todo:
                return
        raise UnavailableError("The queue of arrivals is too busy.")

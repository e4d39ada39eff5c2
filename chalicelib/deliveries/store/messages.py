"""The outcome of the messages of the queue.

``MESSAGE#<message_id>/VERDICT``  the verdict (``body``); DynamoDB forgets it some days after the
                                  queue itself would have (``expires_at``)
"""

from datetime import timedelta

from chalicelib.core.table import ABSENT, ConditionError, Item, Table, key
from chalicelib.deliveries.answers import MessageVerdict
from chalicelib.deliveries.store import statistics
from chalicelib.deliveries.store.tally import Tally

_SK = "VERDICT"


class VerdictStore:
    """Verdicts on messages, stored longer than the 14 days in which a message may come again."""

    def __init__(self, table: Table, tally: Tally, *, retention: timedelta) -> None:
        self._table = table
        self._tally = tally
        self._retention = retention

    def put(self, verdict: MessageVerdict) -> None:
        """Store a verdict; one message always gets the same."""
        self._table.put(self._item(verdict))

    def put_malformed(self, verdict: MessageVerdict) -> None:
        """Store a verdict and count the message as malformed, both or neither, once."""
        count = statistics.malformed_message(verdict.message_id)
        try:
            self._tally.transact(count, self._table.putting(self._item(verdict), ABSENT))
        except ConditionError:
            return

    def verdict(self, message_id: str) -> MessageVerdict | None:
        """Return the verdict on a message."""
        item = self._table.get(f"MESSAGE#{message_id}", _SK)
        return MessageVerdict.model_validate_json(item["body"]["S"]) if item else None

    def _item(self, verdict: MessageVerdict) -> Item:
        return {
            **key(f"MESSAGE#{verdict.message_id}", _SK),
            "body": {"S": verdict.json_text()},
            "expires_at": {"N": str(int((verdict.judged_at + self._retention).timestamp()))},
        }

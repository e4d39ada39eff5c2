"""Facts: what contexts publish to subscribers, derived from the changes of their tables.

A table's stream has each change of an item, in order and only after it was written. Which facts a
change makes known is the context's to say (``chalicelib/<context>/facts.py``); what becomes of them
is not (`chalicelib.webhooks`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from chalicelib.core.models import Model
from chalicelib.core.values import dataclass

Item = dict[str, Any]
"""An item as DynamoDB types it."""

EventKind = Literal[
    "batch.changed",
    "cause.cleared",
    "cause.raised",
    "entry.posted",
    "order.changed",
    "package.decided",
    "warranty.cancelled",
    "warranty.sold",
]
"""Every kind of event that can be subscribed to."""


@dataclass(frozen=True)
class ItemChange:
    """An item before and after a change; None is an item that was not there, or is no more."""

    pk: str
    sk: str
    old: Item | None
    new: Item | None
    at: datetime

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "ItemChange":
        """Return the change that a record of a stream is about (NEW_AND_OLD_IMAGES)."""
        change = record["dynamodb"]
        return cls(
            pk=change["Keys"]["pk"]["S"],
            sk=change["Keys"]["sk"]["S"],
            old=change.get("OldImage"),
            new=change.get("NewImage"),
            at=datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC),
        )


@dataclass(frozen=True)
class Fact:
    """Something that happened: ``data`` is what subscribers get.

    ``subject`` is the path of what it is about. ``version`` distinguishes it from other facts of
    its kind about the same subject, for ever: a fact yielded twice is one event. One that
    ``forgets`` takes the data out of all earlier events about the subject.
    """

    kind: EventKind
    subject: str
    at: datetime
    data: Model
    version: str = ""
    forgets: bool = False

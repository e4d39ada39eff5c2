"""The events of the ledger."""

from collections.abc import Iterator, Mapping

from chalicelib.core.facts import EventKind, Fact, ItemChange
from chalicelib.core.models import Model
from chalicelib.ledger.models import Entry
from chalicelib.ledger.store import posted_by

PAYLOADS: Mapping[EventKind, type[Model]] = {"entry.posted": Entry}


def facts(change: ItemChange) -> Iterator[Fact]:
    """Yield that an entry was posted; a transfer or a batch is an event for each entry."""
    if entry := posted_by(change):
        subject = f"transactions/{entry.transaction_id}"
        yield Fact("entry.posted", subject, entry.created_at, entry)

"""The functions of the webhooks: one records what happened, one sends it.

Each runs in a Lambda of its own that imports this module and never ``app.py``. The streams are
bound by the templates under ``infra/``: the changes of every context's table start one function,
which asks the context what they mean.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib.core import log
from chalicelib.core.facts import Fact, ItemChange
from chalicelib.core.log import logger, observed
from chalicelib.core.outbox import messages
from chalicelib.core.outbox.messages import Failures
from chalicelib.webhooks.wiring import deliverer, recording

bp = Blueprint(__name__)

SOURCES = ("bakery", "deliveries", "ledger", "vending", "warranties")
"""The contexts whose tables' changes are events, each with a module ``facts``."""
_AT_ONCE = 10


@bp.lambda_function(name="webhooks_recorded")
@observed("webhooks_recorded")
def recorded(event: Mapping[str, Any], _context: object) -> None:
    """Record the changes of a table's stream as events, in their order."""
    log.count("EventsRecorded", recording().record(list(facts(event["Records"]))))


@bp.on_sqs_message(queue="outbox-webhook", batch_size=_AT_ONCE, name="webhooks_delivery_asked")
@observed("webhooks_delivery_asked")
def delivery_asked(event: SQSEvent) -> Failures:
    """Send the events that the messages name, all at once."""
    return messages.handle(event, deliverer(), at_once=_AT_ONCE)


def facts(records: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    """Yield what the changes mean; an unreadable one is logged and holds up no other."""
    for record in records:
        try:
            found = list(_teller(record)(ItemChange.of(record)))
        except Exception:  # noqa: BLE001 - whatever it is, its neighbours go on
            log.count("RecordsUnreadable")
            logger.exception("change unreadable", extra={"event_id": record.get("eventID")})
        else:
            yield from found


def _teller(record: Mapping[str, Any]) -> Callable[[ItemChange], Iterable[Fact]]:
    """Return the function that derives the facts of a record's table."""
    table = str(record["eventSourceARN"]).partition(":table/")[2].partition("/")[0]
    [context] = [each for each in SOURCES if os.environ.get(f"{each.upper()}_TABLE") == table]
    teller: Callable[[ItemChange], Iterable[Fact]] = import_module(
        f"chalicelib.{context}.facts"
    ).facts
    return teller

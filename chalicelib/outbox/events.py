"""The outbox's event functions: the relay behind the table's stream, and the sweeper.

Each runs in a Lambda of its own that imports this module and never ``app.py``. The stream is bound
by the templates under ``infra/``.
"""

from chalice import Blueprint, Rate
from chalice.app import CloudWatchEvent, DynamoDBEvent

from chalicelib.core.log import logger, observed
from chalicelib.core.outbox.wiring import listing as the_listing
from chalicelib.core.outbox.wiring import relay as the_relay
from chalicelib.core.outbox.wiring import schedules
from chalicelib.core.outbox.wiring import sweeper as the_sweeper

bp = Blueprint(__name__)


@bp.on_dynamodb_record(stream_arn="outbox", batch_size=100, name="outbox_relay")
@observed("outbox_relay")
def relay(event: DynamoDBEvent) -> None:
    """Name new effects to the workers of their kinds; a record never holds up the others."""
    the_relay().forward(event.to_dict()["Records"])


@bp.schedule(Rate(5, unit=Rate.MINUTES), name="outbox_sweeper")
@observed("outbox_sweeper")
def sweeper(_: CloudWatchEvent) -> None:
    """Name effects again that are due, stuck, or whose message was lost."""
    logger.info("swept", extra={"named": the_sweeper().sweep()})
    the_listing().go_on()
    schedules().ran("outbox_sweeper")

"""The warranties context's event function: archiving sales.

It runs in a Lambda of its own that imports this module and never ``app.py``. Its event source is
bound to the real queue by the templates under ``infra/``.
"""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib.core.log import observed
from chalicelib.core.outbox import messages
from chalicelib.core.outbox.messages import Failures
from chalicelib.warranties.wiring import archiver

bp = Blueprint(__name__)


@bp.on_sqs_message(queue="outbox-archive", batch_size=10, name="warranties_archive")
@observed("warranties_archive")
def archive(event: SQSEvent) -> Failures:
    """Archive the sales that the messages name; report those to come again."""
    return messages.handle(event, archiver())

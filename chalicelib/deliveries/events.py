"""The deliveries context's event function: packages that come through the queue.

It runs in a Lambda of its own that imports this module and never ``app.py``. Its event source is
bound to the real queue by the templates under ``infra/``.
"""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib.core import log
from chalicelib.core.audit.recording import entered_as
from chalicelib.core.batches import Failures, untried_first
from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import fault, json_value
from chalicelib.core.log import logger, observed
from chalicelib.deliveries.answers import MessageVerdict
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.wiring import deliveries

bp = Blueprint(__name__)

_LONGEST = 16_384


@bp.on_sqs_message(queue="deliveries-packages", batch_size=10, name="deliveries_package_sent")
@observed("deliveries_package_sent")
@entered_as("queue:packages")
def package_sent(event: SQSEvent) -> Failures:
    """Judge each message by the rules of ``POST /packages``; report those to come again.

    A message that is no package has its verdict and does not come again.
    """
    failures: list[dict[str, str]] = []
    for record in untried_first(event):
        message_id = record.to_dict()["messageId"]
        try:
            verdict = _judge(message_id, record.body)
        except Exception:  # noqa: BLE001 - whatever it is, its neighbours go on
            logger.exception("message failed", extra={"message_id": message_id})
            failures.append({"itemIdentifier": message_id})
        else:
            log.count(f"Messages{verdict.verdict.capitalize()}")
            logger.info("verdict", extra=verdict.model_dump(mode="json", exclude_none=True))
    return {"batchItemFailures": failures}


def _judge(message_id: str, body: str) -> MessageVerdict:
    try:
        package = _package(body)
    except InvalidInputError as invalid:
        return deliveries().messages.refuse(message_id, invalid)
    return deliveries().messages.take(message_id, package)


def _package(body: str) -> Package:
    content = body.encode()
    if len(content) > _LONGEST:
        detail = f"has {len(content)} bytes; at most {_LONGEST} go"
        raise InvalidInputError([fault("body", "(body)", detail)])
    return json_value(content, Package)

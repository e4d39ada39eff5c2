"""Dead letters over HTTP, for operators."""

from chalice import Response

from chalicelib.core.http import json_list, ok
from chalicelib.core.routing import Routes
from chalicelib.dead_letters.models import DeadLetters, QueuePath, Redriven
from chalicelib.dead_letters.wiring import office

bp = Routes(__name__)


@bp.on("GET", "/dlq", access="operate", response=DeadLetters, as_list=True)
def list_dead_letters() -> Response:
    """List the queues with how many dead letters they have, and the first few of each."""
    return json_list(office().all())


@bp.on(
    "POST",
    "/dlq/{queue}/redrive",
    access="operate",
    path_values=QueuePath,
    response=Redriven,
    errors=(404, 409),
)
def redrive(path: QueuePath) -> Response:
    """Send dead letters back to the queue that they came from; a repeat goes on with the rest."""
    return ok(office().redrive(path.queue))

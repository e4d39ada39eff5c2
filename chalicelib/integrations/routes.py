"""The operator's view of the vendors."""

from chalice import Response

from chalicelib.core.http import listed
from chalicelib.core.routing import Routes
from chalicelib.integrations.checkup import Checkup
from chalicelib.integrations.doctor import checkups

bp = Routes(__name__)


@bp.on("GET", "/integrations", access="operate", answers=Checkup, many=True)
def show_integrations() -> Response:
    """Say of each vendor whether it is configured, reachable and allowed, and what to do."""
    return listed(checkups())

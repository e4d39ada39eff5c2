"""The operator's view of the vendors."""

from chalice import Response

from chalicelib.core.http import json_list
from chalicelib.core.routing import Routes
from chalicelib.integrations.checks import CheckResult
from chalicelib.integrations.doctor import check_results

bp = Routes(__name__)


@bp.on("GET", "/integrations", access="operate", response=CheckResult, as_list=True)
def show_integrations() -> Response:
    """Say of each vendor whether it is configured, reachable and allowed, and what to do."""
    return json_list(check_results())

"""Is the service there, and can it work."""

import json

from chalice import Response

from chalicelib import __version__
from chalicelib.core.http import Routes, text
from chalicelib.vending.wiring import vending

bp = Routes(__name__)


@bp.route("/", methods=["GET"])
def index() -> Response:
    """Say what this is and where to look next."""
    links = ["/health", "/fleet", "/worklist", "/machines", "/technicians", "/sites", "/dispatches"]
    return text(json.dumps({"name": "backroom", "version": __version__, "links": links}))


@bp.route("/ping", methods=["GET"])
def ping() -> Response:
    """Answer without touching anything."""
    return text(json.dumps({"ping": "pong"}))


@bp.route("/health", methods=["GET"])
def health() -> Response:
    """Answer 200 when the database can be read; 503 with Retry-After when it can't."""
    vending().verdicts.fleet.changes()
    return text(json.dumps({"status": "ok", "version": __version__}))

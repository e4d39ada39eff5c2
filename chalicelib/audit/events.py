"""The function that seals the audit trail.

It runs in a Lambda of its own that imports this module and never ``app.py``.
"""

from chalice import Blueprint, Rate
from chalice.app import CloudWatchEvent

from chalicelib.audit.wiring import audit
from chalicelib.core import log
from chalicelib.core.log import observed

bp = Blueprint(__name__)


@bp.schedule(Rate(5, unit=Rate.MINUTES), name="audit_sealer")
@observed("audit_sealer")
def sealer(_: CloudWatchEvent) -> None:
    """Seal the entries that are settled."""
    log.count("EntriesSealed", audit().seal())

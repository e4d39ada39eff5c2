"""The function that checks the vendors: tokens are read there, not in the public function.

It runs in a Lambda of its own that imports this module and never ``app.py``.
"""

from typing import Any

from chalice import Blueprint

from chalicelib.core.log import observed
from chalicelib.operators.vendors import check_results

bp = Blueprint(__name__)


@bp.lambda_function(name="operators_vendors_checked")
@observed("operators_vendors_checked")
def vendors_checked(_event: object, _context: object) -> list[dict[str, Any]]:
    """Return how each integration is, as `CheckResult` has it."""
    return [result.model_dump(mode="json") for result in check_results()]

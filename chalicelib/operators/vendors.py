"""How each vendor is checked: the cheapest read that needs the rights we need."""

from functools import partial

import urllib3

from chalicelib.integrations import wiring
from chalicelib.operators.checks import CheckResult, VendorCheck, run_checks

# All of it has to be over before the gateway stops waiting.
_HASTE = urllib3.Timeout(connect=2, read=5)


def check_results() -> list[CheckResult]:
    """Return how each integration is."""
    settings = wiring.settings()
    return run_checks(
        [
            VendorCheck(
                each.name,
                partial(settings.missing, each.settings),
                partial(each.run, _HASTE),
                each.scope,
            )
            for each in wiring.VENDORS
        ]
    )

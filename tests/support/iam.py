"""What a policy allows, decided as IAM does it for a role that has no other policy."""

import re
from collections.abc import Mapping
from fnmatch import translate
from typing import Any


def allows(policy: Mapping[str, Any], action: str, resource: str) -> bool:
    """Return whether a policy without references or conditions allows an action on a resource."""
    fitting = [
        statement["Effect"]
        for statement in policy["Statement"]
        if _fits(statement["Action"], action.lower(), lower=True)
        and _fits(statement["Resource"], resource)
    ]
    return "Allow" in fitting and "Deny" not in fitting


def _fits(patterns: str | list[str], text: str, *, lower: bool = False) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(re.match(translate(each.lower() if lower else each), text) for each in listed)

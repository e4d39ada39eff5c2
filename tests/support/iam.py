"""What a policy allows, decided as IAM does it for a role that has no other policy."""

import json
import re
from collections.abc import Mapping
from fnmatch import translate
from typing import Any

from tests.support.deployed import Deployed


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


def let_batches_be_sent(stack: Deployed) -> None:
    """Give roles that may send messages the batches, too, which go without saying on AWS."""
    iam = stack.client("iam")
    for role in [role["RoleName"] for role in iam.list_roles()["Roles"]]:
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            batches = [
                {**statement, "Action": "sqs:SendMessageBatch"}
                for statement in document["Statement"]
                if "sqs:SendMessage" in statement["Action"]
            ]
            if batches:
                iam.put_role_policy(
                    RoleName=role,
                    PolicyName="Batches",
                    PolicyDocument=json.dumps({**document, "Statement": batches}),
                )

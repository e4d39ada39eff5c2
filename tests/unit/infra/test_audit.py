"""What programs that know AWS say of the rights and of the template."""

import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from infra import audit, templates

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # it leaves the files open that it reads
    from parliament import analyze_policy_string

MERGED = templates.merged()
# CloudFormation's references, as they may come out.
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "backroom-prod",
    "SesIdentity": "example.com",
}
ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:123456789012:table/{}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:{}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:123456789012:{}",
}
# As SAM's own policy DynamoDBStreamReadPolicy has it.
KNOWN = {
    ("policy-outbox-relay.json", "dynamodb:ListStreams"),
    ("policy-webhooks-recorded.json", "dynamodb:ListStreams"),
}


def filled(node: Any) -> Any:
    """Return a policy with its references filled in; parliament does not know them."""
    if isinstance(node, list):
        return [filled(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "Fn::Sub" in node:
        return re.sub(r"\$\{([^}]+)\}", lambda m: value(m[1]), node["Fn::Sub"])
    if "Fn::If" in node:
        return filled(node["Fn::If"][2])
    if "Fn::GetAtt" in node:
        return value(".".join(node["Fn::GetAtt"]))
    return {name: filled(each) for name, each in node.items()}


def value(reference: str) -> str:
    name, _, attribute = reference.partition(".")
    if name in PSEUDO:
        return PSEUDO[name]
    arn = ARNS[MERGED.resources[name]["Type"]].format(name.lower())
    return f"{arn}/stream/2026" if attribute == "StreamArn" else arn


def findings(policy: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what parliament finds: the issue, and the action or whatever it is about."""
    found = analyze_policy_string(json.dumps(policy), include_community_auditors=True).findings
    return [
        (finding.issue, about.get("action", str(about)) if isinstance(about, dict) else str(about))
        for finding in found
        for about in (finding.detail if isinstance(finding.detail, list) else [finding.detail])
    ]


@pytest.mark.parametrize("file", MERGED.policies())
def test_iam_s_linter_finds_nothing_in_a_function_s_policy(file: str) -> None:
    found = findings(filled(MERGED.policies()[file]))

    assert [(file, what) for _, what in found if (file, what) not in KNOWN] == []


@pytest.mark.parametrize(
    ("action", "resource", "issue"),
    [
        ("dynamodb:GetItems", value("OutboxTable"), "UNKNOWN_ACTION"),
        ("s3:GetObject", value("VendingBucket"), "RESOURCE_MISMATCH"),
    ],
)
def test_iam_s_linter_finds_what_is_wrong(action: str, resource: str, issue: str) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}

    found = findings({"Version": "2012-10-17", "Statement": [statement]})
    assert issue in [each for each, _ in found]


def test_a_check_that_fails_needs_a_reason_and_a_reason_a_check_that_fails() -> None:
    found = {"CKV_1 Encrypt": ["T.B", "T.A"], "CKV_2 Log": ["T.A"]}

    assert audit.verdict(found, {"CKV_1": "it is", "CKV_2": "it does"}) == []
    assert audit.verdict(found, {"CKV_2": "it does"}) == ["CKV_1 Encrypt: T.A, T.B"]
    assert audit.verdict({}, {"CKV_2": "it does"}) == ["CKV_2 passes; take it from audit.yaml"]


def test_every_reason_is_one() -> None:
    assert [check for check, reason in audit.reasons().items() if len(reason) < 40] == []

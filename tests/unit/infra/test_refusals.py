"""What each function does not need is refused, by the policies as IAM reads them."""

import json
from functools import cache
from typing import Any

import pytest

from infra import templates
from infra.declarations import short_name
from tests.support.iam import allows
from tests.unit.infra.test_audit import ARNS, filled, value
from tests.unit.infra.test_declarations import RIGHTS

MERGED = templates.merged()
FUNCTIONS = [short_name(name) for name in MERGED.declared.functions]
HERE = "us-east-1:123456789012"
VENDORS, WEBHOOK = value("VendorsSecret.Id"), value("WebhookSecret.Id")

READ_TOKENS = {
    *("bakery-ticket-asked", "bakery-notice-asked", "bakery-filing-asked", "bakery-access-asked"),
    *(
        "bakery-notice-previewed",
        "bakery-hourly-check",
        "operators-vendors-checked",
        "vending-announcement-asked",
    ),
}
SEND_MAIL = {"bakery-notice-asked", "vending-announcement-asked"}

# What no function needs: to change what protects the data, to delete it for good, to get more.
NEVER = {
    "AWS::DynamoDB::Table": ["DeleteTable", "UpdateTable", "UpdateContinuousBackups"],
    "AWS::S3::Bucket": ["DeleteBucket", "PutBucketPolicy", "PutBucketVersioning"],
    "AWS::SQS::Queue": ["DeleteQueue", "PurgeQueue", "SetQueueAttributes"],
    "AWS::SecretsManager::Secret": ["PutSecretValue", "DeleteSecret", "UpdateSecret"],
}
ELSEWHERE = [
    ("iam:PassRole", "arn:aws:iam::123456789012:role/admin"),
    ("sts:AssumeRole", "arn:aws:iam::123456789012:role/admin"),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:function:backroom-prod-api"),
    ("kms:Decrypt", f"arn:aws:kms:{HERE}:key/another"),
    ("kms:ScheduleKeyDeletion", f"arn:aws:kms:{HERE}:key/none"),
    ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/backroom-prod-api:*"),
    ("s3:DeleteObjectVersion", "arn:aws:s3:::vendingbucket/imports/a"),
    ("s3:BypassGovernanceRetention", "arn:aws:s3:::warrantiesbucket/warranties/a"),
    ("s3:GetObject", "arn:aws:s3:::somebody-elses/a"),
    ("dynamodb:GetItem", f"arn:aws:dynamodb:{HERE}:table/somebody-elses"),
    ("ses:SendEmail", f"arn:aws:ses:{HERE}:identity/somebody-else.example"),
    ("sns:Publish", f"arn:aws:sns:{HERE}:backroom-prod-alarms"),
]


@cache
def policy(function: str) -> dict[str, Any]:
    found: dict[str, Any] = filled(MERGED.policies()[f"policy-{function}.json"])
    return found


@cache
def asked() -> frozenset[tuple[str, str]]:
    """Return every action that any function may do, on what it may do it."""
    return frozenset(
        (action, statement["Resource"].replace("*", "x"))
        for function in FUNCTIONS
        for statement in policy(function)["Statement"]
        for action in statement["Action"]
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_other_functions_may_is_refused_unless_it_was_checked(function: str) -> None:
    """A pattern that reaches further than its own line would allow what nobody has seen."""
    mine = {
        (action, statement["Resource"].replace("*", "x"))
        for statement in policy(function)["Statement"]
        for action in statement["Action"]
    }

    beyond = {pair for pair in asked() - mine if allows(policy(function), *pair)}
    seen = {pair for pair in beyond if "-dlq" in pair[1] or ":backroom-prod-outbox-" in pair[1]}
    assert beyond - seen == set()
    assert all(allows(policy(function), *pair) for pair in mine)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_one_may_lift_what_protects_the_data(function: str) -> None:
    asked_for = list(ELSEWHERE)
    for name, resource in MERGED.resources.items():
        kind = resource.get("Type", "")
        arn = ARNS.get(kind, "").format(name.lower())
        service = kind.split("::")[1].lower() if "::" in kind else ""
        asked_for += [(f"{service}:{action}", arn) for action in NEVER.get(kind, ())]

    assert len(asked_for) > 60
    assert [each for each in asked_for if allows(policy(function), *each)] == []


def test_tokens_of_vendors_are_read_by_those_alone_that_talk_to_them() -> None:
    may = {each for each in FUNCTIONS if allows(policy(each), _READ, VENDORS)}

    assert may == READ_TOKENS
    assert "api" not in may


def test_the_webhook_s_secret_is_read_where_webhooks_arrive_and_by_the_doctor() -> None:
    may = {each for each in FUNCTIONS if allows(policy(each), _READ, WEBHOOK)}

    assert may == {"api", "operators-vendors-checked"}


def test_mail_goes_out_from_the_configured_identity_alone() -> None:
    ours = "arn:aws:ses:eu-west-1:123456789012:identity/example.com"

    assert {each for each in FUNCTIONS if allows(policy(each), "ses:SendEmail", ours)} == SEND_MAIL
    assert {each for each in FUNCTIONS if allows(policy(each), "ses:GetAccount", "*")} == {
        "operators-vendors-checked"
    }


def test_a_context_s_function_touches_no_table_of_another() -> None:
    contexts = ("bakery", "deliveries", "ledger", "vending", "warranties")
    wrong = [
        (function, table)
        for function in FUNCTIONS
        for table in MERGED.declared.tables
        for action in ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "Scan")
        if function.split("-")[0] in (*contexts, "operators")
        and table not in (f"{function.split('-')[0].title()}Table", "OutboxTable")
        and (table, action) != ("AuditTable", "PutItem")  # it signs what it changes
        and allows(policy(function), f"dynamodb:{action}", value(f"{table}.Arn"))
    ]

    assert wrong == []


def test_every_right_that_was_checked_is_of_a_function_there_is() -> None:
    looked_at = {line.split(" ")[0] for line in RIGHTS.read_text().splitlines()} - {"#"}

    assert looked_at <= set(FUNCTIONS)
    assert json.dumps(policy("api"))


_READ = "secretsmanager:GetSecretValue"

"""What AWS allows is known before a deployment finds out."""

import copy
from typing import Any

import pytest

from infra import quotas, templates
from infra.quotas import Use


def packaged(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources, "Parameters": {}}


def function(**properties: Any) -> dict[str, Any]:
    told = {
        "FunctionName": {"Fn::Sub": "${AWS::StackName}-f"},
        "Runtime": "python3.11",
        "Handler": "f.f",
        "CodeUri": ".",
        "MemorySize": 128,
        "Timeout": 30,
        "Role": "arn:aws:iam::123456789012:role/f",
        **properties,
    }
    return {"Type": "AWS::Serverless::Function", "Properties": told}


def exceeded(template: dict[str, Any], **parameters: str) -> list[tuple[str, str]]:
    return [(u.what, u.whom) for u in quotas.uses(template, parameters) if u.exceeded]


def test_a_small_function_is_within_all_quotas() -> None:
    assert exceeded(packaged(F=function())) == []


@pytest.mark.parametrize(
    ("what", "properties"),
    [
        ("environment in bytes", {"Environment": {"Variables": {"A": "x" * 4_096}}}),
        ("timeout in seconds", {"Timeout": 901}),
        ("memory in MB", {"MemorySize": 10_241}),
        ("reserved concurrency", {"ReservedConcurrentExecutions": 1}),
        ("name in characters", {"FunctionName": {"Fn::Sub": "${AWS::StackName}" + "f" * 36}}),
    ],
)
def test_a_function_that_lambda_would_refuse_is_named(
    what: str, properties: dict[str, Any]
) -> None:
    assert exceeded(packaged(F=function(**properties))) == [(what, "F")]


def test_the_values_of_parameters_count_as_long_as_they_are() -> None:
    template = packaged(F=function(Environment={"Variables": {"A": {"Ref": "Name"}}}))
    template["Parameters"] = {"Name": {"Type": "String"}}

    assert exceeded(template) == []
    assert exceeded(template, Name="x" * 4_096) == [("environment in bytes", "F")]


def test_the_policies_of_a_role_count_together() -> None:
    document = {"Statement": [{"Sid": "x" * 6_000}]}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {},
            "Policies": [{"PolicyName": name, "PolicyDocument": document} for name in "ab"],
        },
    }

    assert exceeded(packaged(R=role)) == [("inline policies in characters", "R")]


def test_paths_count_with_all_that_lie_on_the_way() -> None:
    """API Gateway makes a resource of /a and of /a/b where a path is /a/b/c."""
    paths: dict[str, Any] = {f"/{number}/a/b": {} for number in range(100)}
    api = {
        "Type": "AWS::ApiGateway::RestApi",
        "Properties": {"Body": {"paths": paths}},
    }

    [used] = [u for u in quotas.uses(packaged(A=api)) if u.what == "resources" and u.whom == "A"]
    assert used == Use("resources", "A", 301, 300)


def test_a_message_may_not_come_again_before_its_function_has_ended() -> None:
    queue = {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "QueueName": {"Fn::Sub": "q"},
            "MessageRetentionPeriod": 60,
            "VisibilityTimeout": 20,
        },
    }
    source = {"Type": "SQS", "Properties": {"Queue": {"Fn::Sub": "${Q.Arn}"}}}

    [(what, _)] = exceeded(packaged(F=function(Events={"S": source}), Q=queue))
    assert what == "function's timeout in seconds, of the queue's"


def test_too_many_resources_are_too_many() -> None:
    topics = {f"T{number}": {"Type": "AWS::SNS::Topic"} for number in range(501)}

    assert exceeded(packaged(**topics)) == [("resources", "the template")]


def test_the_template_is_left_as_it_was() -> None:
    template = packaged(F=function())
    before = copy.deepcopy(template)

    quotas.uses(template)

    assert template == before


def test_in_a_new_account_files_and_packages_leave_functions_for_callers() -> None:
    """Ten run at once there, and a file may take minutes."""
    at_once = [
        quotas.SHARED_CONCURRENCY if isinstance(f.takes.at_once, dict) else f.takes.at_once
        for f in templates.merged().declared.functions.values()
        if f.takes and not f.performs
    ]

    assert sum(at_once) <= quotas.NEW_ACCOUNT_CONCURRENCY - 4


@pytest.mark.parametrize(("account", "queue"), [(10, 2), (99, 2), (100, 10), (1_000, 10)])
def test_a_busy_queue_starts_as_many_functions_as_the_account_can_spare(
    account: int, queue: int
) -> None:
    assert quotas.queue_concurrency(account) == queue

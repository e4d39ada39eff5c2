"""Each function's policy, and the part of Chalice's configuration that names it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.declarations import (
    DeclarationError,
    Declarations,
    Function,
    effect_queue,
    policy_file,
    short_name,
    stream_dead_letters,
)

_OUR = "${AWS::Region}:${AWS::AccountId}"
_SERVICES = {
    "AWS::DynamoDB::Table": "dynamodb",
    "AWS::S3::Bucket": "s3",
    "AWS::SecretsManager::Secret": "secretsmanager",
    "AWS::SQS::Queue": "sqs",
}
# What Ref gives of a secret is an ARN on AWS alone; its Id is one everywhere.
_ARNS = {"AWS::SecretsManager::Secret": "Id"}
_TAKES = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_READS_STREAM = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
_EVERY_EFFECT_QUEUE = f"arn:${{AWS::Partition}}:sqs:{_OUR}:${{AWS::StackName}}-outbox-*"
_EVERY_DEAD_LETTER = f"arn:${{AWS::Partition}}:sqs:{_OUR}:${{AWS::StackName}}-*-dlq"
_KEY = "KmsKeyArn"
# DeleteItem is for the marker of a kind that stood still.
_PERFORMS = ("BatchGetItem", "PutItem", "UpdateItem", "DeleteItem")

Rights = Iterator[tuple[str, tuple[str, ...]]]


def policies(
    declared: Declarations, resources: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return each function's policy by its file's name. Raises DeclarationError."""
    return {
        policy_file(name): {
            "Version": "2012-10-17",
            "Statement": [
                _statement(on, actions, resources)
                for on, actions in _rights(name, function, declared)
            ],
        }
        for name, function in declared.functions.items()
    }


def configuration(declared: Declarations) -> dict[str, dict[str, Any]]:
    """Return what Chalice's configuration says of each function."""
    return {
        name: {
            "iam_policy_file": policy_file(name),
            "lambda_memory_size": function.memory_mb,
            "lambda_timeout": function.timeout_s,
        }
        for name, function in declared.functions.items()
    }


def _rights(name: str, function: Function, declared: Declarations) -> Rights:
    """Yield what a function may use, and how."""
    group = f"/aws/lambda/${{AWS::StackName}}-{short_name(name)}"
    yield (
        f"arn:${{AWS::Partition}}:logs:{_OUR}:log-group:{group}:*",
        (*("CreateLogStream", "PutLogEvents"),),
    )
    if source := function.source:
        yield source.queue, _TAKES
    if function.performs:
        yield effect_queue(function.performs), ("SendMessage",)
        yield "OutboxTable", _PERFORMS
    if function.reads_secret:
        yield "VendorsSecret", ("GetSecretValue",)
    if function.webhook:
        yield "WebhookSecret", ("GetSecretValue",)
    if function.names_effects:
        yield _EVERY_EFFECT_QUEUE, ("SendMessage",)
    if function.redrives:
        yield _EVERY_DEAD_LETTER, _TAKES
        yield _EVERY_EFFECT_QUEUE, ("GetQueueAttributes",)
        for queue, own in declared.own_queues.items():
            if not own.dead_letters_only:
                yield queue, ("SendMessage", "GetQueueAttributes")
    yield from _stream_rights(name, function)
    yield from function.rights.items()
    yield _KEY, ("Decrypt", "GenerateDataKey")


def _stream_rights(name: str, function: Function) -> Rights:
    for table in function.streams:
        yield f"{table}.StreamArn", _READS_STREAM
    if function.streams:
        yield stream_dead_letters(name), ("SendMessage",)


def _statement(
    on: str, actions: tuple[str, ...], resources: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    resource: dict[str, Any]
    if on == _KEY:
        # Without a customer's key this is one that does not exist: AWS's own keys need no right.
        none = {"Fn::Sub": f"arn:${{AWS::Partition}}:kms:{_OUR}:key/none"}
        service, resource = "kms", {"Fn::If": ["HasKey", {"Ref": _KEY}, none]}
    elif on == "*":
        return {"Effect": "Allow", "Action": list(actions), "Resource": on}
    elif on.startswith("arn:"):
        service, resource = _service_of_arn(on), {"Fn::Sub": on}
    else:
        service, resource = _service_and_resource(on, resources)
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": resource,
    }


def _service_of_arn(arn: str) -> str:
    return re.sub(r"\$\{[^}]*\}", "", arn).split(":")[2]


def _service_and_resource(
    on: str, resources: Mapping[str, Mapping[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Return the service of ``Name``, ``Name.Attribute`` or ``Name/path``, and its ARN."""
    whole, _, path = on.partition("/")
    name, _, attribute = whole.partition(".")
    kind = resources.get(name, {}).get("Type", "")
    if kind not in _SERVICES:
        raise DeclarationError(f"rights on {on}: the templates have no such resource")
    attribute = attribute or _ARNS.get(kind, "Arn")
    if path:
        return _SERVICES[kind], {"Fn::Sub": f"${{{name}.{attribute}}}/{path}"}
    return _SERVICES[kind], {"Fn::GetAtt": [name, attribute]}

"""Which functions and queues a stack has, as CloudFormation tells it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.exporter.queues import Queue

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Members:
    """The functions of a stack, as short and full names, and its queues."""

    functions: tuple[tuple[str, str], ...] = ()
    queues: tuple[Queue, ...] = ()


def members(cloudformation: "CloudFormationClient", stack: str) -> Members:
    """Return what belongs to the stack now; raises ClientError when there is none."""
    functions: list[tuple[str, str]] = []
    queues: list[Queue] = []
    for kind, physical_id in _resources(cloudformation, stack):
        if kind == "AWS::Lambda::Function":
            functions.append((physical_id.removeprefix(f"{stack}-"), physical_id))
        elif kind == "AWS::SQS::Queue":
            name = physical_id.rpartition("/")[2]
            queues.append(Queue(name.removeprefix(f"{stack}-"), name, physical_id))
    return Members(tuple(sorted(functions)), tuple(sorted(queues, key=lambda each: each.short)))


def _resources(cloudformation: "CloudFormationClient", stack: str) -> Iterator[tuple[str, str]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            yield resource["ResourceType"], resource.get("PhysicalResourceId", "")

"""`make deploy` on AWS: what will change is shown, and nothing changes before somebody says yes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.change_set import ChangeSet, ChangeSetError, DeclinedError
from tests.support.deployed import Deployed

STACK = "backroom-review"


def template(**resources: Any) -> dict[str, Any]:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "review-queue"}}
    return {"TemplateBody": json.dumps({"Resources": {"Queue": queue, **resources}})}


def topic(name: str) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": name}}


class Asked:
    """Somebody who is shown changes and says ``answer``."""

    def __init__(self, *, answer: bool) -> None:
        self._answer = answer
        self.shown: list[str] = []

    def __call__(self, text: str) -> bool:
        self.shown.append(text)
        return self._answer


@pytest.fixture(name="cloudformation")
def _cloudformation(stack: Deployed) -> Iterator[Any]:
    client = stack.client("cloudformation")
    yield client
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


@pytest.fixture(name="standing")
def _standing(cloudformation: Any) -> Any:
    assert ChangeSet(cloudformation, STACK, new=True).apply(template(), Asked(answer=True))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    return cloudformation


def stacks(cloudformation: Any) -> list[str]:
    found = cloudformation.list_stacks()["StackSummaries"]
    return [s["StackName"] for s in found if s["StackStatus"] != "DELETE_COMPLETE"]


def resources(cloudformation: Any) -> set[str]:
    found = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    return {each["LogicalResourceId"] for each in found}


def test_a_first_deployment_says_how_much_of_what_it_creates(cloudformation: Any) -> None:
    asked = Asked(answer=False)

    with pytest.raises(DeclinedError):
        ChangeSet(cloudformation, STACK, new=True).apply(
            template(A=topic("a"), B=topic("b")), asked
        )

    assert asked.shown == [
        f"Changes to the stack {STACK}:\n  Create 3: SNS Topic (2), SQS Queue (1)"
    ]
    assert STACK not in stacks(cloudformation)


def test_a_change_is_made_when_it_is_confirmed(standing: Any) -> None:
    asked = Asked(answer=True)

    assert ChangeSet(standing, STACK, new=False).apply(template(A=topic("a")), asked)

    standing.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    assert asked.shown == [f"Changes to the stack {STACK}:\n  Create 1: SNS Topic (1)"]
    assert resources(standing) == {"A", "Queue"}


def test_a_change_that_is_declined_leaves_nothing_behind(standing: Any) -> None:
    with pytest.raises(DeclinedError):
        ChangeSet(standing, STACK, new=False).apply(template(A=topic("a")), Asked(answer=False))

    assert resources(standing) == {"Queue"}
    sets = standing.list_change_sets(StackName=STACK)["Summaries"]
    assert [each for each in sets if each["ExecutionStatus"] == "AVAILABLE"] == []


def test_nobody_is_asked_when_nothing_differs(standing: Any) -> None:
    asked = Asked(answer=True)

    assert not ChangeSet(standing, STACK, new=False).apply(template(), asked)

    assert asked.shown == []


def test_what_cloudformation_refuses_is_said_with_its_reason(standing: Any) -> None:
    broken = {"TemplateBody": json.dumps({"Resources": {"A": {"Type": "AWS::No::Such"}}})}

    with pytest.raises(ChangeSetError):
        ChangeSet(standing, STACK, new=False).apply(broken, Asked(answer=True))

    assert resources(standing) == {"Queue"}

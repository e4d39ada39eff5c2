"""What a stack is believed to have been told, by what CloudFormation says of it."""

from typing import Any

import pytest

from infra.stack import Stack, StackError

TOLD = [{"ParameterKey": "AuthIssuer", "ParameterValue": "https://id.example/"}]


class Account:
    """An account with one stack."""

    def __init__(self, status: str) -> None:
        self._stack = {"StackStatus": status, "Parameters": TOLD}

    def client(self, _: str) -> "Account":
        return self

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        return {"Stacks": [self._stack]}


def stack(status: str) -> Stack:
    account: Any = Account(status)
    return Stack(account, "backroom-prod")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_stands_has_its_parameters(status: str) -> None:
    assert stack(status).parameters() == {"AuthIssuer": "https://id.example/"}


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_what_a_stack_was_told_that_never_stood_counts_for_nothing(status: str) -> None:
    """It is deleted and made anew, so an issuer that was told once has to be told again."""
    assert stack(status).parameters() == {}


class Failing(Account):
    """An account whose stack completed without its stage, after a failure."""

    def describe_stack_events(self, **_: object) -> dict[str, Any]:
        events = [
            ("Stack", "UPDATE_COMPLETE", None),
            ("RestAPI", "UPDATE_FAILED", "No update of RestApi"),
            ("Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            ("Queue", "CREATE_FAILED", "of an earlier time"),
        ]
        kinds = {"Stack": "AWS::CloudFormation::Stack"}
        return {
            "StackEvents": [
                {
                    "LogicalResourceId": name,
                    "ResourceType": kinds.get(name, "AWS::Other"),
                    "ResourceStatus": status,
                    **({"ResourceStatusReason": reason} if reason else {}),
                }
                for name, status, reason in events
            ]
        }


def test_a_stack_that_completed_without_its_outputs_is_an_error_with_the_reasons() -> None:
    account: Any = Failing("UPDATE_COMPLETE")
    account._stack["StackStatusReason"] = "Rolled back"
    template = {
        "Outputs": {
            "RestAPIId": {},
            "OnlyWithADomain": {"Condition": "HasDomain"},
        }
    }

    with pytest.raises(StackError) as failed:
        Stack(account, "backroom-local").check_outputs(template)

    said = str(failed.value)
    assert "RestAPIId" in said
    assert "OnlyWithADomain" not in said
    assert "Rolled back" in said
    assert "RestAPI: No update of RestApi" in said
    assert "of an earlier time" not in said

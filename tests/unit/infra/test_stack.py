"""What a stack is believed to have been told, by what CloudFormation says of it."""

from typing import Any

import pytest

from infra.stack import Stack

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

"""What a stack is believed to have been told, by what CloudFormation says of it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

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
def test_a_stack_that_exists_has_its_parameters(status: str) -> None:
    assert stack(status).parameters() == {"AuthIssuer": "https://id.example/"}


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_what_a_stack_was_told_that_never_stood_counts_for_nothing(status: str) -> None:
    """It is deleted and made anew, so an issuer that was told once has to be told again."""
    assert stack(status).parameters() == {}


class Recording(Account):
    """An account that makes a stack of whatever it is told, and remembers what it was told."""

    def __init__(self) -> None:
        super().__init__("CREATE_COMPLETE")
        self.stood = False
        self.told: list[tuple[str, dict[str, str]]] = []
        self.meta: Any = SimpleNamespace(endpoint_url="http://127.0.0.1:1")
        self.region_name = "us-east-1"

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        if not self.stood:
            error: Any = {"Error": {"Code": "ValidationError", "Message": "it does not exist"}}
            raise ClientError(error, "DescribeStacks")
        return {"Stacks": [{**self._stack, "Outputs": []}]}

    def create_stack(self, **told: Any) -> None:
        self.stood = True
        self._tell("create", told)

    def update_stack(self, **told: Any) -> None:
        self._tell("update", told)

    def _tell(self, how: str, told: dict[str, Any]) -> None:
        values = {
            each["ParameterKey"]: each.get("ParameterValue", "as before")
            for each in told["Parameters"]
        }
        self.told.append((how, values))

    def get_waiter(self, _: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}

    def head_bucket(self, **_: object) -> None:
        """Say that the bucket is there."""

    put_object = head_bucket


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (
            {"Stage": "prod"},
            [
                ("create", {"Stage": "prod", "DeletionProtection": "false"}),
                ("update", {"Stage": "as before", "DeletionProtection": "true"}),
            ],
        ),
        (
            {"DeletionProtection": "false"},
            [("create", {"DeletionProtection": "false"})],
        ),
    ],
)
def test_a_new_stack_s_tables_are_protected_once_it_stands(
    tmp_path: Path, parameters: dict[str, str], told: list[tuple[str, dict[str, str]]]
) -> None:
    """What a creation that fails has made has to go, or the second would find it in its way."""
    table = {"DeletionProtectionEnabled": {"Ref": "DeletionProtection"}}
    resources = {"LedgerTable": {"Type": "AWS::DynamoDB::Table", "Properties": table}}
    (tmp_path / "sam.json").write_text(json.dumps({"Resources": resources, "Parameters": {}}))
    (tmp_path / "deployment.zip").write_bytes(b"zip")
    account: Any = Recording()

    Stack(account, "backroom-prod").deploy(tmp_path, parameters, "fingerprint")

    assert account.told == told


@pytest.mark.parametrize(
    ("home", "endpoint"),
    [
        ({"Home": "https://backroom.example.com/"}, "https://backroom.example.com"),
        ({}, "https://x.execute-api.us-east-1.amazonaws.com/api"),
    ],
)
def test_a_stage_with_a_domain_is_asked_there_as_its_other_address_is_off(
    home: dict[str, str], endpoint: str
) -> None:
    account: Any = Recording()
    account.meta = SimpleNamespace(endpoint_url="https://cloudformation.us-east-1.amazonaws.com")
    gateway = "https://x.execute-api.us-east-1.amazonaws.com/api/"

    found = Stack(account, "backroom-prod").endpoint(
        {"RestAPIId": "x", "EndpointURL": gateway, **home}
    )

    assert found == endpoint


def test_a_domain_that_does_not_lead_here_yet_is_no_fault_of_the_stage() -> None:
    account: Any = Recording()
    account.meta = SimpleNamespace(endpoint_url="https://cloudformation.us-east-1.amazonaws.com")
    outputs = {"RestAPIId": "x", "EndpointURL": "", "Home": "https://127.0.0.1:1/"}

    Stack(account, "backroom-prod").check_answers(outputs, patience_s=0)


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

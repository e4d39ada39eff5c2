"""What `make deploy` asks before it changes an account."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra import deploy
from infra.stack import Stack

CHANGES = "Changes to the stack backroom-prod:\n  Create 1: SQS Queue (1)"


class Functions:
    """Lambda in an account that runs ``limit`` functions at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self._limit}}


def concurrency(limit: int, **told: str) -> dict[str, str]:
    functions: Any = Functions(limit)
    return deploy.with_concurrency(told, functions)


def test_in_a_new_account_busy_queues_leave_functions_to_callers_and_it_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert concurrency(10) == {"QueueConcurrency": "2"}

    said = capsys.readouterr().out
    assert "runs 10 functions at once" in said
    assert "docs/deploy-aws.md" in said


def test_when_the_account_has_got_more_so_do_the_queues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The value is told each time: else the stack would keep the small one."""
    assert concurrency(1_000, AlarmEmail="a@b.example") == {
        "AlarmEmail": "a@b.example",
        "QueueConcurrency": "10",
    }
    assert capsys.readouterr().out == ""


def test_who_says_how_many_has_it_so() -> None:
    assert concurrency(10, QueueConcurrency="5") == {"QueueConcurrency": "5"}


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("y", True), (" YES ", True), ("", False), ("n", False), ("ok", False)]
)
def test_the_changes_are_shown_and_confirmed_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    goes_on: bool,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: typed)

    assert deploy.ask_to_confirm(CHANGES) == goes_on

    assert CHANGES in capsys.readouterr().out


def test_without_anybody_to_ask_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    with pytest.raises(deploy.RefusedError, match="--yes"):
        deploy.ask_to_confirm(CHANGES)


def test_a_program_sees_the_changes_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.confirmed(CHANGES)

    assert CHANGES in capsys.readouterr().out


def test_a_value_that_cloudformation_would_refuse_is_refused_before_it_is_uploaded(
    tmp_path: Path,
) -> None:
    template = tmp_path / "sam.json"
    template.write_text(json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}))

    with pytest.raises(deploy.RefusedError, match="VendorSettings: 4,097 of 4,096"):
        deploy._check_quotas(template, {"VendorSettings": "x" * 4_097})


class LocalStack(Stack):
    """A stack whose secrets CloudFormation writes once, as LocalStack's does."""

    def __init__(self) -> None:
        self.held = dict.fromkeys(deploy._SECRETS.values(), "{}")

    def outputs(self) -> dict[str, str]:
        return {output: f"arn:{output}" for output in self.held}

    def secret(self, output: str) -> str:
        return self.held[output]

    def put_secret(self, output: str, settings: str) -> None:
        self.held[output] = settings


@pytest.mark.parametrize(
    ("target", "written"), [("local", True), ("localstack", True), ("aws", False)]
)
def test_b19_secrets_that_cloudformation_has_not_written_are_put_but_on_aws_they_are_the_operator_s(
    target: deploy.Target, written: bool
) -> None:
    stack = LocalStack()
    given = deploy.vendor_parameters('{"GITHUB_TOKEN": "new", "JIRA_WEBHOOK_SECRET": "other"}')

    deploy._with_vendors(stack, given, target)

    wanted = {output: given[parameter] for parameter, output in deploy._SECRETS.items()}
    assert stack.held == (wanted if written else dict.fromkeys(wanted, "{}"))


def test_b19_another_secret_is_another_digest_and_none_given_leaves_the_digest_alone() -> None:
    one, other = (
        deploy.settings_digest(deploy.vendor_parameters(json.dumps({"GITHUB_TOKEN": token})))
        for token in ("one", "other")
    )

    assert one.keys() == other.keys() == {"SettingsDigest"}
    assert one != other
    assert deploy.settings_digest({"Stage": "local"}) == {}

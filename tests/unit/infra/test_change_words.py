"""The words in which `make deploy` tells what will change."""

from typing import Any

from infra.change_set import Change, in_words


def change(action: str, name: str, kind: str, **more: Any) -> Change:
    """Return a change as CloudFormation describes it in DescribeChangeSet."""
    told = {"Action": action, "LogicalResourceId": name, "ResourceType": f"AWS::{kind}", **more}
    return Change.of(told)


def details(*names: str) -> list[dict[str, Any]]:
    return [{"Target": {"Attribute": "Properties", "Name": name}} for name in names]


def test_changes_are_told_by_what_happens() -> None:
    told = in_words(
        "backroom-prod",
        [
            change("Add", "OutboxSms", "SQS::Queue"),
            change("Add", "OutboxSmsDlq", "SQS::Queue"),
            change("Add", "Sms", "Lambda::Function"),
            change(
                "Modify",
                "APIHandler",
                "Lambda::Function",
                Replacement="False",
                Details=details("Code", "Environment", "Code"),
            ),
            change("Remove", "OldAlarm", "CloudWatch::Alarm"),
        ],
    )

    assert told.splitlines() == [
        "Changes to the stack backroom-prod:",
        "  Create 3: Lambda Function (1), SQS Queue (2)",
        "  Change APIHandler (Lambda Function): Code, Environment",
        "  Remove OldAlarm (CloudWatch Alarm)",
    ]


def test_what_would_be_lost_stands_below_the_change() -> None:
    told = in_words(
        "s",
        [
            change("Remove", "BakeryTable", "DynamoDB::Table"),
            change(
                "Modify",
                "VendingFleet",
                "SQS::Queue",
                Replacement="Conditional",
                Details=details("QueueName"),
            ),
        ],
    )

    assert told.splitlines()[1:] == [
        "  Replace VendingFleet (SQS Queue): QueueName",
        "    ! the messages in it are lost",
        "  Remove BakeryTable (DynamoDB Table)",
        "    ! its items stay in the old table, outside of the stack",
    ]


def test_a_change_in_place_loses_nothing() -> None:
    kept = change("Modify", "BakeryTable", "DynamoDB::Table", Replacement="False")

    assert kept.warning is None

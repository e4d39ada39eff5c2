"""`make destroy`: data goes only when that is asked for."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest

from infra import destroy
from infra.destroy import RefusedError, Stage
from infra.resources import KEPT
from tests.support.deployed import Deployed

STACK = "backroom-trial"
TABLE = "AWS::DynamoDB::Table"
TEMPLATE = {
    "Resources": {
        "Table": {
            "Type": TABLE,
            **KEPT,
            "Properties": {
                "TableName": "trial-table",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket", **KEPT, "Properties": {"BucketName": "trial-bucket"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "trial-queue"}},
    }
}


@pytest.fixture(name="aws")
def _aws(stack: Deployed) -> Iterator[Any]:
    """The embedded AWS of the shared stack, with a small stack beside it."""
    cloudformation = stack.client("cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1}
    )
    yield stack
    with suppress(RefusedError):
        destroyed(stack, "drop")
    for name in there(stack):  # what a test has kept
        Stage(cast(Any, stack), STACK).drop("AWS::S3::Bucket" if "bucket" in name else TABLE, name)


def put_item(aws: Any) -> None:
    aws.client("dynamodb").put_item(TableName="trial-table", Item={"pk": {"S": "1"}})


def put_file(aws: Any) -> None:
    aws.client("s3").put_object(Bucket="trial-bucket", Key="a", Body=b"a")


def send_message(aws: Any) -> None:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="trial-queue")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=60)


def there(aws: Any) -> list[str]:
    """Return what there is of the stage: its stack, its table, its bucket."""
    stacks = aws.client("cloudformation").list_stacks()["StackSummaries"]
    found = [
        *(each["StackName"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"),
        *aws.client("dynamodb").list_tables()["TableNames"],
        *(bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]),
    ]
    return [name for name in found if "trial" in name]


def destroyed(aws: Any, data: str | None = None) -> str:
    return destroy.destroy(Stage(aws, STACK), data=data, confirm=False)


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (put_item, "trial-table: 1 items"),
        (put_file, "trial-bucket: 1 files"),
        (send_message, "trial-queue: 1 messages"),
    ],
)
def test_a_stage_with_data_is_left_alone_and_it_is_said_what_it_holds(
    aws: Any, put: Any, said: str
) -> None:
    put(aws)

    with pytest.raises(RefusedError, match=said):
        destroyed(aws)

    assert there(aws) == [STACK, "trial-table", "trial-bucket"]


def test_an_empty_stage_goes_whole(aws: Any) -> None:
    assert destroyed(aws) == f"Deleted the stack {STACK} and all that it held"

    assert there(aws) == []


def test_data_to_be_retained_stays_in_the_account(aws: Any) -> None:
    put_item(aws)

    assert destroyed(aws, "keep").endswith("these stay: trial-bucket, trial-table")

    assert there(aws) == ["trial-table", "trial-bucket"]
    assert aws.client("dynamodb").scan(TableName="trial-table")["Count"] == 1


def test_data_that_would_go_with_the_stack_is_not_said_to_be_kept(aws: Any) -> None:
    """Local targets retain nothing."""
    put_item(aws)
    table = {**TEMPLATE["Resources"]["Table"], "DeletionPolicy": "Delete"}
    changed = {"Resources": {**TEMPLATE["Resources"], "Table": table}}
    aws.client("cloudformation").update_stack(StackName=STACK, TemplateBody=json.dumps(changed))

    with pytest.raises(RefusedError, match=r"delete these with it.*trial-table"):
        destroyed(aws, "keep")

    assert there(aws) == [STACK, "trial-table", "trial-bucket"]


def test_data_that_is_dropped_goes(aws: Any) -> None:
    put_item(aws)
    put_file(aws)

    destroyed(aws, "drop")

    assert there(aws) == []


def test_what_is_written_while_an_empty_stage_goes_is_kept(aws: Any) -> None:
    stage = Stage(aws, STACK)
    deleted = stage.resources

    def write_then_list() -> list[tuple[str, str]]:
        put_item(aws)
        return deleted()

    assert list(stage.holdings()) == []
    stage.resources = write_then_list  # type: ignore[method-assign]

    assert stage.delete(None) == ["trial-table"]
    assert there(aws) == ["trial-table"]


def test_a_stage_that_is_not_there_is_said_to_be_not_there(aws: Any) -> None:
    with pytest.raises(RefusedError, match="There is no stack backroom-other here"):
        destroy.destroy(Stage(aws, "backroom-other"), data=None, confirm=False)
    destroyed(aws)
    with pytest.raises(RefusedError, match=f"There is no stack {STACK} here"):
        destroyed(aws)


def test_without_somebody_to_confirm_nothing_is_deleted(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    with pytest.raises(RefusedError, match="--yes"):
        destroy.destroy(Stage(aws, STACK), data=None)

    assert STACK in there(aws)


@pytest.mark.parametrize("typed", ["yes", ""])
def test_a_stack_that_is_not_named_is_not_deleted(
    aws: Any, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: typed)

    with pytest.raises(RefusedError, match="Nothing was deleted"):
        destroy.destroy(Stage(aws, STACK), data=None)

    assert STACK in there(aws)


def test_a_stack_that_is_named_is_deleted(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: STACK)

    destroy.destroy(Stage(aws, STACK), data=None)

    assert there(aws) == []

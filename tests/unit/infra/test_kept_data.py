"""What is kept of a stack while it is deleted and created again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.core.audit.entries import AuditEntry
from chalicelib.core.audit.recording import TrailTable, recording_command
from infra.kept_data import KeptData
from infra.trail import began, done
from tests.support.dynamodb import items, make_table
from tests.support.moto_aws import mock_aws

ITEMS = [
    {"pk": {"S": "chunk"}, "body": {"B": b"\x00\xff"}, "base64": {"M": {"base64": {"S": "no"}}}},
    *({"pk": {"S": str(number)}, "count": {"N": str(number)}} for number in range(60)),
]


class Account:
    """An account with one stack, of a table and a bucket; moto has both and no CloudFormation."""

    def __init__(self) -> None:
        self._session = boto3.session.Session("test", "test", region_name="us-east-1")
        self._made = 0
        self.ids: dict[str, str] = {}

    def client(self, service: str) -> Any:
        return self if service == "cloudformation" else self._session.client(service)  # type: ignore[call-overload]

    def get_paginator(self, _: str) -> "Account":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        kinds = {"Table": "AWS::DynamoDB::Table", "Bucket": "AWS::S3::Bucket"}
        yield {
            "StackResourceSummaries": [
                {"LogicalResourceId": name, "PhysicalResourceId": at, "ResourceType": kinds[name]}
                for name, at in self.ids.items()
            ]
        }

    def create(self) -> dict[str, str]:
        """Create the stack's table and bucket under names of their own."""
        self._made += 1
        self.ids = {"Table": f"table-{self._made}", "Bucket": f"bucket-{self._made}"}
        self.client("dynamodb").create_table(
            TableName=self.ids["Table"],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client("s3").create_bucket(Bucket=self.ids["Bucket"])
        return self.ids


@pytest.fixture
def account() -> Iterator[Any]:
    with mock_aws():
        yield Account()


def fill(account: Account) -> None:
    ids = account.ids
    for item in ITEMS:
        account.client("dynamodb").put_item(TableName=ids["Table"], Item=item)
    account.client("s3").put_object(
        Bucket=ids["Bucket"],
        Key="incoming/a b/ü.txt",
        Body=b"rows",
        ContentType="text/csv",
        Metadata={"of": "GM001"},
    )


def test_items_and_files_are_back_after_the_stack_was_created_again(
    account: Any, tmp_path: Path
) -> None:
    before = account.create()
    fill(account)
    kept = KeptData(account, "small", tmp_path / "kept")

    said = kept.keep()
    after = account.create()
    assert KeptData(account, "small", tmp_path / "kept").waiting  # also for whoever goes on later
    kept.restore()

    assert said == "61 table items and 1 files"
    assert before["Table"] != after["Table"]
    items = account.client("dynamodb").scan(TableName=after["Table"])["Items"]
    assert sorted(items, key=str) == sorted(ITEMS, key=str)
    found = account.client("s3").get_object(Bucket=after["Bucket"], Key="incoming/a b/ü.txt")
    assert found["Body"].read() == b"rows"
    assert (found["ContentType"], found["Metadata"]) == ("text/csv", {"of": "GM001"})
    assert not kept.waiting


def test_items_that_are_put_back_are_entered_before_and_after(account: Any, tmp_path: Path) -> None:
    account.create()
    fill(account)
    kept = KeptData(account, "small", tmp_path / "kept")
    kept.keep()
    make_table(account.client("dynamodb"), "AuditTable", "audit")
    account.create()

    trail = TrailTable(account.client("dynamodb"), "audit")
    with recording_command("arn:operator", command="deploy", trail=trail):
        kept.restore()

    entries = [
        AuditEntry.model_validate_json(each["body"]["S"])
        for each in items(account.client("dynamodb"), "audit")
    ]
    changes = [each.changes for each in sorted(entries, key=lambda each: each.at)]
    assert changes == [(began("tables/"),), (done("tables/", len(ITEMS)),)]


def test_what_was_interrupted_while_it_was_copied_does_not_count(
    account: Any, tmp_path: Path
) -> None:
    account.create()
    fill(account)
    (tmp_path / "kept.part").mkdir()
    (tmp_path / "kept.part" / "Table.items").write_text("[torn")
    kept = KeptData(account, "small", tmp_path / "kept")

    assert not kept.waiting
    assert kept.keep() == "61 table items and 1 files"

"""``make destroy``: delete a stage. Data is deleted only on request.

    python -m infra.destroy --stage NAME [--data keep|drop] [--yes] [--target aws]

A stage whose tables, buckets and queues are empty is deleted whole. One that holds data is left
alone unless ``--data`` says what becomes of it: ``keep`` deletes the stack and leaves tables and
buckets in the account, ``drop`` deletes them, too, for good.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import Target, session
from infra.restorable import pointed
from infra.stack import Stack, StackError
from infra.templates import merged

_TABLE, _BUCKET, _QUEUE = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"
_AT_ONCE = 1_000  # objects that DeleteObjects takes


class RefusedError(Exception):
    """The stage is not deleted; the message says why, and what to do."""


@dataclass(frozen=True)
class Holding:
    """A resource that holds data: its kind, its name at AWS, and how much of what."""

    kind: str
    name: str
    content: str


class Stage:
    """A stage in an account, and what it holds."""

    def __init__(self, aws: boto3.session.Session, stack: str) -> None:
        self.stack = stack
        self._stack = Stack(aws, stack)
        self._cloudformation = aws.client("cloudformation")
        self._dynamodb = aws.client("dynamodb")
        self._s3 = aws.client("s3")
        self._sqs = aws.client("sqs")

    def resources(self) -> list[tuple[str, str]]:
        """Return kind and name of all that the stack has, tables that were restored included.

        Raises RefusedError without a stack.
        """
        found = [
            (each["ResourceType"], each.get("PhysicalResourceId", "")) for each in self._listed()
        ]
        tables = merged().declared.tables
        return found + [
            (_TABLE, name) for name in pointed(self._stack.parameters(), tables).values()
        ]

    def not_retained(self) -> set[str]:
        """Return the names of what CloudFormation deletes with the stack."""
        written = self._stack.template()["Resources"]
        return {
            each.get("PhysicalResourceId", "")
            for each in self._listed()
            if "Retain" not in written.get(each["LogicalResourceId"], {}).get("DeletionPolicy", "")
        }

    def _listed(self) -> list[Any]:
        if not self._stack.exists():
            raise RefusedError(f"There is no stack {self.stack} here.")
        pages = self._cloudformation.get_paginator("list_stack_resources")
        return [
            each
            for page in pages.paginate(StackName=self.stack)
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def holdings(self) -> Iterator[Holding]:
        """Yield the tables, buckets and queues that are not empty."""
        for kind, name in self.resources():
            if content := self._content(kind, name):
                yield Holding(kind, name, content)

    def delete(self, data: str | None) -> list[str]:
        """Delete the stack, then its tables and buckets; return the names of those that stay.

        With ``data`` "keep" all stay, with "drop" none; else those that have got data meanwhile.
        They are deleted after the stack, so that a deletion that fails has lost nothing. Raises
        StackError.
        """
        stay = [(kind, name) for kind, name in self.resources() if kind in {_TABLE, _BUCKET}]
        self._stack.delete()
        left = [(kind, name) for kind, name in stay if self._exists(kind, name)]
        if data is None:
            stay = [(kind, name) for kind, name in left if self._content(kind, name)]
        else:
            stay = left if data == "keep" else []
        for kind, name in left:
            if (kind, name) not in stay:
                self.drop(kind, name)
        return sorted(name for _, name in stay)

    def drop(self, kind: str, name: str) -> None:
        """Delete a table or a bucket with all that it holds."""
        if kind == _TABLE:
            self._dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            self._dynamodb.get_waiter("table_exists").wait(TableName=name)
            self._dynamodb.delete_table(TableName=name)
        else:
            self._empty(name)
            self._s3.delete_bucket(Bucket=name)

    def _content(self, kind: str, name: str) -> str | None:
        listings = {_TABLE: self._items, _BUCKET: self._objects, _QUEUE: self._messages}
        return listings[kind](name) if kind in listings else None

    def _items(self, table: str) -> str | None:
        # One page and no count of DynamoDB's: that is hours old.
        page = self._dynamodb.scan(TableName=table, Select="COUNT", ConsistentRead=True)
        if not page["Count"]:
            return None
        return f"{page['Count']}{' or more' if 'LastEvaluatedKey' in page else ''} items"

    def _objects(self, bucket: str) -> str | None:
        page = self._s3.list_object_versions(Bucket=bucket)
        found = len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        return f"{found}{' or more' if page['IsTruncated'] else ''} files" if found else None

    def _messages(self, queue: str) -> str | None:
        kinds: Any = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        )
        answer = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(kinds))
        found = sum(int(each) for each in answer["Attributes"].values())
        return f"{found} messages" if found else None

    def _exists(self, kind: str, name: str) -> bool:
        try:
            if kind == _TABLE:
                self._dynamodb.describe_table(TableName=name)
            else:
                self._s3.head_bucket(Bucket=name)
        except ClientError as missing:
            if missing.response["Error"]["Code"] in {"ResourceNotFoundException", "404"}:
                return False
            raise
        return True

    def _empty(self, bucket: str) -> None:
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            keys: list[Any] = [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in found]
            for start in range(0, len(keys), _AT_ONCE):
                wanted: Any = {"Objects": keys[start : start + _AT_ONCE], "Quiet": True}
                answer = self._s3.delete_objects(
                    Bucket=bucket, Delete=wanted, BypassGovernanceRetention=True
                )
                failed = answer.get("Errors", [])
                if failed:
                    raise RefusedError(f"{bucket}: {failed[0]['Key']}: {failed[0]['Message']}")


def destroy(stage: Stage, *, data: str | None, confirm: bool = True) -> str:
    """Delete a stage; return what was done, in words. Raises RefusedError."""
    held = list(stage.holdings())
    if held and data is None:
        lines = "\n".join(f"  {each.name}: {each.content}" for each in held)
        raise RefusedError(
            f"The stack {stage.stack} holds data, so it was not deleted:\n{lines}\n"
            "DATA=keep deletes the stack and leaves its tables and buckets in the account; "
            "messages in queues and the vendors' secret go.\n"
            "DATA=drop deletes all of it for good."
        )
    stay = {_TABLE, _BUCKET}
    if data == "keep" and (
        gone := stage.not_retained() & {each.name for each in held if each.kind in stay}
    ):
        raise RefusedError(
            f"The stack {stage.stack} was not deleted: CloudFormation would delete these with it, "
            f"as on every local target: {', '.join(sorted(gone))}.\n"
            "Keep what they hold by python -m infra.tables export; DATA=drop deletes it for good."
        )
    if confirm and not _confirmed(stage.stack, held, data):
        raise RefusedError("Nothing was deleted.")
    left = stage.delete(data)
    text = f"Deleted the stack {stage.stack}"
    return f"{text}; these stay: {', '.join(left)}" if left else f"{text} and all that it held"


def _confirmed(stack: str, held: list[Holding], data: str | None) -> bool:
    if not sys.stdin.isatty():
        raise RefusedError("Nobody is here to confirm; --yes (YES=1) confirms.")
    fate = "stays" if data == "keep" else "is deleted for good"
    for each in held:
        print(f"  {each.name}: {each.content}")
    return (
        input(
            f"This data {fate}. Name the stack to delete it: "
            if held
            else f"{stack} holds no data. Name the stack to delete it: "
        )
        == stack
    )


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.destroy")
    parser.add_argument("--target", choices=get_args(Target), default="aws")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--data", choices=["keep", "drop"], help="what becomes of data")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    options = parser.parse_args()
    try:
        stage = Stage(session(options.target), f"backroom-{options.stage}")
        print(f"  \u2713 {destroy(stage, data=options.data, confirm=not options.yes)}")
    except (RefusedError, StackError, BotoCoreError, ClientError) as refused:
        print(f"  \u2717 {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Table items and files of a stack, saved in a folder while it is deleted and created again."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from chalicelib.core.audit.recording import enter_after, enter_ahead
from infra.trail import began, done, table_name

_TABLE, _BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
_AT_ONCE = 25  # items that BatchWriteItem takes


class KeptData:
    """The data of the stack ``name``, by the logical ids of its tables and buckets, in ``folder``.

    The folder is complete or not there, and stays until everything is back: a run that is
    interrupted continues with `restore`.
    """

    def __init__(self, session: boto3.session.Session, name: str, folder: Path) -> None:
        self._cloudformation = session.client("cloudformation")
        self._dynamodb = session.client("dynamodb")
        self._s3 = session.client("s3")
        self._name = name
        self._folder = folder

    @property
    def waiting(self) -> bool:
        """Return whether there is data that has to be put back."""
        return self._folder.exists()

    def keep(self) -> str:
        """Copy everything into the folder; return how much it is, in words."""
        part = self._folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        items = files = 0
        for logical, table in self._resources(_TABLE):
            found = list(self._items(table))
            items += len(found)
            (part / f"{logical}.items").write_text(json.dumps(found, default=encoded))
        for logical, bucket in self._resources(_BUCKET):
            files += self._keep_bucket(bucket, part / logical)
        part.rename(self._folder)
        return f"{items} table items and {files} files"

    def restore(self) -> None:
        """Put everything into the tables and buckets of the new stack; forget the folder.

        The audit trail has an entry before the items of a table and one after them.
        """
        for logical, table in self._resources(_TABLE):
            path = self._folder / f"{logical}.items"
            if path.exists():
                items = json.loads(path.read_text(), object_hook=decoded)
                enter_ahead([began(table_name(logical))])
                self._put_items(table, items)
                enter_after([done(table_name(logical), len(items))])
        for logical, bucket in self._resources(_BUCKET):
            for described in sorted((self._folder / logical).glob("*.json")):
                body = described.with_suffix(".body").read_bytes()
                self._s3.put_object(Bucket=bucket, Body=body, **json.loads(described.read_text()))
        shutil.rmtree(self._folder)

    def _resources(self, kind: str) -> Iterator[tuple[str, str]]:
        pages = self._cloudformation.get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=self._name):
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceType"] == kind and "PhysicalResourceId" in resource:
                    yield resource["LogicalResourceId"], resource["PhysicalResourceId"]

    def _items(self, table: str) -> Iterator[dict[str, Any]]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table):
            yield from page["Items"]

    def _put_items(self, table: str, items: list[dict[str, Any]]) -> None:
        for start in range(0, len(items), _AT_ONCE):
            some = items[start : start + _AT_ONCE]
            waiting: Any = {table: [{"PutRequest": {"Item": item}} for item in some]}
            while waiting:
                answer = self._dynamodb.batch_write_item(RequestItems=waiting)
                waiting = answer["UnprocessedItems"]

    def _keep_bucket(self, bucket: str, folder: Path) -> int:
        folder.mkdir()
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        for number, key in enumerate(keys):
            found = self._s3.get_object(Bucket=bucket, Key=key)
            described = {
                "Key": key,
                "ContentType": found["ContentType"],
                "Metadata": found["Metadata"],
            }
            (folder / f"{number:06}.json").write_text(json.dumps(described))
            (folder / f"{number:06}.body").write_bytes(found["Body"].read())
        return len(keys)


def encoded(value: object) -> dict[str, str]:
    """Return bytes as JSON; `decoded` reads them."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(type(value).__name__)


def decoded(value: dict[str, Any]) -> Any:
    """Return an object of JSON, or the bytes that it represents."""
    encoded = value.get("base64")
    return base64.b64decode(encoded) if isinstance(encoded, str) else value

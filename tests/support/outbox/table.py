"""The outbox's table as the template defines it, made anywhere."""

from typing import TYPE_CHECKING

from tests.support import dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def make_table(client: "DynamoDBClient", name: str) -> str:
    """Make the table that the template defines, under a name of its own; return its stream."""
    stream = dynamodb.make_table(client, "OutboxTable", name)
    assert stream
    return stream

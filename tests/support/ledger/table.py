"""The ledger's table as the template defines it, made anywhere."""

from typing import TYPE_CHECKING

from tests.support import dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def make_table(client: "DynamoDBClient", name: str) -> None:
    """Make the table that the template defines, under a name of its own."""
    dynamodb.make_table(client, "LedgerTable", name)

"""The outbox's table as the template defines it, made anywhere."""

from typing import TYPE_CHECKING

from infra import templates

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TEMPLATE = templates.FOLDER / "15-outbox.yaml"
_WANTED = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


def make_table(client: "DynamoDBClient", name: str) -> str:
    """Make the table that the template defines, under a name of its own; return its stream."""
    defined = templates.merged([_TEMPLATE])["Resources"]["OutboxTable"]["Properties"]
    made = client.create_table(
        TableName=name,
        StreamSpecification={"StreamEnabled": True, **defined["StreamSpecification"]},
        **{each: defined[each] for each in _WANTED},
    )
    return made["TableDescription"]["LatestStreamArn"]

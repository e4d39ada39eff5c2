"""The warranties' tables and bucket as the templates define them, made anywhere."""

from typing import Any

from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Table
from chalicelib.warranties.store import WarrantyStore
from infra import templates
from tests.support.ledger.fakes import Clock
from tests.support.outbox import table as outbox_table
from tests.support.warranties.fakes import MORNING

_TEMPLATE = templates.FOLDER / "50-warranties.yaml"


def make_tables(client: Any, table: str, outbox: str) -> None:
    """Make the table that the template defines and an outbox, under names of their own."""
    defined = templates.merged([_TEMPLATE])["Resources"]["WarrantiesTable"]["Properties"]
    client.create_table(
        TableName=table,
        BillingMode=defined["BillingMode"],
        KeySchema=defined["KeySchema"],
        AttributeDefinitions=defined["AttributeDefinitions"],
    )
    outbox_table.make_table(client, outbox)


def real_store(client: Any, table: str, outbox: str) -> WarrantyStore:
    """Return the store on tables that are there."""
    return WarrantyStore(Table(client, table), Outbox(Table(client, outbox), now=Clock(MORNING)))


def items(client: Any, table: str, kind: str = "") -> list[dict[str, Any]]:
    """Return the items of a table whose partition key begins with ``kind``, all by default."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    return [item for item in found if item["pk"]["S"].startswith(kind)]

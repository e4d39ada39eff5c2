"""The warranties' tables and bucket as the templates define them, made anywhere."""

from typing import Any

from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Table
from chalicelib.warranties.store import WarrantyStore
from tests.support import dynamodb
from tests.support.clock import Clock
from tests.support.outbox import table as outbox_table
from tests.support.warranties.fakes import MORNING


def make_tables(client: Any, table: str, outbox: str) -> None:
    """Make the table that the template defines and an outbox, under names of their own."""
    dynamodb.make_table(client, "WarrantiesTable", table)
    outbox_table.make_table(client, outbox)


def real_store(client: Any, table: str, outbox: str) -> WarrantyStore:
    """Return the store on tables that are there."""
    return WarrantyStore(Table(client, table), Outbox(Table(client, outbox), now=Clock(MORNING)))

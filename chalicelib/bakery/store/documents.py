"""Where the documents of Drive are, as Drive itself may not show the latest."""

from contextlib import suppress
from datetime import datetime

from chalicelib.bakery.ports import Spot
from chalicelib.core.instants import iso
from chalicelib.core.table import ABSENT, Condition, ConditionError, Table, key

_DOCUMENTS = "DOCUMENTS"


class DocumentStore:
    """One item a document or folder, from the moment that a worker starts creating it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def spot(self, name: str) -> Spot:
        """Return where the document (or folder) ``name`` is."""
        item = self._table.get(_DOCUMENTS, name)
        if item is None:
            return Spot()
        found = {each: item[each]["S"] for each in ("document_id", "maker") if each in item}
        return Spot(**found, since=datetime.fromisoformat(item["since"]["S"]))

    def claim(self, name: str, *, maker: str, at: datetime, before: Spot) -> bool:
        """Take on making it, in the place of one that is gone if ``before`` has one.

        Returns False when it does not stand as ``before`` any more.
        """
        item = {**key(_DOCUMENTS, name), "maker": {"S": maker}, "since": {"S": iso(at)}}
        unchanged = ABSENT
        if before.document_id:
            unchanged = Condition(
                "document_id = :document", {":document": {"S": before.document_id}}
            )
        elif before.maker and before.since:
            unchanged = Condition(
                "maker = :maker AND since = :since AND attribute_not_exists(document_id)",
                {":maker": {"S": before.maker}, ":since": {"S": iso(before.since)}},
            )
        try:
            self._table.transact(self._table.putting(item, unchanged))
        except ConditionError:
            return False
        return True

    def release(self, name: str, *, maker: str) -> None:
        """Give up making it, where it was certainly not made; others may at once."""
        still_ours = Condition(
            "maker = :maker AND attribute_not_exists(document_id)", {":maker": {"S": maker}}
        )
        with suppress(ConditionError):
            self._table.transact(self._table.deleting(_DOCUMENTS, name, still_ours))

    def keep(self, name: str, document_id: str) -> None:
        """Keep its id."""
        found = {":id": {"S": document_id}}
        self._table.update(_DOCUMENTS, name, "SET document_id = :id", values=found)

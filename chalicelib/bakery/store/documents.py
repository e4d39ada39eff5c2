"""The ids of Drive's documents, since Drive's own list lags."""

from contextlib import suppress
from datetime import datetime
from typing import Any

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
        """Claim its creation, in place of a deleted one if ``before`` has one.

        Returns False when the item is no longer ``before``.
        """
        item = {**key(_DOCUMENTS, name), "maker": {"S": maker}, "since": {"S": iso(at)}}
        unchanged = ABSENT
        if before.document_id:
            unchanged = _is(before.document_id)
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
        """Release the claim after it was certainly not created."""
        still_ours = Condition(
            "maker = :maker AND attribute_not_exists(document_id)", {":maker": {"S": maker}}
        )
        with suppress(ConditionError):
            self._table.transact(self._table.deleting(_DOCUMENTS, name, still_ours))

    def keep(self, name: str, document_id: str) -> None:
        """Store its id."""
        found = {":id": {"S": document_id}}
        self._table.update(_DOCUMENTS, name, "SET document_id = :id", values=found)


def forgetting(table: Table, name: str, spot: Spot) -> dict[str, Any]:
    """Return the action that forgets where a document is, if it is still there."""
    return table.deleting(_DOCUMENTS, name, _is(spot.document_id or ""))


def _is(document_id: str) -> Condition:
    return Condition("document_id = :document", {":document": {"S": document_id}})

"""The recipes in DynamoDB."""

from collections.abc import Sequence

from chalicelib.bakery.records import Cake
from chalicelib.bakery.store import items
from chalicelib.core.table import ABSENT, Condition, ConditionError, Table

_CAKES = "CAKES"


class CakeStore:
    """One item a cake."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, cake: Cake) -> bool:
        """Store a cake; return False when its id is taken."""
        try:
            self._table.transact(self._table.putting(items.item((_CAKES, cake.id), cake), ABSENT))
        except ConditionError:
            return False
        return True

    def cake(self, cake_id: str) -> Cake | None:
        """Return a cake."""
        return items.record(Cake, self._table.get(_CAKES, cake_id)) if cake_id else None

    def cakes(self) -> Sequence[Cake]:
        """Return all cakes in the order of their ids."""
        return [items.read(Cake, item) for item in self._table.query(_CAKES)]

    def remove(self, cake_id: str) -> bool:
        """Delete a cake; return False when there is none."""
        if not cake_id:
            return False
        there = Condition("attribute_exists(pk)")
        try:
            self._table.transact(self._table.deleting(_CAKES, cake_id, there))
        except ConditionError:
            return False
        return True

"""The recipes in DynamoDB."""

from collections.abc import Sequence
from contextlib import suppress

from chalicelib.bakery.names import legacy_fold
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
        for key in _keys(cake_id):
            cake = items.record(Cake, self._table.get(_CAKES, key))
            if cake and cake.id == cake_id:
                return cake
        return None

    def cakes(self) -> Sequence[Cake]:
        """Return all cakes in the order of their ids."""
        return [items.read(Cake, item) for item in self._table.query(_CAKES)]

    def remove(self, cake_id: str) -> bool:
        """Delete a cake; return False when there is none."""
        if self.cake(cake_id) is None:
            return False
        there = Condition("attribute_exists(pk)")
        for key in _keys(cake_id):
            with suppress(ConditionError):
                self._table.transact(self._table.deleting(_CAKES, key, there))
                return True
        return False


def _keys(cake_id: str) -> list[str]:
    """Return where a cake may be: by its id, or where versions before 0.2.0 stored it."""
    return [key for key in dict.fromkeys((cake_id, legacy_fold(cake_id))) if key]

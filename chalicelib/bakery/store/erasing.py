"""What is changed in DynamoDB when a customer is erased."""

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.bakery.ports import Spot
from chalicelib.bakery.records import Order
from chalicelib.bakery.store import documents
from chalicelib.bakery.store.orders import changing, relisting
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.table import ConditionError, Table


class ErasureStore:
    """Orders and documents that lose their customer."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def requested(self, effect_ids: Iterable[str]) -> list[EffectRow]:
        """Return those of the effects that were requested."""
        return self._outbox.requested(effect_ids)

    def erase_order(
        self,
        before: Order,
        after: Order,
        *,
        requested: Sequence[EffectRow],
        effects: Sequence[Effect],
    ) -> bool:
        """Replace an order, list it elsewhere, end the effects about its customer, request others.

        All or nothing: returns False when the order or one of the effects has changed.
        """
        return self._done(
            *changing(self._table, before, after),
            *relisting(self._table, before, after),
            *self._outbox.forgetting(requested, "the customer was erased"),
            *map(self._outbox.adding, effects),
        )

    def erase_documents(self, spots: Mapping[str, Spot], effects: Sequence[Effect]) -> bool:
        """Forget where documents are and request effects, all or nothing.

        Returns False when one has changed.
        """
        return self._done(
            *(documents.forgetting(self._table, name, spot) for name, spot in spots.items()),
            *map(self._outbox.adding, effects),
        )

    def _done(self, *actions: dict[str, object]) -> bool:
        try:
            self._table.transact(*actions)
        except ConditionError:
            return False
        return True

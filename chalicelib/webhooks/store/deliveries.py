"""Deliveries: effects of the outbox."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import ConditionError, Table

_AT_ONCE = 25


class DeliveryStore:
    """Requests deliveries; one that was requested before stays as it is."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def request(self, effects: Iterable[Effect]) -> None:
        """Request those of ``effects`` that were not requested yet."""
        waiting = iter(effects)
        while some := list(islice(waiting, _AT_ONCE)):
            try:
                self._table.transact(*map(self._outbox.adding, some))
            except ConditionError:
                for each in some:
                    with suppress(ConditionError):
                        self._table.transact(self._outbox.adding(each))

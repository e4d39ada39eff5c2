"""Service visits: what was filled into machines and what cash was taken out.

``VISITS#<serial>/<at>``  a visit; a machine has one at a time (`at` in the form that sorts)
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from chalicelib.core.instants import sortable
from chalicelib.core.table import ABSENT, ConditionError, Item, Table, key
from chalicelib.core.totals import MOST_COUNTED, Total
from chalicelib.vending.models import ServiceVisit
from chalicelib.vending.ports import VisitTakenError
from chalicelib.vending.store.rollups import RollupStore


class VisitStore:
    """Service visits in DynamoDB."""

    def __init__(self, table: Table, rollups: RollupStore) -> None:
        self._table = table
        self._rollups = rollups

    def add(self, visit: ServiceVisit) -> None:
        """Store a visit and note that its machine is to be judged again, both or neither.

        Raises VisitTakenError when the machine has a visit at that time.
        """
        try:
            self._table.transact(*self.adding(visit))
        except ConditionError as taken:
            existing = self.at(visit.machine, visit.at)
            if existing is None:
                raise
            raise VisitTakenError(existing) from taken

    def adding(self, visit: ServiceVisit) -> list[dict[str, Any]]:
        """Return the same as actions of a transaction; it fails when there is one at that time."""
        return [self._table.putting(_item(visit), ABSENT), self._rollups.noting(visit.machine)]

    def at(self, serial: str, at: datetime) -> ServiceVisit | None:
        """Return a machine's visit at that time."""
        item = self._table.get(_pk(serial), sortable(at))
        return _read(item) if item else None

    def newest_first(
        self, serial: str, *, before: datetime | None = None, limit: int
    ) -> Sequence[ServiceVisit]:
        """Return a machine's latest visits, or the next ones ``before`` an instant."""
        last = sortable(before) if before else "9999~"
        items = self._table.query(_pk(serial), last=last, newest_first=True, page_size=limit + 1)
        found = (_read(item) for item in items)
        return list(islice((each for each in found if each.at != before), limit))

    def count(self, serial: str) -> Total:
        """Count a machine's visits."""
        return self._table.count(_pk(serial), MOST_COUNTED)


def _item(visit: ServiceVisit) -> Item:
    return {**key(_pk(visit.machine), sortable(visit.at)), "body": {"S": visit.json_text()}}


def _pk(serial: str) -> str:
    return f"VISITS#{serial}"


def _read(item: Item) -> ServiceVisit:
    return ServiceVisit.model_validate_json(item["body"]["S"])

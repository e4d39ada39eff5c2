"""Who was sent where.

``DISPATCHES/<id>``        the dispatch
``DISPATCHES/OPEN#<serial>``  the machine's open dispatch: a machine has one at a time
``DISPATCHES#<serial>/<id>``  that the machine has this dispatch
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter

from chalicelib.core.table import ABSENT, Condition, ConditionError, Item, Table, key
from chalicelib.core.totals import MOST_COUNTED, Total
from chalicelib.vending.models import Dispatch, ServiceVisit
from chalicelib.vending.ports import AlreadyOpenError, VisitTakenError
from chalicelib.vending.store.visits import VisitStore

_PK = "DISPATCHES"
_LATEST = "9" * 10 + "~"
# Dispatches read at a time; most callers want a few.
_PAGE = 100


class DispatchStore:
    """Dispatches in DynamoDB."""

    def __init__(self, table: Table, visits: VisitStore) -> None:
        self._table = table
        self._visits = visits

    def next_id(self) -> int:
        """Return an id that was never given before; ids may have gaps."""
        return self._table.add("COUNTERS", "DISPATCHES", "last")

    def open(self, dispatch: Dispatch) -> None:
        """Store a new dispatch. Raises AlreadyOpenError, also when two callers race."""
        try:
            self._table.transact(
                self._table.putting(_item(dispatch), ABSENT),
                self._table.putting(
                    {**key(_PK, _open_key(dispatch.machine)), "id": {"N": str(dispatch.id)}}, ABSENT
                ),
                self._table.putting(_pointer(dispatch)),
            )
        except ConditionError as taken:
            existing = self.open_at(dispatch.machine)
            if existing is None:  # it was closed in between
                self.open(dispatch)
                return
            raise AlreadyOpenError(existing) from taken

    def open_at(self, serial: str) -> Dispatch | None:
        """Return the machine's open dispatch."""
        pointer = self._table.get(_PK, _open_key(serial))
        return self.get(int(pointer["id"]["N"])) if pointer else None

    def close(self, dispatch: Dispatch, visit: ServiceVisit | None = None) -> bool:
        """Store a closed dispatch, and what was done then; return False when it was closed before.

        The latter is stored with the former, both or neither. Raises VisitTakenError.
        """
        still_open = Condition("id = :id", {":id": {"N": str(dispatch.id)}})
        done = self._visits.adding(visit) if visit else []
        try:
            self._table.transact(
                self._table.putting(_item(dispatch)),
                self._table.deleting(_PK, _open_key(dispatch.machine), still_open),
                self._table.putting(_pointer(dispatch)),  # one from before 0.2.0 has none
                *done,
            )
        except ConditionError:
            taken = visit and self._visits.at(visit.machine, visit.at)
            if taken and taken != visit:
                raise VisitTakenError(taken) from None
            return False
        return True

    def get(self, dispatch_id: int) -> Dispatch | None:
        """Return the dispatch."""
        item = self._table.get(_PK, _sort_key(dispatch_id))
        return Dispatch.model_validate_json(item["body"]["S"]) if item else None

    def newest_first(self, *, before: int | None = None) -> Iterator[Dispatch]:
        """Yield the dispatches, newest first, those with ids below ``before``."""
        last = _sort_key(before - 1) if before else _LATEST
        items = self._table.query(_PK, last=last, newest_first=True, page_size=_PAGE)
        return (Dispatch.model_validate_json(item["body"]["S"]) for item in items)

    def count(self) -> Total:
        """Count the dispatches."""
        return self._table.count(_PK, MOST_COUNTED, last=_LATEST)

    def count_open(self) -> Total:
        """Count the open dispatches."""
        return self._table.count(_PK, MOST_COUNTED, first=_open_key(""), last=f"{_open_key('')}~")

    def of_machine(self, serial: str) -> Iterator[Dispatch]:
        """Yield a machine's dispatches, newest first."""
        pointers = self._table.query(_machine_pk(serial), newest_first=True, page_size=_PAGE)
        while page := list(islice(pointers, _PAGE)):
            found = self._table.get_many((_PK, item["sk"]["S"]) for item in page)
            dispatches = (Dispatch.model_validate_json(item["body"]["S"]) for item in found)
            yield from sorted(dispatches, key=attrgetter("id"), reverse=True)

    def index(self, *, after: int, limit: int) -> int | None:
        """Have machines know their next ``limit`` dispatches; return the last id, None at the end.

        Those from before 0.2.0 are not known to theirs.
        """
        first, last = _sort_key(after + 1), _sort_key(10**10 - 1)
        items = islice(self._table.query(_PK, first=first, last=last, page_size=limit), limit)
        found = [Dispatch.model_validate_json(item["body"]["S"]) for item in items]
        self._table.put_many(map(_pointer, found))
        return found[-1].id if len(found) == limit else None

    def open_of(self, serials: Iterable[str]) -> dict[str, Dispatch]:
        """Return the open dispatches of these machines (distinct)."""
        pointers = self._table.get_many((_PK, _open_key(serial)) for serial in serials)
        return {dispatch.machine: dispatch for dispatch in self._behind(pointers)}

    def under_way(self, *, after: str = "") -> Iterator[Dispatch]:
        """Yield the open dispatches, by the serials of their machines, those behind ``after``."""
        pointers = self._table.query(
            _PK, first=f"{_open_key(after)}\x00", last=f"{_open_key('')}~", page_size=_PAGE
        )
        while page := list(islice(pointers, _PAGE)):
            yield from sorted(self._behind(page), key=attrgetter("machine"))

    def _behind(self, pointers: Iterable[Item]) -> Iterator[Dispatch]:
        keys = [(_PK, _sort_key(int(pointer["id"]["N"]))) for pointer in pointers]
        for item in self._table.get_many(keys):
            yield Dispatch.model_validate_json(item["body"]["S"])


def _item(dispatch: Dispatch) -> Item:
    return {**key(_PK, _sort_key(dispatch.id)), "body": {"S": dispatch.json_text()}}


def _pointer(dispatch: Dispatch) -> Item:
    return key(_machine_pk(dispatch.machine), _sort_key(dispatch.id))


def _machine_pk(serial: str) -> str:
    return f"{_PK}#{serial}"


def _sort_key(dispatch_id: int) -> str:
    return f"{dispatch_id:010d}"


def _open_key(serial: str) -> str:
    return f"OPEN#{serial}"

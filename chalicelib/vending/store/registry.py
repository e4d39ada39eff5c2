"""Sites, technicians and machines.

``SITES/<site_id>``, ``TECHNICIANS/<technician_id>``, ``MACHINES/<serial>``, each with ``body``.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from chalicelib.core.models import Model
from chalicelib.core.table import ABSENT, ConditionError, Item, Table, key
from chalicelib.core.totals import MOST_COUNTED, Total
from chalicelib.vending.models import Machine, Site, Technician
from chalicelib.vending.store.rollups import RollupStore

R = TypeVar("R", bound=Model)

_SITES, _TECHNICIANS, _MACHINES = "SITES", "TECHNICIANS", "MACHINES"


class RegistryStore:
    """The registry in DynamoDB."""

    def __init__(self, table: Table, rollups: RollupStore) -> None:
        self._table = table
        self._rollups = rollups

    def put_site(self, site: Site) -> bool:
        """Store ``site``; return True when it is new."""
        return self._put(_SITES, site.site_id, site)

    def site(self, site_id: str) -> Site | None:
        """Return the site."""
        return _read(Site, self._table.get(_SITES, site_id))

    def sites(self, *, after: str = "", limit: int) -> list[Site]:
        """Return the next sites, by id."""
        return self._next(_SITES, Site, after, limit)

    def count_sites(self) -> Total:
        """Count the sites."""
        return self._table.count(_SITES, MOST_COUNTED)

    def sites_of(self, site_ids: Iterable[str]) -> dict[str, Site]:
        """Return the sites of these (distinct) ids that there are, by id."""
        return {site.site_id: site for site in self._these(_SITES, Site, site_ids)}

    def put_technician(self, technician: Technician) -> bool:
        """Store ``technician``; return True when it is new."""
        return self._put(_TECHNICIANS, technician.technician_id, technician)

    def technician(self, technician_id: str) -> Technician | None:
        """Return the technician, without machines."""
        return _read(Technician, self._table.get(_TECHNICIANS, technician_id))

    def technicians(self, *, after: str = "", limit: int) -> list[Technician]:
        """Return the next technicians, by id, without machines."""
        return self._next(_TECHNICIANS, Technician, after, limit)

    def count_technicians(self) -> Total:
        """Count the technicians."""
        return self._table.count(_TECHNICIANS, MOST_COUNTED)

    def technicians_of(self, technician_ids: Iterable[str]) -> dict[str, Technician]:
        """Return the technicians of these (distinct) ids that there are, without machines."""
        found = self._these(_TECHNICIANS, Technician, technician_ids)
        return {technician.technician_id: technician for technician in found}

    def technicians_after(self, after: str, *, limit: int) -> list[str]:
        """Return the ids of the next technicians."""
        return self._names(_TECHNICIANS, after, limit)

    def put_machine(self, machine: Machine) -> tuple[Machine, bool]:
        """Store ``machine``; return it as stored, and True when it is new.

        The time of the first registration stays. The same transaction notes that the machine is to
        be judged again.
        """
        note = self._rollups.noting(machine.serial)
        try:
            self._table.transact(
                self._table.putting(_item(_MACHINES, machine.serial, machine), ABSENT), note
            )
        except ConditionError as there:
            before = _read(Machine, there.item)
            since = before.registered_at if before else machine.registered_at
            known = machine.model_copy(update={"registered_at": since})
            self._table.transact(self._table.putting(_item(_MACHINES, known.serial, known)), note)
            return known, False
        return machine, True

    def machine(self, serial: str) -> Machine | None:
        """Return the registered machine."""
        return _read(Machine, self._table.get(_MACHINES, serial))

    def serials(self, *, after: str, limit: int) -> list[str]:
        """Return the next registered machines, by serial."""
        return self._names(_MACHINES, after, limit)

    def _put(self, kind: str, name: str, value: Model) -> bool:
        item = _item(kind, name, value)
        try:
            self._table.put(item, ABSENT)
        except ConditionError:
            self._table.put(item)
            return False
        return True

    def _names(self, kind: str, after: str, limit: int) -> list[str]:
        return [item["sk"]["S"] for item in self._items(kind, after, limit)]

    def _next(self, kind: str, model: type[R], after: str, limit: int) -> list[R]:
        return [_value(model, item) for item in self._items(kind, after, limit)]

    def _items(self, kind: str, after: str, limit: int) -> Iterator[Item]:
        items = self._table.query(kind, first=f"{after}\x00", page_size=limit)
        return islice(items, limit)

    def _these(self, kind: str, model: type[R], names: Iterable[str]) -> Iterator[R]:
        items = self._table.get_many((kind, name) for name in names)
        return (_value(model, item) for item in items)


def _item(kind: str, name: str, value: Model) -> Item:
    return {**key(kind, name), "body": {"S": value.json_text()}}


def _read(model: type[R], item: Item | None) -> R | None:
    return _value(model, item) if item else None


def _value(model: type[R], item: Item) -> R:
    return model.model_validate_json(item["body"]["S"])

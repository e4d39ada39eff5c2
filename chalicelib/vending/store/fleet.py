"""The verdicts on each machine, its places in the lists, and the sums over all.

``MACHINE#<serial>/STATE``          the machine's summary and its place in the registry as of then,
                                    with the ``version`` that guards against writers who read older
                                    rows
``ALL#<epoch>#<shard>/<place>``     the machine in the list of all, most urgent first
``SITE#<epoch>#<site>/<place>``, ``TECHNICIAN#<epoch>#<id>/<place>``  the same of a site's machines
                                    and of a technician's
``TOTALS#<epoch>/<shard>``          machines, rows and money by state, of the machines listed
``SERIALS#<shard>/<serial>``        every machine that was ever judged
``REBUILD#<epoch>/<shard>``         how many machines were made anew in that epoch
``FLEET/SETTLED#<serial>``          until when the machine's faults are settled by a visit

A place is ``<class>#<due day>#<money>#<serial>`` and sorts by urgency. A state, the machine's
places and the change that it makes to the sums are one transaction.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Any, Literal

from chalicelib.core import shards, totals
from chalicelib.core.facts import ItemChange
from chalicelib.core.table import Condition, ConditionError, Item, Table, at_version, key
from chalicelib.core.totals import Total
from chalicelib.vending.models import Totals
from chalicelib.vending.ports import (
    NOTHING_NEW,
    SHARDS,
    Announced,
    Entry,
    Listed,
    MachineState,
    StaleSummaryError,
)
from chalicelib.vending.store.announcements import AnnouncementStore
from chalicelib.vending.store.rollups import RollupStore, silence_items

_SETTLED = "FLEET"
_MACHINE, _STATE = "MACHINE#", "STATE"


class FleetStore:
    """Conclusions in DynamoDB."""

    def __init__(
        self, table: Table, rollups: RollupStore, announcements: AnnouncementStore
    ) -> None:
        self._table = table
        self._rollups = rollups
        self._announcements = announcements

    # --- one machine ---

    def machine(self, serial: str) -> MachineState | None:
        """Return what was concluded of a machine."""
        item = self._table.get(f"{_MACHINE}{serial}", _STATE)
        return _state(item) if item else None

    def machines(self, serials: Iterable[str]) -> dict[str, MachineState]:
        """Return what was concluded of these machines (distinct)."""
        items = self._table.get_many((f"{_MACHINE}{serial}", _STATE) for serial in serials)
        return {state.serial: state for state in map(_state, items)}

    def put(
        self,
        state: MachineState,
        *,
        over: MachineState | None,
        announced: Announced = NOTHING_NEW,
    ) -> None:
        """Store a state over the one that was read, with its places in the lists and its news.

        The one below was read before the rows were, so a state of older rows never replaces one of
        newer rows. Raises StaleSummaryError.
        """
        version = over.version if over else 0
        new = state.model_copy(update={"version": version + 1})
        actions = [
            self._table.putting(state_item(new), at_version(version)),
            *self._moves(new, over),
            *self._announcements.following(state.serial, announced),
        ]
        if over is None or over.epoch != state.epoch:
            actions.append(self._table.putting(serial_item(state.serial)))
        try:
            self._table.transact(*actions)
        except ConditionError as newer:
            raise StaleSummaryError(state.serial) from newer

    def _moves(self, new: MachineState, old: MachineState | None) -> Iterator[dict[str, Any]]:
        """Yield how the lists and the sums change."""
        if old and old.epoch != new.epoch:
            for at in entries_of(old):
                yield self._table.deleting(*at)
            old = None
        yield from self._silences(new, old)
        here, before = entries_of(new), entries_of(old) if old else {}
        for at in before.keys() - here.keys():
            yield self._table.deleting(*at)
        for at, item in here.items():
            if before.get(at) != item:
                yield self._table.putting(item)
        sums = _sums(new)
        for name, amount in (_sums(old) if old else {}).items():
            sums[name] = sums.get(name, 0) - amount
        if changes := {name: amount for name, amount in sums.items() if amount}:
            shard = str(shards.of(new.serial, SHARDS))
            yield self._table.adding(f"TOTALS#{new.epoch}", shard, changes)

    def _silences(self, new: MachineState, old: MachineState | None) -> Iterator[dict[str, Any]]:
        """Yield how the silences of the region change, and that they do."""
        here, before = _silences_of(new), _silences_of(old) if old else {}
        if here == before:
            return
        for at in before.keys() - here.keys():
            yield self._table.deleting(*at)
        for at, item in here.items():
            if before.get(at) != item:
                yield self._table.putting(item)
        for zone in {new.zone, old.zone if old else new.zone}:
            yield self._rollups.noting(new.serial, zone)

    # --- lists ---

    def entries(
        self,
        epoch: int,
        of: Listed,
        *,
        first: str = "",
        last: str = "~",
        page_size: int | None = None,
    ) -> Iterator[Entry]:
        """Yield the places ``first``..``last`` of a list, most urgent first."""
        whole = of[1] is None
        share = page_size and (shards.share(page_size, SHARDS) if whole else page_size)
        found = (
            map(_entry, self._table.query(part, first=first, last=last, page_size=share))
            for part in _parts(epoch, of)
        )
        return merge(*found, key=attrgetter("place"))

    def count(self, epoch: int, of: Listed) -> Total:
        """Count the places of a list."""
        return totals.add(partial(self._table.count, part) for part in _parts(epoch, of))

    def serials(self, shard: int, *, after: str = "", limit: int) -> list[str]:
        """Return the next machines of a shard that were ever judged, by serial."""
        items = self._table.query(f"SERIALS#{shard}", first=f"{after}\x00", page_size=limit)
        return [item["sk"]["S"] for item, _ in zip(items, range(limit), strict=False)]

    def enrol(self, serials: Iterable[str]) -> None:
        """Have machines known by serial, whether or not they were ever judged."""
        self._table.put_many(map(serial_item, serials))

    def put_progress(self, epoch: int, shard: int, machines: int, *, over: bool) -> None:
        """Note how many machines of a shard were made anew, and whether that is over."""
        fields = {"machines": {"N": str(machines)}, "over": {"BOOL": over}}
        self._table.put({**key(f"REBUILD#{epoch}", str(shard)), **fields})

    def progress(self, epoch: int) -> dict[int, tuple[int, bool]]:
        """Return the same by shard, of those that have begun."""
        return {
            int(item["sk"]["S"]): (int(item["machines"]["N"]), item["over"]["BOOL"])
            for item in self._table.query(f"REBUILD#{epoch}")
        }

    def totals(self, epoch: int) -> dict[str, Totals]:
        """Return the sums over all machines listed, by state."""
        summed: dict[str, dict[str, int]] = {}
        items = self._table.get_many((f"TOTALS#{epoch}", str(shard)) for shard in range(SHARDS))
        for name, value in chain.from_iterable(item.items() for item in items):
            state, _, figure = name.partition(".")
            if figure:
                sums = summed.setdefault(state, dict.fromkeys(Totals.model_fields, 0))
                sums[figure] += int(value["N"])
        return {state: Totals(**sums) for state, sums in summed.items() if sums["machines"]}

    # --- what visits settle ---

    def settled_until(self, serial: str) -> datetime | None:
        """Return until when the machine's faults are settled."""
        item = self._table.get(_SETTLED, f"SETTLED#{serial}")
        return datetime.fromisoformat(item["until"]["S"]) if item else None

    def settle(self, serial: str, until: datetime) -> None:
        """Settle the machine's faults until ``until``, unless they are settled further already.

        The same transaction notes that the machine is to be judged again.
        """
        later = Condition(
            "attribute_not_exists(pk) OR #u < :u", {":u": {"S": until.isoformat()}}, {"#u": "until"}
        )
        item = {**key(_SETTLED, f"SETTLED#{serial}"), "until": {"S": until.isoformat()}}
        try:
            self._table.transact(self._table.putting(item, later), self._rollups.noting(serial))
        except ConditionError:
            return


def _parts(epoch: int, of: Listed) -> list[str]:
    """Return the partitions of a list."""
    kind, name = of
    names = map(str, range(SHARDS)) if name is None else [name]
    return [f"{kind}#{epoch}#{each}" for each in names]


def state_before_and_after(change: ItemChange) -> tuple[MachineState | None, MachineState] | None:
    """Return a machine's state before a change of the table, if it had one, and after it."""
    if change.new is None or change.sk != _STATE or not change.pk.startswith(_MACHINE):
        return None
    return (_state(change.old) if change.old else None), _state(change.new)


def state_item(state: MachineState) -> Item:
    """Return the item of a machine's state."""
    body = {"version": {"N": str(state.version)}, "body": {"S": state.json_text()}}
    return {**key(f"{_MACHINE}{state.serial}", _STATE), **body}


def serial_item(serial: str) -> Item:
    """Return the item by which a machine is known."""
    return key(f"SERIALS#{shards.of(serial, SHARDS)}", serial)


def _state(item: Item) -> MachineState:
    return MachineState.model_validate_json(item["body"]["S"])


def entries_of(state: MachineState) -> dict[tuple[str, str], Item]:
    """Return the items of a machine's places in lists."""
    if not state.place:
        return {}
    lists: list[tuple[Literal["ALL", "SITE", "TECHNICIAN"], str | None]] = [
        ("ALL", str(shards.of(state.serial, SHARDS))),
        ("SITE", state.site),
        ("TECHNICIAN", state.technician),
    ]
    fields = {"serial": state.serial, "site": state.site, "technician": state.technician}
    attributes = {name: {"S": value} for name, value in fields.items() if value}
    return {
        (f"{kind}#{state.epoch}#{name}", state.place): {
            **key(f"{kind}#{state.epoch}#{name}", state.place),
            **attributes,
            "state": {"S": state.summary.state},
        }
        for kind, name in lists
        if name
    }


def _silences_of(state: MachineState) -> dict[tuple[str, str], Item]:
    return silence_items(state.epoch, state.zone, state.serial, state.summary.silences)


def _entry(item: Item) -> Entry:
    def text(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    return Entry(
        item["sk"]["S"], item["serial"]["S"], text("site"), text("technician"), item["state"]["S"]
    )


def _sums(state: MachineState) -> dict[str, int]:
    """Return what a machine adds to the sums, by state and figure."""
    if not state.place:
        return {}
    summary = state.summary
    figures = {name: getattr(summary, name) for name in Totals.model_fields if name != "machines"}
    return {
        f"{summary.state}.{name}": amount for name, amount in {"machines": 1, **figures}.items()
    }

"""Counters that are one item while it is quiet, and spread over many while writers meet at it.

``COUNTERS/TOTAL``    the counters; ``epoch``, ``spread`` (over how many shards, absent while there
                      are none), ``folded`` (the sums of all shards when they were closed last),
                      ``folded_at``, ``fold_after`` and ``hold_s``
``STATISTICS/<place>``  the counters of one shard; ``closed`` (the epoch that closed it); a place is
                      ``COUNTED#<shard>``, ``MALFORMED#http#<shard>`` or ``MALFORMED#queue#<shard>``

A shard's counters only grow. *Spreading* begins an epoch: from then on the total takes no count and
the shards take them. *Folding* closes every shard, writes their sums beside the total and lets it
count again; it holds only in the epoch that it began in. Each count carries a condition: of the
total that it is not spread, of a shard that no later epoch has closed it. So what a process
believes of the epoch may be old and nothing is counted where it is not read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core import log, retry, shards
from chalicelib.core.errors import UnavailableError
from chalicelib.core.table import ABSENT, Condition, ConditionError, Item, Table, key

SHARDS_PK = "STATISTICS"
TOTAL = ("COUNTERS", "TOTAL")
HOLD_S = 60
"""Seconds that counters stay spread at least: longer than a version before this one, which knows
nothing of epochs, takes to end its requests after a deployment."""

_LONGEST_HOLD_S = 86_400
_MALFORMED_SHARDS = 16
_TOTAL_COUNTS = Condition("attribute_exists(epoch) AND attribute_not_exists(spread)")
# Writers meet at the total for so long before it is spread.
_PATIENCE_S = 0.25
# A fold takes so long at most; one that takes longer has died.
_FOLD_S = 3.0
_AT_ONCE = 8
_MOST_MOVES = 6
_BUSY = "The counters are being rearranged by too many writers; try again."
_NOT_COUNTERS = {"epoch", "spread", "folded_at", "fold_after", "hold_s"}


class Count(NamedTuple):
    """How many of what are counted: a counter's name, and its place by the number of shards."""

    name: str
    place: Callable[[int], str]
    amount: int = 1


class _Layout(NamedTuple):
    """Where counters are: in the total, or ``spread`` over so many shards."""

    epoch: int
    spread: int | None

    @classmethod
    def of(cls, total: Item) -> "_Layout":
        spread = total.get("spread")
        return cls(int(total["epoch"]["N"]), int(spread["N"]) if spread else None)


def of_package(package_id: str, name: str) -> Count:
    """Return the count of a package."""
    return Count(name, lambda spread: f"COUNTED#{shards.of(package_id, spread):04}")


def of_malformed(source: str, name: str, amount: int = 1) -> Count:
    """Return the count of what is malformed and ``source`` (http or queue, and an id) sent."""
    way, _, id_ = source.partition("#")
    place = f"MALFORMED#{way}#{shards.of(id_, _MALFORMED_SHARDS):02}"
    return Count(name, lambda _: place, amount)


class Tally:
    """Counts in the transaction of what is counted, and reads the sums.

    ``spread`` is over how many shards packages are spread when writers meet.
    """

    def __init__(self, table: Table, *, spread: int, now: Callable[[], datetime]) -> None:
        self._table = table
        self._spread = spread
        self._now = now
        self._layout = _Layout(epoch=0, spread=None)

    def transact(self, count: Count, *others: dict[str, Any]) -> None:
        """Do ``others`` and count, all or nothing.

        Raises ConditionError when a condition of ``others`` does not hold, UnavailableError.
        """
        for _ in range(_MOST_MOVES):
            layout = self._layout
            try:
                self._table.transact(
                    *others,
                    self._table.updating(**_adding(count, layout)),
                    budget_s=5.0 if layout.spread else _PATIENCE_S,
                )
            except ConditionError as failed:
                if set(failed.failed) != {len(others)}:
                    raise
                self._look_again(self._table, layout, failed.item)
            except UnavailableError:
                if layout.spread:
                    raise
                self._spread_out()
            else:
                return
        raise UnavailableError(_BUSY)

    def add(self, count: Count, table: Table) -> None:
        """Count something that is no part of a transaction, by ``table``.

        A conflict means that nothing was counted, so another try counts once. Raises
        UnavailableError, and what the client raises.
        """
        for _ in range(_MOST_MOVES):
            layout = self._layout
            try:
                table.update(**_adding(count, layout), budget_s=0.5)
            except ConditionError as failed:
                self._look_again(table, layout, failed.item)
            else:
                return
        raise UnavailableError(_BUSY)

    def sums(self) -> Counter[str]:
        """Return the counters' sums: one read, and one query while they are spread.

        Whatever was counted before the call is in them: the total says at the instant of its read
        whether it is all there is, and shards that are read after it only grow.
        """
        total = self._table.get(*TOTAL) or self._begun()
        layout = _Layout.of(total)
        sums = _counters(total)
        if layout.spread is None:
            return sums + _counters(total.get("folded", {}).get("M", {}))
        found = list(self._table.query(SHARDS_PK))
        for shard in found:
            sums += _counters(shard)
        if self._seconds() >= int(total["fold_after"]["N"]):
            self._try_to_fold(layout, [shard["sk"]["S"] for shard in found])
        return sums

    # --- where counters are ---

    def _look_again(self, table: Table, known: _Layout, there: Item | None) -> None:
        """Learn where counters are after the condition of ``known`` failed at ``there``."""
        if known.spread is None:
            self._layout = _Layout.of(there or self._begun())
            return
        for _ in retry.tries(budget_s=_FOLD_S):  # the shard was closed: by a fold, or long ago
            layout = _Layout.of(table.get(*TOTAL) or self._begun())
            if layout != known:
                self._layout = layout
                return
        self._layout = self._begin_epoch(known, HOLD_S)  # the fold that closed it has died

    def _begun(self) -> Item:
        """Return the total of a stage that has none: spread, as all counters were before it."""
        total = {
            **key(*TOTAL),
            "epoch": _number(1),
            "spread": _number(self._spread),
            **self._held(HOLD_S),
        }
        try:
            self._table.put(total, ABSENT)
        except ConditionError as conflict:
            return conflict.item or total
        return total

    def _spread_out(self) -> None:
        """Begin an epoch in which counters are spread, unless one has begun."""
        total = self._table.get(*TOTAL) or self._begun()
        layout = _Layout.of(total)
        if layout.spread is None:
            log.count("CountersSpread")
            layout = self._begin_epoch(layout, self._hold_after(total))
        self._layout = layout

    def _hold_after(self, total: Item) -> int:
        """Return how long to stay spread: longer when the last fold did not last."""
        held = int(total["hold_s"]["N"])
        since = self._seconds() - int(total["folded_at"]["N"]) if "folded_at" in total else None
        return HOLD_S if since is None or since > held else min(4 * held, _LONGEST_HOLD_S)

    def _begin_epoch(self, known: _Layout, hold_s: int) -> _Layout:
        held = self._held(hold_s)
        before = "attribute_not_exists" if known.spread is None else "attribute_exists"
        try:
            total = self._table.update(
                *TOTAL,
                "SET epoch = :next, spread = :spread, fold_after = :after, hold_s = :hold",
                values={
                    ":next": _number(known.epoch + 1),
                    ":spread": _number(known.spread or self._spread),
                    ":after": held["fold_after"],
                    ":hold": held["hold_s"],
                },
                condition=_in_epoch(known.epoch, f"{before}(spread)"),
            )
        except ConditionError as moved:
            return _Layout.of(moved.item or self._begun())
        return _Layout.of(total)

    # --- folding ---

    def _try_to_fold(self, layout: _Layout, found: Iterable[str]) -> None:
        """Fold; a reader has its sums already, whatever comes of that."""
        try:
            self._fold(layout, found)
        except (BotoCoreError, ClientError, UnavailableError):
            log.logger.exception("counters not folded")

    def _fold(self, layout: _Layout, found: Iterable[str]) -> None:
        """Have the total count again, if no epoch begins meanwhile.

        Killed between any two steps it leaves shards that are closed: writers begin an epoch, or
        the next reader ends the fold.
        """
        places = sorted({*_places(layout.spread or 0), *found})
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            closed = list(pool.map(partial(self._close, layout.epoch), places))
        sums: Counter[str] = Counter()
        for shard in closed:
            if shard is None:
                return
            sums += _counters(shard)
        values = {
            ":folded": {"M": {name: _number(value) for name, value in sums.items()}},
            ":now": _number(self._seconds()),
        }
        try:
            self._table.update(
                *TOTAL,
                "SET folded = :folded, folded_at = :now REMOVE spread",
                values=values,
                condition=_in_epoch(layout.epoch, "attribute_exists(spread)"),
            )
        except ConditionError:
            return
        log.count("CountersFolded")

    def _close(self, epoch: int, place: str) -> Item | None:
        """Close a shard for ``epoch`` and return it; None when a later epoch has closed it."""
        try:
            return self._table.update(
                SHARDS_PK,
                place,
                "SET closed = :closed",
                values={":closed": {"S": _sortable(epoch)}},
                condition=_open_in(epoch),
            )
        except ConditionError as failed:
            shard = failed.item
            return shard if shard and shard["closed"]["S"] == _sortable(epoch) else None

    def _held(self, hold_s: int) -> dict[str, dict[str, str]]:
        return {"fold_after": _number(self._seconds() + hold_s), "hold_s": _number(hold_s)}

    def _seconds(self) -> int:
        return int(self._now().timestamp())


def _adding(count: Count, layout: _Layout) -> dict[str, Any]:
    """Return the arguments by which `Table.update` counts where ``layout`` says."""
    if layout.spread is None:
        (pk, sk), condition = TOTAL, _TOTAL_COUNTS
    else:
        (pk, sk), condition = (SHARDS_PK, count.place(layout.spread)), _open_in(layout.epoch)
    return {
        "pk": pk,
        "sk": sk,
        "expression": "ADD #n :amount",
        "values": {":amount": _number(count.amount)},
        "names": {"#n": count.name},
        "condition": condition,
    }


def _places(spread: int) -> Iterable[str]:
    """Return the places of all shards that an epoch may count in."""
    yield from (f"COUNTED#{shard:04}" for shard in range(spread))
    for way in ("http", "queue"):
        yield from (f"MALFORMED#{way}#{shard:02}" for shard in range(_MALFORMED_SHARDS))


def _counters(item: Mapping[str, Any]) -> Counter[str]:
    return Counter(
        {
            name: int(value["N"])
            for name, value in item.items()
            if "N" in value and name not in _NOT_COUNTERS
        }
    )


def _open_in(epoch: int) -> Condition:
    """Hold of a shard that neither ``epoch`` nor a later one has closed."""
    return Condition(
        "attribute_not_exists(closed) OR closed < :epoch", {":epoch": {"S": _sortable(epoch)}}
    )


def _in_epoch(epoch: int, condition: str) -> Condition:
    return Condition(f"epoch = :epoch AND {condition}", {":epoch": _number(epoch)})


def _sortable(epoch: int) -> str:
    # A text, as versions before this one take every number of a shard for a counter.
    return f"{epoch:010}"


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}

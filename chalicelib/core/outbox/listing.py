"""Effects of older versions enter the index of all.

Versions before 0.2.0 wrote rows without ``all_shard``, and may run beside this one while it is
deployed, or again after it. So the whole table is scanned once, a part in each run of the sweeper,
`SETTLED` after its first run or after a pause in its runs. Until then lists of all effects are read
by state.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.core.instants import sortable
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.rows import ALL, EFFECT
from chalicelib.core.table import Condition, ConditionError, Item, Table, key

SETTLED = timedelta(hours=1)
"""How long an older version may still write."""
PAUSED = timedelta(minutes=11)
"""So long without a run another version may have been deployed: the sweeper runs every 5 minutes.

Effects of an older version that was deployed for less are listed by state alone."""

_PLACE = ("LISTS", "all")
_PAGES, _PAGE = 20, 100


class Listing:
    """Scans the table in parts, and remembers how far."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def go_on(self) -> None:
        """Enter the effects of the next part, 2,000 at most; a repeat does no harm."""
        now, state = self._now(), self._table.get(*_PLACE)
        if state is None or not _seen_lately(state, now):
            state = {**key(*_PLACE), "since": {"S": sortable(now)}}
        seen = {"seen": {"S": sortable(now)}}
        if "whole" in state or now - _instant(state, "since") < SETTLED:
            self._table.put(state | seen)
            return
        after = (state["after_pk"]["S"], state["after_sk"]["S"]) if "after_pk" in state else None
        for _ in range(_PAGES):
            found, after = self._table.scan(after=after, limit=_PAGE)
            for row in found:
                self._enter(row)
            if after is None:
                state["whole"] = {"BOOL": True}
                break
            state["after_pk"], state["after_sk"] = {"S": after[0]}, {"S": after[1]}
        self._table.put(state | seen)

    def _enter(self, row: Item) -> None:
        pk, sk = row["pk"]["S"], row["sk"]["S"]
        if not pk.startswith(f"{EFFECT}#") or ALL.hash_key in row:
            return
        shard = {":shard": {"S": str(rows.shard(rows.effect_id(pk)))}}
        try:
            self._table.update(
                pk,
                sk,
                f"SET {ALL.hash_key} = :shard",
                values=shard,
                condition=Condition("attribute_exists(pk)"),
            )
        except ConditionError:  # it has expired meanwhile
            return


def all_listed(table: Table, now: datetime) -> bool:
    """Return whether the index of all has every effect."""
    state = table.get(*_PLACE)
    return state is not None and "whole" in state and _seen_lately(state, now)


def _seen_lately(state: Item, now: datetime) -> bool:
    return now - _instant(state, "seen") < PAUSED


def _instant(state: Item, name: str) -> datetime:
    return datetime.fromisoformat(state[name]["S"])

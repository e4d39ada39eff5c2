"""Effects, and paused and disabled kinds, in DynamoDB; `rows` has the keys.

Every change of an effect is one conditional write on the state and token that were read: of two
concurrent writers one succeeds and the other gets OvertakenError.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.core.instants import sortable
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Ending
from chalicelib.core.outbox.rows import KINDS, OPEN, EffectRow, Pause
from chalicelib.core.table import ABSENT, Condition, ConditionError, Item, Table, key


class OvertakenError(Exception):
    """Another writer changed the effect meanwhile; nothing was written."""


class EffectStore:
    """One effect at a time; every read is strongly consistent."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read_with_pause(self, effect_id: str, kind: str) -> tuple[EffectRow | None, Pause | None]:
        """Return an effect, and why its kind is paused if it is: one read.

        The effect is as it would be had its table not been restored.
        """
        places = rows.place(effect_id), rows.place_before(effect_id), (KINDS, kind)
        found = {(row["pk"]["S"], row["sk"]["S"]): row for row in self._table.get_many(places)}
        effect, before, pause = map(found.get, places)
        return (
            rows.reminded(rows.read(effect), before) if effect else None,
            _pause(pause) if pause else None,
        )

    def get(self, effect_id: str) -> EffectRow | None:
        """Return an effect."""
        row = self._table.get(*rows.place(effect_id))
        return rows.read(row) if row else None

    def change(self, read: EffectRow, to: EffectRow) -> EffectRow:
        """Store ``to`` in the place of ``read``, and return it. Raises OvertakenError.

        A change whose answer was lost is found and counts as made.
        """
        write = rows.replacing(read, to)
        if write is None:
            return to
        try:
            self._table.update(*rows.place(to.effect.id), **write)
        except ConditionError as failed:
            if not _is_stored(failed.item, to):
                raise OvertakenError(to.effect.id) from failed
        return to

    def bury(self, unreadable: EffectRow, answer: str, now: datetime) -> None:
        """Mark an effect with an unreadable row as dead, unless it is done."""
        number = rows.shard(unreadable.effect.id)
        values = {
            ":dead": {"S": "dead"},
            ":answer": {"S": answer},
            ":now": {"S": sortable(now)},
            ":list_shard": {"S": rows.list_shard("dead", number)},
            ":list_place": {"S": rows.list_place(unreadable)},
            ":all_shard": {"S": str(number)},
        }
        not_done = Condition(
            "attribute_exists(pk) AND (attribute_not_exists(#state) OR #state <> :done)",
            {":done": {"S": "done"}},
        )
        try:
            self._table.update(
                *rows.place(unreadable.effect.id),
                "SET #state = :dead, answer = :answer, concluded_at = :now, "
                "list_shard = :list_shard, list_place = :list_place, all_shard = :all_shard "
                "REMOVE #open_shard, #wake",
                values=values,
                names={"#state": "state", "#open_shard": OPEN.hash_key, "#wake": OPEN.range_key},
                condition=not_done,
            )
        except ConditionError:
            return

    def put_off_waking(self, effect_id: str, place: str, to: str) -> bool:
        """Move an open effect from its ``place`` among those to be checked to a later one.

        Returns False when it has moved meanwhile.
        """
        try:
            self._table.update(
                *rows.place(effect_id),
                "SET #wake = :to",
                values={":to": {"S": to}},
                condition=Condition(
                    "#wake = :place", {":place": {"S": place}}, {"#wake": OPEN.range_key}
                ),
            )
        except ConditionError:
            return False
        return True

    # --- kinds ---

    def pause(self, pause: Pause) -> bool:
        """Pause or disable a kind; return whether it was running."""
        try:
            self._table.put(_pause_item(pause), ABSENT)
        except ConditionError as conflict:
            before = conflict.item or _pause_item(pause)
            self._table.put(_pause_item(pause) | {"since": before["since"]})
            return bool(before["state"]["S"] != pause.state)
        return True

    def take_probe(self, pause: Pause, next_at: datetime) -> bool:
        """Reserve the probe of a paused kind; return False when another run has it."""
        try:
            self._table.update(
                KINDS,
                pause.kind,
                "SET probe_at = :next",
                values={":next": {"S": sortable(next_at)}},
                condition=Condition(
                    "probe_at = :probe_at", {":probe_at": {"S": sortable(pause.probe_at)}}
                ),
            )
        except ConditionError:
            return False
        return True

    def resume(self, kind: str) -> None:
        """Resume a kind."""
        self._table.delete(KINDS, kind)

    def pauses(self) -> dict[str, Pause]:
        """Return the paused and disabled kinds."""
        found = [_pause(row) for row in self._table.query(KINDS)]
        return {pause.kind: pause for pause in found}

    def hasten_probe(self, kind: str, now: datetime) -> None:
        """Have the next sweep probe a paused kind."""
        try:
            self._table.update(
                KINDS,
                kind,
                "SET probe_at = :now",
                values={":now": {"S": sortable(now)}},
                condition=Condition("attribute_exists(pk)"),
            )
        except ConditionError:
            return


def closed(row: EffectRow, ended: Ending, now: datetime) -> EffectRow:
    """Return a finished effect."""
    return replace(
        row,
        state=ended.state,
        reference=ended.reference,
        answer=ended.answer,
        concluded_at=now,
        wake_at=None,
        lease_until=None,
        ended=None,
    )


def _is_stored(row: Item | None, to: EffectRow) -> bool:
    if row is None or to.token is None:
        return False
    return bool(row.get("state", {}).get("S") == to.state and row.get("token") == {"S": to.token})


def _pause_item(pause: Pause) -> Item:
    return {
        **key(KINDS, pause.kind),
        "state": {"S": pause.state},
        "since": {"S": sortable(pause.since)},
        "reason": {"S": pause.reason},
        "probe_at": {"S": sortable(pause.probe_at)},
        **({"refused": {"S": pause.refused}} if pause.refused else {}),
    }


def _pause(row: Item) -> Pause:
    def at(name: str) -> datetime:
        return datetime.fromisoformat(row[name]["S"])

    return Pause(
        kind=row["sk"]["S"],
        state=row["state"]["S"],
        since=at("since"),
        reason=row["reason"]["S"],
        probe_at=at("probe_at"),
        refused=row["refused"]["S"] if "refused" in row else None,
    )

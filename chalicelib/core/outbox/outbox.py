"""Writing effects: the part of the outbox that a context's stores use."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.core.instants import sortable
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.rows import LISTED, OPEN, EffectRow
from chalicelib.core.table import ABSENT, Condition, Table

# An id is part of keys and of messages, a kind of the names of settings.
_ID = re.compile("[!-~]{1,255}")
_KIND = re.compile("[a-z][a-z0-9_]{0,30}")


class Outbox:
    """The table of effects, for those who request them."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def adding(self, effect: Effect) -> dict[str, Any]:
        """Return the action that requests ``effect``, for the transaction of its cause.

        Its condition fails when the id was requested before. Raises ValueError for an id
        that is not 1 to 255 characters of printable ASCII without blanks, and for a kind that is
        not a name in lower case.
        """
        if not _ID.fullmatch(effect.id) or not _KIND.fullmatch(effect.kind):
            raise ValueError(f"no effect can be called {effect.id!r} of kind {effect.kind!r}")
        return self._table.putting(rows.item(rows.requested(effect, self._now())), ABSENT)

    def withdrawing(self, effect_id: str) -> dict[str, Any]:
        """Return the action that withdraws an effect, for the transaction that undoes its cause.

        Its condition fails once a worker has claimed it.
        """
        number = rows.shard(effect_id)
        values = {
            ":done": {"S": "done"},
            ":answer": {"S": "withdrawn before it began"},
            ":now": {"S": sortable(self._now())},
            ":listed": {"S": rows.list_shard("done", number)},
        }
        never_begun = Condition(
            "#state IN (:pending, :disabled) AND attribute_not_exists(#token)",
            {":pending": {"S": "pending"}, ":disabled": {"S": "disabled"}},
            {"#state": "state", "#token": "token"},
        )
        return self._table.updating(
            *rows.place(effect_id),
            "SET #state = :done, answer = :answer, concluded_at = :now, #listed = :listed "
            "REMOVE #open, #wake",
            values=values,
            names={
                "#open": OPEN.hash_key,
                "#wake": OPEN.range_key,
                "#listed": LISTED.hash_key,
            },
            condition=never_begun,
        )

    def requested(self, effect_ids: Iterable[str]) -> list[EffectRow]:
        """Return those of the effects that were requested."""
        return [rows.read(row) for row in self._table.get_many(map(rows.place, effect_ids))]

    def forgetting(self, effects: Iterable[EffectRow], why: str) -> Iterator[dict[str, Any]]:
        """Yield the actions that end effects for good and drop the vendors' answers.

        Only their ids, which keep them from being requested again, and their payloads stay. The
        conditions fail when an effect has changed since it was read.
        """
        for read in effects:
            gone = replace(
                read,
                state="done",
                concluded_at=read.concluded_at or self._now(),
                wake_at=None,
                lease_until=None,
                unsure_at=None,
                last_error=None,
                reference=None,
                answer=None if read.state == "done" else why,
            )
            if update := rows.replacing(read, gone):
                yield self._table.updating(*rows.place(read.effect.id), **update)

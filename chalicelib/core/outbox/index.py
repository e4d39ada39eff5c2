"""The indexes of the table: unfinished effects, effects by state, all effects.

They are keys-only and lag behind the table, so callers read the rows before they act.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice

from chalicelib.core import totals
from chalicelib.core.instants import sortable
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import EffectState
from chalicelib.core.outbox.listing import all_listed
from chalicelib.core.outbox.rows import ALL, LISTED, OPEN, SHARDS, STATES, EffectRow
from chalicelib.core.table import HIGHEST, Index, Item, Table
from chalicelib.core.totals import MOST_COUNTED, Total

Waiting = tuple[str, str]
"""An effect's id, and its place among those that the sweeper checks."""


class EffectIndex:
    """Effects by when they are due, and by state, kind and time."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def kinds(self) -> list[str]:
        """Return the kinds with unfinished effects: a read for each shard and kind."""
        return sorted({kind for shard in range(SHARDS) for kind in self._kinds_of(shard)})

    def _kinds_of(self, shard: int) -> Iterator[str]:
        after = ""
        while first := next(self._open(shard, after, HIGHEST, page_size=1), None):
            kind = first[OPEN.range_key]["S"].partition("#")[0]
            yield kind
            after = f"{kind}#{HIGHEST}"

    def waiting(self, kind: str, now: datetime, limit: int) -> list[Waiting]:
        """Return effects of a kind that are due by ``now``, ``limit`` at most.

        Each shard gives the first of its own, and an equal share.
        """
        share, last = -(-limit // SHARDS), rows.wake(kind, now) or ""
        found: list[Waiting] = []
        for shard in range(SHARDS):
            first = self._open(shard, f"{kind}#", last, page_size=share)
            found += [
                (rows.effect_id(row["pk"]["S"]), row[OPEN.range_key]["S"])
                for row in islice(first, share)
            ]
        return sorted(found, key=lambda each: each[1])[:limit]

    def listed(
        self,
        states: Iterable[EffectState],
        *,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
    ) -> Iterator[str]:
        """Yield the ids of effects in some states: all, or of ``kinds`` those since an instant."""
        spans = [(f"{kind}#{sortable(since)}", f"{kind}#{HIGHEST}") for kind in kinds if since]
        for group in sorted({rows.group(each) for each in states}):
            for shard in range(SHARDS):
                for first, last in spans or [("", HIGHEST)]:
                    found = self._table.indexed(LISTED, f"{group}#{shard}", first=first, last=last)
                    yield from (rows.effect_id(row["pk"]["S"]) for row in found)

    def oldest(self, kind: str) -> datetime | None:
        """Return when the oldest unfinished effect of a kind was requested."""
        places = [
            row[LISTED.range_key]["S"]
            for state in ("pending", "unsure", "disabled")
            for shard in range(SHARDS)
            for row in self._listed(
                rows.list_shard(state, shard), f"{kind}#", f"{kind}#{HIGHEST}", limit=1
            )
        ]
        if not places:
            return None
        return datetime.fromisoformat(min(places).split("#", 2)[1]).astimezone(UTC)

    def page(
        self,
        *,
        state: EffectState | None,
        kind: str | None,
        before: str | None,
        limit: int,
        now: datetime,
    ) -> tuple[list[EffectRow], str | None]:
        """Return effects by kind, the newest of each first, and what the next page comes before.

        A page may have less than ``limit``: what has changed its state meanwhile is left out. The
        first of each shard are read side by side, `SHARDS` at a time.
        """
        first = f"{kind}#" if kind else ""
        last = _below(before) if before else first + HIGHEST
        index, shards = self._shards(state, now)
        share = _share(limit, len(shards))
        streams = [
            self._table.indexed(
                index, shard, first=first, last=last, newest_first=True, page_size=share
            )
            for shard in shards
        ]
        merged = heapq.merge(*_begun(streams), key=_place, reverse=True)
        named = list(islice(merged, limit + 1))
        more = _place(named[limit - 1]) if len(named) > limit else None
        return self._read(named[:limit], state), more

    def count(self, *, state: EffectState | None, kind: str | None, now: datetime) -> Total:
        """Count the effects that all pages list.

        Pending effects and those that are being sent are one list, which has to be read.
        """
        first = f"{kind}#" if kind else ""
        last = first + HIGHEST
        index, shards = self._shards(state, now)
        if state is None or rows.states(rows.group(state)) == [state]:
            return totals.add(
                partial(self._table.count_indexed, index, shard, first=first, last=last)
                for shard in shards
            )
        found = chain.from_iterable(
            self._table.indexed(index, shard, first=first, last=last, page_size=MOST_COUNTED)
            for shard in shards
        )
        named = list(islice(found, MOST_COUNTED + 1))
        listed = len(self._read(named[:MOST_COUNTED], state))
        return Total(listed, exact=len(named) <= MOST_COUNTED)

    def _shards(self, state: EffectState | None, now: datetime) -> tuple[Index, list[str]]:
        """Return where effects in a state are listed, or in all of them."""
        if state is None and all_listed(self._table, now):
            return ALL, [str(shard) for shard in range(SHARDS)]
        groups = {rows.group(each) for each in ([state] if state else STATES)}
        return LISTED, [f"{group}#{shard}" for group in sorted(groups) for shard in range(SHARDS)]

    def _read(self, named: Sequence[Item], state: EffectState | None) -> list[EffectRow]:
        keys = dict.fromkeys((row["pk"]["S"], row["sk"]["S"]) for row in named)
        found = {row["pk"]["S"]: rows.read(row) for row in self._table.get_many(keys)}
        effects = [found[pk] for pk, _ in keys if pk in found]
        return [each for each in effects if state is None or each.state == state]

    def _open(self, shard: int, first: str, last: str, *, page_size: int) -> Iterator[Item]:
        return self._table.indexed(OPEN, str(shard), first=first, last=last, page_size=page_size)

    def _listed(self, value: str, first: str, last: str, *, limit: int) -> Iterator[Item]:
        found = self._table.indexed(LISTED, value, first=first, last=last, page_size=limit)
        return islice(found, limit)


def _begun(streams: Sequence[Iterator[Item]]) -> list[Iterator[Item]]:
    """Return streams whose first pages were read side by side; those without a row are left out."""
    with ThreadPoolExecutor(max_workers=SHARDS) as pool:
        firsts = list(pool.map(lambda stream: next(stream, None), streams))
    return [
        chain([first], stream)
        for first, stream in zip(firsts, streams, strict=True)
        if first is not None
    ]


def _place(row: Item) -> str:
    place: str = row[LISTED.range_key]["S"]
    return place


def _below(place: str) -> str:
    """Return the greatest place below ``place`` (which is not empty)."""
    return place[:-1] + chr(ord(place[-1]) - 1) + HIGHEST


def _share(limit: int, streams: int) -> int:
    """Return how many of ``limit`` to read from a stream at a time."""
    return limit // streams + 10

"""The log of events.

``HEAD/HEAD``                   the place of the newest event
``LOG#<kind>/<place>``          an event: its JSON text as ``body``
``FACT#<subject>/<kind>#<version>``  which place a fact has

A place is the time of recording in microseconds since 1970, in 16 digits, or the next one after the
place before: places grow, and no two events share one. All that belongs to some events is one
transaction on the condition that the head has not moved, so that no event ever appears before
another that readers have seen. Whoever reads up to the head misses nothing.
"""

import heapq
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, cast

from chalicelib.core import retry, shards, totals
from chalicelib.core.errors import UnavailableError
from chalicelib.core.facts import EventKind, Fact
from chalicelib.core.instants import iso
from chalicelib.core.table import ABSENT, HIGHEST, Condition, ConditionError, Item, Table, key
from chalicelib.core.totals import Total
from chalicelib.webhooks import places
from chalicelib.webhooks.models import KINDS
from chalicelib.webhooks.ports import PREFIX, Event, Recorded, Span

_HEAD = ("HEAD", "HEAD")
# Two actions an event, and the head: a transaction has a hundred actions, and 4 MB.
_AT_ONCE = 49
_LARGEST_DATA = 60_000
"""Characters of an event's data; of more, subscribers get the subject alone."""
_SETTLED = timedelta(seconds=1)
"""Reads of several items may see a transaction in part, for as long as it is being applied."""

_Key = tuple[str, str]


class EventLog:
    """Events in DynamoDB; they are deleted ``retention`` after they were recorded."""

    def __init__(self, table: Table, *, now: Callable[[], datetime], retention: timedelta) -> None:
        self._table = table
        self._now = now
        self._retention = retention

    def append(self, facts: Sequence[Fact]) -> list[Recorded]:
        """Record facts in their order, those that are not known yet; return the events of all.

        Raises UnavailableError.
        """
        distinct = list({_fact_key(fact): fact for fact in facts}.values())
        parts = [distinct[start : start + _AT_ONCE] for start in range(0, len(distinct), _AT_ONCE)]
        return [event for part in parts for event in self._append(part)]

    def _append(self, facts: Sequence[Fact]) -> list[Recorded]:
        for _ in retry.tries(budget_s=10):
            head, known = self._standing(facts)
            new = [fact for fact in facts if _fact_key(fact) not in known]
            if not new:
                return [Recorded(known[_fact_key(fact)], fact.kind) for fact in facts]
            now = self._now()
            first = max(places.micros(now), int(head or 0) + 1)
            taken = {_fact_key(fact): places.place(first + each) for each, fact in enumerate(new)}
            expires = int((now + self._retention).timestamp())
            actions = [self._moving(head, places.place(first + len(new) - 1))]
            for fact in new:
                actions += self._recording(fact, taken[_fact_key(fact)], expires)
            try:
                self._table.transact(*actions, budget_s=0)
            except (ConditionError, UnavailableError):
                continue  # another writer was first; or it was stored, and is known now
            found = known | taken
            return [Recorded(found[_fact_key(fact)], fact.kind) for fact in facts]
        raise UnavailableError("Too many writers want to record events.")

    def _standing(self, facts: Sequence[Fact]) -> tuple[str | None, dict[_Key, str]]:
        """Return the place of the head, and those of the facts that are recorded: one read."""
        keys = [_HEAD, *map(_fact_key, facts)]
        found = {
            (item["pk"]["S"], item["sk"]["S"]): str(item["place"]["S"])
            for item in self._table.get_many(keys)
        }
        return found.pop(_HEAD, None), found

    def _moving(self, head: str | None, to: str) -> dict[str, Any]:
        unmoved = Condition("place = :place", {":place": {"S": head}}) if head else ABSENT
        return self._table.putting({**key(*_HEAD), "place": {"S": to}}, unmoved)

    def _recording(self, fact: Fact, place: str, expires: int) -> list[dict[str, Any]]:
        goes = {"expires_at": {"N": str(expires)}}
        mark = {**key(*_fact_key(fact)), "place": {"S": place}, **goes}
        row = {**key(*_row_key(fact.kind, place)), "body": {"S": _body(fact, place)}, **goes}
        return [self._table.putting(mark, ABSENT), self._table.putting(row)]

    def forget_before(self, fact: Fact) -> None:
        """Take the data out of all events about a fact's subject but its own; repeatable."""
        own = _fact_key(fact)[1]
        rows = self._table.get_many(
            _row_key(mark["sk"]["S"].partition("#")[0], mark["place"]["S"])
            for mark in self._table.query(_facts_about(fact.subject))
            if mark["sk"]["S"] != own
        )
        for row in rows:
            self._table.put(row | {"body": {"S": _without_data(row["body"]["S"])}})

    # --- looking ---

    def event(self, place: str) -> Event | None:
        """Return the event at a place: one read of all kinds."""
        found = self._table.get_many(_row_key(kind, place) for kind in KINDS)
        return next(map(_event, found), None)

    def events(self, kinds: Sequence[EventKind], span: Span, limit: int) -> list[Event]:
        """Return the first events of a span, those of some kinds."""
        first, last = self._bounds(span)
        streams = [
            self._table.query(
                _rows_of(kind),
                first=first,
                last=last,
                page_size=shards.share(limit, len(kinds)),
            )
            for kind in kinds
        ]
        merged = heapq.merge(*streams, key=_sort_key)
        return [_event(item) for item in islice(merged, limit)]

    def about(
        self, subject: str, kinds: Sequence[EventKind], span: Span, limit: int
    ) -> list[Event]:
        """Return the same of the events about one subject."""
        wanted = self._marks(subject, kinds, span)
        rows = self._table.get_many(_row_key(kind, place) for place, kind in wanted[:limit])
        return [_event(item) for item in sorted(rows, key=_sort_key)]

    def count(self, subject: str | None, kinds: Sequence[EventKind], span: Span) -> Total:
        """Count the events of a span, all or those about one subject."""
        if subject:
            return Total(len(self._marks(subject, kinds, span)))
        first, last = self._bounds(span)
        return totals.add(
            partial(self._table.count, _rows_of(kind), first=first, last=last) for kind in kinds
        )

    def _marks(self, subject: str, kinds: Sequence[EventKind], span: Span) -> list[tuple[str, str]]:
        """Return the places and kinds of the events about a subject, in order."""
        first, last = self._bounds(span)
        marks = (
            (item["place"]["S"], item["sk"]["S"].partition("#")[0])
            for item in self._table.query(_facts_about(subject))
        )
        return sorted(
            (place, kind) for place, kind in marks if kind in kinds and first <= place <= last
        )

    def _bounds(self, span: Span) -> tuple[str, str]:
        """Return the first and the last place of a span, as far as nothing more can come."""
        head = self._table.get(*_HEAD)
        if head is None:
            return HIGHEST, ""
        settled = places.place(places.micros(self._now() - _SETTLED))
        until = places.place(places.micros(span.until) - 1) if span.until else HIGHEST
        first = max(
            f"{span.after.removeprefix(PREFIX)}\x00" if span.after else "",
            places.place(places.micros(span.since)) if span.since else "",
        )
        return first, min(settled, until, head["place"]["S"])


def _body(fact: Fact, place: str) -> str:
    """Return an event as receivers get it: the payload of Standard Webhooks, and more."""
    head = {
        "id": f"{PREFIX}{place}",
        "type": fact.kind,
        "timestamp": iso(fact.at),
        "subject": fact.subject,
    }
    data = fact.data.json_text()
    return f'{json.dumps(head)[:-1]}, "data": {data if len(data) <= _LARGEST_DATA else "null"}}}'


def _without_data(body: str) -> str:
    return json.dumps({**json.loads(body), "data": None})


# --- keys -----------------------------------------------------------------------------------------


def _facts_about(subject: str) -> str:
    return f"FACT#{subject}"


def _fact_key(fact: Fact) -> _Key:
    return _facts_about(fact.subject), f"{fact.kind}#{fact.version}"


def _rows_of(kind: EventKind | str) -> str:
    return f"LOG#{kind}"


def _row_key(kind: EventKind | str, place: str) -> _Key:
    return _rows_of(kind), place


def _event(item: Item) -> Event:
    kind = cast("EventKind", item["pk"]["S"].partition("#")[2])
    return Event(item["sk"]["S"], kind, item["body"]["S"])


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key

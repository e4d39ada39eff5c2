"""The audit trail in DynamoDB.

``ENTRIES#<shard>/<at>#<id>``  an entry, written in the transaction of its change
``WHO#<subject>/<at>#<id>``    that this caller made it
``WHAT#<kind>/<at>#<id>``      that it is about something of a kind
``WHAT#<thing>/<at>#<id>``     that it is about this thing
``SEALS/<sequence>``           a seal

Rows by person and thing are there for all entries before the end of the last seal; those behind
it are few, and filtered.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, islice

from chalicelib.audit.ports import EntryPosition, SealPosition, Wanted
from chalicelib.audit.seals import Seal
from chalicelib.core import shards, totals
from chalicelib.core.audit.entries import AuditEntry, kind_and_thing
from chalicelib.core.audit.recording import SHARDS, place, shard_key
from chalicelib.core.instants import sortable
from chalicelib.core.merging import merged
from chalicelib.core.table import ABSENT, BATCH_GET_LIMIT, HIGHEST, ConditionError, Item, Table, key
from chalicelib.core.times import EPOCH
from chalicelib.core.totals import Total

_SEALS = "SEALS"


class AuditStore:
    """Entries and seals; every read is strongly consistent."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def listed(
        self, wanted: Wanted, *, before: EntryPosition | None, page_size: int
    ) -> Iterator[AuditEntry]:
        """Yield entries, newest first, those before a position.

        All that are wanted are among them; `Wanted.has` says which.
        """
        first = sortable(wanted.since) if wanted.since else ""
        last = min(
            sortable(wanted.until) if wanted.until else HIGHEST,
            _below(before.place) if before else HIGHEST,
        )
        if wanted.who is None and wanted.what is None:
            return self._newest_first(first, last, page_size)
        sealed = self.last_seal()
        filed_until = sortable(sealed.to if sealed else EPOCH)
        behind = self._newest_first(max(first, filed_until), last, page_size)
        filed = self._filed(wanted, first, min(last, filed_until), page_size)
        return chain(behind, filed)

    def count(self, wanted: Wanted) -> Total:
        """Count the entries of a span, whoever made them and whatever they are about."""
        first = sortable(wanted.since) if wanted.since else ""
        last = sortable(wanted.until) if wanted.until else HIGHEST
        return totals.add(
            partial(self._table.count, shard_key(shard), first=first, last=last)
            for shard in range(SHARDS)
        )

    def settled(self, since: datetime, until: datetime, *, limit: int) -> list[AuditEntry]:
        """Return the first ``limit`` entries since an instant and before another, in order."""
        found = merged(
            self._table,
            list(map(shard_key, range(SHARDS))),
            first=sortable(since),
            last=sortable(until),
            page_size=limit,
        )
        return [_read(item) for item in islice(found, limit)]

    def file(self, entries: Sequence[AuditEntry]) -> None:
        """Store whose entries they are and what they are about; repeating it is safe."""
        self._table.put_many(
            key(pk, place(entry.at, entry.id)[1]) for entry in entries for pk in _files_of(entry)
        )

    def last_seal(self) -> Seal | None:
        """Return the last seal."""
        return next(iter(self.seals(before=None, limit=1)), None)

    def seals(self, *, before: SealPosition | None, limit: int) -> list[Seal]:
        """Return seals, newest first, those before a position."""
        last = _padded(before.sequence - 1) if before else HIGHEST
        found = self._table.query(_SEALS, last=last, newest_first=True, page_size=limit)
        return [Seal.model_validate_json(item["body"]["S"]) for item in islice(found, limit)]

    def add_seal(self, seal: Seal) -> bool:
        """Store a seal; return False when another one has its number."""
        item = {**key(_SEALS, _padded(seal.sequence)), "body": {"S": seal.stored_text()}}
        try:
            self._table.put(item, ABSENT)
        except ConditionError:
            return False
        return True

    def _newest_first(self, first: str, last: str, page_size: int) -> Iterator[AuditEntry]:
        found = merged(
            self._table,
            list(map(shard_key, range(SHARDS))),
            first=first,
            last=last,
            newest_first=True,
            page_size=page_size,
        )
        return map(_read, found)

    def _filed(self, wanted: Wanted, first: str, last: str, page_size: int) -> Iterator[AuditEntry]:
        """Yield what is filed about a thing, or else about a person, newest first."""
        pk = f"WHAT#{wanted.what}" if wanted.what else f"WHO#{wanted.who}"
        rows = self._table.query(pk, first=first, last=last, newest_first=True, page_size=page_size)
        places = map(_sort_key, rows)
        while some := list(islice(places, min(page_size, BATCH_GET_LIMIT))):
            found = self._table.get_many((_partition(each), each) for each in some)
            yield from map(_read, sorted(found, key=_sort_key, reverse=True))


def _files_of(entry: AuditEntry) -> Iterator[str]:
    """Yield the partitions that an entry is filed in."""
    yield f"WHO#{entry.who}"
    yield from {
        f"WHAT#{name}": None for each in entry.changes for name in kind_and_thing(each.what)
    }


def _partition(place_: str) -> str:
    return shard_key(shards.of(place_.partition("#")[2], SHARDS))


def _below(sort_key: str) -> str:
    """Return the greatest sort key below ``sort_key`` (which is not empty)."""
    return sort_key[:-1] + chr(ord(sort_key[-1]) - 1) + HIGHEST


def _padded(sequence: int) -> str:
    return f"{sequence:010d}"


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key


def _read(item: Item) -> AuditEntry:
    return AuditEntry.model_validate_json(item["body"]["S"])

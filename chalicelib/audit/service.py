"""Reading the trail page by page, and sealing it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.audit import seals
from chalicelib.audit.ports import EntryPosition, SealPosition, Trail, Wanted
from chalicelib.audit.seals import Seal
from chalicelib.core.audit.entries import AuditEntry
from chalicelib.core.instants import sortable
from chalicelib.core.log import logger
from chalicelib.core.paging import Page, cut, sift
from chalicelib.core.times import EPOCH
from chalicelib.core.totals import MOST_COUNTED, Total, count
from chalicelib.core.values import dataclass

SETTLED_AFTER = timedelta(minutes=2)
"""How old an entry is when none before it can come any more: a request has 29 seconds."""
_AT_ONCE = 2_000
_PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True)
class AuditService:
    """Where the trail is read, and sealed."""

    trail: Trail
    now: Callable[[], datetime]

    def page(
        self, wanted: Wanted, *, before: EntryPosition | None, limit: int
    ) -> Page[AuditEntry, EntryPosition]:
        """Return entries, newest first; of a thing and a person a page may be short."""
        found = self.trail.listed(wanted, before=before, page_size=limit + 1)
        return sift(found, wanted.has, limit, place)

    def total(self, wanted: Wanted) -> Total:
        """Return how many entries the list has."""
        if wanted.who is None and wanted.what is None:
            return self.trail.count(wanted)
        found = self.trail.listed(wanted, before=None, page_size=MOST_COUNTED)
        return count(found, wanted.has)

    def count_seals(self) -> Total:
        """Return how many seals there are: they are numbered."""
        last = self.trail.last_seal()
        return Total(last.sequence if last else 0)

    def seals(self, *, before: SealPosition | None, limit: int) -> Page[Seal, SealPosition]:
        """Return seals, newest first."""
        found = self.trail.seals(before=before, limit=limit + 1)
        return cut(found, limit, lambda seal: SealPosition(seal.sequence))

    def seal(self) -> int:
        """Seal what is settled; return how many entries that were.

        Of two concurrent sealers one stores its seal, and the other continues after it. Entries are
        filed before they are sealed: what is not filed yet is found behind the last seal.
        """
        until, sealed = self.now() + _PATIENCE, 0
        while self.now() < until:
            last = self.trail.last_seal()
            begin, end = last.to if last else EPOCH, self.now() - SETTLED_AFTER
            found = self.trail.settled(begin, end, limit=_AT_ONCE + 1)
            if not found:
                break
            if len(found) > _AT_ONCE:
                # The rest is for the next seal, and all of one instant with it.
                end = found[-1].at
                found = [entry for entry in found if entry.at < end]
            self.trail.file(found)
            seal = seals.following(last, found, end)
            if self.trail.add_seal(seal):
                sealed += seal.entries
                # Writers of the table cannot change the log.
                logger.info("sealed", extra={"seal": seal.sequence, "hash": seal.hash})
        return sealed


def place(entry: AuditEntry) -> EntryPosition:
    """Return an entry's position."""
    return EntryPosition(f"{sortable(entry.at)}#{entry.id}")

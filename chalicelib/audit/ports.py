"""What the trail's rules need from the outside."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from chalicelib.audit.seals import Seal
from chalicelib.core.audit.entries import AuditEntry, kind_and_thing
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass


class EntryPosition(NamedTuple):
    """A position in the trail: the sort key of an entry."""

    place: Annotated[str, Field(pattern=r"^[!-~]{20,400}$")]


class SealPosition(NamedTuple):
    """A position in the list of seals."""

    sequence: Annotated[int, Field(ge=1, le=10**10)]


@dataclass(frozen=True)
class Wanted:
    """Which entries: of a person, of a thing or a kind, ``since`` an instant, before another."""

    who: str | None = None
    what: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def has(self, entry: AuditEntry) -> bool:
        """Return whether it is an entry of the person and about the thing or kind."""
        about = {name for each in entry.changes for name in kind_and_thing(each.what)}
        return self.who in (None, entry.who) and (self.what is None or self.what in about)


class Trail(Protocol):
    """Entries and seals."""

    def listed(
        self, wanted: Wanted, *, before: EntryPosition | None, page_size: int
    ) -> Iterator[AuditEntry]: ...
    def count(self, wanted: Wanted) -> Total: ...
    def settled(self, since: datetime, until: datetime, *, limit: int) -> list[AuditEntry]: ...
    def file(self, entries: Sequence[AuditEntry]) -> None: ...
    def last_seal(self) -> Seal | None: ...
    def seals(self, *, before: SealPosition | None, limit: int) -> list[Seal]: ...
    def add_seal(self, seal: Seal) -> bool: ...

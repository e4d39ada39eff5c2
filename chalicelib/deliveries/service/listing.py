"""The list of packages: newest first, exact as soon as a send is answered."""

from dataclasses import dataclass

from chalicelib.core.instants import sortable
from chalicelib.core.paging import Page
from chalicelib.deliveries.ports import ListPosition, PackageList, ScanPosition, Wanted
from chalicelib.deliveries.records import Record

MOST_LOOKED_AT = 2_000
"""Rows that one page looks at: of a recipient and a sender it may have fewer than there are."""


@dataclass(frozen=True)
class Listing:
    """Lists packages by their rows."""

    packages: PackageList

    def page(
        self, wanted: Wanted, *, before: ListPosition | None, limit: int
    ) -> Page[Record, ListPosition]:
        """Return packages, newest decision first, and where the next page begins."""
        found: list[Record] = []
        last: Record | None = None
        rows = self.packages.listed(wanted, before=before, page_size=limit + 1)
        for number, record in enumerate(rows):
            if last and (len(found) == limit or number == MOST_LOOKED_AT):
                return Page(found, _position(last))
            last = record
            if wanted.sender in {None, record.package.sender_id}:
                found.append(record)
        return Page(found)

    def fill(self, after: ScanPosition | None) -> tuple[int, ScanPosition | None]:
        """List one page of the records that are stored; what is listed already stays."""
        return self.packages.fill_list(after)


def _position(record: Record) -> ListPosition:
    return ListPosition(sortable(record.decided_at), record.package.package_id)

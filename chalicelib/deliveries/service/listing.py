"""The list of packages: newest first, exact as soon as a send is answered."""

from chalicelib.core.instants import sortable
from chalicelib.core.paging import Page, sift
from chalicelib.core.totals import MOST_COUNTED, Total, count
from chalicelib.core.values import dataclass
from chalicelib.deliveries.ports import Counters, ListPosition, PackageList, ScanPosition, Wanted
from chalicelib.deliveries.records import Record


@dataclass(frozen=True)
class Listing:
    """Lists packages by their rows."""

    packages: PackageList
    counters: Counters

    def page(
        self, wanted: Wanted, *, before: ListPosition | None, limit: int
    ) -> Page[Record, ListPosition]:
        """Return packages, newest decision first, and where the next page begins.

        Of a recipient and a sender a page may have fewer than there are.
        """
        rows = self.packages.listed(wanted, before=before, page_size=limit + 1)
        return sift(rows, wanted.has, limit, _position)

    def total(self, wanted: Wanted) -> Total:
        """Return how many packages the list has: by the statistics, where they say it."""
        if wanted.by_kind_alone:
            counts = self.counters.counts().packages.items()
            return Total(sum(each for kind, each in counts if wanted.is_of(*kind)))
        if wanted.recipient is None or wanted.sender is None:
            return self.packages.count(wanted)
        rows = self.packages.listed(wanted, before=None, page_size=MOST_COUNTED)
        return count(rows, wanted.has)

    def fill(self, after: ScanPosition | None) -> tuple[int, ScanPosition | None]:
        """List one page of the records that are stored; what is listed already stays."""
        return self.packages.fill_list(after)


def _position(record: Record) -> ListPosition:
    return ListPosition(sortable(record.decided_at), record.package.package_id)

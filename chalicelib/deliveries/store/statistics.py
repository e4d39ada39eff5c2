"""The counts of packages and of malformed requests, and the records that they agree with.

Counters are named ``delivered_<type>``, ``dropped_<type>`` and ``malformed``; `tally` has where
they are.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import UnavailableError
from chalicelib.core.table import Item, Table
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.ports import Counts, ScanPosition
from chalicelib.deliveries.store import tally
from chalicelib.deliveries.store.tally import Count, Tally

RECORDS = "PACKAGE#"
_MALFORMED = "malformed"
_STATUSES: tuple[Status, ...] = ("delivered", "dropped")
# Records of up to 2 KB each, as most are, stay within the 1 MB that one read gives.
_PAGE = 500


class CounterStore:
    """The sums of the counters.

    ``hasty`` gives the same table by a client that soon gives up: no refusal waits for its count.
    """

    def __init__(self, table: Table, tally: Tally, hasty: Callable[[], Table]) -> None:
        self._table = table
        self._tally = tally
        self._hasty = hasty

    def counts(self) -> Counts:
        """Return the counters' sums; whatever was counted before the call is in them."""
        sums = self._tally.sums()
        malformed = sums.pop(_MALFORMED, 0)
        return Counts({_counted(name): count for name, count in sums.items()}, malformed)

    def count_malformed(self, amount: int = 1) -> bool:
        """Count malformed requests; return False when they were not, or not surely, counted.

        What may have been counted is not tried again, because adding twice would be counted twice.
        """
        request = tally.of_malformed(f"http#{uuid.uuid4()}", _MALFORMED, amount)
        try:
            self._tally.add(request, self._hasty())
        except (BotoCoreError, ClientError, UnavailableError):
            return False
        return True

    def recount(self, after: ScanPosition | None) -> tuple[Counts, ScanPosition | None]:
        """Count the records of the page after a place; return what the next comes after, if any."""
        items, following = self._table.scan(after=after, limit=_PAGE)
        return Counts(_recounted(items)), ScanPosition(*following) if following else None


def package(package_id: str, package_type: str, status: Status) -> Count:
    """Return the count of a decided package."""
    return tally.of_package(package_id, f"{status}_{package_type}")


def malformed_message(message_id: str) -> Count:
    """Return the count of a malformed message."""
    return tally.of_malformed(f"queue#{message_id}", _MALFORMED)


def _counted(name: str) -> tuple[str, Status]:
    """Return the type and the status that an attribute counts."""
    for status in _STATUSES:
        if name.startswith(f"{status}_"):
            return name.removeprefix(f"{status}_"), status
    raise ValueError(f"{name} counts nothing that is known")


def _recounted(items: Iterable[Item]) -> Counter[tuple[str, Status]]:
    return Counter(
        (item["type"]["S"], item["status"]["S"])
        for item in items
        if item["pk"]["S"].startswith(RECORDS)
    )

"""The counters, in one partition that one query reads.

``STATISTICS/COUNTED#<shard>``          ``delivered_<type>`` and ``dropped_<type>``: changed
                                        in the transaction that decides a package
``STATISTICS/MALFORMED#http#<shard>``   ``malformed`` requests
``STATISTICS/MALFORMED#queue#<shard>``  ``malformed`` messages: changed in the transaction that
                                        stores the verdict on one
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core import shards
from chalicelib.core.table import Item, Table
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.ports import Counts, ScanPosition

RECORDS = "PACKAGE#"
_PK = "STATISTICS"
_MALFORMED = "malformed"
_MALFORMED_SHARDS = 16
_STATUSES: tuple[Status, ...] = ("delivered", "dropped")
_ONE = {":one": {"N": "1"}}
# Records of up to 2 KB each, as most are, stay within the 1 MB that one read gives.
_PAGE = 500


class CounterStore:
    """Sums over the counters' shards.

    ``hasty`` gives the same table by a client that soon gives up: no refusal waits for its count.
    """

    def __init__(self, table: Table, hasty: Callable[[], Table]) -> None:
        self._table = table
        self._hasty = hasty

    def counts(self) -> Counts:
        """Return the counters' sums, by one strongly consistent query."""
        sums: Counter[str] = Counter()
        for item in self._table.query(_PK):
            for name, value in item.items():
                if "N" in value:
                    sums[name] += int(value["N"])
        malformed = sums.pop(_MALFORMED, 0)
        return Counts({_counted(name): count for name, count in sums.items()}, malformed)

    def count_malformed(self) -> bool:
        """Count a malformed request; return False when it was not, or not surely, counted.

        One try without a repeat, because adding twice would be counted twice.
        """
        shard = random.randrange(_MALFORMED_SHARDS)  # noqa: S311 - spreads the load, no secret
        try:
            self._hasty().add(_PK, f"MALFORMED#http#{shard:02}", _MALFORMED)
        except (BotoCoreError, ClientError):
            return False
        return True

    def recount(self, after: ScanPosition | None) -> tuple[Counts, ScanPosition | None]:
        """Count the records of the page after a place; return what the next comes after, if any."""
        items, following = self._table.scan(after=after, limit=_PAGE)
        return Counts(_recounted(items)), ScanPosition(*following) if following else None


def counting(table: Table, shard: int, package_type: str, status: Status) -> dict[str, Any]:
    """Return the action that counts a package."""
    names = {"#n": f"{status}_{package_type}"}
    return table.updating(_PK, f"COUNTED#{shard:04}", "ADD #n :one", values=_ONE, names=names)


def counting_malformed(table: Table, message_id: str) -> dict[str, Any]:
    """Return the action that counts a malformed message."""
    shard = shards.of(message_id, _MALFORMED_SHARDS)
    at = f"MALFORMED#queue#{shard:02}"
    return table.updating(_PK, at, "ADD #n :one", values=_ONE, names={"#n": _MALFORMED})


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

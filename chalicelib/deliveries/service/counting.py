"""The counts, and the proof that they agree with the records (D3, D10)."""

from collections.abc import Mapping

from chalicelib.core.values import dataclass
from chalicelib.deliveries.answers import Recount, Statistics, TypeCount
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.ports import Counters, ScanPosition
from chalicelib.deliveries.registry import TYPES


@dataclass(frozen=True)
class Counting:
    """Tells the counts."""

    counters: Counters

    def statistics(self) -> Statistics:
        """Return the counts as they stand: what was answered before is in them."""
        counts = self.counters.counts()
        by_type = _by_type(counts.packages)
        return Statistics(
            packages_delivered=sum(each.delivered for each in by_type.values()),
            packages_dropped=sum(each.dropped for each in by_type.values()),
            requests_malformed=counts.malformed,
            by_type=by_type,
        )

    def malformed(self, amount: int = 1) -> bool:
        """Count requests that were no packages; return False when that took too long."""
        return self.counters.count_malformed(amount)

    def recount(self, after: ScanPosition | None) -> tuple[Recount, ScanPosition | None]:
        """Count one page of the records themselves; return what the next comes after, if any."""
        counts, following = self.counters.recount(after)
        packages = sum(counts.packages.values())
        return Recount(packages=packages, by_type=_by_type(counts.packages)), following


def _by_type(packages: Mapping[tuple[str, Status], int]) -> dict[str, TypeCount]:
    """Return the counts of every type that is registered, or was when packages came."""
    names = sorted({*TYPES, *(name for name, _ in packages)})
    return {
        name: TypeCount(
            delivered=packages.get((name, "delivered"), 0),
            dropped=packages.get((name, "dropped"), 0),
        )
        for name in names
    }

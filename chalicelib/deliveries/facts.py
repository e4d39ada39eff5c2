"""The events of deliveries."""

from collections.abc import Iterator, Mapping

from chalicelib.core.facts import EventKind, Fact, ItemChange
from chalicelib.core.models import Model
from chalicelib.deliveries.answers import ListedPackage
from chalicelib.deliveries.store.packages import decided_by

PAYLOADS: Mapping[EventKind, type[Model]] = {"package.decided": ListedPackage}


def facts(change: ItemChange) -> Iterator[Fact]:
    """Yield that a package was decided."""
    if record := decided_by(change):
        subject = f"packages/{record.package.package_id}"
        yield Fact("package.decided", subject, record.decided_at, record.listed())

"""The routes of deliveries as typed calls, one method a route."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import given, part
from chalicelib.deliveries.answers import (
    PREFERENCES_ANSWER,
    Indexed,
    ListedPackage,
    MessageVerdict,
    PackageAnswer,
    PackageBatchAnswer,
    PackageView,
    PreferencesAnswer,
    Recount,
    Statistics,
)

_PACKAGE = TypeAdapter(PackageAnswer)
_SHOWN = TypeAdapter(PackageView)
_PREFERENCES: TypeAdapter[PreferencesAnswer] = TypeAdapter(PREFERENCES_ANSWER)
_STATISTICS = TypeAdapter(Statistics)
_RECOUNT = TypeAdapter(Recount)
_VERDICT = TypeAdapter(MessageVerdict)
_BATCH = TypeAdapter(PackageBatchAnswer)
_LISTED = TypeAdapter(tuple[ListedPackage, ...])
_INDEXED = TypeAdapter(Indexed)

Tally = dict[str, Counter[str]]
"""Numbers of packages by type and status."""


class DeliveriesApi:
    """What the API does with packages. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, body: Mapping[str, str]) -> Answer[PackageAnswer]:
        """Send a package; 200 when it was sent before."""
        return self._connection.answer(
            _PACKAGE, "POST", "/packages", repeatable=True, json=dict(body)
        )

    def package(self, package_id: str) -> Answer[PackageView]:
        """Return a package with its outcome; any id works."""
        query = {"package_id": package_id}
        return self._connection.answer(_SHOWN, "GET", "/packages", params=query)

    def send_batch(self, packages: Sequence[Mapping[str, str]]) -> Answer[PackageBatchAnswer]:
        """Send up to 500 packages; each has its own verdict."""
        body = {"packages": [dict(each) for each in packages]}
        return self._connection.answer(
            _BATCH, "POST", "/packages/batch", repeatable=True, json=body
        )

    def packages(self, limit: int, **wanted: str | None) -> Answer[tuple[ListedPackage, ...]]:
        """Return the newest packages that match ``wanted``, the parameters of the query."""
        query = given({**wanted, "limit": limit})
        return self._connection.listed(_LISTED, "/packages", query, counted=True)

    def all_packages(self, **wanted: str | None) -> Iterator[ListedPackage]:
        """Yield all packages that match ``wanted``, newest first."""
        return self._connection.members(_LISTED, "/packages", params=given(wanted))

    def packages_csv(self, **wanted: str | None) -> Iterator[str]:
        """Yield all packages that fit as CSV, page by page, under one line of names."""
        query = given({**wanted, "format": "csv", "limit": 1_000})
        return self._connection.csv("/packages", params=query)

    def filled(self) -> Iterator[Indexed]:
        """List the packages that were decided before there was a list, page by page."""
        query: dict[str, str] = {}
        while True:
            page = self._connection.answer(
                _INDEXED, "POST", "/package-list", repeatable=True, params=query
            ).value
            yield page
            if page.cursor is None:
                return
            query = {"cursor": page.cursor}

    def verdict(self, message_id: str) -> Answer[MessageVerdict]:
        """Return the verdict on a message of the queue."""
        path = f"/messages/{part(message_id)}"
        return self._connection.answer(_VERDICT, "GET", path)

    def preferences(self, recipient_id: str) -> Answer[PreferencesAnswer]:
        """Return a recipient's preferences; any id works."""
        query = {"recipient_id": recipient_id}
        return self._connection.answer(_PREFERENCES, "GET", "/preferences", params=query)

    def choose(
        self, recipient_id: str, choices: Mapping[str, bool], timestamp: str
    ) -> Answer[PreferencesAnswer]:
        """Set a recipient's preferences; omitted types keep their current value."""
        body = {"recipient_id": recipient_id, "timestamp": timestamp, "preferences": dict(choices)}
        return self._connection.answer(_PREFERENCES, "PUT", "/preferences", json=body)

    def statistics(self) -> Answer[Statistics]:
        """Return the counts."""
        return self._connection.answer(_STATISTICS, "GET", "/statistics")

    def recounted(self) -> Iterator[Recount]:
        """Yield the counts of the records themselves, page by page."""
        query: dict[str, str] = {}
        while True:
            answer = self._connection.answer(_RECOUNT, "GET", "/statistics/recount", params=query)
            yield answer.value
            if answer.value.cursor is None:
                return
            query = {"cursor": answer.value.cursor}


def tally(counts: Statistics | Recount) -> Tally:
    """Return the counts by type and status."""
    return {kind: Counter(count.model_dump()) for kind, count in counts.by_type.items()}

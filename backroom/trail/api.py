"""The audit trail's routes as typed calls, one method a route."""

from collections.abc import Iterator

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import given
from chalicelib.audit.models import MOST_ROWS
from chalicelib.audit.seals import Seal
from chalicelib.core.audit.entries import AuditEntry

_ENTRIES = TypeAdapter(tuple[AuditEntry, ...])
_SEALS = TypeAdapter(tuple[Seal, ...])


class TrailApi:
    """What the API says of changes. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def entries(
        self,
        *,
        what: str | None,
        who: str | None,
        since: str | None,
        until: str | None,
        limit: int,
    ) -> Answer[tuple[AuditEntry, ...]]:
        """Return who changed what, newest first."""
        query = given({"what": what, "who": who, "from": since, "to": until, "limit": limit})
        return self._connection.listed(_ENTRIES, "/audit", query, counted=True)

    def all_entries(self) -> Iterator[AuditEntry]:
        """Yield the whole trail, newest first."""
        for page in self._connection.pages(_ENTRIES, "/audit", params={"limit": MOST_ROWS}):
            yield from page.value

    def all_seals(self) -> Iterator[Seal]:
        """Yield all seals, newest first."""
        for page in self._connection.pages(_SEALS, "/audit/seals", params={"limit": MOST_ROWS}):
            yield from page.value

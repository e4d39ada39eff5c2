"""The routes of the integrations as typed calls, one method a route."""

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from chalicelib.integrations.checks import CheckResult

_CHECKUPS = TypeAdapter(tuple[CheckResult, ...])


class IntegrationsApi:
    """What the API says of the vendors. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check_results(self) -> Answer[tuple[CheckResult, ...]]:
        """Return of each vendor whether it is configured, reachable and allowed."""
        return self._connection.answer(_CHECKUPS, "GET", "/integrations")
